// What a transaction did, as row effects: net effects by dirty keys.
//
//   statement runs   TEMP triggers report which rows are touched: their keys, and whether they existed
//   DDL              what was touched so far becomes text in the old schema, the DDL follows: a segment
//   SQLite commits
//   takeCommitted    the rows that were touched are read as they are now, and written as DELETE, UPDATE, REPLACE
//                    and INSERT
//
// A row that was touched and did not change after all (its statement failed, a savepoint was rolled back) is
// written once more as it is, which does no harm. So rows need no undo; only segments do, and which of them are
// true SQLite itself remembers: in a number of the TEMP schema that rolls back with everything else.

import type { Database } from 'better-sqlite3'
import { invariant, messageOf, ScriptlogError } from '../errors.ts'
import { ownStatements } from '../format/own-statements.ts'
import { leadingKeywords } from '../format/sql-scanner.ts'
import { ROW_EVENTS, TOUCH_FUNCTION } from './capture-triggers.ts'
import { CapturedSchema } from './captured-schema.ts'
import { ddlText } from './ddl-text.ts'
import { Effects } from './effects.ts'
import { joined, RecordText } from './record-text.ts'
import { refuseDdl, refuseHidingFail, refusePragma } from './refusals.ts'
import { ReplacedRows } from './replaced-rows.ts'
import { changedTables, type Schema } from './schema.ts'
import { pragmaOf, type UserStatement } from './statement-kind.ts'
import { SystemState } from './system-state.ts'

/** What a committed transaction did. */
export interface CommittedChanges {
  /** Statements, each ended by `;` and a newline; empty when a record cannot say it: see `needsCheckpoint`. */
  readonly sql: string
  /** Rows written or deleted. */
  readonly rows: number
  /**
   * No record can express the change: VACUUM renumbers rowids, and a text may be too large for a string. It is
   * durable with the next checkpoint, and nothing may be logged before that.
   */
  readonly needsCheckpoint: boolean
}

/** Effects that became text because DDL followed, and that DDL. */
interface Segment {
  /** The number in the TEMP schema from which on the segment is true. */
  readonly marker: number
  /** Undefined when it is too large for a string. */
  readonly sql: string | undefined
  readonly rows: number
  /** Tables with AUTOINCREMENT that the segment writes. */
  readonly writtenInParts: readonly string[]
  /** Tables that the DDL created, altered or dropped. */
  readonly changedTables: readonly string[]
  /** The effects before the DDL: needed again when a savepoint among them is rolled back to. */
  readonly effects: Effects
}

/** A DDL statement under way. */
interface RunningDdl {
  readonly effects: Effects
  /** The effects before the statement, written in the schema before it. */
  readonly record: RecordText
  readonly hasSavepoint: boolean
}

const SAVEPOINT = '"scriptlog:ddl"'

/** Captures what the transactions of one connection do, from {@link start} on. */
export class Capture {
  readonly #sqlite: Database
  readonly #schema: CapturedSchema
  readonly #replaced: ReplacedRows
  readonly #system: SystemState
  #effects: Effects
  #segments: Segment[] = []
  #lastMarker = 0
  #ddl: RunningDdl | undefined
  /** Statements under way; more than one while an iterator is open. */
  #running = 0
  /** Whether a transaction was open after the last statement. */
  #wasOpen = false
  /** TEMP objects were made or dropped in the open transaction: a rollback undoes that too. */
  #hasChangedTemp = false
  #wasVacuumed = false

  constructor(sqlite: Database) {
    this.#sqlite = sqlite
    this.#schema = new CapturedSchema(sqlite)
    this.#replaced = new ReplacedRows(sqlite)
    this.#system = new SystemState(sqlite)
    this.#effects = new Effects(0)
    const touch = (table: unknown, event: unknown, key: unknown) => this.#touch(table, event, key)
    sqlite.function(TOUCH_FUNCTION, { safeIntegers: false }, touch)
  }

