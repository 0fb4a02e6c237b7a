// Writing: what stands between a statement of the user and its acknowledgement.
//
//   before   may it be written now? `yes` is durable before SQLite's BEGIN; capture looks at the statement
//   act      SQLite runs it
//   after    when no transaction is open then, what was captured becomes a record and is committed
//
// SQLite commits first. Whatever goes wrong between that and the record is saved by a checkpoint at once: the
// checkpoint is *owed*, and until it has succeeded the commit is in doubt.

import { type CheckpointDone, checkpoint as makeCheckpoint } from '../checkpoint.ts'
import { Committer } from '../commit.ts'
import type { Capture, CommittedChanges } from '../engine/capture.ts'
import type { MemoryTables } from '../engine/memory-tables.ts'
import type { NativeDatabase, NativeStatement, RunResult } from '../engine/native.ts'
import type { ProvenResult, ProvenRun } from '../engine/proven-runs.ts'
import type { StatementKind, UserStatement } from '../engine/statement-kind.ts'
import type { Verbose } from '../engine/verbose.ts'
import {
  CheckpointIncompleteError,
  CommitInDoubtError,
  messageOf,
  pathOf,
  rootCause,
  ScriptlogError,
  systemCode,
  UsageError,
} from '../errors.ts'
import { formatLsn } from '../format/lsn.ts'
import type { AppendedCommit } from '../log/writer.ts'
import { resume } from '../resume.ts'
import type { Settings } from '../settings.ts'
import type { Store } from '../store.ts'
import { Attachments } from './attachments.ts'
import type { CheckpointResult } from './events.ts'
import type { CloseMode } from './hsqldb-statement.ts'
import type { Listeners } from './listeners.ts'
import type { FailureStatus } from './status.ts'
import { WriteFailure } from './write-failure.ts'

/** After an automatic checkpoint failed, the log grows by this share of `logSize` before the next try. */
const RETRY_SHARE = 0.25
const BYTES_A_MEGABYTE = 1_000_000

/** Statements that may end a transaction by committing it. */
const MAY_COMMIT: ReadonlySet<StatementKind> = new Set<StatementKind>(['commit', 'release'])

export interface WriteParts {
  readonly sqlite: NativeDatabase
  readonly tables: MemoryTables
  readonly capture: Capture
  readonly store: Store
  readonly listeners: Listeners
  readonly verbose: Verbose
}

export class WritePath {
  readonly #sqlite: NativeDatabase
  readonly #tables: MemoryTables
  readonly #capture: Capture
  readonly #store: Store
  readonly #listeners: Listeners
  readonly #verbose: Verbose
  readonly #attachments: Attachments
  readonly #committer: Committer
  readonly #failure: WriteFailure
  #logSizeBytes: number
  #nextAutomaticCheckpointBytes: number
  #openIterators = 0
  /** The open transaction has run a statement that may change something. */
  #hasChanges = false
  /** The last commit is durable only with the next checkpoint. */
  #owesCheckpoint = false
  #lastCommit: AppendedCommit | undefined
  #exclusiveWork: string | undefined
  #isOpen = true

