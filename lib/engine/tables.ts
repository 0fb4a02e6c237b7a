import type { Database } from 'better-sqlite3'
import { ScriptlogError } from '../errors.ts'
import { isInternal } from './schema.ts'
import { hasWord } from './statement-kind.ts'

/** What capture and dump need to know of an ordinary table of the main schema. */
export interface TableShape {
  readonly name: string
  /** Columns that are stored and can be written (generated ones left out), in their order. */
  readonly columns: readonly string[]
  readonly key: RowidKey | PrimaryKey
  /** True when some UNIQUE index (or a PRIMARY KEY that is not the rowid) exists beside the row's key. */
  readonly hasSecondaryUnique: boolean
  readonly isAutoincrement: boolean
}

/** The table has rowids. */
export interface RowidKey {
  readonly kind: 'rowid'
  /** A name by which SQL can reach the rowid: the INTEGER PRIMARY KEY column, or `rowid`, `_rowid_` or `oid`, whichever no column takes. */
  readonly name: string
  /** True when `name` is a declared column, so that the rowid is already among `columns`. */
  readonly isColumn: boolean
}

/** The table is WITHOUT ROWID. */
export interface PrimaryKey {
  readonly kind: 'primary-key'
  readonly columns: readonly string[]
}

interface Column {
  readonly name: string
  /** Position in the primary key from 1, or 0. */
  readonly pk: number
  /** 0 for an ordinary column; 2 and 3 for a generated one. */
  readonly hidden: number
}

interface Index {
  readonly name: string
  readonly unique: number
  /** `pk`, `u` for a UNIQUE constraint, `c` for CREATE INDEX. */
  readonly origin: string
}

/** A key is one condition, and SQLite's expressions have at most 1000 levels. */
const MOST_KEY_COLUMNS = 250
const ROWID_NAMES = ['rowid', '_rowid_', 'oid']

/**
 * The ordinary tables of the main schema in the order of `sqlite_schema`, the shadow tables of virtual tables among
 * them: no views, no virtual tables and none of SQLite's own.
 * @throws {ScriptlogError} see {@link readTable}.
 */
export function readTables(sqlite: Database): TableShape[] {
  return sqlite
    .prepare<[], { name: string; sql: string }>(
      // Not of pragma_table_list: that would run the modules of all virtual tables, the application's among them.
      "SELECT name, sql FROM main.sqlite_schema WHERE type='table' AND rootpage<>0 ORDER BY rowid",
    )
    .all()
    .filter((table) => !isInternal(table))
    .map(({ name, sql }) => readTable(sqlite, name, sql))
}

/**
 * The shape of one ordinary table, whose text in `sqlite_schema` is `sql`.
 * @throws {ScriptlogError} when its columns leave no name for its rowid, or are too many to be its key.
 */
export function readTable(sqlite: Database, name: string, sql: string): TableShape {
  const columns = sqlite
    .prepare<[string], Column>("SELECT name, pk, hidden FROM pragma_table_xinfo(?,'main')")
    .safeIntegers(false)
    .all(name)
  const indexes = sqlite
    .prepare<[string], Index>(`SELECT "unique", origin, name FROM pragma_index_list(?,'main')`)
    .safeIntegers(false)
    .all(name)
  const hasRowid = !isKeyTheTable(sqlite, indexes)
  return {
    name,
    columns: columns.filter(({ hidden }) => hidden === 0).map((column) => column.name),
    key: hasRowid ? rowidKey(name, columns, indexes) : primaryKey(name, columns),
    // In a table without rowids the index of the primary key is the table itself.
    hasSecondaryUnique: indexes.some(({ unique, origin }) => unique === 1 && (hasRowid || origin !== 'pk')),
    isAutoincrement: hasRowid && hasWord('AUTOINCREMENT', sql),
  }
}

/** Of a table WITHOUT ROWID the index of the primary key is the table itself, and stands in no schema. */
function isKeyTheTable(sqlite: Database, indexes: readonly Index[]): boolean {
  const key = indexes.find(({ origin }) => origin === 'pk')
  if (key === undefined) return false
  return (
    sqlite.prepare("SELECT 1 FROM main.sqlite_schema WHERE type='index' AND name=?").get(key.name) ===
    undefined
  )
}

function rowidKey(table: string, columns: readonly Column[], indexes: readonly Index[]): RowidKey {
  const declared = columns.find(({ pk }) => pk > 0)
  // The only primary key that needs no index in a table with rowids is the rowid itself.
  if (declared !== undefined && !indexes.some(({ origin }) => origin === 'pk')) {
    return { kind: 'rowid', name: declared.name, isColumn: true }
  }
  const taken = new Set(columns.map(({ name }) => name.toLowerCase()))
  const free = ROWID_NAMES.find((name) => !taken.has(name))
  if (free === undefined) {
    throw new ScriptlogError(
      'SCRIPTLOG_ROWID_HIDDEN',
      `the columns of table ${table} take every name by which its rowid could be reached: rowid, _rowid_ and oid`,
      {
        reason: 'sql',
        severity: 'soft',
        hint: 'rename one of these columns, declare an INTEGER PRIMARY KEY, or create the table WITHOUT ROWID',
      },
    )
  }
  return { kind: 'rowid', name: free, isColumn: false }
}

function primaryKey(table: string, columns: readonly Column[]): PrimaryKey {
  const inKey = columns.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk)
  if (inKey.length > MOST_KEY_COLUMNS) {
    throw new ScriptlogError(
      'SCRIPTLOG_CANNOT_KEEP',
      `the key of table ${table} has ${inKey.length} columns: its rows could not be found again`,
      {
        reason: 'sql',
        severity: 'soft',
        hint: `create the table with rowids, or with a key of at most ${MOST_KEY_COLUMNS} columns`,
      },
    )
  }
  return { kind: 'primary-key', columns: inKey.map(({ name }) => name) }
}
