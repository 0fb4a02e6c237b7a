import type { Database, Statement } from 'better-sqlite3'
import { invariant } from '../errors.ts'
import { quoteName } from '../format/sql-literal.ts'
import { type Rowid, RowText } from './row-text.ts'
import { hasWord } from './statement-kind.ts'
import type { TableShape } from './tables.ts'

/** A table whose changes are captured, in the shape that it has now: how its rows are found and written. */
export class CapturedTable {
  /** By this number the triggers name the table. */
  readonly number: number
  readonly shape: TableShape
  /** The table in SQL, whatever tables of the same name other schemas have. */
  readonly sqlName: string
  /** True when `=` may hold for keys that differ: some column has a collation of its own. */
  readonly hasCollation: boolean
  readonly #sqlite: Database
  // Made when first needed: most tables of a schema are never written to.
  #text: RowText | undefined
  #count: Statement<[Rowid, Rowid], number> | undefined
  #rowids: Statement<[Rowid, Rowid], number> | undefined
  #highest: Statement<[Rowid, Rowid], bigint | null> | undefined

  /** `sql` is the table's text in `sqlite_schema`. */
  constructor(sqlite: Database, number: number, shape: TableShape, sql: string) {
    this.number = number
    this.shape = shape
    this.hasCollation = hasWord('COLLATE', sql)
    this.sqlName = `main.${quoteName(shape.name)}`
    this.#sqlite = sqlite
  }

  get text(): RowText {
    this.#text ??= new RowText(this.#sqlite, this.shape)
    return this.#text
  }

  /** The rowid in SQL. Undeclared it stays unquoted: SQLite might take a quoted word that names no column for text. */
  get rowidSql(): string {
    const { key } = this.shape
    invariant(key.kind === 'rowid', `${this.shape.name} has rowids`)
    return key.isColumn ? quoteName(key.name) : key.name
  }

  /** How many rows have rowids from `lo` to `hi`, both included. */
  countBetween(lo: Rowid, hi: Rowid): number {
    this.#count ??= this.#sqlite
      .prepare<[Rowid, Rowid], number>(
        `SELECT count(*) FROM ${this.sqlName} WHERE ${this.rowidSql} BETWEEN ? AND ?`,
      )
      .pluck()
      .safeIntegers(false)
    return this.#count.get(lo, hi) ?? 0
  }

  /** The rowids from `lo` to `hi`, both included, ascending. Meant for ranges that a number can hold. */
  rowidsBetween(lo: Rowid, hi: Rowid): number[] {
    this.#rowids ??= this.#sqlite
      .prepare<[Rowid, Rowid], number>(
        `SELECT ${this.rowidSql} FROM ${this.sqlName} WHERE ${this.rowidSql} BETWEEN ? AND ? ORDER BY 1`,
      )
      .pluck()
      .safeIntegers(false)
    return this.#rowids.all(lo, hi)
  }

  /** The highest rowid from `lo` to `hi`, both included, if there is one. */
  highestBetween(lo: Rowid, hi: Rowid): bigint | undefined {
    this.#highest ??= this.#sqlite
      .prepare<[Rowid, Rowid], bigint | null>(
        `SELECT max(${this.rowidSql}) FROM ${this.sqlName} WHERE ${this.rowidSql} BETWEEN ? AND ?`,
      )
      .pluck()
      .safeIntegers()
    return this.#highest.get(lo, hi) ?? undefined
  }

  /** Those of some keys (see {@link RowText.keySql}) under which SQL finds a row. */
  keysPresent(keys: readonly string[]): string[] {
    const { key } = this.shape
    invariant(key.kind === 'primary-key', `${this.shape.name} is a table without rowids`)
    const names = key.columns.map((_, index) => `k${index}`)
    const touched = keys.map((tuple, index) => `(${index},${tuple.slice(1)}`).join()
    // The same `=` as in the DELETE that a missing key leads to, with the collations of the columns.
    const isSame = key.columns
      .map((column, index) => `r.${quoteName(column)}=touched.k${index}`)
      .join(' AND ')
    const found = this.#sqlite
      .prepare<[], number>(
        `WITH touched(n,${names}) AS (VALUES ${touched})
        SELECT n FROM touched WHERE EXISTS (SELECT 1 FROM ${this.sqlName} AS r WHERE ${isSame})`,
      )
      .pluck()
      .safeIntegers(false)
      .all()
    const present = new Set(found)
    return keys.filter((_, index) => present.has(index))
  }
}
