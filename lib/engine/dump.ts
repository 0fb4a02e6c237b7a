// A snapshot's body: tables, rows, then indexes, views and triggers, each as SQLite keeps its text and in the order
// in which it was created (triggers fire in the order of their creation), then what belongs to no table. The
// content alone decides the text: two dumps of the same content are the same bytes. Where a piece ends with a semicolon
// and a newline, what was given since the last such end makes sense alone: it gets a checksum of its own (script.ts).

import { isUtf8 } from 'node:buffer'
import type { Database } from 'better-sqlite3'
import { ScriptlogError } from '../errors.ts'
import { ownStatements } from '../format/own-statements.ts'
import { quoteName } from '../format/sql-literal.ts'
import { terminated } from '../format/sql-scanner.ts'
import { insertions } from './insertions.ts'
import { type RowChunk, RowReader } from './row-reader.ts'
import { RowText } from './row-text.ts'
import { isInternal, readSchema } from './schema.ts'
import { shadowsIn } from './shadow-tables.ts'
import type { TableShape } from './tables.ts'

/**
 * The SQL that makes an empty database equal to the main schema of `sqlite`, as text in pieces; returns the number
 * of rows in it. `tables` are all its ordinary tables. While rows of a table WITHOUT ROWID are given, a statement
 * runs on the connection.
 * Throws ScriptlogError for what a script cannot carry (a virtual table of an unknown module), before the first piece.
 */
export function* dumpStatements(sqlite: Database, tables: readonly TableShape[]): Generator<string, number> {
  const shadows = shadowsIn(readSchema(sqlite, 'main'))
  const schema = readDefinitions(sqlite, shadows)
  let rows = 0
  const counted = function* (chunks: Iterable<RowChunk>) {
    for (const chunk of chunks) {
      rows += chunk.rows
      yield chunk
    }
  }
  yield* schema.table
  for (const table of tables) {
    const text = new RowText(sqlite, table)
    // The module has put its first rows there when the virtual table was created.
    if (shadows.has(table.name)) yield `DELETE FROM ${quoteName(table.name)};\n`
    yield* insertions(text.target, text.keyLength, counted(text.all()))
  }
  yield* [...schema.index, ...schema.view, ...schema.trigger]
  if (tables.some((table) => table.isAutoincrement)) yield sequences(sqlite)
  if (hasTable(sqlite, 'sqlite_stat1')) yield statistics(sqlite)
  yield numberPragma(sqlite, 'user_version')
  yield numberPragma(sqlite, 'application_id')
  return rows
}

interface SchemaRow {
  readonly type: 'table' | 'index' | 'view' | 'trigger'
  readonly name: string
  readonly sql: Buffer
}

/** The definitions by their kind, each as a statement on lines of its own. */
function readDefinitions(
  sqlite: Database,
  shadows: ReadonlyMap<string, unknown>,
): Record<SchemaRow['type'], readonly string[]> {
  const schema: Record<SchemaRow['type'], string[]> = { table: [], index: [], view: [], trigger: [] }
  const rows = sqlite
    .prepare<[], SchemaRow>(
      `SELECT type, name, CAST(sql AS BLOB) AS sql FROM main.sqlite_schema
      WHERE sql IS NOT NULL ORDER BY rowid`,
    )
    .all()
  for (const row of rows) {
    // Told apart here and not by LIKE, which an application may have given another meaning.
    if (isInternal(row) || (row.type === 'table' && shadows.has(row.name))) continue
    schema[row.type].push(definition(row))
  }
  return schema
}

/** Checked before it is written: a script that its own reader refuses would be no snapshot. */
function definition(row: SchemaRow): string {
  if (!isUtf8(row.sql)) throw unrepresentable(row, 'its definition is not UTF-8')
  const text = `${terminated(row.sql.toString('utf8'))}\n`
  const kinds = [...ownStatements(text)].map(({ kind }) => kind)
  const isVirtualTable =
    row.type === 'table' && (kinds[0] === 'create-virtual-table' || kinds[0] === 'create-user-table')
  if (kinds.length !== 1 || !(kinds[0] === `create-${row.type}` || isVirtualTable)) {
    throw unrepresentable(row, 'its definition is not a single CREATE statement')
  }
  return text
}

function unrepresentable(row: SchemaRow, why: string): ScriptlogError {
  return new ScriptlogError(
    'SCRIPTLOG_CANNOT_DUMP',
    `the ${row.type} ${row.name} cannot be written to a script: ${why}`,
    {
      reason: 'script',
      severity: 'soft',
      hint: `nothing is lost: the log goes on and holds everything. To get snapshots again, keep the content of the ${row.type} ${row.name} elsewhere before you change it`,
    },
  )
}

/** AUTOINCREMENT's memory. Loading the rows has filled it; what it really holds comes instead. */
function sequences(sqlite: Database): string {
  const rows = systemRows(sqlite, 'sqlite_sequence', ['name', 'seq'], 'name, rowid')
  return `DELETE FROM sqlite_sequence;\n${rows}`
}

/** What ANALYZE found. The first statement creates the table, the second makes SQLite read it. */
function statistics(sqlite: Database): string {
  const rows = systemRows(sqlite, 'sqlite_stat1', ['tbl', 'idx', 'stat'], 'tbl, idx, rowid')
  return `ANALYZE sqlite_schema;\n${rows}ANALYZE sqlite_schema;\n`
}

function systemRows(sqlite: Database, table: string, columns: readonly string[], order: string): string {
  const before = columns.map((_, index) => (index === 0 ? '(' : ','))
  const reader = new RowReader(sqlite, {
    table: `main.${table}`,
    key: '',
    columns,
    before,
    after: ')',
    separator: ',\n',
  })
  const tuples = [...reader.inOrder(order)].map((chunk) => chunk.text).join(',\n')
  return tuples === '' ? '' : `INSERT INTO ${table}(${columns.join()}) VALUES\n${tuples};\n`
}

function hasTable(sqlite: Database, name: string): boolean {
  return (
    sqlite.prepare("SELECT 1 FROM main.sqlite_schema WHERE type='table' AND name=?").get(name) !== undefined
  )
}

function numberPragma(sqlite: Database, name: 'user_version' | 'application_id'): string {
  const value = sqlite.prepare<[], bigint>(`PRAGMA main.${name}`).pluck().safeIntegers().get()
  return value === undefined || value === 0n ? '' : `PRAGMA ${name}=${value};\n`
}
