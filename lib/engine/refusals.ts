import type { Database } from 'better-sqlite3'
import { UsageError } from '../errors.ts'
import { leadingKeywords } from '../format/sql-scanner.ts'
import type { SchemaObject } from './schema.ts'
import { asksFor, hasWord, pragmaOf, tokensOf } from './statement-kind.ts'

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
  if (first !== 'ALTER') return
  if (Number(sqlite.pragma('legacy_alter_table', { simple: true })) === 1) {
    refuse(sql, 'with PRAGMA legacy_alter_table=ON it may have an effect that redo cannot repeat')
  }
  // ALTER resolves the names in all triggers and views, and would find the TEMP table, which redo does not have.
  const hidden = sqlite
    .prepare<[], string>(
      `SELECT t.name FROM temp.sqlite_schema AS t, main.sqlite_schema AS m
      WHERE t.type IN ('table','view') AND t.name=m.name COLLATE NOCASE`,
    )
    .pluck()
    .get()
  if (hidden !== undefined) refuse(sql, `the TEMP table or view ${hidden} hides one of the database`)
}

/** Of a `CREATE VIRTUAL TABLE [IF NOT EXISTS] [schema.]name`. */
function isInMain(sql: string): boolean {
  const [, , , ...rest] = [...tokensOf(sql)].map(({ text }) => text.replace(/^["'`[](.*)["'`\]]$/s, '$1'))
  const [name, point] = rest[0]?.toUpperCase() === 'IF' && rest[1] === 'NOT' ? rest.slice(3) : rest
  return point !== '.' || name?.toLowerCase() === 'main'
}

/** A TEMP trigger that runs after a row was written, and perhaps before capture hears of the row. */
export function isLateTrigger({ type, sql }: SchemaObject): boolean {
  return type === 'trigger' && sql !== null && hasWord('AFTER', sql)
}

/**
 * Refuses what would keep a row that was written from being reported: a TEMP trigger of the user's may run before
 * those of capture, and end the statement while the row stays. RAISE(IGNORE) does that, and so does anything that
 * fails with conflict resolution FAIL. `late` are such triggers, `all` what they might make fail.
 * @throws {UsageError}
 */
export function refuseHidingTriggers(late: readonly SchemaObject[], all: readonly SchemaObject[]): void {
  if (late.length === 0) return
  const ignoring = late.find(({ sql }) => sql !== null && raisesIgnore(sql))
  if (ignoring !== undefined) {
    refuse(ignoring.sql ?? '', `RAISE(IGNORE) in a TEMP trigger AFTER the change ${HIDES}`)
  }
  const failing = all.find(({ sql }) => sql !== null && asksFor('FAIL', sql))
  if (failing !== undefined) {
    refuse(failing.sql ?? '', `FAIL together with a TEMP trigger AFTER the change ${HIDES}`)
  }
}

/**
 * Refuses a statement with conflict resolution FAIL while there are such triggers.
 * @throws {UsageError}
 */
export function refuseHidingFail(sql: string): void {
  refuse(sql, `FAIL together with a TEMP trigger AFTER the change ${HIDES}`)
}

const HIDES = 'could hide changes from the log'

function raisesIgnore(sql: string): boolean {
  const tokens = [...tokensOf(sql)].map(({ text }) => text)
  return tokens.some((token, at) => token === 'RAISE' && tokens[at + 2] === 'IGNORE')
}

function refuse(sql: string, why: string): never {
  throw new UsageError(`refused: ${why}: ${sql.trim().slice(0, 80)}`, { reason: 'sql' })
}