  /**
   * Takes what is there as given and begins to capture: after load and redo, before the user's first statement.
   * @throws {ScriptlogError} when a table cannot be captured.
   */
  start(): void {
    invariant(!this.#sqlite.inTransaction, 'capture starts between transactions')
    this.#schema.refresh(false, false)
    this.#replaced.readPragma()
    this.#system.start(this.#schema.hasSequences)
  }

  /** Stops capturing between transactions, so that records can be redone; {@link start} begins anew. */
  stop(): void {
    invariant(!this.#sqlite.inTransaction && this.#running === 0, 'capture stops between transactions')
    this.#replaced.restorePragma()
    this.#replaced.letTriggersGo()
    this.#schema.removeTriggers()
  }

  /**
   * Called before each statement of the user that is no read. When it throws, the statement must not be run.
   * @throws {UsageError} for statements that would leave the log untrue.
   */
  beforeStatement(statement: UserStatement): void {
    const { kind, sql, mayReplace, mayFail } = statement
    this.#system.beforeStatement(statement)
    switch (kind) {
      case 'write':
        if (mayFail && this.#schema.hasLateTriggers) refuseHidingFail(sql)
        if (mayReplace || this.#schema.mayReplace) this.#beginReplacing()
        break
      case 'ddl':
        refuseDdl(this.#sqlite, sql)
        this.#beginDdl(sql)
        break
      case 'pragma':
        refusePragma(sql)
        if (pragmaOf(sql)?.name === 'recursive_triggers') this.#replaced.restorePragma()
        break
    }
    this.#running++
  }

  /**
   * Called after each statement that {@link beforeStatement} let through.
   * @throws {ScriptlogError} when it made something that scriptlog cannot keep; the statement is undone then.
   */
  afterStatement(statement: UserStatement, outcome: 'done' | 'failed'): void {
    this.#running--
    this.#replaced.end()
    this.#system.afterStatement(statement)
    switch (statement.kind) {
      case 'ddl':
        this.#endDdl(statement.sql, outcome)
        break
      case 'pragma':
        if (pragmaOf(statement.sql)?.name === 'recursive_triggers') this.#replaced.readPragma()
        break
      case 'analyze': // It creates tables.
      case 'attach':
        this.#refresh()
        break
      case 'vacuum':
        this.#wasVacuumed ||= outcome === 'done'
        break
    }
    this.#followTransaction(statement, outcome)
  }

  /**
   * What the transaction did that SQLite has just committed; undefined when there is nothing to log, and as long
   * as a transaction is open. Everything is given once.
   */
  takeCommitted(): CommittedChanges | undefined {
    if (this.#running > 0 || this.#sqlite.inTransaction) return undefined
    const segments = this.#segments
    const isSystemChanged = this.#system.mayHaveChanged(this.#schema.hasSequences)
    if (this.#effects.isEmpty && segments.length === 0 && !isSystemChanged && !this.#wasVacuumed)
      return undefined
    const record = this.#write(this.#effects)
    const system = isSystemChanged ? this.#systemText(record) : ''
    const sql = joined([...segments.map((segment) => segment.sql), record.sql(), system])
    const rows = segments.reduce((sum, segment) => sum + segment.rows, record.rows)
    const needsCheckpoint = this.#wasVacuumed || sql === undefined
    this.#endTransaction()
    if (needsCheckpoint) return { sql: '', rows, needsCheckpoint }
    return sql === '' ? undefined : { sql, rows, needsCheckpoint }
  }

  /** The changes of what is in no ordinary table, to follow the record's other statements. */
  #systemText(record: RecordText): string {
    const segments = this.#segments
    return this.#system.difference(this.#schema.hasSequences, {
      highestWritten: record.highestWritten,
      writtenInParts: new Set([record, ...segments].flatMap((part) => [...part.writtenInParts])),
      changedTables: new Set(segments.flatMap((segment) => segment.changedTables)),
    })
  }

  #touch(table: unknown, event: unknown, key: unknown): void {
    const name = typeof event === 'number' ? ROW_EVENTS[event] : undefined
    const isKey = typeof key === 'number' || typeof key === 'string'
    invariant(typeof table === 'number' && name !== undefined && isKey, 'capture triggers report rows')
    this.#effects.touch(this.#schema.tables, table, name, key)
  }

  #write(effects: Effects): RecordText {
    const record = new RecordText()
    effects.write(this.#sqlite, this.#schema.tables, record)
    return record
  }

  #beginReplacing(): void {
    const hadTriggers = this.#replaced.areTriggersWanted
    if (!this.#replaced.begin(this.#schema.hasUserTriggers)) return
    this.#effects.distrust()
    if (!hadTriggers) this.#installTriggers()
  }

  // --- the end of transactions ---

  #followTransaction({ kind, mayFail }: UserStatement, outcome: 'done' | 'failed'): void {
    const wasOpen = this.#wasOpen
    const isOpen = this.#sqlite.inTransaction
    this.#wasOpen = isOpen
    if (isOpen) {
      if (kind === 'rollback-to' && outcome === 'done') this.#afterRollbackTo()
      return
    }
    if (this.#running > 0) return
    // What failed outside of a transaction is undone, unless conflict resolution by FAIL kept a part of it.
    const isUndone = outcome === 'done' ? kind === 'rollback' : wasOpen || !(mayFail || this.#schema.mayFail)
    if (!isUndone) return
    if (this.#hasChangedTemp) this.#refresh()
    this.#effects = new Effects(this.#replaced.lastVersion)
    this.#endTransaction()
  }

  #endTransaction(): void {
    this.#segments = []
    this.#hasChangedTemp = false
    this.#wasVacuumed = false
    this.#system.endTransaction()
    if (this.#replaced.endTransaction()) this.#schema.dropVersions()
    if (!this.#effects.isEmpty) this.#effects = new Effects(this.#replaced.lastVersion)
  }

  /** Segments after the savepoint are lost. What the first of them made text may be true in part. */
  #afterRollbackTo(): void {
    if (!this.#hasChangedTemp) return
    const marker = Number(this.#sqlite.pragma('temp.application_id', { simple: true }))
    const lost = this.#segments.find((segment) => segment.marker > marker)
    if (lost !== undefined) {
      this.#segments = this.#segments.slice(0, this.#segments.indexOf(lost))
      this.#effects = lost.effects
    }
    this.#refresh()
  }

  // --- DDL ---

  #beginDdl(sql: string): void {
    const verb = leadingKeywords(sql, 1)[0]
    const effects = this.#effects
    const record = this.#write(effects)
    if (verb === 'ALTER' && this.#replaced.areTriggersWanted) {
      this.#replaced.letTriggersGo()
      this.#installTriggers()
    }
    // What a CREATE or ALTER makes may turn out to be nothing that can be kept; DROP makes nothing.
    const hasSavepoint = verb !== 'DROP'
    if (hasSavepoint) this.#sqlite.exec(`SAVEPOINT ${SAVEPOINT}`)
    this.#effects = new Effects(this.#replaced.lastVersion)
    this.#ddl = { effects, record, hasSavepoint }
    // Foreign key actions within DROP TABLE run triggers.
    if (verb === 'DROP' && this.#schema.mayReplace) this.#beginReplacing()
  }

  #endDdl(sql: string, outcome: 'done' | 'failed'): void {
    const ddl = this.#ddl
    invariant(ddl !== undefined, 'DDL that ends was begun')
    this.#ddl = undefined
    const isDone = outcome === 'done'
    const before = this.#schema.main
    let text = ''
    try {
      if (isDone) text = this.#followSchema(sql, before)
    } catch (error) {
      this.#undoDdl(ddl)
      throw error
    }
    if (!isDone) {
      this.#undoDdl(ddl)
      return
    }
    if (ddl.hasSavepoint) this.#sqlite.exec(`RELEASE ${SAVEPOINT}`)
    if (text === '') {
      this.#effects = ddl.effects
      return
    }
    this.#lastMarker++
    this.#segments.push({
      marker: this.#lastMarker,
      sql: joined([ddl.record.sql(), text]),
      rows: ddl.record.rows,
      writtenInParts: [...ddl.record.writtenInParts, ...ddl.record.highestWritten.keys()],
      changedTables: changedTables(before, this.#schema.main),
      effects: ddl.effects,
    })
    if (this.#sqlite.inTransaction) this.#sqlite.pragma(`temp.application_id=${this.#lastMarker}`)
  }

  /** What the DDL did to the main schema, as text. */
  #followSchema(sql: string, before: Schema): string {
    // What creates something in main that is no trigger (those follow their tables) leaves other schemas alone.
    this.#refresh(/^\s*CREATE\b/i.test(sql) && !/\btrigger\b|\btemp|\./i.test(sql))
    const text = ddlText(sql, before, this.#schema.main)
    assertKeepable(text)
    if (text.startsWith('CREATE TABLE')) this.#touchSelected(before)
    return text
  }

  /** CREATE TABLE … AS SELECT fires no triggers. */
  #touchSelected(before: Schema): void {
    for (const table of this.#schema.tables) {
      const { name, key } = table.shape
      if (before.has(`table ${name}`) || key.kind !== 'rowid') continue
      for (const rowid of table.rowidsBetween(1, Number.MAX_SAFE_INTEGER)) {
        this.#effects.touch(this.#schema.tables, table.number, 'inserted', rowid)
      }
    }
  }

  #undoDdl(ddl: RunningDdl): void {
    this.#effects = ddl.effects
    // An error may have rolled back the whole transaction.
    if (ddl.hasSavepoint && this.#sqlite.inTransaction) {
      this.#sqlite.exec(`ROLLBACK TO ${SAVEPOINT}; RELEASE ${SAVEPOINT}`)
    }
    this.#refresh()
  }

  #refresh(isTempKnown = false): void {
    this.#hasChangedTemp = true
    this.#schema.refresh(this.#replaced.areTriggersWanted, isTempKnown)
    if (this.#schema.hasUserTriggers) this.#replaced.restorePragma()
  }

  #installTriggers(): void {
    this.#hasChangedTemp = true
    this.#schema.installTriggers(this.#replaced.areTriggersWanted)
  }
}

/** @throws {ScriptlogError} for DDL that loading and redo would refuse: better now than at the next open. */
function assertKeepable(text: string): void {
  try {
    for (const _ of ownStatements(text));
  } catch (cause) {
    throw new ScriptlogError('SCRIPTLOG_CANNOT_KEEP', `this cannot be kept: ${messageOf(cause)}`, {
      reason: 'sql',
      severity: 'soft',
      cause,
    })
  }
}
