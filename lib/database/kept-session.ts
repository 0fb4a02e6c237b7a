// A database that is kept in files: what its statements change is captured, committed and logged.

import type {
  NativeDatabase,
  NativeStatement,
  PragmaOptions,
  Registrar,
  RunResult,
} from '../engine/native.ts'
import { explain, type Prepare, prepareFor } from '../engine/prepare.ts'
import { assertMayPrepare } from '../engine/refusals.ts'
import { CheckedRegistrar } from '../engine/registrar.ts'
import { describeStatement } from '../engine/statement-kind.ts'
import { type UnsafeMode, unsafeModeOf } from '../engine/unsafe-mode.ts'
import type { Verbose } from '../engine/verbose.ts'
import { UsageError } from '../errors.ts'
import { formatLsn } from '../format/lsn.ts'
import type { WriterLock } from '../fs/lock.ts'
import type { AppendedCommit } from '../log/writer.ts'
import type { RecoveryReport } from '../recovery/report.ts'
import { checkSettings, SETTING_KEYS, type Settings } from '../settings.ts'
import type { Store } from '../store.ts'
import type { CheckpointResult, RefreshResult } from './events.ts'
import type { CloseMode } from './hsqldb-statement.ts'
import type { Opened } from './open-database.ts'
import type { Session } from './session.ts'
import { WriteStatement } from './statement.ts'
import { type Status, statusOf } from './status.ts'
import { UserIntegers } from './user-integers.ts'
import { type WriteParts, WritePath } from './write-path.ts'

export class KeptSession implements Session {
  readonly isReadonly = false
  readonly isMemory = false
  readonly sqlite: NativeDatabase
  readonly #registrar: Registrar
  readonly #owner: NativeDatabase
  readonly #prepare: Prepare
  readonly #unsafeMode: UnsafeMode
  readonly #verbose: Verbose
  readonly #integers: UserIntegers
  readonly #lock: WriterLock
  readonly #store: Store
  readonly #report: RecoveryReport
  readonly #writes: WritePath
  #settings: Settings

  /** `owner` is the database that statements name as theirs. */
  constructor(opened: Opened, listeners: WriteParts['listeners'], owner: NativeDatabase) {
    this.sqlite = opened.sqlite
    this.#integers = new UserIntegers(this.sqlite)
    this.#registrar = new CheckedRegistrar(opened.sqlite)
    this.#owner = owner
    this.#prepare = prepareFor(opened.sqlite, owner)
    this.#unsafeMode = unsafeModeOf(opened.sqlite)
    this.#verbose = opened.verbose
    this.#lock = opened.lock
    this.#store = opened.store
    this.#report = opened.report
    this.#settings = opened.settings
    this.#writes = new WritePath({ ...opened, listeners }, opened.settings)
  }

  get lastCommit(): AppendedCommit | undefined {
    return this.#writes.durability.lastCommit
  }

