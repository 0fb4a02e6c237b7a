import { quoteName } from '../format/sql-literal.ts'
import type { CapturedTable } from './captured-table.ts'
import { DirtyRowids, type DirtySpan } from './dirty-rowids.ts'
import { type RecordText, TupleStatements } from './record-text.ts'
import type { Rowid } from './row-text.ts'

/** What a trigger reports of a row. */
export type RowEvent =
  /** The row has been inserted. */
  | 'inserted'
  /** The row is about to be updated or deleted. */
  | 'existing'
  /** An update has given the row this key. */
  | 'moved-here'

/** Up to so many rows are written as UPDATEs, which people can read; more as multi-row REPLACEs, which are fast. */
const MOST_UPDATES = 100
const ROWIDS_PER_DELETE = 500

/**
 * The rows of one table with rowids that were touched since the last record. Only keys are kept; the rows are read
 * when the record is written. A row that was touched and did not change after all is written once more, which does
 * no harm: so neither failed statements nor savepoints need to be undone here.
 */
export class RowidChanges {
  readonly #rowids = new DirtyRowids()
  /** Some row may have been reported as existing although it was created. */
  #hasDoubts = false

  /** `key` is the rowid; a text where a number cannot hold it. */
  touch(event: RowEvent, key: number | string): void {
    const rowid = typeof key === 'string' ? exactRowid(key) : key
    const known = this.#rowids.touch(rowid, event === 'existing' ? 'existed' : 'created')
    // Between a row's appearance and this report of it, other triggers and foreign key actions may have run and
    // touched the row.
    if (event !== 'existing' && known === 'existed') this.#hasDoubts = true
  }

  /**
   * Adds the statements that make the old rows what they are now. Without trust in origins (rows were replaced
   * without a trace), every row that was touched may have existed.
   */
  write(table: CapturedTable, record: RecordText, isTrusted: boolean): void {
    const created: DirtySpan[] = []
    const existed: DirtySpan[] = []
    for (const span of this.#rowids.spans()) {
      if (isTrusted && span.origin === 'created') created.push(span)
      else existed.push(span)
    }
    if (existed.length > 0) writeExisted(table, existed, record, isTrusted && !this.#hasDoubts)
    if (created.length > 0) {
      const inserts = new TupleStatements(`INSERT INTO ${table.text.target}`, (sql, rows) =>
        record.insert(sql, rows),
      )
      for (const span of created) addTuples(table, span, inserts)
      inserts.end()
      noteWritten(table, created, record)
    }
  }
}

function writeExisted(
  table: CapturedTable,
  spans: readonly DirtySpan[],
  record: RecordText,
  isSure: boolean,
): void {
  const gone = new GoneRows(table, record)
  let rows = 0
  for (const span of spans) rows += sizeOf(span)
  // Two updated rows may have exchanged values that a UNIQUE index keeps apart: REPLACE has no order to fear.
  if (isSure && rows <= (table.shape.hasSecondaryUnique ? 1 : MOST_UPDATES)) {
    for (const span of spans) {
      for (const rowid of rowidsOf(span)) {
        const update = table.text.updateAt(rowid)
        if (update === undefined) gone.add(rowid, rowid)
        else record.change(`${update}\n`, 1)
      }
    }
  } else {
    const replaces = new TupleStatements(`REPLACE INTO ${table.text.target}`, (sql, count) =>
      record.change(sql, count),
    )
    for (const span of spans) {
      const hasRows = gone.addMissing(span)
      if (hasRows) addTuples(table, span, replaces)
    }
    replaces.end()
    noteWritten(table, spans, record)
  }
  gone.end()
}

function addTuples(table: CapturedTable, { lo, hi }: DirtySpan, tuples: TupleStatements): void {
  if (lo === hi) {
    const tuple = table.text.at(lo)
    if (tuple !== undefined) tuples.add(tuple, 1)
  } else {
    for (const { text, rows } of table.text.range(lo, hi)) tuples.add(text, rows)
  }
}

/** INSERT and REPLACE move the memory of AUTOINCREMENT, also at redo. */
function noteWritten(table: CapturedTable, spans: readonly DirtySpan[], record: RecordText): void {
  if (!table.shape.isAutoincrement) return
  for (const { lo, hi } of spans.toReversed()) {
    const rowid = table.highestBetween(lo, hi)
    if (rowid === undefined) continue
    record.noteWritten(table.shape.name, rowid)
    return
  }
}

/** Gathers rowids that are no longer there into DELETE statements. */
class GoneRows {
  readonly #table: CapturedTable
  readonly #record: RecordText
  #single: Rowid[] = []

  constructor(table: CapturedTable, record: RecordText) {
    this.#table = table
    this.#record = record
  }

  /** Adds those rowids of a span that have no row; false when none of them has one. */
  addMissing(span: DirtySpan): boolean {
    const { lo, hi } = span
    const there = this.#table.countBetween(lo, hi)
    if (there === 0) this.add(lo, hi)
    if (there === 0 || there === sizeOf(span)) return there > 0
    let next = Number(lo)
    for (const rowid of this.#table.rowidsBetween(lo, hi)) {
      if (rowid > next) this.add(next, rowid - 1)
      next = rowid + 1
    }
    if (next <= hi) this.add(next, hi)
    return true
  }

  /** Adds the rowids from `lo` to `hi`, both included. */
  add(lo: Rowid, hi: Rowid): void {
    if (lo === hi) {
      this.#single.push(lo)
      if (this.#single.length >= ROWIDS_PER_DELETE) this.end()
    } else {
      this.#delete(` BETWEEN ${lo} AND ${hi}`, sizeOf({ lo, hi }))
    }
  }

  end(): void {
    const { length } = this.#single
    if (length === 0) return
    this.#delete(length === 1 ? `=${this.#single[0]}` : ` IN (${this.#single.join()})`, length)
    this.#single = []
  }

  #delete(condition: string, rows: number): void {
    const { shape, rowidSql } = this.#table
    this.#record.delete(`DELETE FROM ${quoteName(shape.name)} WHERE ${rowidSql}${condition};\n`, rows)
  }
}

/** One rowid has one form: a number where that is exact. */
function exactRowid(text: string): Rowid {
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : BigInt(text)
}

/** Spans of more than one rowid hold numbers only. */
function sizeOf({ lo, hi }: Pick<DirtySpan, 'lo' | 'hi'>): number {
  return lo === hi ? 1 : Number(hi) - Number(lo) + 1
}

function* rowidsOf({ lo, hi }: DirtySpan): Generator<Rowid> {
  if (lo === hi) yield lo
  else for (let rowid = Number(lo); rowid <= hi; rowid++) yield rowid
}
