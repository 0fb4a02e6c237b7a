import { isUtf8 } from 'node:buffer'
import { invariant } from '../errors.ts'

/** What SQLite stores in one field, as better-sqlite3 binds it: number = REAL, bigint = INTEGER. */
export type SqlValue = null | number | bigint | string | Uint8Array

/** Characters that never stand raw in a literal: one line is one row, and a terminal shows a file unharmed. */
const CONTROL = /[\0-\x1f\x7f-\x9f]/
/** The same without those that `replace(…)` can carry and keep readable. */
const UNREADABLE = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/
const LONE_SURROGATE = /\p{Surrogate}/u
/** What most texts have none of: control characters, and halves of pairs, lone or not. */
const UNUSUAL = /[\0-\x1f\x7f-\x9f\ud800-\udfff]/

const ESCAPES = [
  { character: '\t', letter: 't', code: 9 },
  { character: '\n', letter: 'n', code: 10 },
  { character: '\r', letter: 'r', code: 13 },
] as const

/** An identifier that SQL takes literally, whatever it contains. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/**
 * The SQL expression whose value is exactly `value`, type included. A NaN becomes NULL, as in SQLite itself.
 * Integers lie within 64 bits; a larger one is a mistake of the caller.
 */
export function literalOf(value: SqlValue): string {
  if (value === null) return 'NULL'
  switch (typeof value) {
    case 'number':
      return realLiteral(value)
    case 'bigint':
      invariant(BigInt.asIntN(64, value) === value, `the integer ${value} has more than 64 bits`)
      return value.toString()
    case 'string':
      return textLiteral(value)
    default:
      return blobLiteral(value)
  }
}

function realLiteral(value: number): string {
  if (Number.isNaN(value)) return 'NULL'
  if (!Number.isFinite(value)) return value < 0 ? '-9.0e+999' : '9.0e+999'
  if (Object.is(value, -0)) return '-0.0'
  const digits = String(value)
  // Without a point or an exponent SQL would read an INTEGER.
  return /[.e]/.test(digits) ? digits : `${digits}.0`
}

function blobLiteral(bytes: Uint8Array): string {
  return `X'${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex').toUpperCase()}'`
}

/**
 * Text as a literal without any raw control character. Tabs and line ends are written as
 * `replace('…','\n',char(10))`, whatever their number: a chain of `||` would exceed SQLite's expression depth.
 * Everything else that is not plain text becomes `CAST(X'…' AS TEXT)`; a lone surrogate stands in it as the
 * three bytes that better-sqlite3 stores for it.
 */
export function textLiteral(text: string): string {
  if (!UNUSUAL.test(text)) return quoteText(text)
  if (LONE_SURROGATE.test(text)) return castLiteral(encodeLoneSurrogates(text))
  if (!CONTROL.test(text)) return quoteText(text)
  if (UNREADABLE.test(text)) return castLiteral(Buffer.from(text, 'utf8'))
  return replaceLiteral(text)
}

/** The literal of text that SQLite holds as `bytes`, which need not be well-formed UTF-8. */
export function textLiteralOfBytes(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) return castLiteral(bytes)
  return textLiteral(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))
}

function quoteText(text: string): string {
  return text.includes("'") ? `'${text.replaceAll("'", "''")}'` : `'${text}'`
}

function castLiteral(bytes: Uint8Array): string {
  return `CAST(${blobLiteral(bytes)} AS TEXT)`
}

function replaceLiteral(text: string): string {
  const suffix = absentSuffix(text)
  let plain = text
  const calls: string[] = []
  for (const { character, letter, code } of ESCAPES) {
    if (!text.includes(character)) continue
    plain = plain.replaceAll(character, `\\${letter}${suffix}`)
    calls.push(`,'\\${letter}${suffix}',char(${code}))`)
  }
  return 'replace('.repeat(calls.length) + quoteText(plain) + calls.join('')
}

/**
 * What must follow `\n` (`\t`, `\r`) to make a marker that the text does not contain: nothing, or `0.`, `1.`, …
 * A marker has its only backslash in front, so it can overlap neither itself nor another one: after the line
 * ends have become markers, the markers are still the only places where a marker can be read.
 */
function absentSuffix(text: string): string {
  if (!/\\[tnr]/.test(text)) return ''
  const taken = new Set<string | undefined>()
  for (const match of text.matchAll(/\\[tnr](\d+)\./g)) taken.add(match[1])
  let number = 0
  while (taken.has(String(number))) number++
  return `${number}.`
}

/** UTF-8 in which a lone surrogate has the three bytes of its code point, as V8 hands it to SQLite. */
function encodeLoneSurrogates(text: string): Uint8Array {
  const parts = text.split(/(\p{Surrogate})/u).map((part) => {
    if (!LONE_SURROGATE.test(part)) return Buffer.from(part, 'utf8')
    const code = part.charCodeAt(0)
    return Buffer.from([0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)])
  })
  return Buffer.concat(parts)
}
