// What was written to a table while rows may have been replaced without a trace: every version of every row, kept
// in a TEMP table, which rolls back with everything else.
//
// A row that no event touched, and that a UNIQUE index does not let stand beside a version that was written, must
// have been replaced. So a record begins by writing, with REPLACE, those versions that are not the last ones: at
// redo they delete such rows as they did then. It goes on by writing all rows that were touched as they are in the
// end. No index has to be understood for that, whatever its collations, expressions and conditions, and no value
// has to be foretold.

import type { Database, Statement } from 'better-sqlite3'
import { quoteName } from '../format/sql-literal.ts'
import { CAPTURE_PREFIX, type CaptureTrigger, trigger } from './capture-triggers.ts'
import type { CapturedTable } from './captured-table.ts'
import { type RecordText, TupleStatements } from './record-text.ts'
import { RowReader } from './row-reader.ts'
import { readSchema } from './schema.ts'

/** SQL functions: whether versions are kept now, the next version's number, and the last one that is not needed. */
export const IS_REPLACING = 'scriptlog_is_replacing'
export const NEXT_VERSION = 'scriptlog_next_version'
export const OLD_VERSIONS = 'scriptlog_old_versions'

const VERSION_PREFIX = `${CAPTURE_PREFIX}versions:`

/** False where REPLACE can only delete a row with the same rowid as the new one, which is touched then. */
export function hasVersions({ shape }: CapturedTable): boolean {
  return shape.hasSecondaryUnique || shape.key.kind === 'primary-key'
}

export function createVersionTable(sqlite: Database, table: CapturedTable): void {
  sqlite.exec(`CREATE TEMP TABLE IF NOT EXISTS ${quoteName(nameOf(table))}(${versionColumns(table)})`)
}

export function dropVersionTables(sqlite: Database): void {
  for (const { type, name } of readSchema(sqlite, 'temp').values()) {
    if (type === 'table' && name.startsWith(VERSION_PREFIX)) sqlite.exec(`DROP TABLE temp.${quoteName(name)}`)
  }
}

export function versionTriggers(table: CapturedTable): CaptureTrigger[] {
  const name = quoteName(nameOf(table))
  const keep = `ON ${table.sqlName} WHEN ${IS_REPLACING}() BEGIN
    DELETE FROM ${name} WHERE rowid<=${OLD_VERSIONS}();
    INSERT INTO ${name}(rowid,${versionColumns(table)})
      VALUES(${NEXT_VERSION}(),${columnsOf(table).map((column) => `NEW.${column}`)}); END`
  return [
    trigger(table, 'insert-version', `AFTER INSERT ${keep}`),
    trigger(table, 'update-version', `AFTER UPDATE ${keep}`),
  ]
}

/** Adds the versions after number `from` that the table does not hold in the end. */
export function writeVersions(
  sqlite: Database,
  table: CapturedTable,
  from: number,
  record: RecordText,
): void {
  if (!hasSuperseded(sqlite, table, from)) return
  const columns = columnsOf(table)
  const replaces = new TupleStatements(
    `REPLACE INTO ${quoteName(table.shape.name)}(${columns})`,
    (sql, rows) => record.addVersions(sql, rows),
  )
  const reader = new RowReader(sqlite, {
    table: versionSql(table),
    key: 'version.rowid',
    columns: columns.map((_, index) => `version.c${index}`),
    before: columns.map((_, index) => (index === 0 ? '(' : ',')),
    after: ')',
    separator: ',\n',
  })
  if (table.shape.isAutoincrement) record.noteWrittenInParts(table.shape.name)
  const superseded = `version.rowid>${from} AND ${supersededSql(table)} ORDER BY version.rowid`
  for (const tuple of reader.where(superseded)) replaces.add(tuple, 1)
  replaces.end()
}

/** Mostly every row was written once, and there is nothing to add: that is found out without preparing anything. */
const supersededStatements = new WeakMap<CapturedTable, Statement<[number]>>()

function hasSuperseded(sqlite: Database, table: CapturedTable, from: number): boolean {
  let statement = supersededStatements.get(table)
  if (statement === undefined) {
    statement = sqlite.prepare<[number]>(
      `SELECT 1 FROM ${versionSql(table)} WHERE version.rowid>? AND ${supersededSql(table)}`,
    )
    supersededStatements.set(table, statement)
  }
  return statement.get(from) !== undefined
}

function versionSql(table: CapturedTable): string {
  return `temp.${quoteName(nameOf(table))} AS version`
}

/** A condition on a version: the table does not hold it. */
function supersededSql(table: CapturedTable): string {
  const columns = columnsOf(table)
  const named = new Map(columns.map((column, index) => [column, `version.c${index}`]))
  const isSameKey = keyOf(table)
    .map((column) => `r.${column}=${named.get(column)}`)
    .join(' AND ')
  // The version stands first: its columns have no collation by which different values could be equal. The signs
  // keep these comparisons away from indexes, which SQLite would ponder for seconds where a key has many columns.
  const isSame = `(${[...named.values()]}) IS (${columns.map((column) => `+r.${column}`)})`
  return `NOT EXISTS (SELECT 1 FROM ${table.sqlName} AS r WHERE ${isSameKey} AND ${isSame})`
}

/** Its columns have no names of the user's: one TEMP table serves all shapes with as many columns. */
function nameOf(table: CapturedTable): string {
  return `${VERSION_PREFIX}${table.number}:${columnsOf(table).length}`
}

function keyOf(table: CapturedTable): string[] {
  const { key } = table.shape
  return key.kind === 'rowid' ? [table.rowidSql] : key.columns.map(quoteName)
}

/** What can be written, the key included. */
function columnsOf(table: CapturedTable): string[] {
  return [...new Set([...keyOf(table), ...table.shape.columns.map(quoteName)])]
}

function versionColumns(table: CapturedTable): string[] {
  return columnsOf(table).map((_, index) => `c${index}`)
}
