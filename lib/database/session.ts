import type {
  NativeDatabase,
  NativeStatement,
  PragmaOptions,
  Registrar,
  RunResult,
} from '../engine/native.ts'
import type { AppendedCommit } from '../log/writer.ts'
import type { Settings } from '../settings.ts'
import type { CheckpointResult, RefreshResult } from './events.ts'
import type { CloseMode } from './hsqldb-statement.ts'
import type { Status } from './status.ts'

/**
 * How a database runs statements and what becomes of their changes: `KeptSession` for one that is kept in files,
 * `ReaderSession` for one that is only read, `UnkeptSession` for one in memory.
 */
export interface Session {
  readonly sqlite: NativeDatabase
  readonly isReadonly: boolean
  /** True when there are no files. */
  readonly isMemory: boolean
  readonly lastCommit: AppendedCommit | undefined
  prepare(sql: string): NativeStatement
  /** Runs a text of one statement. */
  exec(sql: string): void
  pragma(source: string, options: PragmaOptions | null | undefined): unknown
  explain(sql: string): unknown[]
  /** Runs one of HSQLDB's statements, which never reaches SQLite. */
  obey(sql: string, act: () => void): RunResult
  /** Registers functions, aggregates, tables and extensions. */
  register(act: (registrar: Registrar) => void): void
  defaultSafeIntegers(isOn: boolean): void
  unsafeMode(isOn: boolean): void
  flush(): void
  flushed(): Promise<void>
  checkpoint(): CheckpointResult
  redo(transactions: Iterable<string>, onCommit: (commit: AppendedCommit) => void): number
  resume(): void
  refresh(): RefreshResult
  status(): Status
  /** Changes settings, here and in `.properties`. */
  set(change: Partial<Settings>): void
  close(mode: CloseMode): void
}
