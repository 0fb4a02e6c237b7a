// HSQLDB's own statements, as far as they mean something here. They are recognised by their first words and never
// reach SQLite.

import { tokensOf } from '../engine/statement-kind.ts'
import { UsageError } from '../errors.ts'
import { leadingKeywords } from '../format/sql-scanner.ts'

export type HsqldbStatement =
  | { readonly kind: 'checkpoint' }
  | { readonly kind: 'shutdown'; readonly mode: CloseMode }
  | { readonly kind: 'write-delay'; readonly millis: number }
  | { readonly kind: 'log-size'; readonly megabytes: number }

/**
 * - `normal`: checkpoint; the next open has nothing to redo
 * - `immediately`: what was committed is made durable, no checkpoint; the next open redoes the log
 * - `compact`: as `normal`, after VACUUM
 * - `script`: as `normal`, everything in `.script`
 */
export type CloseMode = 'normal' | 'immediately' | 'compact' | 'script'

const SHUTDOWN_MODES: Readonly<Record<string, CloseMode>> = {
  '': 'normal',
  IMMEDIATELY: 'immediately',
  COMPACT: 'compact',
  SCRIPT: 'script',
}

const DEFAULT_DELAY_MILLIS = 500

/**
 * Reads a statement of HSQLDB's; undefined when it is none.
 * @throws {UsageError} for one that is HSQLDB's and malformed, or means nothing here.
 */
export function parseHsqldbStatement(sql: string): HsqldbStatement | undefined {
  const [first, second] = leadingKeywords(sql, 2)
  const isOurs = first === 'CHECKPOINT' || first === 'SHUTDOWN' || (first === 'SET' && second === 'FILES')
  if (!isOurs) return undefined
  const words = [...tokensOf(sql)].map(({ text }) => text).filter((text) => text !== ';')
  const upper = words.map((word) => word.toUpperCase())
  const parsed = first === 'SET' ? parseSetFiles(upper.slice(2)) : parseEnding(upper)
  if (parsed !== undefined) return parsed
  throw new UsageError(`this statement is not understood: ${sql.trim().slice(0, 100)}`, {
    reason: 'sql',
    hint: 'CHECKPOINT [DEFRAG] | SHUTDOWN [IMMEDIATELY|COMPACT|SCRIPT] | SET FILES WRITE DELAY {TRUE|FALSE|seconds|n MILLIS} | SET FILES LOG SIZE megabytes',
  })
}

function parseEnding(words: readonly string[]): HsqldbStatement | undefined {
  const [verb, option = '', ...rest] = words
  if (rest.length > 0) return undefined
  // DEFRAG concerns tables in `.data`; a script is written without gaps in any case.
  if (verb === 'CHECKPOINT') return option === '' || option === 'DEFRAG' ? { kind: 'checkpoint' } : undefined
  const mode = SHUTDOWN_MODES[option]
  return mode === undefined ? undefined : { kind: 'shutdown', mode }
}

function parseSetFiles(words: readonly string[]): HsqldbStatement | undefined {
  const [property, attribute, value = '', unit, ...rest] = words
  if (rest.length > 0) return undefined
  if (property === 'LOG' && attribute === 'SIZE' && unit === undefined) {
    return /^\d{1,7}$/.test(value) ? { kind: 'log-size', megabytes: Number(value) } : undefined
  }
  if (property !== 'WRITE' || attribute !== 'DELAY') return undefined
  if (unit === undefined && value === 'TRUE') return { kind: 'write-delay', millis: DEFAULT_DELAY_MILLIS }
  if (unit === undefined && value === 'FALSE') return { kind: 'write-delay', millis: 0 }
  if (!/^\d{1,7}$/.test(value)) return undefined
  if (unit === undefined) return { kind: 'write-delay', millis: Number(value) * 1000 }
  return unit === 'MILLIS' ? { kind: 'write-delay', millis: Number(value) } : undefined
}

/** Up to and including the word after CREATE, whatever comments stand before either. */
const WORD_AFTER_CREATE = /^((?:[\s;]|--[^\n]*\n|\/\*.*?\*\/)*CREATE(?:\s|--[^\n]*\n|\/\*.*?\*\/)+)MEMORY\b/is

/**
 * `CREATE MEMORY TABLE` as SQLite knows it; other statements as they are.
 * @throws {UsageError} for CACHED and TEXT tables, which are not there yet.
 */
export function withoutTableType(sql: string): string {
  const [first, type, third] = leadingKeywords(sql, 3)
  if (first !== 'CREATE' || third !== 'TABLE') return sql
  if (type === 'CACHED' || type === 'TEXT') {
    throw new UsageError(`CREATE ${type} TABLE is not supported yet`, {
      reason: 'sql',
      hint: 'tables are MEMORY tables: CREATE TABLE or CREATE MEMORY TABLE',
    })
  }
  if (type !== 'MEMORY') return sql
  return sql.replace(WORD_AFTER_CREATE, '$1')
}