  prepare(sql: string): NativeStatement {
    const statement = describeStatement(sql)
    assertMayPrepare(statement, this.#unsafeMode.isAsked)
    const compile = () => this.#integers.during(() => this.#prepare(sql))
    // SQLite obeys some PRAGMAs while it compiles them.
    const native = statement.kind === 'pragma' ? this.#writes.run(statement, compile) : compile()
    // Read statements are better-sqlite3's own objects: they cost what they cost there.
    // What reads by its text and writes all the same (a function of an extension) goes the way of a write.
    if (statement.kind === 'read' && native.readonly) return native
    return new WriteStatement(statement, native, this.#writes, this.#owner)
  }

  exec(sql: string): void {
    const statement = describeStatement(sql)
    assertMayPrepare(statement, this.#unsafeMode.isAsked)
    const isRead = statement.kind === 'read' && this.sqlite.prepare(sql).readonly
    if (isRead) this.sqlite.exec(sql)
    // Without parameters: exec() takes NULL for each, and run() refuses.
    else if (statement.plain?.parameters.length === 0 && statement.plain.returnsRows !== true) {
      this.#writes.runWith(statement, this.sqlite.prepare(sql), [])
    } else this.#writes.run(statement, () => this.sqlite.exec(sql))
  }

  pragma(source: string, options: PragmaOptions | null | undefined): unknown {
    const statement = describeStatement(`PRAGMA ${source}`)
    return this.#writes.run(statement, () =>
      this.#integers.during(() => Reflect.apply(this.sqlite.pragma, this.sqlite, [source, options])),
    )
  }

  explain(sql: string): unknown[] {
    assertMayPrepare(describeStatement(`EXPLAIN ${sql}`), this.#unsafeMode.isAsked)
    return this.#integers.during(() => explain(this.sqlite, sql))
  }

  obey(sql: string, act: () => void): RunResult {
    this.#verbose.tell(sql)
    act()
    return { changes: 0, lastInsertRowid: this.#integers.areSafe ? 0n : 0 }
  }

  register(act: (registrar: Registrar) => void): void {
    this.#integers.during(() => act(this.#registrar))
  }

  defaultSafeIntegers(isOn: boolean): void {
    this.#integers.areSafe = isOn
  }

  unsafeMode(isOn: boolean): void {
    if (isOn) this.#writes.beginUnsafe()
    this.#unsafeMode.ask(isOn)
  }

  flush(): void {
    this.#writes.durability.flush()
  }

  flushed(): Promise<void> {
    return this.#writes.durability.flushed()
  }

  checkpoint(): CheckpointResult {
    this.#writes.assertNotExclusive()
    return this.#writes.durability.checkpoint()
  }

  redo(transactions: Iterable<string>, onCommit: (commit: AppendedCommit) => void): number {
    return this.#writes.redo(transactions, onCommit)
  }

  resume(): void {
    this.#writes.assertNotExclusive()
    this.#writes.durability.resume()
  }

  /** The writer's tables are always those of the last commit. */
  refresh(): RefreshResult {
    const { log, xid } = this.#store
    return { lsn: formatLsn(log.endLsn), xid, records: 0, isReloaded: false }
  }

  status(): Status {
    return statusOf(this.#store, this.#settings, this.#report, this.#writes.durability.errors)
  }

  set(change: Partial<Settings>): void {
    this.#writes.assertNotExclusive()
    // A failure would leave the state in doubt, under which the transaction could not be committed.
    this.#writes.assertQuiet('to change a setting')
    for (const name of Object.keys(change)) keyOf(name)
    const checked = checkSettings(change)
    // What waits under the old delay is durable first: where that fails, nothing has changed.
    if (checked.writeDelayMillis !== undefined) this.#writes.durability.flush()
    const lines = Object.entries(checked).map(([name, value]) => [keyOf(name), String(value)] as const)
    this.#store.stateFile.set({}, new Map(lines))
    this.#settings = { ...this.#settings, ...checked }
    this.#writes.durability.follow(this.#settings)
  }

  close(mode: CloseMode): void {
    // Later it would be too late to refuse.
    this.#unsafeMode.assertIdle()
    let failure: unknown
    this.#writes.exclusively('is being closed', () => {
      if (this.sqlite.inTransaction) this.#verbose.hush(() => this.exec('ROLLBACK'))
      try {
        // Not so much as a mark is written to files that may be another's.
        this.#lock.fence.assertNotSeenLost()
        this.#writes.durability.settle(mode)
      } catch (error) {
        failure = error
      }
    })
    this.#writes.close()
    this.sqlite.close()
    try {
      this.#store.log.close()
    } finally {
      this.#lock.release()
    }
    if (failure !== undefined) throw failure
  }
}

function keyOf(name: string): string {
  const found = Object.entries(SETTING_KEYS).find(([setting]) => setting === name)?.[1]
  if (found === undefined) throw new UsageError(`there is no setting '${name}'`)
  return found
}
