import type { Paint } from './paint.ts'

const GAP = '  '
const NARROWEST = 8

/** A table for a terminal whose columns are as wide as its first rows need, as far as they fit. */
export class Table {
  readonly #widths: readonly number[]
  readonly #isRight: readonly boolean[]
  readonly #paint: Paint

  /** `isRight` tells which columns are numbers. */
  constructor(
    names: readonly string[],
    sample: readonly (readonly string[])[],
    isRight: readonly boolean[],
    terminalColumns: number,
    paint: Paint,
  ) {
    const needed = names.map((name, column) =>
      sample.reduce((widest, row) => Math.max(widest, widthOf(row[column] ?? '')), widthOf(name)),
    )
    this.#widths = fit(needed, terminalColumns - GAP.length * (names.length - 1))
    this.#isRight = isRight
    this.#paint = paint
  }

  head(names: readonly string[]): string {
    const rule = this.#widths.map((width) => '─'.repeat(width)).join(GAP)
    return `${this.#paint.bold(this.row(names))}\n${this.#paint.dim(rule)}`
  }

  row(cells: readonly string[]): string {
    const padded = this.#widths.map((width, column) => {
      const cell = cut(cells[column] ?? '', width)
      const blank = ' '.repeat(width - widthOf(cell))
      return this.#isRight[column] === true ? blank + cell : cell + blank
    })
    return padded.join(GAP).trimEnd()
  }
}

/** Narrows the widest columns until all of them fit, or none can be narrowed further. */
function fit(needed: readonly number[], available: number): number[] {
  const widths = [...needed]
  let total = widths.reduce((sum, width) => sum + width, 0)
  while (total > available) {
    const widest = Math.max(...widths)
    if (widest <= NARROWEST) break
    const column = widths.indexOf(widest)
    widths[column] = widest - 1
    total--
  }
  return widths
}

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/u
const NO_WIDTH = /\p{Mn}|\p{Me}|\p{Cf}/u

function charWidth(character: string): number {
  if (character >= ' ' && character <= '~') return 1
  return NO_WIDTH.test(character) ? 0 : WIDE.test(character) ? 2 : 1
}

/** Columns that a terminal gives a text. */
export function widthOf(text: string): number {
  let width = 0
  for (const character of text) width += charWidth(character)
  return width
}

function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  let kept = ''
  let used = 0
  for (const character of text) {
    used += charWidth(character)
    if (used > width - 1) break
    kept += character
  }
  return `${kept}…`
}
