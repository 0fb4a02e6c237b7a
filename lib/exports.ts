// Everything that scriptlog exports by name.

import type { Database } from './database/database.ts'

export type { ErrorCounters, RecordedError } from './database/background-errors.ts'
export { type CloseOptions, Database, type DatabaseConstructor } from './database/database.ts'
export type { CheckpointResult, DatabaseEvent, RefreshResult } from './database/events.ts'
export type { CloseMode } from './database/hsqldb-statement.ts'
export type { DatabaseOptions } from './database/options.ts'
export type { FailureStatus, ReaderStatus, RefreshFailure, Status } from './database/status.ts'
export type { TransactionFunction } from './database/transaction.ts'
export type {
  AggregateOptions,
  BackupMetadata,
  BackupOptions,
  ColumnDefinition,
  FunctionOptions,
  PragmaOptions,
  Registrar,
  RunResult,
  SerializeOptions,
  SqlFunction,
  Statement,
  TableDefinition,
  TableFactory,
} from './engine/native.ts'
export { SqliteError } from './engine/sqlite.ts'
export {
  CheckpointIncompleteError,
  CommitInDoubtError,
  CorruptionError,
  FencedError,
  LockHeldError,
  OpenError,
  ReadOnlyModeError,
  type Reason,
  RunRecoveryError,
  ScriptlogError,
  type Severity,
  UsageError,
} from './errors.ts'
export {
  type FailchkOptions,
  type FailchkReport,
  failchk,
  type RegisterReport,
  readRegister,
} from './failchk.ts'
export type { Role } from './fs/lock-slots.ts'
export type { IsAlive, RegisterCondition, RegisteredProcess } from './fs/register.ts'
export { type InspectedFile, type Inspection, inspect } from './inspect.ts'
export { type LogFileEnd, type LoggedTransaction, readLog } from './read-log.ts'
export type { RecoveryCause } from './recovery/causes.ts'
export type { RecoveryReport } from './recovery/report.ts'
export { type RepairOptions, type RepairStep, repair } from './repair/repair.ts'
export type { KeptApart, RepairReport, SavedSnapshot, SavedTable, SkippedRecord } from './repair/report.ts'
export type { RecoveryMode, Settings } from './settings.ts'
export type { FailingPart, FailureKind } from './severity.ts'
export { type Verification, type VerifyOptions, verify } from './verify.ts'

// By the names that better-sqlite3's types have.
export type Options = Database.Options
export type RegistrationOptions = Database.RegistrationOptions
// biome-ignore lint/suspicious/noExplicitAny: as in better-sqlite3's types, which must fit
export type Transaction<F extends (...args: any[]) => unknown = (...args: any[]) => unknown> =
  Database.Transaction<F>
