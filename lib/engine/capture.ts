// What a transaction did, as row effects: net effects by dirty keys.
//
//   statement runs   TEMP triggers report which rows are touched: their keys, and whether they existed
//   DDL              what was touched so far becomes text in the old schema, the DDL follows: a segment
//   SQLite commits
//   takeCommitted    the rows that were touched are read as they are now, and written as DELETE, UPDATE, REPLACE
//                    and INSERT
//
// A row that was touched and did not change after all (its statement failed, a savepoint was rolled back) is
// written once more as it is, which does no harm. So rows need no undo; only segments do (pending-changes.ts).

import type { Database } from 'better-sqlite3'
import { invariant } from '../errors.ts'
import { leadingKeywords } from '../format/sql-scanner.ts'
import { ROW_EVENTS, TOUCH_FUNCTION } from './capture-triggers.ts'
import { CapturedSchema } from './captured-schema.ts'
import { ddlText } from './ddl-text.ts'
import { PendingChanges } from './pending-changes.ts'
import { joined } from './record-text.ts'
import { refuseDdl, refuseHidingFail, refusePragma, refuseUnknown } from './refusals.ts'
import { ReplacedRows } from './replaced-rows.ts'
import { changedTables, type Schema } from './schema.ts'
import { SchemaTrust } from './schema-trust.ts'
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

const SAVEPOINT = '"scriptlog:ddl"'

/** Captures what the transactions of one connection do, from {@link start} on. */
export class Capture {
  readonly #sqlite: Database
  readonly #schema: CapturedSchema
  readonly #replaced: ReplacedRows
  readonly #system: SystemState
  readonly #changes: PendingChanges
  readonly #trust: SchemaTrust
  /** Statements under way; more than one while an iterator is open. */
  #running = 0
  /** Whether a transaction was open after the last statement. */
  #wasOpen = false
  /** TEMP objects were made or dropped in the open transaction: a rollback undoes that too. */
  #hasChangedTemp = false
  #wasVacuumed = false
  /** The DDL under way runs in a savepoint. */
  #hasSavepoint = false

  /** `trustsSchema`: the application has registered functions that the schema may call, also at the next open. */
  constructor(sqlite: Database, { trustsSchema = false } = {}) {
    this.#sqlite = sqlite
    this.#schema = new CapturedSchema(sqlite)
    this.#replaced = new ReplacedRows(sqlite)
    this.#system = new SystemState(sqlite)
    this.#trust = new SchemaTrust(sqlite, trustsSchema)
    this.#changes = new PendingChanges(sqlite, this.#schema.tables)
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
      case 'unknown':
        refuseUnknown(this.#sqlite, sql)
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
    const { hasSequences } = this.#schema
    const isSystemChanged = this.#system.mayHaveChanged(hasSequences)
    const wasVacuumed = this.#wasVacuumed
    if (this.#changes.isEmpty && !isSystemChanged && !wasVacuumed) {
      this.#endTransaction()
      return undefined
    }
    const { texts, rows, redone } = this.#changes.write()
    const system = isSystemChanged ? this.#system.difference(hasSequences, redone) : ''
    this.#endTransaction()
    const sql = joined([...texts, system])
    if (wasVacuumed || sql === undefined) return { sql: '', rows, needsCheckpoint: true }
    return sql === '' ? undefined : { sql, rows, needsCheckpoint: false }
  }

  #touch(table: unknown, event: unknown, key: unknown): void {
    const name = typeof event === 'number' ? ROW_EVENTS[event] : undefined
    const isKey = typeof key === 'number' || typeof key === 'string'
    invariant(typeof table === 'number' && name !== undefined && isKey, 'capture triggers report rows')
    this.#changes.touch(table, name, key)
  }

  #beginReplacing(): void {
    const hadTriggers = this.#replaced.areTriggersWanted
    if (!this.#replaced.begin(this.#schema.hasUserTriggers)) return
    this.#changes.distrust()
    if (!hadTriggers) this.#installTriggers()
  }

