// Rows of shadow tables as statements of a record.

import { quoteName } from '../format/sql-literal.ts'
import type { CapturedTable } from './captured-table.ts'
import { type RecordText, TupleStatements } from './record-text.ts'
import { RowidChanges } from './rowid-changes.ts'

/** FTS5: the key of a page is its segment's number, and this many bits for its place in the segment. */
const PAGE_BITS = 37n
/** FTS5: of these, the number of a page; the others are zero for pages on which words begin. */
const PAGE_NUMBER_BITS = 31n
/** FTS5: entries of the index for some pages of a segment. */
const ON_PAGES = '"segid"=? AND "pgno">>1 BETWEEN ? AND ?'
/** What stands between two rows of a text; no value contains a newline. */
export const SEPARATOR = ',\n'

/** Adds what brings the rows with these rowids about, whatever they were before. */
export function writeRows(table: CapturedTable, keys: ReadonlySet<bigint>, record: RecordText): void {
  const changes = new RowidChanges()
  for (const key of keys) {
    changes.touch('existing', Number.isSafeInteger(Number(key)) ? Number(key) : String(key))
  }
  changes.write(table, record, false)
}

/** Segments of which entries were deleted are written anew; of others the entries of the pages that were written. */
export function writeIndex(
  table: CapturedTable,
  segments: ReadonlySet<bigint>,
  pages: ReadonlySet<bigint>,
  record: RecordText,
): void {
  const name = quoteName(table.shape.name)
  const replaces = new TupleStatements(`REPLACE INTO ${table.text.target}`, (sql, rows) =>
    record.change(sql, rows),
  )
  for (const segment of segments) {
    record.delete(`DELETE FROM ${name} WHERE "segid"=${segment};\n`, 0)
    for (const tuple of table.text.where('"segid"=?', segment)) replaces.add(tuple, 1)
  }
  for (const { segment, lo, hi } of pageSpans(pages)) {
    if (segments.has(segment)) continue
    for (const tuple of table.text.where(ON_PAGES, segment, lo, hi)) replaces.add(tuple, 1)
  }
  replaces.end()
}

/** Consecutive pages on which words begin, from their keys in ascending order. */
function pageSpans(keys: Iterable<bigint>): { segment: bigint; lo: bigint; hi: bigint }[] {
  const spans: { segment: bigint; lo: bigint; hi: bigint }[] = []
  for (const key of keys) {
    const segment = key >> PAGE_BITS
    const page = BigInt.asUintN(Number(PAGE_BITS), key)
    if (segment === 0n || page >> PAGE_NUMBER_BITS !== 0n) continue
    const last = spans.at(-1)
    if (last?.segment === segment && last.hi + 1n === page) last.hi = page
    else spans.push({ segment, lo: page, hi: page })
  }
  return spans
}

/** Adds all rows of a table, which redo empties first. */
export function writeWhole(table: CapturedTable, record: RecordText): void {
  record.delete(`DELETE FROM ${quoteName(table.shape.name)};\n`, 0)
  const inserts = new TupleStatements(`INSERT INTO ${table.text.target}`, (sql, rows) =>
    record.insert(sql, rows),
  )
  for (const { text, rows } of table.text.all()) inserts.add(text, rows)
  inserts.end()
}

/** The keys of the rows that only one of two texts has. */
export function keysOfDifferent(before: string, after: string): Set<bigint> {
  const old = new Set(rowsIn(before))
  const now = new Set(rowsIn(after))
  const different = [...old, ...now].filter((row) => !(old.has(row) && now.has(row)))
  return new Set(different.map((row) => BigInt(row.slice(1, row.search(/[,)]/)))))
}

function rowsIn(text: string): string[] {
  return text === '' ? [] : text.split(SEPARATOR)
}
