import type {
  AggregateOptions,
  FunctionOptions,
  NativeDatabase,
  NativeStatement,
  SqlFunction,
} from '../engine/native.ts'
import { assertMayPrepare } from '../engine/refusals.ts'
import { registrarOf } from '../engine/registrar.ts'
import { describeStatement, type UserStatement } from '../engine/statement-kind.ts'
import { UsageError } from '../errors.ts'
import { formatLsn } from '../format/lsn.ts'
import { splitStatements } from '../format/sql-scanner.ts'
import type { WriterLock } from '../fs/lock.ts'
import { type Host, systemHost } from '../host.ts'
import type { AppendedCommit } from '../log/writer.ts'
import type { RecoveryReport } from '../recovery/report.ts'
import { checkSettings, SETTING_KEYS, type Settings } from '../settings.ts'
import type { Store } from '../store.ts'
import type { CheckpointResult, EventKind, EventOf } from './events.ts'
import {
  type CloseMode,
  type HsqldbStatement,
  parseHsqldbStatement,
  withoutTableType,
} from './hsqldb-statement.ts'
import { Listeners } from './listeners.ts'
import { openDatabase } from './open-database.ts'
import { checkOptions, type DatabaseOptions } from './options.ts'
import { CommandStatement, type Statement, WriteStatement } from './statement.ts'
import { type Status, statusOf } from './status.ts'
import { type TransactionFunction, transactionFunction } from './transaction.ts'
import { WritePath } from './write-path.ts'

export interface CloseOptions {
  /** Default `normal`: a checkpoint, after which the next open has nothing to redo. */
  readonly mode?: CloseMode | undefined
}

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
  readonly #lock: WriterLock
  readonly #sqlite: NativeDatabase
  readonly #store: Store
  readonly #writes: WritePath
  readonly #recovery: RecoveryReport
  readonly #listeners: Listeners
  #settings: Settings
  #isOpen = true

  /**
   * Opens the database at `path` (the base of its files' names: `data/app` for `data/app.script`), creates it when
   * there is none, and finishes what a crash left unfinished.
   * @throws {LockHeldError} when it is open already, here or elsewhere.
   * @throws {OpenError | CorruptionError} when the files do not add up to a database; nothing was changed.
   * @throws {UsageError} for an unknown or senseless option or setting.
   */
  constructor(path: string, options: DatabaseOptions = {}, host: Host = systemHost()) {
    const settings = checkOptions(options)
    this.#listeners = new Listeners(options.onEvent)
    const opened = openDatabase(path, options, settings, host, this.#listeners)
    this.#lock = opened.lock
    this.#sqlite = opened.sqlite
    this.#store = opened.store
    this.#settings = opened.settings
    this.#recovery = opened.report
    this.#writes = new WritePath({ ...opened, listeners: this.#listeners }, opened.settings)
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
    for (const { text, offset, end } of splitStatements(sql)) {
      const command = parseHsqldbStatement(text)
      if (command !== undefined) {
        this.#obey(command)
        continue
      }
      // With the comments behind it: SQLite keeps them in the schema.
      const statement = describeStatement(withoutTableType(sql.slice(offset, end)))
      assertMayPrepare(statement)
      if (statement.kind === 'read' && this.#sqlite.prepare(statement.sql).readonly)
        this.#sqlite.exec(statement.sql)
      else this.#writes.run(statement, () => this.#sqlite.exec(statement.sql))
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
    return this.#writes.run(describeStatement(`PRAGMA ${source}`), () => this.#sqlite.pragma(source, options))
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
    this.#writes.flush()
  }

  /** The same off the main thread; many callers share one sync. */
  async flushed(): Promise<void> {
    this.#assertOpen()
    await this.#writes.flushed()
  }

  /**
   * Writes a snapshot and begins a new log.
   * @throws {CheckpointIncompleteError} when it cannot be completed; the database goes on, nothing is lost.
   */
  checkpoint(): CheckpointResult {
    this.#assertOpen()
    return this.#writes.checkpoint()
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
    return this.#writes.redo(transactions, (commit) => onCommit?.(namesOfCommit(commit)))
  }

  /**
   * Makes the database writable again after its log failed, once the cause is mended.
   * @throws what still fails; the call may be repeated.
   */
  resume(): this {
    this.#assertOpen()
    this.#writes.resume()
    return this
  }

  /** Number and LSN of the last commit since the open; not necessarily durable yet. */
  get lastCommit(): { readonly xid: number; readonly lsn: string } | undefined {
    const commit = this.#writes.lastCommit
    return commit === undefined ? undefined : namesOfCommit(commit)
  }

  /** State, LSNs, settings, and what the open found and did. */
  status(): Status {
    this.#assertOpen()
    return statusOf(this.#store, this.#settings, this.#recovery, this.#writes.failure)
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
    this.#writes.exclusively('is being closed', () => {
      if (this.#sqlite.inTransaction) this.exec('ROLLBACK')
      try {
        this.#writes.settle(mode)
      } catch (error) {
        failure = error
      }
    })
    this.#writes.close()
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

  #prepare(sql: string): Statement {
    const statement = describeStatement(sql)
    assertMayPrepare(statement)
    // SQLite obeys some PRAGMAs while it compiles them: these are compiled as they are run.
    if (statement.kind === 'pragma') {
      return this.#writeStatement(statement, () =>
        this.#writes.run(statement, () => this.#sqlite.prepare(sql)),
      )
    }
    const native = this.#sqlite.prepare(sql)
    // Read statements are better-sqlite3's own objects: they cost what they cost there.
    // What reads by its text and writes all the same (a function of an extension) goes the way of a write.
    if (statement.kind === 'read' && native.readonly) return native
    return this.#writeStatement(statement, () => native)
  }

  #writeStatement(statement: UserStatement, native: () => NativeStatement): Statement {
    return new WriteStatement(statement, native, this.#writes, this)
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
        this.#writes.flush()
        this.#set({ writeDelayMillis: command.millis })
        this.#writes.setWriteDelay(command.millis)
        return
      case 'log-size':
        this.#set({ logSize: command.megabytes })
        this.#writes.setLogSize(this.#settings)
        return
      default:
        command satisfies never
    }
  }

  /** Changes settings, here and in `.properties`. */
  #set(change: Partial<Settings>): void {
    // A failure would leave the state in doubt, under which the transaction could not be committed.
    this.#writes.assertQuiet('to change a setting')
    const checked = checkSettings(change)
    const lines = Object.entries(checked).map(([name, value]) => [keyOf(name), String(value)] as const)
    this.#store.stateFile.set({}, new Map(lines))
    this.#settings = { ...this.#settings, ...checked }
  }

  #assertOpen(): void {
    if (!this.#isOpen) throw new TypeError('The database connection is not open')
  }
}

function namesOfCommit({ xid, lsn }: AppendedCommit): { readonly xid: number; readonly lsn: string } {
  return { xid, lsn: formatLsn(lsn) }
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
