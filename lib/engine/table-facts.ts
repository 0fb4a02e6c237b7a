import type { Database } from 'better-sqlite3'
import { lowerCase } from '../format/lexis.ts'
import type { CapturedTable } from './captured-table.ts'
import { hasWord } from './statement-kind.ts'

/** What a column makes of values: `integral` stands for INTEGER and NUMERIC, which turn 5.0 into 5. */
export type Affinity = 'integral' | 'real' | 'text' | 'none'

/** A column that can be written, as far as proofs must know. */
export interface ColumnFacts {
  /** As declared. */
  readonly name: string
  readonly affinity: Affinity
  /** Left out of an INSERT it becomes NULL or the value of a literal. */
  readonly hasPlainDefault: boolean
  /** It belongs to the row's key. */
  readonly isKey: boolean
  /** A UNIQUE index looks at it. */
  readonly isUnique: boolean
}

/** What a table's declaration says beyond its shape. */
export interface TableFacts {
  readonly table: CapturedTable
  /** By their names in lower case. */
  readonly columns: ReadonlyMap<string, ColumnFacts>
  /** Names, in lower case, that mean the rowid: no column has them, be it a generated one. */
  readonly rowidNames: ReadonlySet<string>
  /** Some constraint says how conflicts are resolved. */
  readonly resolvesConflicts: boolean
}

interface Column {
  readonly name: string
  readonly type: string
  readonly dflt_value: string | null
  readonly hidden: number
}

/** NULL, a number that every SQLite writes alike, a text or a blob. */
const LITERAL = /^(?:null|[+-]?\d{1,9}(?:\.\d{1,5})?|x?'(?:[^']|'')*')$/i
const LONGEST_DEFAULT = 1000
const ROWID_NAMES = ['rowid', '_rowid_', 'oid']

export function readTableFacts(sqlite: Database, table: CapturedTable, sql: string): TableFacts {
  const { name, key } = table.shape
  const declared = sqlite
    .prepare<[string], Column>("SELECT name, type, dflt_value, hidden FROM pragma_table_xinfo(?,'main')")
    .all(name)
  const columns = declared.filter(({ hidden }) => Number(hidden) === 0)
  const taken = new Set(declared.map((column) => lowerCase(column.name)))
  const free = key.kind === 'rowid' ? ROWID_NAMES.filter((each) => !taken.has(each)) : []
  const unique = uniqueColumns(
    sqlite,
    name,
    columns.map((column) => column.name),
  )
  const keyColumns = key.kind === 'rowid' ? [key.name] : key.columns
  return {
    table,
    columns: new Map(
      columns.map((column) => [
        lowerCase(column.name),
        {
          name: column.name,
          affinity: affinityOf(column.type),
          hasPlainDefault: isPlainDefault(column.dflt_value),
          isKey: keyColumns.includes(column.name),
          isUnique: unique === 'any' || unique.has(column.name),
        },
      ]),
    ),
    rowidNames: new Set(free),
    resolvesConflicts: hasWord('CONFLICT', sql),
  }
}

/** Tables, in lower case, whose rows change others by foreign key actions: when their keys are updated, when they are deleted. */
export interface ActingParents {
  readonly onUpdate: ReadonlySet<string>
  readonly onDelete: ReadonlySet<string>
}

export function readActingParents(sqlite: Database): ActingParents {
  const keys = sqlite
    .prepare<[], { parent: string; on_update: string; on_delete: string }>(
      `SELECT DISTINCT f."table" AS parent, f.on_update, f.on_delete
      FROM main.sqlite_schema AS s, pragma_foreign_key_list(s.name,'main') AS f WHERE s.type='table'`,
    )
    .all()
  const parents = (event: 'on_update' | 'on_delete') =>
    new Set(keys.filter((key) => !PASSIVE.has(key[event])).map(({ parent }) => lowerCase(parent)))
  return { onUpdate: parents('on_update'), onDelete: parents('on_delete') }
}

const PASSIVE = new Set(['NO ACTION', 'RESTRICT'])

/** The columns of UNIQUE indexes; `any` when some index has a condition, an expression or a generated column. */
function uniqueColumns(
  sqlite: Database,
  table: string,
  columns: readonly string[],
): ReadonlySet<string> | 'any' {
  const terms = sqlite
    .prepare<[string], { name: string | null; partial: number }>(
      `SELECT x.name, l.partial FROM pragma_index_list(?,'main') AS l, pragma_index_xinfo(l.name,'main') AS x
      WHERE l."unique" AND x.key`,
    )
    .all(table)
  const names = new Set<string>()
  for (const { name, partial } of terms) {
    if (name === null || Number(partial) !== 0 || !columns.includes(name)) return 'any'
    names.add(name)
  }
  return names
}

/** By SQLite's rules for declared types; ANY is what it is in STRICT tables. */
function affinityOf(type: string): Affinity {
  if (/int/i.test(type)) return 'integral'
  if (/char|clob|text/i.test(type)) return 'text'
  if (type === '' || /blob|any/i.test(type)) return 'none'
  return /real|floa|doub/i.test(type) ? 'real' : 'integral'
}

function isPlainDefault(sql: string | null): boolean {
  return sql === null || (sql.length <= LONGEST_DEFAULT && LITERAL.test(sql))
}
