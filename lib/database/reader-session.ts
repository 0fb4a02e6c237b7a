// A database that is only read, beside whoever writes it. Statements that read are better-sqlite3's own objects, and see
// the new state after a refresh; those that may write are let through to TEMP objects alone.

import type {
  NativeDatabase,
  NativeStatement,
  PragmaOptions,
  Registrar,
  RunResult,
} from '../engine/native.ts'
import { explain, type Prepare, prepareFor } from '../engine/prepare.ts'
import { ReadonlyGuard } from '../engine/readonly-guard.ts'
import { refusePragma } from '../engine/refusals.ts'
import { CheckedRegistrar } from '../engine/registrar.ts'
import { SqliteError } from '../engine/sqlite.ts'
import { describeStatement } from '../engine/statement-kind.ts'
import { isIdle, type UnsafeMode, unsafeModeOf } from '../engine/unsafe-mode.ts'
import type { Verbose } from '../engine/verbose.ts'
import type { CheckpointResult, RefreshResult } from './events.ts'
import type { Listeners } from './listeners.ts'
import type { OpenedReadonly } from './open-readonly.ts'
import { readerStatusOf } from './reader-status.ts'
import { Refresher } from './refresher.ts'
import type { Session } from './session.ts'
import { WriteStatement } from './statement.ts'
import type { Status } from './status.ts'
import { TempWrites } from './temp-writes.ts'
import { UserIntegers } from './user-integers.ts'

export class ReaderSession implements Session {
  readonly isReadonly = true
  readonly isMemory = false
  readonly lastCommit = undefined
  readonly sqlite: NativeDatabase
  readonly #opened: OpenedReadonly
  readonly #owner: NativeDatabase
  readonly #prepare: Prepare
  readonly #registrar: Registrar
  readonly #unsafeMode: UnsafeMode
  readonly #verbose: Verbose
  readonly #integers: UserIntegers
  readonly #writes: TempWrites
  readonly #refresher: Refresher

  /** `owner` is the database that statements name as theirs; `intervalMillis` 0: refreshed on request alone. */
  constructor(
    opened: OpenedReadonly,
    verbose: Verbose,
    owner: NativeDatabase,
    { listeners, intervalMillis }: { readonly listeners: Listeners; readonly intervalMillis: number },
  ) {
    const { sqlite, follower, clock } = opened
    this.sqlite = sqlite
    this.#integers = new UserIntegers(this.sqlite)
    this.#opened = opened
    this.#owner = owner
    this.#prepare = prepareFor(sqlite, owner)
    this.#registrar = new CheckedRegistrar(sqlite)
    this.#unsafeMode = unsafeModeOf(sqlite)
    this.#verbose = verbose
    this.#writes = new TempWrites(new ReadonlyGuard(sqlite, verbose))
    this.#refresher = new Refresher(
      {
        follow: (mostAttempts) => verbose.hush(() => follower.follow(mostAttempts)),
        place: () => follower.place,
        listeners,
        clock,
        isIdle: () => verbose.hush(() => !sqlite.inTransaction && isIdle(sqlite)),
      },
      intervalMillis,
    )
  }

  prepare(sql: string): NativeStatement {
    const statement = describeStatement(sql)
    this.#refuse(sql)
    const compile = () => this.#integers.during(() => this.#prepare(sql))
    // SQLite obeys some PRAGMAs while it compiles them.
    const native = statement.kind === 'pragma' ? this.#writes.run(statement, compile) : compile()
    if (!ReadonlyGuard.concerns(statement, native.readonly)) return native
    return new WriteStatement(statement, native, this.#writes, this.#owner)
  }

  exec(sql: string): void {
    this.#refuse(sql)
    const statement = describeStatement(sql)
    if (statement.kind === 'read') this.sqlite.exec(sql)
    else this.#writes.run(statement, () => this.sqlite.exec(sql))
  }

  pragma(source: string, options: PragmaOptions | null | undefined): unknown {
    const statement = describeStatement(`PRAGMA ${source}`)
    this.#refuse(statement.sql)
    return this.#writes.run(statement, () =>
      this.#integers.during(() => Reflect.apply(this.sqlite.pragma, this.sqlite, [source, options])),
    )
  }

  explain(sql: string): unknown[] {
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
    this.#unsafeMode.ask(isOn)
  }

  /** There is nothing that could become more durable. */
  flush(): void {}

  async flushed(): Promise<void> {}

  checkpoint(): CheckpointResult {
    throw notWritable()
  }

  redo(): never {
    throw notWritable()
  }

  refresh(): RefreshResult {
    this.#verbose.hush(() => this.#opened.tables.assertIdle())
    return this.#refresher.refresh()
  }

  resume(): void {}

  status(): Status {
    return readerStatusOf(this.#opened.names, this.#opened.follower.place, this.#refresher)
  }

  set(): void {
    throw notWritable()
  }

  close(): void {
    this.sqlite.close()
    this.#refresher.close()
    this.#opened.slot.release()
  }

  /** @throws {UsageError} for PRAGMAs under which the tables could not move on. */
  #refuse(sql: string): void {
    refusePragma(sql, this.#unsafeMode.isAsked)
  }
}

function notWritable(): Error {
  return new SqliteError('attempt to write a readonly database', 'SQLITE_READONLY')
}
