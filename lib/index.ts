/** The public door of scriptlog. */
export { type CheckpointResult, type CloseOptions, Database, Database as default } from './database.ts'
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
export type { DatabaseEvent } from './events.ts'
export type { CloseMode } from './hsqldb-statement.ts'
export { type InspectedFile, type Inspection, inspect } from './inspect.ts'
export type { DatabaseOptions } from './options.ts'
export { type LogFileEnd, type LoggedTransaction, readLog } from './read-log.ts'
export type { RecoveryReport } from './recovery/report.ts'
export type { RecoveryMode, Settings } from './settings.ts'
export type { Statement } from './statement.ts'
export type { FailureStatus, Status } from './status.ts'
export { type Verification, type VerifyOptions, verify } from './verify.ts'
