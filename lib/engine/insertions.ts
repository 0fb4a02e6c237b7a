import type { RowChunk } from './row-reader.ts'

/** A larger row ends its statement, so that statements do not grow with their rows. */
const LARGE_ROW_LENGTH = 1 << 11
/** One key in so many ends its statement. */
const KEYS_PER_STATEMENT = 256
/** No table that was not made for it comes near: it keeps every statement loadable. */
const LONGEST_STATEMENT = 1 << 24

const QUOTE = 0x27
const OPEN = 0x28
const CLOSE = 0x29
const COMMA = 0x2c

/**
 * Tuples as `INSERT` statements of a few hundred rows, one row to a line. Where a statement ends depends on the
 * rows alone and not on counting: on a hash of the key (the first `keyLength` values), and on the row being large.
 * A row that is inserted, changed or deleted therefore changes no row but itself and at most its neighbour.
 * Each statement is given to its end, and nothing of the next with it.
 */
export function* insertions(
  target: string,
  keyLength: number,
  chunks: Iterable<RowChunk>,
): Generator<string> {
  const head = `INSERT INTO ${target} VALUES\n`
  /** Characters since the last head; 0 between two statements. */
  let length = 0
  for (const { text } of chunks) {
    let out = length === 0 ? '' : ',\n'
    let from = 0
    for (let line = 0; line < text.length; ) {
      const newline = text.indexOf('\n', line)
      const end = newline < 0 ? text.length : newline - 1
      const next = newline < 0 ? text.length : newline + 1
      if (length === 0) out += head
      length += next - line
      if (length > LONGEST_STATEMENT || endsStatement(text, line, end, keyLength)) {
        yield `${out}${text.slice(from, end)};\n`
        out = ''
        from = next
        length = 0
      }
      line = next
    }
    if (length > 0) yield out + text.slice(from)
  }
  if (length > 0) yield ';\n'
}

function endsStatement(text: string, start: number, end: number, keyLength: number): boolean {
  return end - start > LARGE_ROW_LENGTH || hashOfKey(text, start, end, keyLength) % KEYS_PER_STATEMENT === 0
}

/** FNV-1a over the first values of a tuple, with the last steps of MurmurHash3, so that close keys are far apart. */
function hashOfKey(text: string, start: number, end: number, keyLength: number): number {
  let hash = 0x811c9dc5
  let values = 0
  let depth = 0
  let isQuoted = false
  // After the opening bracket; a bracket that was not opened ends the tuple.
  for (let at = start + 1; at < end; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      isQuoted = !isQuoted
    } else if (!isQuoted) {
      if (code === OPEN) depth++
      else if (code === CLOSE) depth--
      else if (code === COMMA && depth === 0) values++
      if (values === keyLength || depth < 0) break
    }
    hash = Math.imul(hash ^ code, 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
