// What a transaction did, as row effects: net effects by dirty keys.
//
//   statement runs   TEMP triggers report which rows are touched: their keys, and whether they existed
//   proven statement its effect is known (proofs.ts): outside of transactions its text is the record; within them its
//                    row is touched without a trigger, or its text is a segment
//   DDL              what was touched so far becomes text in the old schema, the DDL follows: a segment
//   SQLite commits
//   takeCommitted    the rows that were touched are read as they are now, and written as DELETE, UPDATE, REPLACE
//                    and INSERT
//
// A row that was touched and did not change after all (its statement failed, a savepoint was rolled back) is
// written once more as it is, which does no harm. So rows need no undo; only segments do (pending-changes.ts).

import type { Database } from 'better-sqlite3'
import { invariant } from '../errors.ts'
import { ROW_EVENTS, TOUCH_FUNCTION } from './capture-triggers.ts'
import { CapturedDdl } from './captured-ddl.ts'
import { CapturedSchema } from './captured-schema.ts'
import { PendingChanges } from './pending-changes.ts'
import { type ProvenResult, type ProvenRun, ProvenRuns } from './proven-runs.ts'
import { joined } from './record-text.ts'
import {
  refuseDdl,
  refuseHidden,
  refuseHidingFail,
  refusePragma,
  refuseRecursion,
  refuseRecursiveSearch,
  refuseShadowDdl,
  refuseUnknown,
} from './refusals.ts'
import { ReplacedRows } from './replaced-rows.ts'
import { SchemaTrust } from './schema-trust.ts'
import { pragmaOf, type StatementKind, type UserStatement } from './statement-kind.ts'
import { SystemState } from './system-state.ts'
import { unsafeModeOf } from './unsafe-mode.ts'
import { Watching } from './watching.ts'

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

/** SQLite may forget the schema, and read it anew. So it may with any statement that fails. */
const FORGETTING: ReadonlySet<StatementKind> = new Set<StatementKind>([
  'rollback',
  'rollback-to',
  'vacuum',
  'attach',
  'pragma',
])

/** Captures what the transactions of one connection do, from {@link start} on. */
export class Capture {
  readonly #sqlite: Database
  readonly #schema: CapturedSchema
  readonly #replaced: ReplacedRows
  readonly #system: SystemState
  readonly #changes: PendingChanges
  readonly #watching: Watching
  readonly #ddl: CapturedDdl
  readonly #provenRuns: ProvenRuns
  /** Statements under way; more than one while an iterator is open. */
  #running = 0
  /** Whether a transaction was open after the last statement. */
  #wasOpen = false
  /** Something was done that no record can repeat. */
  #needsCheckpoint = false
  /** What triggers report is known: a proven statement is running. */
  #isDeaf = false

