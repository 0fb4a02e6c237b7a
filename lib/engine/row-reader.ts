// Rows as SQL text, exactly, for any value that SQLite can hold.
//
// SQLite formats (fast), JavaScript checks: what SQLite gives is right unless a text holds a control character
// (which it writes raw) or is not UTF-8 (which a JavaScript string cannot carry). Both show in the result. Such
// rows come as their bytes and have their literals rewritten.

import { isUtf8 } from 'node:buffer'
import type { Database, Statement } from 'better-sqlite3'
import { invariant } from '../errors.ts'
import { withPlainLiterals } from '../format/raw-literals.ts'
import { textLiteral } from '../format/sql-literal.ts'

/** Some rows, one to a line. */
export interface RowChunk {
  /** Tuples joined by a comma and a newline, or statements joined by a newline. */
  readonly text: string
  readonly rows: number
}

/** A rowid; a bigint where it may lie beyond 2^53. */
export type Rowid = number | bigint

/** One way to write a row of a table: as a tuple, or as a statement. */
export interface RowForm {
  /** The table, quoted. */
  readonly table: string
  /** The values that are written, as SQL names them. */
  readonly columns: readonly string[]
  /** What stands before each value, in the order of `columns`. */
  readonly before: readonly string[]
  /** What stands after the last value. */
  readonly after: string
  /** What stands between two rows; it ends with its only newline. */
  readonly separator: string
  /** The name by which SQL reaches the rowid; empty for a table without rowids, which has neither {@link RowReader.at} nor {@link RowReader.range}. */
  readonly key: string
}

/** Rows that are formatted at a time. */
const CHUNK_ROWS = 1000
/** Larger rows are read one by one, so that a chunk stays below 64 MB. */
const LARGE_ROW_BYTES = 1 << 16
/** Control characters, and what stands for bytes that are not UTF-8. */
const UNFAITHFUL = /[\0-\x1f\x7f-\x9f\ufffd]/
/** The same for several lines of bytes that are UTF-8. */
const UNFAITHFUL_LINES = /[\0-\x09\x0b-\x1f\x7f-\x9f]/

/** SQL whose value is the literal of `reference`; the characters of a text come as they are. */
function literalSql(reference: string): string {
  return `CASE typeof(${reference}) WHEN 'integer' THEN ${reference}
    WHEN 'text' THEN ''''||replace(${reference},'''','''''')||''''
    WHEN 'real' THEN ${realSql(reference)} ELSE quote(${reference}) END`
}

/** quote() makes 0.0 of -0.0; SQL can tell the two apart only by their angle. */
export function realSql(reference: string): string {
  return `iif(${reference},quote(${reference}),iif(atan2(${reference},-1)<0,'-0.0','0.0'))`
}

/** `a||b||…` as a balanced tree: SQLite refuses an expression that is 1000 deep, and a table may have 2000 columns. */
export function concatSql(parts: readonly string[]): string {
  const [first, ...others] = parts
  if (first === undefined) return "''"
  if (others.length === 0) return first
  const half = parts.length >> 1
  return `(${concatSql(parts.slice(0, half))}||${concatSql(parts.slice(half))})`
}

/** The next rows: their text unless one of them is large, their number, and the last rowid, if there is any. */
type FormattedRows = readonly [text: Buffer | null, rows: bigint, last: bigint | null]

/** Reads the rows of one table in one form. Only {@link inOrder} leaves a statement running while it is iterated. */
export class RowReader {
  readonly #sqlite: Database
  readonly #form: RowForm
  /** SQL whose value is a row in its form. */
  readonly #rowSql: string
  #at: Statement<[Rowid], string> | undefined
  #bytesAt: Statement<[Rowid], Buffer> | undefined
  #range: Statement<[bigint, bigint], FormattedRows> | undefined
  #rowids: Statement<[bigint, bigint], bigint> | undefined
  readonly #ordered = new Map<string, Statement<[], Buffer>>()
  readonly #where = new Map<string, Statement<bigint[], Buffer>>()

  constructor(sqlite: Database, form: RowForm) {
    this.#sqlite = sqlite
    this.#form = form
    const pieces = form.columns.flatMap((column, index) => [
      textLiteral(form.before[index] ?? ''),
      literalSql(column),
    ])
    this.#rowSql = concatSql([...pieces, textLiteral(form.after)])
  }

