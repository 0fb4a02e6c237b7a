import type { Database, Statement } from 'better-sqlite3'
import { quoteName } from '../format/sql-literal.ts'
import type { CapturedTable } from './captured-table.ts'
import type { CapturedTables } from './captured-tables.ts'
import { type RecordText, TupleStatements } from './record-text.ts'
import { RowidChanges } from './rowid-changes.ts'
import type { Schema } from './schema.ts'
import { type Shadow, type ShadowRole, shadowsIn } from './shadow-tables.ts'
import { REPORTS } from './shadow-triggers.ts'

/** FTS5: the key of a page is its segment's number, and this many bits for its place in the segment. */
const PAGE_BITS = 37n
/** FTS5: of these, the number of a page; the others are zero for pages on which words begin. */
const PAGE_NUMBER_BITS = 31n
/** FTS5: the list of segments, which also holds the cookie that changes with the settings. */
const STRUCTURE_KEY = 10n
/** `(10,X'00000000`: the cookie is its beginning. */
const COOKIE_LENGTH = 14
/** More reports than these are not left in memory until the next ones come. */
const MOST_IDLE_REPORTS = 10_000

interface CapturedShadow extends Shadow {
  readonly table: CapturedTable
}

/**
 * What modules have written to shadow tables since the last record. The reports of triggers roll back with everything
 * else: whatever is there is true, and nothing needs to be undone. As elsewhere a row that was reported and did not
 * change after all is written once more.
 */
export class ShadowChanges {
  readonly #sqlite: Database
  #mayBeWritten = true
  #shadows: readonly CapturedShadow[] = []
  /** Reports up to this one belong to transactions that are over. */
  #oldReports = 0
  /** What no trigger knows, as the last record left it: by table, the rows by their keys. */
  readonly #known = new Map<string, Rows>()
  #reported: Statement<[number], [number: bigint, key: bigint]> | undefined
  #last: Statement<[], number | null> | undefined

  constructor(sqlite: Database) {
    this.#sqlite = sqlite
  }

  [Symbol.iterator](): Iterator<CapturedShadow> {
    return this.#shadows.values()
  }

  /** There are virtual tables to be captured. */
  get areThere(): boolean {
    return this.#shadows.length > 0
  }

  /**
   * FTS would write while it writes, without end: with `recursive_triggers` SQLite begins a savepoint for each REPLACE
   * in a table that has a trigger on DELETE; see shadow-tables.ts.
   */
  get mustNotRecurse(): boolean {
    return this.#shadows.some(({ role }) => role === 'sizes' || role === 'pages' || role === 'segments')
  }

  has(table: CapturedTable): boolean {
    return this.#shadows.some((shadow) => shadow.table === table)
  }

