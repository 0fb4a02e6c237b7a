import type { Database } from 'better-sqlite3'
import { invariant } from '../errors.ts'
import { quoteName, textLiteralOfBytes } from '../format/sql-literal.ts'
import { concatSql, type RowChunk, type Rowid, RowReader, realSql } from './row-reader.ts'
import type { TableShape } from './tables.ts'

export type { RowChunk, Rowid } from './row-reader.ts'

const SMALLEST_ROWID = -(2n ** 63n)
const LARGEST_ROWID = 2n ** 63n - 1n
/** Keys that are looked up with one query. */
const KEYS_AT_A_TIME = 100

/**
 * The rows of one table as SQL text, exact for any value. Statements are prepared when first needed and kept: make
 * a new one when the table changes.
 */
export class RowText {
  /** What follows `INSERT INTO` or `REPLACE INTO`: the table and its columns, those of the key first. */
  readonly target: string
  /** How many of the first values of a tuple are the row's key. */
  readonly keyLength: number
  readonly #keyColumns: readonly string[]
  readonly #tuples: RowReader
  readonly #updates: RowReader
  /** How a table without rowids is ordered. */
  readonly #order: string | undefined

  constructor(sqlite: Database, shape: TableShape) {
    const table = quoteName(shape.name)
    const keyColumns = keyColumnsOf(shape)
    const others = shape.columns.map(quoteName).filter((column) => !keyColumns.includes(column))
    const columns = [...keyColumns, ...others]
    const key = shape.key.kind === 'rowid' ? (keyColumns[0] ?? '') : ''
    // A row that is nothing but its key has nothing to set; SQL wants an assignment nevertheless.
    const assigned = others.length > 0 ? others : keyColumns
    this.target = `${table}(${columns.join(',')})`
    this.keyLength = keyColumns.length
    this.#keyColumns = keyColumns
    this.#order = shape.key.kind === 'rowid' ? undefined : primaryKeyOrder(sqlite, shape.name)
    // What is read must be the main schema's table, whatever TEMP table of the same name there is.
    this.#tuples = new RowReader(sqlite, {
      table: `main.${table}`,
      key,
      columns,
      before: columns.map((_, index) => (index === 0 ? '(' : ',')),
      after: ')',
      separator: ',\n',
    })
    this.#updates = new RowReader(sqlite, {
      table: `main.${table}`,
      key,
      columns: [...assigned, ...keyColumns],
      before: [
        ...assigned.map((column, index) => (index === 0 ? `UPDATE ${table} SET ${column}=` : `,${column}=`)),
        ...keyColumns.map((column, index) => (index === 0 ? ` WHERE ${column}=` : ` AND ${column}=`)),
      ],
      after: ';',
      separator: '\n',
    })
  }

  /**
   * All rows as tuples, in the order of their keys. While a table without rowids is iterated, a statement runs on
   * the connection.
   */
  all(): Iterable<RowChunk> {
    return this.#order === undefined
      ? this.#tuples.range(SMALLEST_ROWID, LARGEST_ROWID)
      : this.#tuples.inOrder(this.#order)
  }

  /** The rows with rowids from `lo` to `hi`, both included, as tuples. */
  range(lo: Rowid, hi: Rowid): Iterable<RowChunk> {
    return this.#tuples.range(lo, hi)
  }

  /** The row with this rowid as a tuple `(…)`, if it is there. */
  at(rowid: Rowid): string | undefined {
    return this.#tuples.at(rowid)
  }

  /** The rows for which a condition holds, as tuples. Meant for a handful of rows. */
  where(conditionSql: string, ...values: readonly bigint[]): string[] {
    return this.#tuples.where(conditionSql, ...values)
  }

  /** The rows with rowids from `lo` to `hi`, both included, as statements `UPDATE … SET … WHERE rowid=…;`. */
  updates(lo: Rowid, hi: Rowid): Iterable<RowChunk> {
    return this.#updates.range(lo, hi)
  }

  /** The row with this rowid as a statement `UPDATE … SET … WHERE rowid=…;`, if it is there. */
  updateAt(rowid: Rowid): string | undefined {
    return this.#updates.at(rowid)
  }

  /**
   * SQL for use in a trigger, whose value identifies the row that `reference` stands for (`OLD` or `NEW`) by the
   * key of a table without rowids: a tuple of literals in ASCII, the same for the same key.
   */
  keySql(reference: 'OLD' | 'NEW'): string {
    const parts = this.#keyColumns.map((column, index) => {
      const value = `${reference}.${column}`
      return `${index === 0 ? "'('" : "','"}||CASE typeof(${value}) WHEN 'real' THEN ${realSql(value)}
        WHEN 'text' THEN 'CAST('||quote(CAST(${value} AS BLOB))||' AS TEXT)' ELSE quote(${value}) END`
    })
    return concatSql([...parts, "')'"])
  }

  /** A key that {@link keySql} gave, as a condition that people can read: `"a"='x' AND "b"=1`. */
  conditionOf(key: string): string {
    const values = key.slice(1, -1).split(',')
    invariant(values.length === this.#keyColumns.length, `${key} is a key of ${this.target}`)
    return this.#keyColumns.map((column, index) => `${column}=${readable(values[index] ?? '')}`).join(' AND ')
  }

  /** Those of the rows with the given keys (see {@link keySql}) that are there, as tuples. */
  *byKeys(keys: Iterable<string>): Generator<RowChunk> {
    const columns = this.#keyColumns.join()
    const all = [...keys]
    for (let from = 0; from < all.length; from += KEYS_AT_A_TIME) {
      const some = all.slice(from, from + KEYS_AT_A_TIME)
      const rows = this.#tuples.where(`(${columns}) IN (VALUES ${some.join()})`)
      if (rows.length > 0) yield { text: rows.join(',\n'), rows: rows.length }
    }
  }
}

function keyColumnsOf({ key }: TableShape): readonly string[] {
  if (key.kind === 'primary-key') return key.columns.map(quoteName)
  // A rowid that is not declared stays unquoted: SQLite might take a quoted word that names no column for text.
  return [key.isColumn ? quoteName(key.name) : key.name]
}

/** How SQLite itself orders a table without rowids: reading it in this order needs no sorting. */
function primaryKeyOrder(sqlite: Database, table: string): string {
  const terms = sqlite
    .prepare<[string], string>(
      `SELECT '"'||replace(x.name,'"','""')||'" COLLATE '||x.coll||iif(x.desc,' DESC','')
      FROM pragma_index_list(?,'main') AS i, pragma_index_xinfo(i.name,'main') AS x
      WHERE i.origin='pk' AND x.key ORDER BY x.seqno`,
    )
    .pluck()
    .all(table)
  invariant(terms.length > 0, `${table} has a primary key`)
  return terms.join()
}

function readable(literal: string): string {
  const hex = /^CAST\(X'([0-9A-F]*)' AS TEXT\)$/.exec(literal)?.[1]
  return hex === undefined ? literal : textLiteralOfBytes(Buffer.from(hex, 'hex'))
}
