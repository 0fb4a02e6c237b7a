import { literalOf, textLiteral } from '../format/sql-literal.ts'
import type { Affinity } from './table-facts.ts'

/** How the literal of a text begins that is not plain. */
const CAST = 'CAST('
const LONE_SURROGATE = /\p{Surrogate}/u

/** Every SQLite writes whole numbers below this as the same text. */
const LONGEST_WHOLE = 1e15

/**
 * The literal of a value that is bound to a parameter; undefined where better-sqlite3 would refuse the value, or where
 * its versions and SQLite's make different things of it. `affinity` is that of the column in which it is stored, or
 * `text` where it may meet texts, or `none`.
 */
export function provenLiteral(value: unknown, affinity: Affinity): string | undefined {
  switch (typeof value) {
    case 'string': {
      const literal = textLiteral(value)
      return literal.startsWith(CAST) && LONE_SURROGATE.test(value) ? undefined : literal
    }
    case 'number':
      if (affinity === 'integral' && Number.isSafeInteger(value) && value !== 0) return String(value)
      if (affinity === 'text' && !(Number.isInteger(value) && Math.abs(value) < LONGEST_WHOLE))
        return undefined
      return literalOf(value)
    case 'bigint':
      return BigInt.asIntN(64, value) === value ? String(value) : undefined
    case 'object':
      if (value === null) return 'NULL'
      // What other threads may write to is not what it was.
      return value instanceof Uint8Array && value.buffer instanceof ArrayBuffer ? literalOf(value) : undefined
    case 'undefined':
      return 'NULL'
    default:
      return undefined
  }
}

/** True for a literal in a statement that every SQLite turns into the same text, or that is none. */
export function isStableAsText(literal: string): boolean {
  return !/^-?\d/.test(literal) || /^-?\d{1,18}$/.test(literal)
}
