import { type CheckpointDone, checkpoint as makeCheckpoint } from './checkpoint.ts'
import { Committer } from './commit.ts'
import type { Capture } from './engine/capture.ts'
import type { MemoryTables } from './engine/memory-tables.ts'
import type {
  AggregateOptions,
  FunctionOptions,
  NativeDatabase,
  NativeStatement,
  SqlFunction,
} from './engine/native.ts'
import { assertMayPrepare } from './engine/refusals.ts'
import { registrarOf } from './engine/registrar.ts'
import { describeStatement, type StatementKind, type UserStatement } from './engine/statement-kind.ts'
import {
  CheckpointIncompleteError,
  CommitInDoubtError,
  messageOf,
  ScriptlogError,
  UsageError,
} from './errors.ts'
import type { EventKind, EventOf } from './events.ts'
import { formatLsn } from './format/lsn.ts'
import { splitStatements } from './format/sql-scanner.ts'
import type { WriterLock } from './fs/lock.ts'
import {
  type CloseMode,
  type HsqldbStatement,
  parseHsqldbStatement,
  withoutTableType,
} from './hsqldb-statement.ts'
import { Listeners } from './listeners.ts'
import type { AppendedCommit } from './log/writer.ts'
import { openDatabase } from './open-database.ts'
import { checkOptions, type DatabaseOptions, type Host, systemHost } from './options.ts'
import type { RecoveryReport } from './recovery/report.ts'
import { resume } from './resume.ts'
import { checkSettings, SETTING_KEYS, type Settings } from './settings.ts'
import { CommandStatement, type Statement, WriteStatement } from './statement.ts'
import { type Status, statusOf } from './status.ts'
import type { Store } from './store.ts'
import { type TransactionFunction, transactionFunction } from './transaction.ts'
import { WriteFailure } from './write-failure.ts'

export interface CloseOptions {
  /** Default `normal`: a checkpoint, after which the next open has nothing to redo. */
  readonly mode?: CloseMode | undefined
}

/** What a checkpoint wrote. */
export interface CheckpointResult {
  /** LSN of the snapshot. */
  readonly lsn: string
  readonly scriptBytes: number
  readonly rows: number
  readonly durationMillis: number
}

/** After an automatic checkpoint failed, the log grows by this share of `logSize` before the next try. */
const RETRY_SHARE = 0.25

/**
 * A SQL database whose tables live in memory and whose files are plain SQL: `.script`, a snapshot, and `.log`, one
 * record per committed transaction. The API is better-sqlite3's, with `checkpoint`, `flush`, `status` and others
 * beside it; statements that only read are better-sqlite3's own objects.
 *
 * ```js
 * import { Database } from 'scriptlog'
 * const db = new Database('data/app')
 * db.exec('CREATE TABLE IF NOT EXISTS note(id INTEGER PRIMARY KEY, body TEXT)')
 * db.prepare('INSERT INTO note(body) VALUES(?)').run('hello')
 * db.flush() // durable now, and not only within the write delay
 * db.close()
 * ```
 */
export class Database {
  readonly #host: Host
  readonly #lock: WriterLock
  readonly #sqlite: NativeDatabase
  readonly #tables: MemoryTables
  readonly #capture: Capture
  readonly #store: Store
  readonly #committer: Committer
  readonly #recovery: RecoveryReport
  readonly #listeners: Listeners
  readonly #writeFailure: WriteFailure
  #settings: Settings
  #nextAutomaticCheckpointBytes: number
  #openWriteIterators = 0
  /** The open transaction has run a statement that may change something. */
  #hasChanges = false
  /** The last commit is durable only with the next checkpoint. */
  #owesCheckpoint = false
  #lastCommit: AppendedCommit | undefined
  #isOpen = true
  #exclusiveWork: string | undefined

