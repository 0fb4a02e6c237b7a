// Shows files in memory: what each is, according to what an open would read in it, and its first lines.

import { basename } from 'node:path'
import type { Image } from '../../lib/fs/image.ts'
import { inspect, ScriptlogError } from '../../lib/index.ts'
import { say, size, whisper } from '../show.ts'
import { BASE, textOf, worldWith } from './world.ts'

const SHOWN_LINES = 6
const SHOWN_CHARACTERS = 104

/** Shows every file, then the row of the decision table that an open would take. */
export function showFiles(image: Image): void {
  const inspection = inspected(image)
  for (const [path, bytes] of image.files) {
    const says = inspection?.files.find((file) => file.path === path)?.says ?? 'bytes that were rejected'
    say(`${basename(path)}, ${size(bytes.byteLength)}: ${says}`)
    for (const line of firstLines(textOf(image, path) ?? '')) whisper(`  | ${line}`)
  }
}

/** Shows the row of the decision table that an open would take, and why. */
export function showRow(image: Image): void {
  const inspection = inspected(image)
  if (inspection !== undefined)
    say(`row of the decision table: ${inspection.row}, because ${inspection.because}`)
}

function inspected(image: Image) {
  try {
    return inspect(BASE, worldWith(image, () => undefined).host)
  } catch (error) {
    // There is nothing yet that could be a database.
    if (error instanceof ScriptlogError) return undefined
    throw error
  }
}

function firstLines(text: string): string[] {
  const lines = text.split('\n')
  const isCut = lines.pop() !== ''
  if (isCut) lines.push(`${text.slice(text.lastIndexOf('\n') + 1)}  <- cut here`)
  const shown = lines.slice(0, SHOWN_LINES).map(shortened)
  if (lines.length > SHOWN_LINES + 1) shown.push(`… ${lines.length - SHOWN_LINES - 1} more lines`)
  if (lines.length > SHOWN_LINES) shown.push(shortened(lines.at(-1) ?? ''))
  return shown
}

function shortened(line: string): string {
  return line.length > SHOWN_CHARACTERS ? `${line.slice(0, SHOWN_CHARACTERS)}…` : line
}
