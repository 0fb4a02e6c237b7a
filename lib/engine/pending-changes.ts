import type { Database } from 'better-sqlite3'
import { invariant, systemCode } from '../errors.ts'
import type { CapturedSchema } from './captured-schema.ts'
import type { CapturedTables } from './captured-tables.ts'
import { Effects } from './effects.ts'
import { asOwnWork } from './own-work.ts'
import { RecordText } from './record-text.ts'
import type { RowEvent } from './rowid-changes.ts'
import type { RedoneSequences } from './sequences.ts'
import type { ShadowChanges } from './shadow-changes.ts'

/** Effects that became text because a statement followed which is logged as text itself, and such statements. */
interface Segment {
  /** The number in the TEMP schema from which on the segment is true. */
  readonly marker: number
  readonly record: RecordText
  /** One after the other, with no effects between them. */
  readonly statements: string[]
  /** Rows that the statements changed. */
  rows: number
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
 * What the transaction under way has done so far: segments of text up to the last statement that is logged as text,
 * and the rows that were touched since. Rows need no undo, see {@link Effects}. Which segments are true, SQLite
 * remembers once there are savepoints: in a number of the TEMP schema (its application_id) that rolls back with
 * everything else.
 */
export class PendingChanges {
  readonly #sqlite: Database
  readonly #tables: CapturedTables
  readonly #shadows: ShadowChanges
  #effects = new Effects(0)
  #segments: Segment[] = []
  /** How many of them were there when the transaction began, of what a query under way has written before. */
  #segmentsBefore = 0
  #lastMarker = 0
  #hasSavepoints = false
  /** While a statement runs that becomes text: what was touched before it, and the text of that in the schema before it. */
  #before: { readonly effects: Effects; readonly record: RecordText } | undefined

  constructor(sqlite: Database, { tables, shadows }: CapturedSchema) {
    this.#sqlite = sqlite
    this.#tables = tables
    this.#shadows = shadows
  }

  get isEmpty(): boolean {
    return this.#effects.isEmpty && this.#segments.length === 0 && this.#shadows.isEmpty
  }

  /** Something was done that is logged as text. */
  get hasText(): boolean {
    return this.#segments.length > 0
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

  beginTransaction(): void {
    this.#segmentsBefore = this.#segments.length
  }

  /** A savepoint follows: what is text by now was true before it. */
  beginSavepoint(): void {
    this.#hasSavepoints = true
    if (this.#segments.length > 0) this.#mark()
  }

  /**
   * A statement follows that becomes text: so does what was touched so far, while everything is as it was then. Shadow
   * tables have nothing to do with other tables; only where they may get other names, `namesChange`, must their
   * changes stand before that.
   */
  beginText(lastVersion: number, namesChange = false): void {
    const record = this.#write(this.#effects)
    if (namesChange) this.#shadows.write(record, false)
    this.#before = { effects: this.#effects, record }
    this.#effects = new Effects(lastVersion)
  }

  /** The same; false, and nothing is begun, when what was touched so far is too large for a text. */
  tryBeginText(lastVersion: number): boolean {
    const record = this.#tryWrite(this.#effects)
    if (record === undefined) return false
    this.#before = { effects: this.#effects, record }
    this.#effects = new Effects(lastVersion)
    return true
  }

  /** What the statement did to `rows` rows, as text: empty when it did nothing that is logged. */
  endText(text: string, rows: number, changedTables: readonly string[]): void {
    if (text === '') {
      this.undoText()
      return
    }
    const before = this.#before
    invariant(before !== undefined, 'a statement that ends was begun')
    this.#before = undefined
    const last = this.#segments.at(-1)
    const isNext = before.effects.isEmpty && before.record.rows === 0 && changedTables.length === 0
    if (last !== undefined && isNext && !this.#hasSavepoints) {
      last.statements.push(text)
      last.rows += rows
      return
    }
    this.#lastMarker++
    this.#segments.push({ ...before, marker: this.#lastMarker, statements: [text], rows, changedTables })
    if (this.#hasSavepoints) this.#mark()
  }

  /** As if the statement had never begun. */
  undoText(): void {
    const before = this.#before
    invariant(before !== undefined, 'a statement that is undone was begun')
    this.#before = undefined
    this.#effects = before.effects
  }

  /** A savepoint was rolled back to: segments after it are lost; the first of them may have begun before it. */
  rollBack(): void {
    if (this.#segments.length === 0) return
    const marker = Number(this.#sqlite.pragma('temp.application_id', { simple: true }))
    const lost = this.#segments.findIndex((segment) => segment.marker > marker)
    const [first] = lost < 0 ? [] : this.#segments.splice(lost)
    if (first !== undefined) this.#effects = first.effects
  }

  /** The transaction was rolled back, and there is more to come before anything can be written. */
  rollBackWhole(): void {
    const [first] = this.#segments.splice(this.#segmentsBefore)
    if (first !== undefined) this.#effects = first.effects
  }

  /** The transaction is over. */
  clear(lastVersion: number): void {
    this.#segments = []
    this.#hasSavepoints = false
    this.#effects = new Effects(lastVersion)
  }

  write(): WrittenChanges {
    const segments = this.#segments
    const last = this.#tryWrite(this.#effects)
    const texts = [
      ...segments.flatMap(({ record, statements }) => [record.sql(), ...statements]),
      last?.sql(),
    ]
    const rows = segments.reduce((sum, segment) => sum + segment.record.rows + segment.rows, last?.rows ?? 0)
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

  #mark(): void {
    if (!this.#sqlite.inTransaction) return
    asOwnWork(this.#sqlite, () => this.#sqlite.pragma(`temp.application_id=${this.#lastMarker}`))
  }

  #write(effects: Effects): RecordText {
    const record = new RecordText()
    effects.write(this.#sqlite, this.#tables, record)
    return record
  }

  /** Undefined when a row is too large for a string: SQLite has committed it, and no text can hold it. */
  #tryWrite(effects: Effects): RecordText | undefined {
    try {
      const record = this.#write(effects)
      this.#shadows.write(record, true)
      return record
    } catch (error) {
      if (error instanceof RangeError || TOO_LARGE.has(systemCode(error) ?? '')) return undefined
      throw error
    }
  }
}