  // --- the end of transactions ---

  #followTransaction({ kind, mayFail }: UserStatement, outcome: 'done' | 'failed'): void {
    const wasOpen = this.#wasOpen
    const isOpen = this.#sqlite.inTransaction
    this.#wasOpen = isOpen
    if (isOpen) {
      if (kind === 'rollback-to' && outcome === 'done' && this.#hasChangedTemp) {
        this.#changes.rollBack()
        if (this.#changes.needsVersions) this.#replaced.wantTriggers()
        this.#refresh()
      }
      return
    }
    if (this.#running > 0) return
    // What failed outside of a transaction is undone, unless conflict resolution by FAIL kept a part of it.
    const isUndone = outcome === 'done' ? kind === 'rollback' : wasOpen || !(mayFail || this.#schema.mayFail)
    if (!isUndone) return
    if (this.#hasChangedTemp) this.#refresh()
    this.#endTransaction()
  }

  #endTransaction(): void {
    this.#hasChangedTemp = false
    this.#wasVacuumed = false
    this.#system.endTransaction()
    if (this.#replaced.endTransaction()) this.#schema.dropVersions()
    this.#changes.clear(this.#replaced.lastVersion)
  }

  // --- DDL ---

  #beginDdl(sql: string): void {
    const [verb, modifier = ''] = leadingKeywords(sql, 2)
    if (verb === 'ALTER' && this.#replaced.areTriggersWanted) {
      this.#replaced.letTriggersGo()
      this.#installTriggers()
    }
    this.#changes.beginDdl(this.#replaced.lastVersion)
    // What a CREATE or ALTER makes may turn out to be nothing that can be kept; DROP makes nothing.
    this.#hasSavepoint = verb !== 'DROP'
    try {
      if (this.#hasSavepoint) this.#sqlite.exec(`SAVEPOINT ${SAVEPOINT}`)
    } catch (error) {
      // An iterator is open.
      this.#changes.undoDdl()
      throw error
    }
    if (this.#hasSavepoint && !modifier.startsWith('TEMP')) this.#trust.withdraw()
    // Foreign key actions within DROP TABLE run triggers.
    if (verb === 'DROP' && this.#schema.mayReplace) this.#beginReplacing()
  }

  #endDdl(sql: string, outcome: 'done' | 'failed'): void {
    this.#trust.restore()
    if (outcome === 'failed') {
      this.#undoDdl()
      return
    }
    const before = this.#schema.main
    let text: string
    try {
      text = this.#followSchema(sql, before)
    } catch (error) {
      this.#undoDdl()
      throw error
    }
    if (this.#hasSavepoint) this.#sqlite.exec(`RELEASE ${SAVEPOINT}`)
    this.#changes.endDdl(text, changedTables(before, this.#schema.main))
  }

  /** What the DDL did to the main schema, as text. */
  #followSchema(sql: string, before: Schema): string {
    // What creates something in main that is no trigger (those follow their tables) leaves other schemas alone.
    this.#refresh(/^\s*CREATE\b/i.test(sql) && !/\btrigger\b|\btemp|\./i.test(sql))
    const text = ddlText(sql, before, this.#schema.main)
    // CREATE TABLE … AS SELECT fires no triggers.
    for (const table of this.#schema.tables) {
      const { name, key } = table.shape
      if (!text.startsWith('CREATE TABLE') || before.has(`table ${name}`) || key.kind !== 'rowid') continue
      for (const rowid of table.rowidsBetween(1, Number.MAX_SAFE_INTEGER)) {
        this.#changes.touch(table.number, 'inserted', rowid)
      }
    }
    return text
  }

  #undoDdl(): void {
    this.#changes.undoDdl()
    // An error may have rolled back the whole transaction.
    if (this.#hasSavepoint && this.#sqlite.inTransaction) {
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
