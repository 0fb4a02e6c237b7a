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
// The triggers are made when the first statement comes that is not proven, and go when a long row of proven ones shows
// that they only cost time.
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
import { type ProvenResult, type ProvenRun, ProvenRuns } from './proven-runs.ts'
import { joined } from './record-text.ts'
import {
  refuseDdl,
  refuseHidingFail,
  refusePragma,
  refuseRecursion,
  refuseRecursiveSearch,
  refuseUnknown,
} from './refusals.ts'
import { ReplacedRows } from './replaced-rows.ts'
import { changedTables, type Schema } from './schema.ts'
import { SchemaTrust } from './schema-trust.ts'
import { pragmaOf, type StatementKind, type UserStatement } from './statement-kind.ts'
import { SystemState } from './system-state.ts'
import { readActingParents } from './table-facts.ts'
import { unsafeModeOf } from './unsafe-mode.ts'
import { hasUserTables } from './user-tables.ts'

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

/** Statements that touch no row of a table that is captured, or tell which. */
const NEED_NO_WATCH: ReadonlySet<StatementKind> = new Set<StatementKind>([
  'begin',
  'commit',
  'rollback',
  'savepoint',
  'release',
  'rollback-to',
  'pragma',
  'analyze',
  'attach',
  'vacuum',
  'other',
])
/** Making and dropping the triggers of a table costs about as much as so many reports of theirs. */
const REPORTS_PER_TABLE = 300

const SAVEPOINT = '"scriptlog:ddl"'
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
  readonly #trust: SchemaTrust
  readonly #provenRuns: ProvenRuns
  /** Statements under way; more than one while an iterator is open. */
  #running = 0
  /** Whether a transaction was open after the last statement. */
  #wasOpen = false
  /** TEMP objects were made or dropped in the open transaction: a rollback undoes that too. */
  #hasChangedTemp = false
  #wasVacuumed = false
  /** The DDL under way runs in a savepoint. */
  #hasSavepoint = false
  /** What triggers report is known: a proven statement is running. */
  #isDeaf = false
  #provenInARow = 0

  /** `trustsSchema`: the application has registered functions that the schema may call, also at the next open. */
  constructor(sqlite: Database, { trustsSchema = false } = {}) {
    this.#sqlite = sqlite
    this.#schema = new CapturedSchema(sqlite)
    this.#replaced = new ReplacedRows(sqlite)
    this.#system = new SystemState(sqlite)
    this.#trust = new SchemaTrust(sqlite, trustsSchema)
    this.#changes = new PendingChanges(sqlite, this.#schema)
    this.#provenRuns = new ProvenRuns(sqlite, this.#schema, this.#changes)
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

  /**
   * Called before each statement of the user that is no read. When it throws, the statement must not be run.
   * @throws {UsageError} for statements that would leave the log untrue.
   */
  beforeStatement(statement: UserStatement): void {
    const { kind, sql, mayReplace, mayFail } = statement
    this.#system.beforeStatement(statement)
    if (kind === 'ddl' ? this.#mayTouchRows(sql) : !NEED_NO_WATCH.has(kind)) this.#watch()
    switch (kind) {
      case 'write':
        if (mayFail && this.#schema.hasLateTriggers) refuseHidingFail(sql)
        if (unsafeModeOf(this.#sqlite).isAsked) this.#schema.shadows.expectDirectWrites(sql)
        if (mayReplace || this.#schema.mayReplace) this.#beginReplacing()
        break
      case 'ddl':
        refuseDdl(this.#sqlite, sql)
        if (this.#replaced.isRecursiveByUser) refuseRecursiveSearch(sql)
        this.#beginDdl(sql)
        break
      case 'savepoint':
        this.#changes.beginSavepoint()
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
   * Called instead of {@link beforeStatement} for a statement that may be proven; undefined when it is not, with these
   * arguments, and must go the way of all others.
   */
  beginProven(statement: UserStatement, given: readonly unknown[]): ProvenRun | undefined {
    if (this.#running > 0) return undefined
    const run = this.#provenRuns.plan(statement, given)
    if (run === undefined) return undefined
    if (run.as === 'text' && !this.#changes.tryBeginText(this.#replaced.lastVersion)) return undefined
    if (run.as === 'record') this.#perhapsUnwatch()
    this.#isDeaf = true
    this.#running++
    return run
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

  #watch(): void {
    this.#provenInARow = 0
    this.#schema.shadows.expectWrites()
    if (this.#schema.isWatched) return
    this.#hasChangedTemp = true
    this.#schema.watch()
  }

  /** DROP TABLE deletes the rows first, with what foreign keys make of that; modules do as they like. */
  #mayTouchRows(ddl: string): boolean {
    if (this.#schema.shadows.areThere) return true
    return leadingKeywords(ddl, 1)[0] === 'DROP' && readActingParents(this.#sqlite).onDelete.size > 0
  }

  #perhapsUnwatch(): void {
    // Modules may write to their tables in a SELECT.
    if (!this.#schema.isWatched || this.#schema.shadows.areThere) return
    this.#provenInARow++
    if (this.#provenInARow < REPORTS_PER_TABLE * (1 + this.#schema.tables.size)) return
    this.#replaced.letTriggersGo()
    this.#schema.unwatch()
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
    if (this.#isDeaf) return
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
      if (kind === 'rollback-to' && outcome === 'done') {
        this.#changes.rollBack()
        if (this.#changes.needsVersions) this.#replaced.wantTriggers()
        if (this.#hasChangedTemp) this.#refresh()
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
    if (this.#schema.shadows.endTransaction()) this.#schema.dropReports()
    this.#changes.clear(this.#replaced.lastVersion)
  }

  // --- DDL ---

  #beginDdl(sql: string): void {
    const [verb, modifier = ''] = leadingKeywords(sql, 2)
    if (verb === 'ALTER' && this.#replaced.areTriggersWanted) {
      this.#replaced.letTriggersGo()
      this.#installTriggers()
    }
    // What a CREATE or ALTER makes may turn out to be nothing that can be kept; DROP makes nothing. When a savepoint
    // begins, modules write what they held back: under the names that their tables have before the DDL.
    this.#hasSavepoint = verb !== 'DROP'
    if (this.#hasSavepoint) this.#sqlite.exec(`SAVEPOINT ${SAVEPOINT}`)
    try {
      this.#changes.beginText(this.#replaced.lastVersion, verb === 'ALTER')
    } catch (error) {
      if (this.#hasSavepoint) this.#sqlite.exec(`ROLLBACK TO ${SAVEPOINT}; RELEASE ${SAVEPOINT}`)
      throw error
    }
    // What no redo will repeat may run what only the application can run.
    const isRepeated = !modifier.startsWith('TEMP') && !(verb === 'ALTER' && hasUserTables(this.#schema.main))
    if (this.#hasSavepoint && isRepeated) this.#trust.withdraw()
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
    this.#changes.endText(text, 0, changedTables(before, this.#schema.main))
    // Redo may have to repeat it without the modules that the application registers, and views may name their tables.
    if (text.startsWith('ALTER') && hasUserTables(before)) this.#wasVacuumed = true
  }

  /** What the DDL did to the main schema, as text. */
  #followSchema(sql: string, before: Schema): string {
    // What creates something in main that is no trigger (those follow their tables) leaves other schemas alone.
    this.#refresh(/^\s*CREATE\b/i.test(sql) && !/\btrigger\b|\btemp|\./i.test(sql))
    const text = ddlText(sql, before, this.#schema.main)
    if (text.startsWith('CREATE VIRTUAL')) return text + this.#schema.contentOfNew(before)
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
    this.#changes.undoText()
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
