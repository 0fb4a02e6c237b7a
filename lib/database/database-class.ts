import { openPlain } from '../engine/connection.ts'
import type {
  AggregateOptions,
  BackupMetadata,
  BackupOptions,
  FunctionOptions,
  NativeStatement,
  PragmaOptions,
  Registrar,
  SerializeOptions,
  SqlFunction,
  Statement,
  TableDefinition,
  TableFactory,
} from '../engine/native.ts'
import { Verbose } from '../engine/verbose.ts'
import { UsageError } from '../errors.ts'
import { assertNeedsNoRecovery, type FailchkOptions, type FailchkReport, failchk } from '../failchk.ts'
import { formatLsn } from '../format/lsn.ts'
import { splitStatements } from '../format/sql-scanner.ts'
import type { IsAlive } from '../fs/register.ts'
import { type Host, systemHost } from '../host.ts'
import type { AppendedCommit } from '../log/writer.ts'
import type { Settings } from '../settings.ts'
import type { CheckpointResult, EventKind, EventOf, RefreshResult } from './events.ts'
import {
  type CloseMode,
  type HsqldbStatement,
  parseHsqldbStatement,
  withoutTableType,
} from './hsqldb-statement.ts'
import { KeptSession } from './kept-session.ts'
import { Listeners } from './listeners.ts'
import { openDatabase } from './open-database.ts'
import { openReadonly } from './open-readonly.ts'
import { checkOptions, type DatabaseOptions } from './options.ts'
import { ReaderSession } from './reader-session.ts'
import type { Session } from './session.ts'
import { CommandStatement } from './statement.ts'
import type { Status } from './status.ts'
import { type TransactionFunction, transactionFunction } from './transaction.ts'
import { UnkeptSession } from './unkept-session.ts'

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
export class OpenDatabase {
  readonly #name: string
  readonly #host: Host
  readonly #isAlive: IsAlive | undefined
  readonly #listeners: Listeners
  readonly #session: Session
  #isOpen = true

