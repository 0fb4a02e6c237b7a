// Values of every type that SQLite has, few and small, so that everything collides with everything.

import fc from 'fast-check'
import type { Sql } from './fragment.ts'

/** What can be bound. */
export type SqlValue = null | number | bigint | string | Buffer

const USUAL: readonly SqlValue[] = [1n, 2n, 3n, 4n, 5n, 0n, null, 'a', 'A', 'b', 1, 2.5, Buffer.from('a')]
const ODD: readonly SqlValue[] = [
  -1n,
  2n ** 53n + 1n,
  2n ** 63n - 1n,
  -(2n ** 63n),
  -0,
  0.1,
  1e300,
  5e-324,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
  '',
  '1',
  '1.0',
  ' a',
  'a ',
  "it's",
  '"',
  'x\ny',
  'x\r\ny',
  'a\0b',
  '\0',
  'COMMIT;\n--@ mark',
  '🙂',
  'é',
  '\ud83d',
  'x\udc00y',
  'long '.repeat(300),
  Buffer.alloc(0),
  Buffer.from([0, 255, 10]),
  Buffer.alloc(3000, 7),
]

export const sqlValue: fc.Arbitrary<SqlValue> = fc.oneof(
  { withCrossShrink: true },
  { weight: 4, arbitrary: fc.constantFrom(...USUAL) },
  { weight: 1, arbitrary: fc.constantFrom(...ODD) },
)

/** A value, for any place where an expression may stand. */
export const value: Sql = sqlValue.map((each) => [{ value: each }])

/** A key that rows are likely to have. */
export const key: Sql = fc.constantFrom(1n, 2n, 3n, 4n).map((each) => [{ value: each }])

/** Half a surrogate pair is no character, and no text of SQL can hold it. */
const LONE_SURROGATE = /\p{Surrogate}/gu

/** A value as an expression of SQL. */
export function literalText(given: SqlValue): string {
  if (given === null) return 'NULL'
  if (typeof given === 'bigint') return String(given)
  if (typeof given === 'number') return numberText(given)
  if (typeof given === 'string') return textLiteral(given.replace(LONE_SURROGATE, '\ufffd'))
  return `x'${given.toString('hex')}'`
}

function numberText(given: number): string {
  if (Number.isNaN(given)) return 'NULL'
  if (!Number.isFinite(given)) return given < 0 ? '-9e999' : '9e999'
  if (Object.is(given, -0)) return '-0.0'
  return Number.isInteger(given) ? `${given.toExponential()}` : String(given)
}

function textLiteral(given: string): string {
  if (given.includes('\0')) return `CAST(x'${Buffer.from(given).toString('hex')}' AS TEXT)`
  return `'${given.replaceAll("'", "''")}'`
}

/** A value, or what a call returned, as JavaScript. */
export function scriptText(given: unknown): string {
  if (typeof given === 'bigint') return `${given}n`
  if (typeof given === 'number') return Object.is(given, -0) ? '-0' : String(given)
  if (given instanceof Uint8Array) return `Buffer.from('${Buffer.from(given).toString('hex')}', 'hex')`
  if (Array.isArray(given)) return `[${given.map(scriptText).join(', ')}]`
  if (typeof given === 'object' && given !== null) {
    return `{ ${Object.entries(given)
      .map(([name, each]) => `${name}: ${scriptText(each)}`)
      .join(', ')} }`
  }
  return JSON.stringify(given) ?? 'undefined'
}
