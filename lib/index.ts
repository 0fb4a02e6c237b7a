/** The public door of scriptlog. */
export {
  type CloseOptions,
  Database,
  Database as default,
} from './database/database.ts'
export type { CheckpointResult, DatabaseEvent } from './database/events.ts'
export type { CloseMode } from './database/hsqldb-statement.ts'
export type { DatabaseOptions } from './database/options.ts'
export type { FailureStatus, Status } from './database/status.ts'
export type { Registrar, RunResult, Statement } from './engine/native.ts'
export { SqliteError } from './engine/sqlite.ts'
export {
  CheckpointIncompleteError,
  CommitInDoubtError,
  CorruptionError,
  LockHeldError,
  OpenError,
  ReadOnlyModeError,
  type Reason,
  ScriptlogError,
  type Severity,
  UsageError,
} from './errors.ts'
export { type InspectedFile, type Inspection, inspect } from './inspect.ts'
export { type LogFileEnd, type LoggedTransaction, readLog } from './read-log.ts'
export type { RecoveryReport } from './recovery/report.ts'
export type { RecoveryMode, Settings } from './settings.ts'
export { type Verification, type VerifyOptions, verify } from './verify.ts'