  /** The row with this rowid, if there is one. */
  at(rowid: Rowid): string | undefined {
    const { table, key } = this.#form
    this.#at ??= this.#sqlite
      .prepare<[Rowid], string>(`SELECT ${this.#rowSql} FROM ${table} WHERE ${key}=?`)
      .pluck()
    const text = this.#at.get(rowid)
    if (text === undefined || !UNFAITHFUL.test(text)) return text
    this.#bytesAt ??= this.#prepareBytes<[Rowid]>(`WHERE ${key}=?`)
    const bytes = this.#bytesAt.get(rowid)
    invariant(bytes !== undefined, 'a row that was just read is still there')
    return withPlainLiterals(bytes)
  }

  /** The rows whose rowids lie between `lo` and `hi`, both included, in that order. */
  *range(lo: Rowid, hi: Rowid): Generator<RowChunk> {
    const to = BigInt(hi)
    for (let from = BigInt(lo); from <= to; ) {
      const [bytes, count, last] = this.#readRange(from, to)
      const rows = Number(count)
      if (last === null) return
      if (bytes === null) yield* this.#oneByOne(from, last)
      else yield { text: textOf(bytes, rows), rows }
      from = last + 1n
    }
  }

  /** All rows in the order of `orderSql`. */
  *inOrder(orderSql: string): Generator<RowChunk> {
    let lines: string[] = []
    let length = 0
    const known = this.#ordered.get(orderSql)
    const statement = known?.busy === false ? known : this.#prepareBytes<[]>(`ORDER BY ${orderSql}`)
    this.#ordered.set(orderSql, statement)
    for (const bytes of statement.iterate()) {
      const line = textOf(bytes, 1)
      lines.push(line)
      length += line.length
      if (lines.length < CHUNK_ROWS && length < LARGE_ROW_BYTES) continue
      yield { text: lines.join(this.#form.separator), rows: lines.length }
      lines = []
      length = 0
    }
    if (lines.length > 0) yield { text: lines.join(this.#form.separator), rows: lines.length }
  }

  /**
   * The rows for which a condition holds. Meant for a handful of rows. A condition with parameters is one of a few, and
   * prepared once.
   */
  where(conditionSql: string, ...values: readonly bigint[]): string[] {
    const known = this.#where.get(conditionSql)
    const statement = known ?? this.#prepareBytes<bigint[]>(`WHERE ${conditionSql}`)
    if (known === undefined && values.length > 0) this.#where.set(conditionSql, statement)
    return statement.all(...values).map((bytes) => textOf(bytes, 1))
  }

  #readRange(from: bigint, to: bigint): FormattedRows {
    const { table, key, separator } = this.#form
    // Rows come out of a subquery with ORDER BY and LIMIT one after another, so they are joined in that order.
    this.#range ??= this.#sqlite
      .prepare<[bigint, bigint], FormattedRows>(
        `SELECT CAST(iif(max(octet_length(line))<=${LARGE_ROW_BYTES},
            group_concat(iif(octet_length(line)<=${LARGE_ROW_BYTES},line),${textLiteral(separator)})) AS BLOB),
          count(*), max(number)
        FROM (SELECT ${key} AS number, ${this.#rowSql} AS line FROM ${table}
          WHERE ${key} BETWEEN ? AND ? ORDER BY number LIMIT ${CHUNK_ROWS})`,
      )
      .raw()
      .safeIntegers()
    const formatted = this.#range.get(from, to)
    invariant(formatted !== undefined, 'an aggregate query has a row')
    return formatted
  }

  *#oneByOne(from: bigint, to: bigint): Generator<RowChunk> {
    const { table, key } = this.#form
    this.#rowids ??= this.#sqlite
      .prepare<[bigint, bigint], bigint>(
        `SELECT ${key} FROM ${table} WHERE ${key} BETWEEN ? AND ? ORDER BY 1 LIMIT ${CHUNK_ROWS}`,
      )
      .pluck()
      .safeIntegers()
    for (const rowid of this.#rowids.all(from, to)) {
      const text = this.at(rowid)
      invariant(text !== undefined, 'a row that was just read is still there')
      yield { text, rows: 1 }
    }
  }

  #prepareBytes<Parameters extends unknown[]>(tailSql: string): Statement<Parameters, Buffer> {
    const { table } = this.#form
    return this.#sqlite
      .prepare<Parameters, Buffer>(`SELECT CAST(${this.#rowSql} AS BLOB) FROM ${table} ${tailSql}`)
      .pluck()
  }
}

/** The text of so many rows as SQLite formatted them. */
function textOf(bytes: Buffer, rows: number): string {
  if (!isUtf8(bytes)) return withPlainLiterals(bytes)
  const text = bytes.toString('utf8')
  const isFaithful = !UNFAITHFUL_LINES.test(text) && newlinesIn(text) === rows - 1
  return isFaithful ? text : withPlainLiterals(bytes)
}

function newlinesIn(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++
  return count
}
