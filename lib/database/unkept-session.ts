// A database whose changes are not kept: in memory (`:memory:`), or an image that `serialize()` gave.
// All its statements are better-sqlite3's own objects.

import type {
  NativeDatabase,
  NativeStatement,
  PragmaOptions,
  Registrar,
  RunResult,
} from '../engine/native.ts'
import { explain, type Prepare, prepareFor } from '../engine/prepare.ts'
import { SqliteError } from '../engine/sqlite.ts'
import type { Verbose } from '../engine/verbose.ts'
import { UsageError } from '../errors.ts'
import { formatLsn } from '../format/lsn.ts'
import type { CheckpointResult, RefreshResult } from './events.ts'
import type { Session } from './session.ts'
import type { Status } from './status.ts'

export class UnkeptSession implements Session {
  readonly lastCommit = undefined
  readonly isMemory = true
  readonly sqlite: NativeDatabase
  readonly #prepare: Prepare
  readonly #verbose: Verbose

  /** `owner` is the database that statements name as theirs. */
  constructor(sqlite: NativeDatabase, verbose: Verbose, owner: NativeDatabase) {
    this.sqlite = sqlite
    this.#prepare = prepareFor(sqlite, owner)
    this.#verbose = verbose
  }

  get isReadonly(): boolean {
    return this.sqlite.readonly
  }

  prepare(sql: string): NativeStatement {
    return this.#prepare(sql)
  }

  exec(sql: string): void {
    this.sqlite.exec(sql)
  }

  pragma(source: string, options: PragmaOptions | null | undefined): unknown {
    return Reflect.apply(this.sqlite.pragma, this.sqlite, [source, options])
  }

  explain(sql: string): unknown[] {
    return explain(this.sqlite, sql)
  }

  obey(sql: string, act: () => void): RunResult {
    this.#verbose.tell(sql)
    act()
    return { changes: 0, lastInsertRowid: 0 }
  }

  register(act: (registrar: Registrar) => void): void {
    act(this.sqlite)
  }

  defaultSafeIntegers(isOn: boolean): void {
    this.sqlite.defaultSafeIntegers(isOn)
  }

  unsafeMode(isOn: boolean): void {
    this.sqlite.unsafeMode(isOn)
  }

  /** There is nothing that could become more durable. */
  flush(): void {}

  async flushed(): Promise<void> {}

  checkpoint(): CheckpointResult {
    this.#assertWritable()
    return { lsn: formatLsn(0), scriptBytes: 0, rows: 0, durationMillis: 0 }
  }

  redo(): never {
    this.#assertWritable()
    throw new UsageError('transactions are redone into a database that is kept in files', {
      hint: 'give new Database() a path',
    })
  }

  resume(): void {}

  /** Nobody else can change it. */
  refresh(): RefreshResult {
    return { lsn: formatLsn(0), xid: 0, records: 0, isReloaded: false }
  }

  status(): Status {
    throw new UsageError('a database in memory has no files', {
      hint: 'inspect(path) tells of files without opening them',
    })
  }

  /** Settings tell how files are written, and there are none. */
  set(): void {
    this.#assertWritable()
  }

  close(): void {
    this.sqlite.close()
  }

  #assertWritable(): void {
    if (this.isReadonly) throw new SqliteError('attempt to write a readonly database', 'SQLITE_READONLY')
  }
}