  /**
   * Takes over a changed schema.
   * @throws {ScriptlogError} for a virtual table that cannot be captured.
   */
  refresh(schema: Schema, tables: CapturedTables): void {
    this.#shadows = [...shadowsIn(schema).values()].flatMap((shadow) => {
      const table = tables.named(shadow.name)
      return table === undefined ? [] : [{ ...shadow, table }]
    })
  }

  /** A statement is about to run that may write to virtual tables. */
  expectWrites(): void {
    this.#mayBeWritten = true
  }

  get isEmpty(): boolean {
    if (!this.areThere || !this.#mayBeWritten) return true
    const isCompared = this.#shadows.some(({ role }) => role === 'lone-content')
    return (
      !isCompared && this.#reports().size === 0 && !this.#shadows.some((shadow) => this.#isSetAnew(shadow))
    )
  }

  /** Adds the statements that make the shadow tables what they are now. `isLast`: nothing is added before the commit. */
  write(record: RecordText, isLast: boolean): void {
    if (!this.areThere || !this.#mayBeWritten) return
    // A row that is written now, and gone before the commit, is known to nobody then.
    if (!isLast) this.#known.clear()
    const reports = this.#reports()
    for (const shadow of this.#shadows) {
      const pages = this.#isSetAnew(shadow) ? this.#sibling(shadow, 'pages') : undefined
      if (pages !== undefined) keysOf(reports, pages.table.number).add(STRUCTURE_KEY)
    }
    for (const shadow of this.#shadows) this.#writeOne(shadow, reports, record)
  }

  /** All that the module has put into a virtual table's shadow tables, as statements that need no other content. */
  contentOf(owners: ReadonlySet<string>, record: RecordText): void {
    for (const { owner, table } of this.#shadows) if (owners.has(owner)) writeWhole(table, record)
  }

  /**
   * The transaction is over, committed or rolled back: what is there now is known. True when so many reports are left
   * that their table should go.
   */
  endTransaction(): boolean {
    if (!this.areThere || !this.#mayBeWritten) return false
    this.#mayBeWritten = false
    this.#known.clear()
    for (const shadow of this.#shadows) {
      if (shadow.role === 'settings' || shadow.role === 'lone-content') {
        this.#known.set(shadow.name, this.#rowsOf(shadow))
      }
    }
    this.#last ??= this.#sqlite
      .prepare<[], number | null>(`SELECT max(rowid) FROM ${REPORTS}`)
      .pluck()
      .safeIntegers(false)
    this.#oldReports = this.#last.get() ?? 0
    return this.#oldReports > MOST_IDLE_REPORTS
  }

  /** Their table was dropped, between transactions. */
  forgetReports(): void {
    this.#oldReports = 0
  }

  #writeOne(shadow: CapturedShadow, reports: Reports, record: RecordText): void {
    const { table, role } = shadow
    const keys = reports.get(table.number)
    const siblingKeys = (of: ShadowRole) => {
      const sibling = this.#sibling(shadow, of)
      return (sibling && reports.get(sibling.table.number)) ?? new Set()
    }
    switch (role) {
      case 'rows':
      case 'sizes':
      case 'pages':
        if (keys !== undefined) writeRows(table, keys, record)
        break
      case 'content':
        writeRows(table, new Set([...(keys ?? []), ...siblingKeys('sizes')]), record)
        break
      case 'lone-content':
        this.#writeChanged(shadow, record)
        break
      case 'index':
        writeIndex(table, keys ?? new Set(), siblingKeys('pages'), record)
        break
      case 'segments':
        if (keys !== undefined) writeWhole(table, record)
        break
      case 'settings':
        if (this.#isSetAnew(shadow)) writeWhole(table, record)
        break
      default:
        role satisfies never
    }
  }

  #writeChanged(shadow: CapturedShadow, record: RecordText): void {
    const known = this.#known.get(shadow.name)
    if (known === undefined) {
      writeWhole(shadow.table, record)
      return
    }
    const now = this.#rowsOf(shadow)
    const keys = [...now.keys(), ...known.keys()].filter((key) => now.get(key) !== known.get(key))
    writeRows(shadow.table, new Set(keys.map(BigInt)), record)
  }

  /** The settings, or the cookie that changes with them, are not those that the last record left. */
  #isSetAnew(shadow: CapturedShadow): boolean {
    if (shadow.role !== 'settings') return false
    const known = this.#known.get(shadow.name)
    const now = this.#rowsOf(shadow)
    return known?.size !== now.size || [...now].some(([key, row]) => known.get(key) !== row)
  }

  /** The rows of a table by their keys; with settings there is the cookie. */
  #rowsOf(shadow: CapturedShadow): Rows {
    const rows = new Map<string, string>()
    for (const { text } of shadow.table.text.all()) {
      // No value contains a newline.
      for (const row of text.split(',\n')) rows.set(row.slice(1, row.indexOf(',')), row)
    }
    const pages = shadow.role === 'settings' ? this.#sibling(shadow, 'pages') : undefined
    const structure = pages?.table.text.at(STRUCTURE_KEY)
    if (structure !== undefined) rows.set('cookie', structure.slice(0, COOKIE_LENGTH))
    return rows
  }

  #sibling({ owner }: Pick<Shadow, 'owner'>, role: ShadowRole): CapturedShadow | undefined {
    return this.#shadows.find((shadow) => shadow.owner === owner && shadow.role === role)
  }

  #reports(): Map<number, Set<bigint>> {
    this.#reported ??= this.#sqlite
      .prepare<[number], [bigint, bigint]>(
        `SELECT number, key FROM ${REPORTS} WHERE rowid>? GROUP BY number, key ORDER BY number, key`,
      )
      .raw()
      .safeIntegers()
    const reports = new Map<number, Set<bigint>>()
    for (const [number, key] of this.#reported.all(this.#oldReports)) keysOf(reports, Number(number)).add(key)
    return reports
  }
}

/** Rows as tuples, by their keys as literals. */
type Rows = ReadonlyMap<string, string>

/** Keys by the numbers of their tables, ascending. */
type Reports = ReadonlyMap<number, ReadonlySet<bigint>>

function keysOf(reports: Map<number, Set<bigint>>, number: number): Set<bigint> {
  const known = reports.get(number)
  if (known !== undefined) return known
  const keys = new Set<bigint>()
  reports.set(number, keys)
  return keys
}

function writeRows(table: CapturedTable, keys: ReadonlySet<bigint>, record: RecordText): void {
  const changes = new RowidChanges()
  for (const key of keys) {
    changes.touch('existing', Number.isSafeInteger(Number(key)) ? Number(key) : String(key))
  }
  changes.write(table, record, false)
}

/** Segments of which entries were deleted are written anew; of others the entries of the pages that were written. */
function writeIndex(
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
    for (const tuple of table.text.where(`"segid"=${segment}`)) replaces.add(tuple, 1)
  }
  for (const { segment, lo, hi } of pageSpans(pages)) {
    if (segments.has(segment)) continue
    const isWritten = `"segid"=${segment} AND "pgno">>1 BETWEEN ${lo} AND ${hi}`
    for (const tuple of table.text.where(isWritten)) replaces.add(tuple, 1)
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

function writeWhole(table: CapturedTable, record: RecordText): void {
  record.delete(`DELETE FROM ${quoteName(table.shape.name)};\n`, 0)
  const inserts = new TupleStatements(`INSERT INTO ${table.text.target}`, (sql, rows) =>
    record.insert(sql, rows),
  )
  for (const { text, rows } of table.text.all()) inserts.add(text, rows)
  inserts.end()
}
