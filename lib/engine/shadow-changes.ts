import type { Database, Statement } from 'better-sqlite3'
import { lowerCase } from '../format/lexis.ts'
import type { CapturedTable } from './captured-table.ts'
import type { CapturedTables } from './captured-tables.ts'
import type { RecordText } from './record-text.ts'
import type { Schema } from './schema.ts'
import { keysOfDifferent, SEPARATOR, writeIndex, writeRows, writeWhole } from './shadow-rows.ts'
import { mustCompareSearch, type Shadow, type ShadowRole, shadowsIn } from './shadow-tables.ts'
import { REPORTS } from './shadow-triggers.ts'
import { isIdle } from './unsafe-mode.ts'

/** FTS5: the list of segments, which also holds the cookie that changes with the settings. */
const STRUCTURE_KEY = 10n
/** `(10,X'00000000`: the cookie is its beginning. */
const COOKIE_LENGTH = 14
const SEARCH_ROLES: ReadonlySet<ShadowRole> = new Set<ShadowRole>(['sizes', 'pages', 'segments'])
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
  readonly #comparesAll: boolean
  #mayBeWritten = true
  #shadows: readonly CapturedShadow[] = []
  /** Reports up to this one belong to transactions that are over. */
  #oldReports = 0
  #hasSearch = false
  /** A rollback may bring tables back. */
  #mayGetBack = false
  #mayGetSearchBack = false
  /** The rows of tables of which no trigger knows, as the last record left them. */
  readonly #known = new Map<string, string>()
  /** Tables that statements of the user may have written to in this transaction, past their modules. */
  readonly #suspects = new Set<string>()
  #reported: Statement<[number], [number: bigint, key: bigint]> | undefined
  #last: Statement<[], number | null> | undefined

  constructor(sqlite: Database) {
    this.#sqlite = sqlite
    const version = sqlite.prepare<[], string>('SELECT sqlite_version()').pluck().get()
    this.#comparesAll = mustCompareSearch(version ?? '')
  }

  [Symbol.iterator](): Iterator<CapturedShadow> {
    return this.#shadows.values()
  }

  /** There are virtual tables to be captured. */
  get areThere(): boolean {
    return this.#shadows.length > 0
  }

  /** There are some, or a rollback in the open transaction would bring some back. */
  get mayBeThere(): boolean {
    return this.areThere || this.#mayGetBack
  }

  /**
   * FTS would write while it writes, without end: with `recursive_triggers` SQLite begins a savepoint for each REPLACE
   * in a table that has a trigger on DELETE; see shadow-tables.ts.
   */
  get mustNotRecurse(): boolean {
    return this.#hasSearch || this.#mayGetSearchBack
  }

  has(table: CapturedTable): boolean {
    return this.#shadows.some((shadow) => shadow.table === table)
  }

  /**
   * Takes over a changed schema.
   * @throws {ScriptlogError} for a virtual table that cannot be captured.
   */
  refresh(schema: Schema, tables: CapturedTables): void {
    this.#mayGetBack ||= this.areThere
    this.#mayGetSearchBack ||= this.#hasSearch
    this.#shadows = [...shadowsIn(schema, this.#comparesAll).values()].flatMap((shadow) => {
      const table = tables.named(shadow.name)
      return table === undefined ? [] : [{ ...shadow, table }]
    })
    this.#hasSearch = this.#shadows.some(({ role }) => SEARCH_ROLES.has(role))
  }

  /** A statement is about to run that may write to virtual tables. */
  expectWrites(): void {
    this.#mayBeWritten = true
  }

  /** The same in unsafe mode, in which a statement may write to shadow tables that it names; no trigger may. */
  expectDirectWrites(sql: string): void {
    const text = withoutQuotes(sql)
    const named = this.#shadows.filter(({ name }) => text.includes(withoutQuotes(name)))
    for (const shadow of named) {
      if (this.#suspects.has(shadow.name)) continue
      this.#suspects.add(shadow.name)
      // What the module wrote before in this transaction is reported.
      if (!isCompared(shadow)) this.#known.set(shadow.name, this.#textOf(shadow))
    }
  }

  get isEmpty(): boolean {
    if (!this.areThere || !this.#mayBeWritten) return true
    return this.#reports().size === 0 && !this.#shadows.some((shadow) => this.#isUnknown(shadow))
  }

  /** Adds the statements that make the shadow tables what they are now. `isLast`: nothing is added before the commit. */
  write(record: RecordText, isLast: boolean): void {
    if (!this.areThere || !this.#mayBeWritten) return
    // A row that is written now, and gone before the commit, is known to nobody then.
    if (!isLast) this.#known.clear()
    const reports = this.#reports()
    const unknown = this.#shadows.filter((shadow) => this.#isUnknown(shadow))
    for (const shadow of unknown) {
      const pages = shadow.role === 'settings' ? this.#sibling(shadow, 'pages') : undefined
      if (pages !== undefined) keysOf(reports, pages.table.number).add(STRUCTURE_KEY)
      this.#writeUnknown(shadow, record)
    }
    for (const shadow of this.#shadows) {
      if (!unknown.includes(shadow)) this.#writeReported(shadow, reports, record)
    }
  }

  /** All that the module has put into a virtual table's shadow tables, as statements that need no other content. */
  contentOf(owners: ReadonlySet<string>, record: RecordText): void {
    for (const { owner, table } of this.#shadows) if (owners.has(owner)) writeWhole(table, record)
  }

  /**
   * The transaction is over, committed or rolled back: what is there now is known. True when so many reports are left
   * that their table should go, and may go: SQLite drops no table while a query is under way.
   */
  endTransaction(): boolean {
    this.#mayGetBack = false
    this.#mayGetSearchBack = false
    if (!this.areThere || !this.#mayBeWritten) return false
    this.#mayBeWritten = false
    this.#suspects.clear()
    this.#known.clear()
    for (const shadow of this.#shadows) {
      if (isCompared(shadow)) this.#known.set(shadow.name, this.#textOf(shadow))
    }
    this.#last ??= this.#sqlite
      .prepare<[], number | null>(`SELECT max(rowid) FROM ${REPORTS}`)
      .pluck()
      .safeIntegers(false)
    this.#oldReports = this.#last.get() ?? 0
    return this.#oldReports > MOST_IDLE_REPORTS && isIdle(this.#sqlite)
  }

  /** Their table was dropped, between transactions. */
  forgetReports(): void {
    this.#oldReports = 0
  }

  #writeUnknown(shadow: CapturedShadow, record: RecordText): void {
    const known = shadow.role === 'lone-content' ? this.#known.get(shadow.name) : undefined
    if (known === undefined) writeWhole(shadow.table, record)
    else writeRows(shadow.table, keysOfDifferent(known, this.#textOf(shadow)), record)
  }

  #writeReported(shadow: CapturedShadow, reports: Reports, record: RecordText): void {
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
      case 'index':
        writeIndex(table, keys ?? new Set(), siblingKeys('pages'), record)
        break
      case 'segments':
        if (keys !== undefined) writeWhole(table, record)
        break
      case 'lone-content':
      case 'settings':
        break
      default:
        role satisfies never
    }
  }

  /** A table that is compared is not what it was, or nobody knows what it was. */
  #isUnknown(shadow: CapturedShadow): boolean {
    if (!isCompared(shadow) && !this.#suspects.has(shadow.name)) return false
    return this.#known.get(shadow.name) !== this.#textOf(shadow)
  }

  /** The rows as tuples, one to a line; of settings also the cookie that changes with each of them. */
  #textOf(shadow: CapturedShadow): string {
    const rows = [...shadow.table.text.all()].map(({ text }) => text)
    const pages = shadow.role === 'settings' ? this.#sibling(shadow, 'pages') : undefined
    const structure = pages?.table.text.at(STRUCTURE_KEY)
    return [...rows, ...(structure === undefined ? [] : [structure.slice(0, COOKIE_LENGTH)])].join(SEPARATOR)
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

/** No trigger may stand on these tables: they are compared with what they were. */
function isCompared({ role }: Shadow): boolean {
  return role === 'settings' || role === 'lone-content'
}

/** A text in which names can be found, however they are quoted. */
function withoutQuotes(text: string): string {
  return lowerCase(text.replace(/["'`[\]]/g, ''))
}

/** Keys by the numbers of their tables, ascending. */
type Reports = ReadonlyMap<number, ReadonlySet<bigint>>

function keysOf(reports: Map<number, Set<bigint>>, number: number): Set<bigint> {
  const known = reports.get(number)
  if (known !== undefined) return known
  const keys = new Set<bigint>()
  reports.set(number, keys)
  return keys
}
