// One value of a row, as better-sqlite3 gives it with `safeIntegers`: INTEGER is a bigint, REAL a number.

/** As in SQL, with what would break a line or a terminal written as an escape. */
export function cellText(value: unknown, nullText: string): string {
  switch (typeof value) {
    case 'bigint':
      return value.toString()
    case 'number':
      return realText(value)
    case 'string':
      return visible(value)
    default:
      return value instanceof Uint8Array ? `X'${hex(value)}'` : nullText
  }
}

/** As JSON: whole numbers beyond 2^53 are strings, blobs `{"hex":"…"}`. */
export function cellJson(value: unknown): string {
  switch (typeof value) {
    case 'bigint':
      return Number.isSafeInteger(Number(value)) ? value.toString() : `"${value}"`
    case 'number':
      return Number.isFinite(value) ? JSON.stringify(value) : `${value < 0 ? '-' : ''}9e999`
    case 'string':
      return JSON.stringify(value)
    default:
      return value instanceof Uint8Array ? `{"hex":"${hex(value)}"}` : 'null'
  }
}

const ESCAPES = new Map([
  ['\\', '\\\\'],
  ['\t', '\\t'],
  ['\n', '\\n'],
  ['\r', '\\r'],
])

function visible(text: string): string {
  return text.replace(
    /[\\\0-\x1f\x7f-\x9f]/g,
    (character) => ESCAPES.get(character) ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}

/** Control characters but line ends and tabs as escapes: text that comes from a file, on a terminal. */
export function harmless(text: string): string {
  return text.replace(
    /[\0-\x08\x0b-\x1f\x7f-\x9f]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}

function realText(value: number): string {
  if (!Number.isFinite(value)) return value < 0 ? '-Inf' : 'Inf'
  const text = String(value)
  return /[.e]/.test(text) ? text : `${text}.0`
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex').toUpperCase()
}