  /**
   * Opens the database at `path` (the base of its files' names: `data/app` for `data/app.script`), creates it when
   * there is none, and finishes what a crash left unfinished. `':memory:'`, an empty path and an image that
   * `serialize()` gave open a database in memory, which is never saved.
   * @throws {LockHeldError} when it is open already, here or elsewhere, and not closed within the option `timeout`.
   * @throws {OpenError | CorruptionError} when the files do not add up to a database; nothing was changed.
   * @throws {RunRecoveryError} when it needs a recovery, and the option `recover` is false; nothing was changed.
   * @throws {SqliteError} `SQLITE_CANTOPEN` when there is no database and none may be created.
   * @throws {TypeError | RangeError | UsageError} for an unknown or senseless option or setting.
   */
  constructor(path?: string | Buffer | null, given?: DatabaseOptions | null, host: Host = systemHost()) {
    const isImage = Buffer.isBuffer(path)
    this.#host = host
    this.#name = isImage ? ':memory:' : nameOf(path)
    const options = checkOptions(given)
    this.#isAlive = options.isAlive
    const isInMemory = isImage || this.#path === '' || this.#path === ':memory:'
    if (options.readonly && isInMemory && !isImage) {
      throw new TypeError('In-memory/temporary databases cannot be readonly')
    }
    if (isInMemory && options.refreshIntervalMillis > 0) {
      throw new UsageError('an image is never refreshed: nobody else can change it', {
        hint: "leave out the option 'refreshIntervalMillis'",
      })
    }
    this.#listeners = new Listeners(options.onEvent)
    const verbose = new Verbose(options.verbose)
    if (isInMemory) {
      const sqlite = openPlain(isImage ? path : this.#name, {
        readonly: options.readonly,
        verbose: verbose.listener,
        nativeBinding: options.nativeBinding,
      })
      options.setup?.(sqlite)
      this.#session = new UnkeptSession(sqlite, verbose, this)
    } else if (options.readonly) {
      if (!options.recover) assertNeedsNoRecovery(this.#path, options, host)
      const opened = verbose.hush(() => openReadonly(this.#path, options, host, verbose))
      this.#session = new ReaderSession(opened, verbose, this, {
        listeners: this.#listeners,
        intervalMillis: options.refreshIntervalMillis,
      })
    } else {
      const opened = verbose.hush(() => openDatabase(this.#path, options, host, this.#listeners, verbose))
      this.#session = new KeptSession(opened, this.#listeners, this)
      this.#listeners.tell({ kind: 'recovered', report: opened.report })
    }
  }

  /** The path by which it was opened. */
  get name(): string {
    return this.#name
  }
  get open(): boolean {
    return this.#isOpen
  }
  get inTransaction(): boolean {
    return this.#isOpen && this.#session.sqlite.inTransaction
  }
  get readonly(): boolean {
    return this.#session.isReadonly
  }
  /** Whether it is in memory alone, and never saved. */
  get memory(): boolean {
    return this.#session.isMemory
  }

  /** Prepares one statement. One that only reads is better-sqlite3's own object. */
  prepare<BindParameters extends unknown[] | object = unknown[], Result = unknown>(
    sql: string,
  ): Statement<BindParameters, Result>
  prepare(sql: string): NativeStatement {
    this.#assertOpen()
    assertText(sql)
    const command = parseHsqldbStatement(sql)
    if (command === undefined) return this.#session.prepare(withoutTableType(sql))
    return new CommandStatement(sql, () => this.#session.obey(sql, () => this.#obey(command)), this)
  }

  /** Runs all statements of a text; stops at the first that fails. */
  exec(sql: string): this {
    this.#assertOpen()
    assertText(sql)
    // Refused while a query is under way, before anything is looked at.
    this.#session.sqlite.exec('')
    for (const { text, offset, end } of splitStatements(sql)) {
      const command = parseHsqldbStatement(text)
      if (command !== undefined) this.#session.obey(text, () => this.#obey(command))
      // With the comments behind it: SQLite keeps them in the schema.
      else this.#session.exec(withoutTableType(sql.slice(offset, end)))
    }
    return this
  }

  /** A function that runs `body` in a transaction; inside another one, in a savepoint. */
  // biome-ignore lint/suspicious/noExplicitAny: as in better-sqlite3's types, which must fit
  transaction<F extends (this: any, ...args: any[]) => unknown>(body: F): TransactionFunction<F, this> {
    this.#assertOpen()
    return transactionFunction<F, this>(this, this.#session, body)
  }

  /** Runs a PRAGMA given without its keyword (`'user_version = 3'`); `simple` returns the first value alone. */
  pragma(source: string, options?: PragmaOptions | null): unknown {
    this.#assertOpen()
    assertText(source)
    return this.#session.pragma(source, options)
  }

  /** Registers a function for use in SQL; one that the schema uses must be registered in the option `setup`. */
  function(name: string, act: SqlFunction): this
  function(name: string, options: FunctionOptions, act: SqlFunction): this
  function(...args: readonly unknown[]): this {
    return this.#register('function', args)
  }

  /** Registers an aggregate function for use in SQL; with `inverse` it is one for windows too. */
  aggregate<T>(...args: [name: string, options: AggregateOptions<T>]): this {
    return this.#register('aggregate', args)
  }

  /** Registers a table whose rows a generator makes, or a module for `CREATE VIRTUAL TABLE`. */
  table(...args: [name: string, definition: TableDefinition | TableFactory]): this {
    return this.#register('table', args)
  }

  /** Loads an extension of SQLite's; one that the schema uses must be loaded in the option `setup`. */
  loadExtension(...args: [path: string, entryPoint?: string]): this {
    return this.#register('loadExtension', args)
  }

  /** Whether statements and functions that are made from now on get integers as bigint. */
  defaultSafeIntegers(...isOn: [isOn?: boolean]): this {
    this.#session.defaultSafeIntegers(switchOf(isOn))
    return this
  }

  /** Lifts the checks by which better-sqlite3 prevents writes while an iterator is open, and SQLite's defensive mode. */
  unsafeMode(...isOn: [isOn?: boolean]): this {
    this.#session.unsafeMode(switchOf(isOn))
    return this
  }

  /**
   * The program of a statement, as `EXPLAIN` gives it, without values for its parameters.
   * @throws {UsageError} where better-sqlite3 is older than 13, which brought this.
   */
  explain(sql: string): unknown[] {
    this.#assertOpen()
    assertText(sql)
    return this.#session.explain(sql)
  }

  /** A copy of the database as a SQLite file would hold it, for `new Database(image)` or for a file. */
  serialize(options?: SerializeOptions | null): Buffer {
    return Reflect.apply(this.#session.sqlite.serialize, this.#session.sqlite, [options])
  }

  /** Copies the database into a SQLite file, page by page in the background. */
  backup(path: string, options?: Partial<BackupOptions> | null): Promise<BackupMetadata> {
    return Reflect.apply(this.#session.sqlite.backup, this.#session.sqlite, [path, options])
  }

  /**
   * Makes every commit so far durable, and returns then.
   * @throws {CommitInDoubtError} when the log cannot be synced; see {@link resume}.
   */
  flush(): void {
    this.#assertOpen()
    this.#session.flush()
  }

  /** The same off the main thread; many callers share one sync. */
  async flushed(): Promise<void> {
    this.#assertOpen()
    await this.#session.flushed()
  }

  /**
   * Writes a snapshot and begins a new log.
   * @throws {CheckpointIncompleteError} when it cannot be completed; the database goes on, nothing is lost.
   */
  checkpoint(): CheckpointResult {
    this.#assertOpen()
    return this.#session.checkpoint()
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
    return this.#session.redo(transactions, (commit) => onCommit?.(namesOfCommit(commit)))
  }

  /**
   * Makes the database writable again after its log failed, once the cause is mended.
   * @throws what still fails; the call may be repeated.
   */
  resume(): this {
    this.#assertOpen()
    this.#session.resume()
    return this
  }

  /**
   * Changes settings of the open database, and writes them into `.properties`. `recoveryMode`, and of
   * `paranoidChecks` the reading back, count from the next open.
   * @throws {UsageError} for a setting that is none, a wrong value, or inside a transaction; nothing has changed then.
   * @throws {ScriptlogError} when `.properties` cannot be replaced.
   */
  configure(settings: Partial<Settings>): this {
    this.#assertOpen()
    this.#session.set(settings)
    return this
  }

  /**
   * Of a database opened `readonly`: takes over what a writer has committed since, prepared statements included. Nobody is
   * made to wait, and what fails leaves the state as it was. A writable database is always up to date, and so is one in
   * memory: there it does nothing.
   * @throws {TypeError} while an iterator is open, as better-sqlite3 does when it is busy.
   * @throws {UsageError} inside a transaction, and where a TEMP table has the name of a table of the database.
   * @throws {OpenError | CorruptionError} when the files do not add up to the database that was opened.
   */
  refresh(): RefreshResult {
    this.#assertOpen()
    return this.#session.refresh()
  }

  /** Number and LSN of the last commit since the open; not necessarily durable yet. */
  get lastCommit(): { readonly xid: number; readonly lsn: string } | undefined {
    const commit = this.#session.lastCommit
    return commit === undefined ? undefined : namesOfCommit(commit)
  }

  /** State, LSNs, settings, and what the open found and did. */
  status(): Status {
    this.#assertOpen()
    return this.#session.status()
  }

  /**
   * Looks at every process that has this database open, as {@link failchk} does; `isAlive` is that of the options
   * unless another one is given. Those that died are told as events too.
   * @throws {UsageError} for a database in memory.
   */
  failchk({ isAlive = this.#isAlive }: FailchkOptions = {}): FailchkReport {
    this.#assertOpen()
    if (this.#session.isMemory) {
      throw new UsageError('a database in memory has no register', { hint: 'nobody else can open it' })
    }
    const report = failchk(this.#path, { isAlive }, this.#host)
    for (const { pid, role, state } of report.processes) {
      if (state === 'dead') this.#listeners.tell({ kind: 'processDied', pid, role })
    }
    return report
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
    try {
      this.#session.close(mode)
    } finally {
      this.#isOpen = this.#session.sqlite.open
    }
    return this
  }

  /** What `console.log` shows. */
  [Symbol.for('nodejs.util.inspect.custom')](): object {
    const { name, open, inTransaction, readonly, memory } = this
    return Object.assign(new Shown(), { name, open, inTransaction, readonly, memory })
  }

  get #path(): string {
    return this.#name.trim()
  }

  #register(method: keyof Registrar, args: readonly unknown[]): this {
    this.#session.register((registrar) => {
      Reflect.apply(registrar[method], registrar, args)
    })
    return this
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
        this.#session.set({ writeDelayMillis: command.millis })
        return
      case 'log-size':
        this.#session.set({ logSize: command.megabytes })
        return
      default:
        command satisfies never
    }
  }

  #assertOpen(): void {
    if (!this.#isOpen) throw new TypeError('The database connection is not open')
  }
}

/** As `console.log` names it. */
const Shown = class Database {}

function nameOf(path: unknown): string {
  const name = path ?? ''
  if (typeof name !== 'string') throw new TypeError('Expected first argument to be a string')
  return name
}

/** The value of a switch that is on when nothing is said. */
function switchOf(args: readonly unknown[]): boolean {
  const isOn = args.length === 0 || args[0]
  if (typeof isOn === 'boolean') return isOn
  throw new TypeError('Expected first argument to be a boolean')
}

function namesOfCommit({ xid, lsn }: AppendedCommit): { readonly xid: number; readonly lsn: string } {
  return { xid, lsn: formatLsn(lsn) }
}

function assertText(sql: unknown): asserts sql is string {
  if (typeof sql !== 'string') throw new TypeError('Expected first argument to be a string')
  if (!sql.includes('\0')) return
  throw new UsageError('the SQL contains a NUL character: SQLite would silently ignore what follows it', {
    reason: 'sql',
    hint: 'remove it; a value that holds one is bound as a parameter, or written with char(0). Nothing was run',
  })
}
