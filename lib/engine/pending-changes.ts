import type { Database } from 'better-sqlite3'
import { invariant, systemCode } from '../errors.ts'
import type { CapturedTables } from './captured-tables.ts'
import { Effects } from './effects.ts'
import { RecordText } from './record-text.ts'
import type { RowEvent } from './rowid-changes.ts'
import type { RedoneSequences } from './sequences.ts'

/** Effects that became text because DDL followed, and that DDL. */
interface Segment {
  /** The number in the TEMP schema from which on the segment is true. */
  readonly marker: number
  readonly record: RecordText
  readonly ddl: string
  /** Tables that the DDL created, altered or dropped. */
  readonly changedTables: readonly string[]
  /** What `record` was made of: needed again when a savepoint among it is rolled back to. */
  readonly effects: Effects
}

/** The changes of a transaction as text. */
export interface WrittenChanges {
  /** In their order; undefined for what is too large for a string. */
  readonly texts: readonly (string | undefined)[]
  readonly rows: number
  /** What redo of these texts does to the sequences. */
  readonly redone: RedoneSequences
}

const TOO_LARGE: ReadonlySet<string> = new Set(['SQLITE_TOOBIG', 'ERR_STRING_TOO_LONG'])

/**
 * What the transaction under way has done so far: segments of text up to its last DDL, and the rows that were
 * touched since. Rows need no undo, see {@link Effects}. Which segments are true, SQLite remembers: in a number of
 * the TEMP schema (its application_id) that rolls back with everything else.
 */
export class PendingChanges {
  readonly #sqlite: Database
  readonly #tables: CapturedTables
  #effects = new Effects(0)
  #segments: Segment[] = []
  #lastMarker = 0
  /** While DDL runs: what was touched before it, and its text in the schema before it. */
  #beforeDdl: { readonly effects: Effects; readonly record: RecordText } | undefined

  constructor(sqlite: Database, tables: CapturedTables) {
    this.#sqlite = sqlite
    this.#tables = tables
  }

  get isEmpty(): boolean {
    return this.#effects.isEmpty && this.#segments.length === 0
  }

  /** True when versions of rows may be written, so that their tables must be there. */
  get needsVersions(): boolean {
    return !this.#effects.isTrusted
  }

  touch(table: number, event: RowEvent, key: number | string): void {
    this.#effects.touch(this.#tables, table, event, key)
  }

  /** From now on rows may be replaced without a trace. */
  distrust(): void {
    this.#effects.distrust()
  }

  /** Makes text of what was touched so far, while the schema is as it was then. */
  beginDdl(lastVersion: number): void {
    this.#beforeDdl = { effects: this.#effects, record: this.#write(this.#effects) }
    this.#effects = new Effects(lastVersion)
  }

  /** `ddl` is what the DDL did, as text; empty when it did nothing that is logged. */
  endDdl(ddl: string, changedTables: readonly string[]): void {
    if (ddl === '') {
      this.undoDdl()
      return
    }
    const before = this.#beforeDdl
    invariant(before !== undefined, 'DDL that ends was begun')
    this.#beforeDdl = undefined
    this.#lastMarker++
    this.#segments.push({ ...before, marker: this.#lastMarker, ddl, changedTables })
    if (this.#sqlite.inTransaction) this.#sqlite.pragma(`temp.application_id=${this.#lastMarker}`)
  }

  /** As if the DDL had never begun. */
  undoDdl(): void {
    const before = this.#beforeDdl
    invariant(before !== undefined, 'DDL that is undone was begun')
    this.#beforeDdl = undefined
    this.#effects = before.effects
  }

  /** A savepoint was rolled back to: segments after it are lost; the first of them may have begun before it. */
  rollBack(): void {
    const marker = Number(this.#sqlite.pragma('temp.application_id', { simple: true }))
    const lost = this.#segments.findIndex((segment) => segment.marker > marker)
    const [first] = lost < 0 ? [] : this.#segments.splice(lost)
    if (first !== undefined) this.#effects = first.effects
  }

  /** The transaction is over. */
  clear(lastVersion: number): void {
    this.#segments = []
    this.#effects = new Effects(lastVersion)
  }

  write(): WrittenChanges {
    const segments = this.#segments
    const last = this.#tryWrite(this.#effects)
    const texts = [...segments.flatMap(({ record, ddl }) => [record.sql(), ddl]), last?.sql()]
    const rows = segments.reduce((sum, { record }) => sum + record.rows, last?.rows ?? 0)
    const written = segments.flatMap(({ record }) => [
      ...record.writtenInParts,
      ...record.highestWritten.keys(),
    ])
    const changed = segments.flatMap(({ changedTables }) => changedTables)
    const redone: RedoneSequences = {
      highestWritten: last?.highestWritten ?? new Map(),
      writtenInParts: new Set([...written, ...(last?.writtenInParts ?? [])]),
      changedTables: new Map(
        changed.map((name) => [name, this.#tables.named(name)?.shape.isAutoincrement === true]),
      ),
    }
    return { texts, rows, redone }
  }

  #write(effects: Effects): RecordText {
    const record = new RecordText()
    effects.write(this.#sqlite, this.#tables, record)
    return record
  }

  /** Undefined when a row is too large for a string: SQLite has committed it, and no text can hold it. */
  #tryWrite(effects: Effects): RecordText | undefined {
    try {
      return this.#write(effects)
    } catch (error) {
      if (error instanceof RangeError || TOO_LARGE.has(systemCode(error) ?? '')) return undefined
      throw error
    }
  }
}
