import type { Database } from 'better-sqlite3'
import { UsageError } from '../errors.ts'
import { lowerCase } from '../format/lexis.ts'
import { moduleNamedBy, moduleOf, schemaKindOf } from '../format/schema-grammar.ts'
import { leadingKeywords, splitStatements } from '../format/sql-scanner.ts'
import { readSchema, type SchemaObject } from './schema.ts'
import { shadowsIn } from './shadow-tables.ts'
import {
  asksFor,
  bare,
  callsOptimize,
  hasWord,
  pragmaOf,
  tokensOf,
  type UserStatement,
} from './statement-kind.ts'
import { isUserModule } from './user-tables.ts'

const OFF = ['off', 'no', 'false', '0']
const LONE_SURROGATE = /\p{Surrogate}/u

/**
 * Called before SQLite prepares a statement of the user: it sets most PRAGMAs while it prepares, whether the
 * statement is ever run or not.
 * @throws {UsageError}
 */
export function assertMayPrepare(statement: UserStatement, isUnsafe = false): void {
  const { sql, kind, setsPragma } = statement
  assertText(sql)
  if (kind === 'pragma') refusePragma(sql, isUnsafe)
  else if (setsPragma) refuse(sql, 'EXPLAIN of a PRAGMA sets its value')
  if (
    /pragma_optimize/i.test(sql) &&
    [...tokensOf(sql)].some(({ text }) => bare(text) === 'pragma_optimize')
  ) {
    refuse(sql, 'statistics that a query gathers are not captured: use PRAGMA optimize')
  }
}

/** Refuses text that SQLite would read only in part, or that no file can hold. */
function assertText(sql: string): void {
  const nul = sql.indexOf('\0')
  if (nul >= 0) {
    throw new UsageError('the SQL contains a NUL character: SQLite would silently ignore what follows it', {
      reason: 'sql',
      offset: nul,
    })
  }
  const surrogate = sql.search(LONE_SURROGATE)
  if (surrogate < 0) return
  throw new UsageError('the SQL contains half a surrogate pair, which is no character', {
    reason: 'sql',
    offset: surrogate,
    hint: 'a text with such a half can be bound as a parameter',
  })
}

/**
 * Refuses a statement that SQLite understands and scriptlog does not.
 * @throws {UsageError} unless SQLite itself throws.
 */
export function refuseUnknown(sqlite: Database, sql: string): never {
  sqlite.prepare(sql)
  refuse(sql, 'scriptlog does not know this kind of statement')
}

/**
 * Refuses PRAGMAs that would switch the capture of changes off without a word, or pull the ground away under it.
 * `isUnsafe`: outside of unsafe mode SQLite ignores some of them by itself.
 * @throws {UsageError}
 */
export function refusePragma(sql: string, isUnsafe: boolean): void {
  const pragma = pragmaOf(sql)
  if (pragma?.value === undefined) return
  const { schema, name, value } = pragma
  switch (name) {
    case 'temp_store':
      // SQLite drops all TEMP objects when it changes, the capture triggers among them.
      if (value !== '2' && value !== 'memory') refuse(sql, 'temporary objects are always kept in memory')
      return
    case 'writable_schema':
      if (isUnsafe && !OFF.includes(value)) refuse(sql, 'changes of sqlite_schema cannot be logged')
      return
    case 'encoding':
      if (!/^utf-?8$/.test(value)) refuse(sql, 'the encoding is always UTF-8')
      return
    case 'application_id':
      if (schema === 'temp') refuse(sql, 'capture keeps its place in a transaction there')
      return
    case 'full_column_names':
    case 'short_column_names':
      // They are deprecated, and rename the columns of every query on the connection.
      if (OFF.includes(value) !== (name === 'full_column_names')) {
        refuse(sql, "the columns of scriptlog's own queries would have other names")
      }
      return
    case 'journal_mode':
      // Without a journal a failed statement leaves half of its changes behind. SQLite takes abbreviations.
      if (isUnsafe && 'off'.startsWith(value)) refuse(sql, 'a transaction could not be rolled back')
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
    const kind = schemaKindOf([...splitStatements(sql)][0]?.text ?? '')
    if (typeof kind !== 'string') {
      refuse(sql, `${kind.refused} cannot be kept, only CREATE VIRTUAL TABLE temp.… is possible`)
    }
    const module = moduleNamedBy(sql) ?? ''
    if (kind === 'create-user-table' && !isUserModule(sqlite, module)) {
      refuse(sql, `a virtual table of module ${module} cannot be kept, only one in temp is possible`)
    }
  }
  if (first === 'CREATE' && second !== 'TABLE' && second !== 'INDEX' && callsOptimize(sql)) {
    refuse(sql, 'optimize() writes, and would do so unseen: call it in a statement')
  }
  if (first !== 'ALTER') return
  if (Number(sqlite.pragma('legacy_alter_table', { simple: true })) === 1) {
    refuse(sql, 'with PRAGMA legacy_alter_table=ON it may have an effect that redo cannot repeat')
  }
  refuseHidden(sqlite, sql)
}

/**
 * Refuses what SQLite allows in unsafe mode alone: to drop, rename or watch a table that a module relies on. Load and
 * redo run such statements as anybody's, since a stranger could put a program in the place of the table.
 * @throws {UsageError}
 */
export function refuseShadowDdl(sqlite: Database, sql: string): void {
  const [first, second] = leadingKeywords(sql, 2)
  if (first === 'CREATE' && second !== 'TRIGGER') return
  const shadows = new Set([...shadowsIn(readSchema(sqlite, 'main')).keys()].map(lowerCase))
  const shadow = [...tokensOf(sql)].map(({ text }) => bare(text)).find((name) => shadows.has(name))
  if (shadow !== undefined) refuse(sql, `the table ${shadow} belongs to a virtual table`)
}

/**
 * Refuses what goes wrong when a TEMP table or view has the name of one of the database. ALTER resolves the names in all
 * triggers and views, and would find the TEMP table, which redo does not have; VACUUM drops the indexes of the table.
 * @throws {UsageError}
 */
export function refuseHidden(sqlite: Database, sql: string): void {
  const hidden = sqlite
    .prepare<[], string>(
      `SELECT t.name FROM temp.sqlite_schema AS t, main.sqlite_schema AS m
      WHERE t.type IN ('table','view') AND t.name=m.name COLLATE NOCASE`,
    )
    .pluck()
    .get()
  if (hidden !== undefined) refuse(sql, `the TEMP table or view ${hidden} hides one of the database`)
}

/**
 * Refuses tables for full-text search while `recursive_triggers` is on: see {@link ShadowChanges.mustNotRecurse}.
 * @throws {UsageError}
 */
export function refuseRecursiveSearch(sql: string): void {
  if (/^fts/.test(moduleOf(sql) ?? '')) refuse(sql, `with PRAGMA recursive_triggers=ON ${RECURSES}`)
}

/**
 * Refuses to switch `recursive_triggers` on where there are such tables.
 * @throws {UsageError}
 */
export function refuseRecursion(sql: string): void {
  const value = pragmaOf(sql)?.value
  if (value !== undefined && !OFF.includes(value)) refuse(sql, RECURSES)
}

const RECURSES = 'changes of FTS tables cannot be captured'

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
