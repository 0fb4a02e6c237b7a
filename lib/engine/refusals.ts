import type { Database } from 'better-sqlite3'
import { UsageError } from '../errors.ts'
import { leadingKeywords } from '../format/sql-scanner.ts'
import { pragmaOf, tokensOf } from './statement-kind.ts'

const OFF = ['off', 'no', 'false', '0']

/**
 * Refuses PRAGMAs that would switch the capture of changes off without a word, or pull the ground away under it.
 * @throws {UsageError}
 */
export function refusePragma(sql: string): void {
  const pragma = pragmaOf(sql)
  if (pragma?.value === undefined) return
  const { name, value } = pragma
  switch (name) {
    case 'temp_store':
      // SQLite drops all TEMP objects when it changes, the capture triggers among them.
      if (value !== '2' && value !== 'memory') refuse(sql, 'temporary objects are always kept in memory')
      return
    case 'writable_schema':
      if (!OFF.includes(value)) refuse(sql, 'changes of sqlite_schema cannot be logged')
      return
    case 'encoding':
      if (!/^utf-?8$/.test(value)) refuse(sql, 'the encoding is always UTF-8')
      return
    case 'journal_mode':
      // Without a journal a failed statement leaves half of its changes behind.
      if (value === 'off') refuse(sql, 'a transaction could not be rolled back')
      return
  }
}

/**
 * Refuses DDL that no script and no log can hold.
 * @throws {UsageError}
 */
export function refuseDdl(sqlite: Database, sql: string): void {
  const [first, second] = leadingKeywords(sql, 2)
  if (first === 'CREATE' && second === 'VIRTUAL' && isInMain(sql)) {
    refuse(sql, 'virtual tables are not supported yet')
  }
  if (first === 'ALTER' && Number(sqlite.pragma('legacy_alter_table', { simple: true })) === 1) {
    refuse(sql, 'with PRAGMA legacy_alter_table=ON it may have an effect that redo cannot repeat')
  }
}

/** Of a `CREATE VIRTUAL TABLE [IF NOT EXISTS] [schema.]name`. */
function isInMain(sql: string): boolean {
  const [, , , ...rest] = [...tokensOf(sql)].map(({ text }) => text.replace(/^["'`[](.*)["'`\]]$/s, '$1'))
  const [name, point] = rest[0]?.toUpperCase() === 'IF' && rest[1] === 'NOT' ? rest.slice(3) : rest
  return point !== '.' || name?.toLowerCase() === 'main'
}

function refuse(sql: string, why: string): never {
  throw new UsageError(`refused: ${why}: ${sql.trim().slice(0, 80)}`, { reason: 'sql' })
}