  /**
   * Opens the database at `path` (the base of its files' names: `data/app` for `data/app.script`), creates it when
   * there is none, and finishes what a crash left unfinished.
   * @throws {LockHeldError} when it is open already, here or elsewhere.
   * @throws {OpenError | CorruptionError} when the files do not add up to a database; nothing was changed.
   * @throws {UsageError} for an unknown or senseless option or setting.
   */
  constructor(path: string, options: DatabaseOptions = {}, host: Host = systemHost()) {
    const settings = checkOptions(options)
    this.#host = host
    this.#listeners = new Listeners(options.onEvent)
    this.#writeFailure = new WriteFailure(host.clock)
    const opened = openDatabase(path, options, settings, host, this.#listeners)
    this.#lock = opened.lock
    this.#sqlite = opened.sqlite
    this.#tables = opened.tables
    this.#capture = opened.capture
    this.#store = opened.store
    this.#settings = opened.settings
    this.#recovery = opened.report
    this.#nextAutomaticCheckpointBytes = this.#logSizeBytes()
    this.#committer = new Committer(this.#store, this.#settings.writeDelayMillis, (failure) => {
      const error = new CommitInDoubtError(`the log could not be written: ${messageOf(failure.cause)}`, {
        reason: failure.operation === 'sync' ? 'log-sync' : 'log-append',
        path: this.#store.log.path,
        cause: failure.cause,
        hint: 'mend the cause and call resume(); what was committed is visible and not yet durable',
      })
      this.#writeFailure.begin(error)
      this.#listeners.tell({ kind: 'backgroundError', error })
    })
    this.#listeners.tell({ kind: 'recovered', report: this.#recovery })
  }

  /** The base path of the files, absolute and with links followed. */
  get name(): string {
    return this.#store.names.base
  }
  get open(): boolean {
    return this.#isOpen
  }
  get inTransaction(): boolean {
    return this.#isOpen && this.#sqlite.inTransaction
  }
  get readonly(): boolean {
    return false
  }
  get memory(): boolean {
    return false
  }

  /** Prepares one statement. One that only reads is better-sqlite3's own object. */
  prepare(sql: string): Statement {
    this.#assertOpen()
    assertText(sql)
    const command = parseHsqldbStatement(sql)
    if (command !== undefined) return new CommandStatement(sql, () => this.#obey(command), this)
    return this.#prepare(withoutTableType(sql))
  }

  /** Runs all statements of a text; stops at the first that fails. */
  exec(sql: string): this {
    this.#assertOpen()
    assertText(sql)
    for (const { text } of splitStatements(sql)) {
      const command = parseHsqldbStatement(text)
      if (command !== undefined) {
        this.#obey(command)
        continue
      }
      const statement = describeStatement(withoutTableType(text))
      assertMayPrepare(statement)
      if (statement.kind === 'read' && this.#sqlite.prepare(statement.sql).readonly)
        this.#sqlite.exec(statement.sql)
      else this.#run(statement, () => this.#sqlite.exec(statement.sql))
    }
    return this
  }

  /** A function that runs `body` in a transaction; inside another one, in a savepoint. */
  transaction<F extends (this: unknown, ...args: never[]) => unknown>(body: F): TransactionFunction<F, this> {
    return transactionFunction(this, body)
  }

  /** Runs a PRAGMA given without its keyword (`'user_version = 3'`); `simple` returns the first value alone. */
  pragma(source: string, options: { readonly simple?: boolean } = {}): unknown {
    this.#assertOpen()
    assertText(source)
    return this.#run(describeStatement(`PRAGMA ${source}`), () => this.#sqlite.pragma(source, options))
  }

  /** Registers a function for use in SQL; one that the schema uses must be registered in the option `setup`. */
  function(name: string, act: SqlFunction): this
  function(name: string, options: FunctionOptions, act: SqlFunction): this
  function(...args: readonly unknown[]): this {
    this.#assertOpen()
    Reflect.apply(registrarOf(this.#sqlite).function, undefined, args)
    return this
  }

  /** Registers an aggregate function for use in SQL. */
  aggregate<T>(name: string, options: AggregateOptions<T>): this {
    this.#assertOpen()
    Reflect.apply(registrarOf(this.#sqlite).aggregate, undefined, [name, options])
    return this
  }

  /**
   * Makes every commit so far durable, and returns then.
   * @throws {CommitInDoubtError} when the log cannot be synced; see {@link resume}.
   */
  flush(): void {
    this.#assertOpen()
    if (this.#owesCheckpoint) this.#payCheckpoint()
    this.#noticing(() => this.#committer.flush())
  }

  /** The same off the main thread; many callers share one sync. */
  async flushed(): Promise<void> {
    this.#assertOpen()
    if (this.#owesCheckpoint) this.#payCheckpoint()
    await this.#committer.flushed()
  }

  /**
   * Writes a snapshot and begins a new log.
   * @throws {CheckpointIncompleteError} when it cannot be completed; the database goes on, nothing is lost.
   */
  checkpoint(): CheckpointResult {
    this.#assertOpen()
    this.#writeFailure.assertWritable()
    return this.#checkpoint('yes')
  }

  /**
   * Applies transactions of another database's log, as {@link readLog} gives them, and logs them as they are: what
   * they say is done once, triggers and foreign key actions do not run again.
   * @param onCommit hears of each commit, before the next transaction is asked for.
   * @returns how many were applied.
   * @throws {ScriptlogError} for a transaction that cannot be applied; those before it stay.
   */
  redo(
    transactions: Iterable<string>,
    onCommit?: (commit: { readonly xid: number; readonly lsn: string }) => void,
  ): number {
    this.#assertOpen()
    this.#writeFailure.assertWritable()
    this.#assertQuiet('to redo transactions')
    if (this.#tables.hasTempTables()) {
      throw new UsageError('transactions are not redone while there are TEMP tables or views', {
        hint: 'drop them first: the names in a log mean the tables that are kept',
      })
    }
    this.#store.ensureDirty()
    let applied = 0
    this.#exclusively('redoes transactions', () => {
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
            if (this.lastCommit !== undefined) onCommit?.(this.lastCommit)
          }
        } finally {
          this.#tables.endRedo()
        }
      } finally {
        this.#capture.start()
      }
    })
    this.#checkpointWhenDue()
    return applied
  }

  /**
   * Makes the database writable again after its log failed, once the cause is mended.
   * @throws what still fails; the call may be repeated.
   */
  resume(): this {
    this.#assertOpen()
    this.#listeners.tell({ kind: 'errorRecoveryBegin' })
    try {
      resume(this.#store, () => this.#snapshot())
      if (this.#owesCheckpoint) this.#checkpoint('yes')
    } catch (error) {
      this.#listeners.tell({
        kind: 'errorRecoveryEnd',
        error: error instanceof ScriptlogError ? error : undefined,
      })
      throw error
    }
    this.#writeFailure.end()
    this.#listeners.tell({ kind: 'errorRecoveryEnd', error: undefined })
    return this
  }

  /** Number and LSN of the last commit since the open; not necessarily durable yet. */
  get lastCommit(): { readonly xid: number; readonly lsn: string } | undefined {
    const commit = this.#lastCommit
    return commit === undefined ? undefined : { xid: commit.xid, lsn: formatLsn(commit.lsn) }
  }

  /** State, LSNs, settings, and what the open found and did. */
  status(): Status {
    this.#assertOpen()
    return statusOf(this.#store, this.#settings, this.#recovery, this.#writeFailure.status())
  }

  /** Hears events of one kind. */
  on<K extends EventKind>(kind: K, listener: (event: EventOf<K>) => void): this {
    this.#listeners.on(kind, listener)
    return this
  }

  off<K extends EventKind>(kind: K, listener: (event: EventOf<K>) => void): this {
    this.#listeners.off(kind, listener)
    return this
  }

  /**
   * Closes the database; an open transaction is rolled back.
   * @throws {CheckpointIncompleteError} when the last checkpoint failed: it is closed then all the same, everything
   * acknowledged is in the log, and the next open redoes it.
   */
  close({ mode = 'normal' }: CloseOptions = {}): this {
    if (!this.#isOpen) return this
    // Refused while an iterator is open, as better-sqlite3's close is: later it would be too late.
    this.#sqlite.exec('')
    let failure: unknown
    this.#exclusively('is being closed', () => {
      if (this.#sqlite.inTransaction) this.exec('ROLLBACK')
      try {
        this.#makeDurable(mode)
      } catch (error) {
        failure = error
      }
    })
    this.#committer.close()
    this.#sqlite.close()
    this.#isOpen = false
    try {
      this.#store.log.close()
    } finally {
      this.#lock.release()
    }
    if (failure !== undefined) throw failure
    return this
  }

  #makeDurable(mode: CloseMode): void {
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
        this.#sqlite.exec('VACUUM')
        break
      case 'normal':
      case 'script':
        break
      default:
        mode satisfies never
    }
    // What is in doubt is saved by the snapshot, whose log begins past every byte of the one that failed.
    if (log.failure !== undefined) resume(this.#store, () => this.#snapshot())
    this.#checkpoint('no')
  }

  #prepare(sql: string): Statement {
    const statement = describeStatement(sql)
    assertMayPrepare(statement)
    // SQLite obeys some PRAGMAs while it compiles them: these are compiled as they are run.
    if (statement.kind === 'pragma') {
      return this.#writeStatement(statement, () => this.#run(statement, () => this.#sqlite.prepare(sql)))
    }
    const native = this.#sqlite.prepare(sql)
    // Read statements are better-sqlite3's own objects: they cost what they cost there.
    // What reads by its text and writes all the same (a function of an extension) goes the way of a write.
    if (statement.kind === 'read' && native.readonly) return native
    return this.#writeStatement(statement, () => native)
  }

  #writeStatement(statement: UserStatement, native: () => NativeStatement): Statement {
    return new WriteStatement(
      statement.sql,
      native,
      (act) => this.#run(statement, act),
      {
        begin: () => {
          this.#before(statement)
          this.#openWriteIterators++
        },
        end: (outcome) => {
          this.#openWriteIterators--
          this.#after(statement, outcome)
        },
      },
      this,
    )
  }

  /** Runs a statement that may change something, and commits what it did when no transaction is open then. */
  #run<T>(statement: UserStatement, act: () => T): T {
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

  #before(statement: UserStatement): void {
    this.#assertOpen()
    if (statement.mayChange) this.#assertNotExclusive()
    if (statement.mayChange) {
      this.#writeFailure.assertWritable()
      this.#store.ensureDirty()
      this.#hasChanges = true
    } else if (this.#hasChanges && MAY_COMMIT.has(statement.kind)) {
      this.#writeFailure.assertWritable()
    }
    this.#capture.beforeStatement(statement)
  }

  #after(statement: UserStatement, outcome: 'done' | 'failed'): void {
    this.#capture.afterStatement(statement, outcome)
    if (this.#sqlite.inTransaction) return
    this.#hasChanges = false
    try {
      const committed = this.#capture.takeCommitted()
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
          cause,
          hint: 'mend the cause and call resume(); do not repeat the statement',
        },
      )
      this.#writeFailure.begin(error)
      throw error
    }
  }

  /** Runs something that may leave commits in doubt, and remembers that it did. */
  #noticing(act: () => void): void {
    try {
      act()
    } catch (error) {
      if (error instanceof CommitInDoubtError) this.#writeFailure.begin(error)
      throw error
    }
  }

  #checkpointWhenDue(): void {
    if (this.#settings.logSize === 0 || this.#openWriteIterators > 0) return
    const { log, stateFile } = this.#store
    if (log.endLsn - stateFile.state.checkpointLsn < this.#nextAutomaticCheckpointBytes) return
    try {
      this.#checkpoint('yes')
    } catch (error) {
      // Never out of the commit that happened to be the last one before: that one is durable or will be.
      if (!(error instanceof ScriptlogError)) throw error
      this.#nextAutomaticCheckpointBytes += Math.max(1, this.#logSizeBytes() * RETRY_SHARE)
      this.#listeners.tell({ kind: 'backgroundError', error })
    }
  }

  #checkpoint(settleAs: 'yes' | 'no'): CheckpointResult {
    const begun = this.#host.clock()
    this.#assertQuiet()
    let done: CheckpointDone
    try {
      this.#noticing(() => this.#committer.flush())
      done = makeCheckpoint(this.#store, { statements: () => this.#snapshot(), settleAs })
    } catch (error) {
      // Whether the checkpoint counts is open until .properties has been replaced again. Behind its commit point
      // nothing is: the next write replaces the file, and goes on.
      const { stateFile, hasUnfinishedCheckpoint } = this.#store
      const isOpen = stateFile.isInDoubt && !hasUnfinishedCheckpoint
      if (isOpen && error instanceof CheckpointIncompleteError) this.#writeFailure.begin(error)
      throw error
    }
    this.#owesCheckpoint = false
    this.#nextAutomaticCheckpointBytes = this.#logSizeBytes()
    const result = {
      lsn: formatLsn(done.lsn),
      scriptBytes: done.scriptBytes,
      rows: done.rows,
      durationMillis: (this.#host.clock() - begun) / 1000,
    }
    this.#listeners.tell({ kind: 'checkpoint', ...result })
    return result
  }

  #snapshot(): Iterable<string, number | undefined> {
    this.#assertQuiet()
    return this.#tables.statements()
  }

  #obey(command: HsqldbStatement): void {
    switch (command.kind) {
      case 'checkpoint':
        this.checkpoint()
        return
      case 'shutdown':
        this.close({ mode: command.mode })
        return
      case 'write-delay':
        this.#noticing(() => this.#committer.flush())
        this.#set({ writeDelayMillis: command.millis })
        this.#noticing(() => this.#committer.setWriteDelay(command.millis))
        return
      case 'log-size':
        this.#set({ logSize: command.megabytes })
        this.#nextAutomaticCheckpointBytes = this.#logSizeBytes()
        return
      default:
        command satisfies never
    }
  }

  /** Changes settings, here and in `.properties`. */
  #set(change: Partial<Settings>): void {
    // A failure would leave the state in doubt, under which the transaction could not be committed.
    this.#assertQuiet('to change a setting')
    const checked = checkSettings(change)
    const lines = Object.entries(checked).map(([name, value]) => [keyOf(name), String(value)] as const)
    this.#store.stateFile.set({}, new Map(lines))
    this.#settings = { ...this.#settings, ...checked }
  }

  #logSizeBytes(): number {
    return this.#settings.logSize * 1_000_000
  }

  #assertOpen(): void {
    if (!this.#isOpen) throw new TypeError('The database connection is not open')
  }

  /** Runs what nobody may write or close in the middle of: no listener, and not who gives the transactions to redo. */
  #exclusively(work: string, act: () => void): void {
    this.#assertNotExclusive()
    this.#exclusiveWork = work
    try {
      act()
    } finally {
      this.#exclusiveWork = undefined
    }
  }

  #assertNotExclusive(): void {
    if (this.#exclusiveWork === undefined) return
    throw new UsageError(`this is not possible while the database ${this.#exclusiveWork}`, {
      hint: 'do it before or after',
    })
  }

  #assertQuiet(purpose = 'to make a checkpoint'): void {
    if (!this.#sqlite.inTransaction && this.#openWriteIterators === 0) return
    throw new UsageError(`it is not possible ${purpose} inside a transaction`, {
      hint: 'commit or roll back first',
    })
  }
}

/** Statements that may end a transaction by committing it. */
const MAY_COMMIT: ReadonlySet<StatementKind> = new Set<StatementKind>(['commit', 'release'])

function asUnlogged(error: unknown): ScriptlogError {
  return new ScriptlogError('SCRIPTLOG_UNLOGGED', `a commit could not be logged: ${messageOf(error)}`, {
    reason: 'log-append',
    severity: 'soft',
    cause: error,
    hint: 'it was saved with a checkpoint instead; please report this',
  })
}

function keyOf(name: string): string {
  const found = Object.entries(SETTING_KEYS).find(([setting]) => setting === name)?.[1]
  if (found === undefined) throw new UsageError(`there is no setting '${name}'`)
  return found
}

function assertText(sql: unknown): asserts sql is string {
  if (typeof sql !== 'string') throw new TypeError('Expected first argument to be a string')
  if (!sql.includes('\0')) return
  throw new UsageError('the SQL contains a NUL character: SQLite would silently ignore what follows it', {
    reason: 'sql',
    hint: 'remove it; a value that holds one is bound as a parameter, or written with char(0). Nothing was run',
  })
}