  /** `trustsSchema`: the application has registered functions that the schema may call, also at the next open. */
  constructor(sqlite: Database, { trustsSchema = false } = {}) {
    this.#sqlite = sqlite
    this.#schema = new CapturedSchema(sqlite)
    this.#replaced = new ReplacedRows(sqlite)
    this.#system = new SystemState(sqlite)
    this.#changes = new PendingChanges(sqlite, this.#schema)
    this.#provenRuns = new ProvenRuns(sqlite, this.#schema, this.#changes)
    this.#watching = new Watching(sqlite, this.#schema, this.#replaced, this.#changes)
    this.#ddl = new CapturedDdl({
      sqlite,
      schema: this.#schema,
      changes: this.#changes,
      trust: new SchemaTrust(sqlite, trustsSchema),
      watching: this.#watching,
    })
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
    this.#schema.shadows.endTransaction()
  }

  /** Stops capturing between transactions, so that records can be redone; {@link start} begins anew. */
  stop(): void {
    invariant(!this.#sqlite.inTransaction && this.#running === 0, 'capture stops between transactions')
    this.#replaced.restorePragma()
    this.#replaced.letTriggersGo()
    this.#schema.unwatch()
  }

  /** The user asks for unsafe mode. */
  beginUnsafe(): void {
    this.#watching.beginUnsafe()
  }

  /**
   * Called before each statement of the user that is no read. When it throws, the statement must not be run.
   * @throws {UsageError} for statements that would leave the log untrue.
   */
  beforeStatement(statement: UserStatement): void {
    const { kind, sql, mayReplace, mayFail } = statement
    this.#system.beforeStatement(statement)
    this.#watching.beforeStatement(statement)
    switch (kind) {
      case 'write':
        if (mayFail && this.#schema.hasLateTriggers) refuseHidingFail(sql)
        if (unsafeModeOf(this.#sqlite).isAsked) this.#schema.shadows.expectDirectWrites(sql)
        if (mayReplace || this.#schema.mayReplace) this.#watching.beginReplacing()
        break
      case 'ddl':
        refuseDdl(this.#sqlite, sql)
        if (unsafeModeOf(this.#sqlite).isAsked) refuseShadowDdl(this.#sqlite, sql)
        if (this.#replaced.isRecursiveByUser) refuseRecursiveSearch(sql)
        this.#ddl.begin(sql, this.#replaced.lastVersion)
        break
      case 'savepoint':
        this.#changes.beginSavepoint()
        break
      case 'vacuum':
        refuseHidden(this.#sqlite, sql)
        break
      case 'unknown':
        refuseUnknown(this.#sqlite, sql)
        break
      case 'pragma':
        refusePragma(sql, unsafeModeOf(this.#sqlite).isAsked)
        if (pragmaOf(sql)?.name === 'recursive_triggers') {
          if (this.#schema.shadows.mustNotRecurse) refuseRecursion(sql)
          this.#replaced.restorePragma()
        }
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
    if (outcome === 'failed' || FORGETTING.has(statement.kind)) this.#schema.keepTriggersAlive()
    this.#system.afterStatement(statement)
    switch (statement.kind) {
      case 'ddl':
        if (this.#ddl.end(statement.sql, outcome)) this.#needsCheckpoint = true
        break
      case 'pragma':
        if (pragmaOf(statement.sql)?.name === 'recursive_triggers') this.#replaced.readPragma()
        break
      case 'analyze': // It creates tables.
      case 'attach':
        this.#watching.refresh()
        break
      case 'vacuum':
        this.#needsCheckpoint ||= outcome === 'done'
        break
    }
    this.#followTransaction(statement, outcome)
  }

  /**
   * Called instead of {@link beforeStatement} for a statement that may be proven; undefined when it is not, with these
   * arguments, and must go the way of all others. `isEnded`: see {@link ProvenRuns.plan}.
   */
  beginProven(
    statement: UserStatement,
    given: readonly unknown[],
    { isEnded = true } = {},
  ): ProvenRun | undefined {
    if (this.#running > 0) return undefined
    const run = this.#provenRuns.plan(statement, given, isEnded)
    if (run === undefined) return undefined
    if (run.as === 'text' && !this.#mayBeginText()) return undefined
    if (run.as === 'record') this.#watching.beforeProven()
    this.#isDeaf = true
    this.#running++
    return run
  }

  /** Remembering the place of a text among savepoints makes queries fail that are under way. */
  #mayBeginText(): boolean {
    return !unsafeModeOf(this.#sqlite).isAsked && this.#changes.tryBeginText(this.#replaced.lastVersion)
  }

  /** Called after it; `result` is undefined when it failed. Gives what it has committed, where that is known already. */
  endProven(run: ProvenRun, result: ProvenResult | undefined): CommittedChanges | undefined {
    this.#isDeaf = false
    this.#running--
    if (result === undefined) {
      if (run.as === 'text') this.#changes.undoText()
      this.#followTransaction(run.statement, 'failed')
      return undefined
    }
    if (run.as === 'record') {
      const sql = this.#provenRuns.recordOf(run, result)
      return sql === '' ? undefined : { sql, rows: result.changes, needsCheckpoint: false }
    }
    this.#system.afterStatement(run.statement)
    this.#provenRuns.keep(run, result)
    this.#followTransaction(run.statement, 'done')
    return undefined
  }

  /**
   * What the transaction did that SQLite has just committed; undefined when there is nothing to log, and as long
   * as a transaction is open. Everything is given once.
   */
  takeCommitted(): CommittedChanges | undefined {
    if (this.#running > 0 || this.#sqlite.inTransaction) return undefined
    const { hasSequences } = this.#schema
    const isSystemChanged = this.#system.mayHaveChanged(hasSequences)
    const needsCheckpoint = this.#needsCheckpoint
    if (this.#changes.isEmpty && !isSystemChanged && !needsCheckpoint) {
      this.#endTransaction()
      return undefined
    }
    const { texts, rows, redone } = this.#changes.write()
    const system = isSystemChanged ? this.#system.difference(hasSequences, redone) : ''
    this.#endTransaction()
    const sql = joined([...texts, system])
    if (needsCheckpoint || sql === undefined) return { sql: '', rows, needsCheckpoint: true }
    return sql === '' ? undefined : { sql, rows, needsCheckpoint: false }
  }

  #touch(table: unknown, event: unknown, key: unknown): void {
    if (this.#isDeaf) return
    const name = typeof event === 'number' ? ROW_EVENTS[event] : undefined
    const isKey = typeof key === 'number' || typeof key === 'string'
    invariant(typeof table === 'number' && name !== undefined && isKey, 'capture triggers report rows')
    this.#changes.touch(table, name, key)
  }

  // --- the end of transactions ---

  #followTransaction({ kind, mayFail }: UserStatement, outcome: 'done' | 'failed'): void {
    const wasOpen = this.#wasOpen
    const isOpen = this.#sqlite.inTransaction
    this.#wasOpen = isOpen
    if (isOpen) {
      if (!wasOpen) this.#changes.beginTransaction()
      if (kind === 'rollback-to' && outcome === 'done') {
        this.#changes.rollBack()
        if (this.#changes.needsVersions) this.#replaced.wantTriggers()
        this.#watching.afterRollback()
      }
      return
    }
    if (this.#running > 0) {
      if (kind === 'rollback' || outcome === 'failed') this.#followBesideWriter(wasOpen)
      return
    }
    // What failed outside of a transaction is undone, unless conflict resolution by FAIL kept a part of it.
    const isUndone = outcome === 'done' ? kind === 'rollback' : wasOpen || !(mayFail || this.#schema.mayFail)
    if (!isUndone) return
    this.#watching.afterRollback()
    this.#endTransaction()
  }

  /** What failed, or was rolled back, beside a query that writes: that may have been undone as well. */
  #followBesideWriter(wasOpen: boolean): void {
    if (wasOpen) this.#changes.rollBackWhole()
    // Nobody tells whether the statement alone was undone, or everything.
    else if (this.#changes.hasText) this.#needsCheckpoint = true
    if (this.#changes.needsVersions) this.#replaced.wantTriggers()
    unsafeModeOf(this.#sqlite).lift(() => this.#watching.afterRollback())
  }

  #endTransaction(): void {
    this.#watching.endTransaction()
    this.#needsCheckpoint = false
    this.#system.endTransaction()
    if (this.#replaced.endTransaction()) this.#schema.dropVersions()
    if (this.#schema.shadows.endTransaction()) this.#schema.dropReports()
    this.#changes.clear(this.#replaced.lastVersion)
  }
}