  constructor({ sqlite, tables, capture, store, listeners, verbose }: WriteParts, settings: Settings) {
    this.#sqlite = sqlite
    this.#tables = tables
    this.#capture = capture
    this.#store = store
    this.#listeners = listeners
    this.#verbose = verbose
    this.#attachments = new Attachments(sqlite, store, listeners)
    this.#failure = new WriteFailure(store.environment.clock)
    this.#logSizeBytes = settings.logSize * BYTES_A_MEGABYTE
    this.#nextAutomaticCheckpointBytes = this.#logSizeBytes
    this.#committer = new Committer(store, settings.writeDelayMillis, (failure) => {
      const error = new CommitInDoubtError(`the log could not be written: ${messageOf(failure.cause)}`, {
        reason: failure.operation === 'sync' ? 'log-sync' : 'log-append',
        subcode: systemCode(failure.cause),
        path: store.log.path,
        cause: failure.cause,
        hint: 'mend the cause and call resume(); what was committed is visible and not yet durable',
      })
      this.#failure.begin(error)
      listeners.tell({ kind: 'backgroundError', error })
    })
  }

  /** The last commit since the open; not necessarily durable yet. */
  get lastCommit(): AppendedCommit | undefined {
    return this.#lastCommit
  }

  /** What keeps the database from being written. */
  get failure(): FailureStatus | undefined {
    return this.#failure.status()
  }

  /** The user asks for unsafe mode: anything may be written beside anything. */
  beginUnsafe(): void {
    this.#verbose.hush(() => this.#capture.beginUnsafe())
  }

  /** Runs a statement that may change something, and commits what it did when no transaction is open then. */
  run<T>(statement: UserStatement, act: () => T): T {
    this.#before(statement)
    let result: T
    try {
      result = act()
    } catch (error) {
      this.#after(statement, 'failed')
      throw error
    }
    this.#after(statement, 'done')
    return result
  }

  /** The same for `run()`, with arguments: the statement and these may tell what it does. */
  runWith(statement: UserStatement, native: NativeStatement, args: readonly unknown[]): RunResult {
    const proven = this.#prove(statement, args)
    if (proven === undefined) return this.run(statement, () => native.run(...args))
    const result = this.#actProven(proven, () => native.run(...proven.args))
    this.#endProven(proven, result)
    return result
  }

  /** The same for `get()`. */
  getWith(statement: UserStatement, native: NativeStatement, args: readonly unknown[]): unknown {
    const proven = this.#prove(statement, args, false)
    if (proven === undefined) return this.run(statement, () => native.get(...args))
    const row = this.#actProven(proven, () => native.get(...proven.args))
    this.#endProven(proven, { changes: row === undefined ? 0 : 1 })
    return row
  }

  /** The same for `all()`. */
  allWith(statement: UserStatement, native: NativeStatement, args: readonly unknown[]): unknown[] {
    const proven = this.#prove(statement, args)
    if (proven === undefined) return this.run(statement, () => native.all(...args))
    const rows = this.#actProven(proven, () => native.all(...proven.args))
    this.#endProven(proven, { changes: rows.length })
    return rows
  }

  #prove(statement: UserStatement, args: readonly unknown[], isEnded = true): ProvenRun | undefined {
    if (statement.plain === undefined) return undefined
    this.#assertMayChange()
    return this.#verbose.hush(() => this.#capture.beginProven(statement, args, { isEnded }))
  }

  #actProven<T>(proven: ProvenRun, act: () => T): T {
    try {
      return act()
    } catch (error) {
      this.#verbose.hush(() => this.#capture.endProven(proven, undefined))
      if (!this.#sqlite.inTransaction) this.#hasChanges = false
      throw error
    }
  }

  #endProven(proven: ProvenRun, result: ProvenResult): void {
    this.#verbose.hush(() => {
      if (this.#sqlite.inTransaction) this.#capture.endProven(proven, result)
      else this.#log(() => this.#capture.endProven(proven, result) ?? this.#capture.takeCommitted())
    })
  }

  /** The same for a statement whose rows are asked for one by one: it commits when the iterator ends. */
  beginIterator(statement: UserStatement): void {
    this.#before(statement)
    this.#openIterators++
  }

  endIterator(statement: UserStatement, outcome: 'done' | 'failed'): void {
    this.#openIterators--
    this.#after(statement, outcome)
  }

  /** @throws {CommitInDoubtError} when what was committed cannot be made durable. */
  flush(): void {
    if (this.#owesCheckpoint) this.#payCheckpoint()
    this.#noticing(() => this.#committer.flush())
  }

  async flushed(): Promise<void> {
    if (this.#owesCheckpoint) this.#payCheckpoint()
    await this.#committer.flushed()
  }

  /** Takes over settings that were changed. */
  follow({ writeDelayMillis, logSize }: Partial<Settings>): void {
    if (writeDelayMillis !== undefined) {
      this.#noticing(() => this.#committer.setWriteDelay(writeDelayMillis))
    }
    if (logSize !== undefined) {
      this.#logSizeBytes = logSize * BYTES_A_MEGABYTE
      this.#nextAutomaticCheckpointBytes = this.#logSizeBytes
    }
  }

  /** A checkpoint that the user asks for. */
  checkpoint(): CheckpointResult {
    this.#failure.assertWritable()
    return this.#checkpoint('yes')
  }

  /** See `Database.redo`. */
  redo(transactions: Iterable<string>, onCommit: (commit: AppendedCommit) => void): number {
    this.#failure.assertWritable()
    this.assertQuiet('to redo transactions')
    if (this.#tables.hasTempObjects()) {
      throw new UsageError('transactions are not redone while there are TEMP tables, views or triggers', {
        hint: 'drop them first: the names in a log mean the tables that are kept',
      })
    }
    this.#store.ensureDirty()
    let applied = 0
    this.exclusively('redoes transactions', () => {
      applied = this.#verbose.hush(() => this.#redoAll(transactions, onCommit))
    })
    this.#checkpointWhenDue()
    return applied
  }

  /** Makes the database writable again once the cause of a failure is mended; throws what still fails. */
  resume(): void {
    this.#listeners.tell({ kind: 'errorRecoveryBegin' })
    try {
      this.#saveBeyondFailure()
      if (this.#owesCheckpoint) this.#checkpoint('yes')
    } catch (error) {
      this.#listeners.tell({
        kind: 'errorRecoveryEnd',
        error: error instanceof ScriptlogError ? error : undefined,
      })
      throw error
    }
    this.#failure.end()
    this.#listeners.tell({ kind: 'errorRecoveryEnd', error: undefined })
  }

  /** Saves everything for a close; no transaction is open. */
  settle(mode: CloseMode): void {
    const { log, stateFile } = this.#store
    const wasNeverWritten = stateFile.state.modified === 'no' || stateFile.state.modified === 'no-new-files'
    if (wasNeverWritten && !stateFile.isInDoubt) return
    switch (mode) {
      case 'immediately':
        // Stock sqlite3 would apply twice what stands in both `.log` and `.log.next`.
        if (this.#owesCheckpoint || log.path !== this.#store.names.log || log.failure !== undefined) break
        this.#committer.prove()
        return
      case 'compact':
        this.#verbose.hush(() => this.#tables.compact())
        break
      case 'normal':
      case 'script':
        break
      default:
        mode satisfies never
    }
    // What is in doubt is saved by the snapshot, whose log begins past every byte of the one that failed.
    if (log.failure !== undefined) this.#saveBeyondFailure()
    this.#checkpoint('no')
  }

  /** Nothing is written after this. */
  close(): void {
    this.#isOpen = false
    this.#committer.close()
  }

  /** Runs what nobody may write or close in the middle of: no listener, and not who gives the transactions to redo. */
  exclusively(work: string, act: () => void): void {
    this.#assertNotExclusive()
    this.#exclusiveWork = work
    try {
      act()
    } finally {
      this.#exclusiveWork = undefined
    }
  }

  assertQuiet(purpose = 'to make a checkpoint'): void {
    if (!this.#sqlite.inTransaction && this.#openIterators === 0) return
    throw new UsageError(`it is not possible ${purpose} inside a transaction`, {
      hint: 'commit or roll back first',
    })
  }

  #before(statement: UserStatement): void {
    this.#verbose.hush(() => this.#begin(statement))
  }

  #after(statement: UserStatement, outcome: 'done' | 'failed'): void {
    this.#verbose.hush(() => this.#end(statement, outcome))
  }

  #begin(statement: UserStatement): void {
    if (statement.mayChange) this.#assertMayChange()
    else if (!this.#isOpen) throw new TypeError('The database connection is not open')
    else if (this.#hasChanges && MAY_COMMIT.has(statement.kind)) this.#failure.assertWritable()
    this.#attachments.before(statement)
    this.#capture.beforeStatement(statement)
  }

  #assertMayChange(): void {
    if (!this.#isOpen) throw new TypeError('The database connection is not open')
    this.#assertNotExclusive()
    this.#failure.assertWritable()
    this.#store.ensureDirty()
    this.#hasChanges = true
  }

  #end(statement: UserStatement, outcome: 'done' | 'failed'): void {
    this.#capture.afterStatement(statement, outcome)
    this.#attachments.after(statement)
    if (!this.#sqlite.inTransaction) this.#log(() => this.#capture.takeCommitted())
  }

  /** Logs what SQLite has committed. */
  #log(take: () => CommittedChanges | undefined): void {
    this.#hasChanges = false
    try {
      const committed = take()
      if (committed === undefined) return
      this.#owesCheckpoint = committed.needsCheckpoint
      if (!committed.needsCheckpoint) this.#commit(committed.sql)
    } catch (error) {
      if (error instanceof CommitInDoubtError) throw error
      // SQLite has committed what no record says now. A snapshot holds it, whatever went wrong here.
      this.#owesCheckpoint = true
      this.#listeners.tell({ kind: 'backgroundError', error: asUnlogged(error) })
    }
    if (this.#owesCheckpoint) this.#payCheckpoint()
    else this.#checkpointWhenDue()
  }

  #redoAll(transactions: Iterable<string>, onCommit: (commit: AppendedCommit) => void): number {
    let applied = 0
    this.#capture.stop()
    try {
      this.#tables.beginRedo()
      try {
        for (const sql of transactions) {
          if (!sql.endsWith(';\n')) {
            throw new UsageError('a logged transaction ends with a semicolon and a newline', {
              hint: 'give the sql of readLog() as it is',
            })
          }
          this.#tables.redo(Buffer.from(sql))
          this.#commit(sql)
          applied++
          if (this.#lastCommit !== undefined) onCommit(this.#lastCommit)
        }
      } finally {
        this.#tables.endRedo()
      }
    } finally {
      this.#capture.start()
    }
    return applied
  }

  #commit(body: string): void {
    this.#noticing(() => {
      this.#lastCommit = this.#committer.commit(body)
    })
  }

  /** Makes the checkpoint without which the last commit is not durable: no record can say what it did. */
  #payCheckpoint(): void {
    try {
      this.#checkpoint('yes')
    } catch (cause) {
      const error = new CommitInDoubtError(
        `the commit is visible and not durable: it needs a checkpoint, which failed: ${messageOf(cause)}`,
        {
          reason: 'checkpoint',
          subcode: systemCode(rootCause(cause)),
          path: pathOf(cause) ?? this.#store.names.base,
          cause,
          hint: 'mend the cause and call resume(); do not repeat the statement',
        },
      )
      this.#failure.begin(error)
      throw error
    }
  }

  /** Runs something that may leave commits in doubt, and remembers that it did. */
  #noticing(act: () => void): void {
    try {
      act()
    } catch (error) {
      if (error instanceof CommitInDoubtError) this.#failure.begin(error)
      throw error
    }
  }

  #checkpointWhenDue(): void {
    if (this.#logSizeBytes === 0 || this.#openIterators > 0) return
    const { log, stateFile } = this.#store
    if (log.endLsn - stateFile.state.checkpointLsn < this.#nextAutomaticCheckpointBytes) return
    try {
      this.#checkpoint('yes')
    } catch (error) {
      // Never out of the commit that happened to be the last one before: that one is durable or will be.
      if (!(error instanceof ScriptlogError)) throw error
      this.#nextAutomaticCheckpointBytes += Math.max(1, this.#logSizeBytes * RETRY_SHARE)
      this.#listeners.tell({ kind: 'backgroundError', error })
    }
  }

  #checkpoint(settleAs: 'yes' | 'no'): CheckpointResult {
    const { clock } = this.#store.environment
    const begun = clock()
    this.assertQuiet()
    let done: CheckpointDone
    try {
      this.#noticing(() => this.#committer.flush())
      done = this.#verbose.hush(() =>
        makeCheckpoint(this.#store, { statements: () => this.#snapshot(), settleAs }),
      )
    } catch (error) {
      // Whether the checkpoint counts is open until .properties has been replaced again. Behind its commit point
      // nothing is: the next write replaces the file, and goes on.
      const { stateFile, hasUnfinishedCheckpoint } = this.#store
      const isOpen = stateFile.isInDoubt && !hasUnfinishedCheckpoint
      if (isOpen && error instanceof CheckpointIncompleteError) this.#failure.begin(error)
      throw error
    }
    this.#owesCheckpoint = false
    this.#nextAutomaticCheckpointBytes = this.#logSizeBytes
    const result = {
      lsn: formatLsn(done.lsn),
      scriptBytes: done.scriptBytes,
      rows: done.rows,
      durationMillis: (clock() - begun) / 1000,
    }
    this.#listeners.tell({ kind: 'checkpoint', ...result })
    return result
  }

  /** Moves to a new log, which the failed one's bytes cannot reach. */
  #saveBeyondFailure(): void {
    this.#verbose.hush(() => resume(this.#store, () => this.#snapshot()))
  }

  #snapshot(): Iterable<string, number | undefined> {
    this.assertQuiet()
    return this.#tables.statements()
  }

  #assertNotExclusive(): void {
    if (this.#exclusiveWork === undefined) return
    throw new UsageError(`this is not possible while the database ${this.#exclusiveWork}`, {
      hint: 'do it before or after',
    })
  }
}

function asUnlogged(error: unknown): ScriptlogError {
  return new ScriptlogError('SCRIPTLOG_UNLOGGED', `a commit could not be logged: ${messageOf(error)}`, {
    reason: 'log-append',
    severity: 'soft',
    cause: error,
    hint: 'it was saved with a checkpoint instead; please report this',
  })
}
