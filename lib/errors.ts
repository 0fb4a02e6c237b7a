/** How far a failure reaches, as in RocksDB: writes go on, read-only until resumed, reopen, or repair. */
export type Severity = 'soft' | 'hard' | 'fatal' | 'unrecoverable'

/** What was being done when it failed. */
export type Reason =
  | 'open'
  | 'lock'
  | 'recovery'
  | 'log-append'
  | 'log-sync'
  | 'state-file'
  | 'checkpoint'
  | 'script'
  | 'sql'
  | 'settings'
  | 'usage'

/** The details that every error of scriptlog can carry beside its message. */
export interface ErrorDetails {
  readonly reason: Reason
  /** A finer cause: the operating system's code (`ENOSPC`, `EIO`) or a word of the protocol (`torn`, `gap`). */
  readonly subcode?: string | undefined
  readonly severity?: Severity
  /** True when the same call can succeed later without anything being mended by hand. */
  readonly isRetryable?: boolean
  /** The file concerned. */
  readonly path?: string | undefined
  /** Byte position in `path`. */
  readonly offset?: number | undefined
  /** Log sequence number, printed `hi/lo`. */
  readonly lsn?: string | undefined
  /** What to do, and what not to do because it would destroy data. */
  readonly hint?: string | undefined
  readonly cause?: unknown
}

/**
 * Base of all errors that scriptlog itself raises; errors of SQL stay better-sqlite3's `SqliteError`.
 * `code` is stable and meant for programs; `message` names what happened, where, and what to do.
 */
export class ScriptlogError extends Error {
  override readonly name: string = 'ScriptlogError'
  readonly code: string
  readonly reason: Reason
  readonly subcode: string | undefined
  readonly severity: Severity
  readonly retryable: boolean
  readonly path: string | undefined
  readonly offset: number | undefined
  readonly lsn: string | undefined
  readonly hint: string | undefined

  constructor(code: string, message: string, details: ErrorDetails) {
    const where = [
      details.path,
      details.offset === undefined ? undefined : `offset ${details.offset}`,
      details.lsn === undefined ? undefined : `LSN ${details.lsn}`,
    ].filter((part) => part !== undefined)
    const text =
      message +
      (where.length > 0 ? ` (${where.join(', ')})` : '') +
      (details.hint === undefined ? '' : `\n  hint: ${details.hint}`)
    super(text, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.reason = details.reason
    this.subcode = details.subcode
    this.severity = details.severity ?? 'fatal'
    this.retryable = details.isRetryable ?? false
    this.path = details.path
    this.offset = details.offset
    this.lsn = details.lsn
    this.hint = details.hint
  }
}

/**
 * Another process, thread or connection has the database open. `pid` is the holder's, when known. `code` is what an
 * application of better-sqlite3's waits for when its database is locked: `SQLITE_BUSY`.
 */
export class LockHeldError extends ScriptlogError {
  override readonly name = 'LockHeldError'
  readonly pid: number | undefined
  constructor(message: string, pid: number | undefined, details: Omit<ErrorDetails, 'reason'>) {
    super('SQLITE_BUSY', message, { reason: 'lock', isRetryable: true, ...details })
    this.pid = pid
  }
}

/**
 * The `.lck` of an open database was deleted or replaced: another process may write the files by now, so this one
 * never acknowledges another commit and renames nothing. Close it; what it had acknowledged before is in the files.
 */
export class FencedError extends ScriptlogError {
  override readonly name = 'FencedError'
  constructor(message: string, details: Omit<ErrorDetails, 'reason'>) {
    super('SCRIPTLOG_FENCED', message, { reason: 'lock', ...details })
  }
}

/** The database needs a recovery, and the option `recover: false` does not allow one. Nothing was changed. */
export class RunRecoveryError extends ScriptlogError {
  override readonly name = 'RunRecoveryError'
  constructor(message: string, details: Omit<ErrorDetails, 'reason'>) {
    super('SCRIPTLOG_RUN_RECOVERY', message, { reason: 'recovery', ...details })
  }
}

/** Bytes that the log or the headers prove were durable are damaged or missing. Nothing was changed. */
export class CorruptionError extends ScriptlogError {
  override readonly name = 'CorruptionError'
  constructor(message: string, details: ErrorDetails) {
    super('SCRIPTLOG_CORRUPT', message, { severity: 'unrecoverable', ...details })
  }
}

/**
 * A transaction was committed in memory and its record may or may not be durable. It stays visible; no
 * further write is accepted until `resume()` has made it durable. It was not rolled back: do not repeat it.
 */
export class CommitInDoubtError extends ScriptlogError {
  override readonly name = 'CommitInDoubtError'
  constructor(message: string, details: ErrorDetails) {
    super('SCRIPTLOG_COMMIT_IN_DOUBT', message, { severity: 'hard', ...details })
  }
}

/** Writes are refused because of an earlier failure; reads go on. `resume()` makes the database writable. */
export class ReadOnlyModeError extends ScriptlogError {
  override readonly name = 'ReadOnlyModeError'
  constructor(message: string, details: ErrorDetails) {
    super('SCRIPTLOG_READ_ONLY_MODE', message, { severity: 'hard', isRetryable: true, ...details })
  }
}

/** A checkpoint could not be completed. The database goes on from the log it has; nothing is lost. */
export class CheckpointIncompleteError extends ScriptlogError {
  override readonly name = 'CheckpointIncompleteError'
  constructor(message: string, details: Omit<ErrorDetails, 'reason'>) {
    super('SCRIPTLOG_CHECKPOINT_INCOMPLETE', message, {
      reason: 'checkpoint',
      severity: 'soft',
      isRetryable: true,
      ...details,
    })
  }
}

/** The files are readable and do not add up to a database that can be opened. Nothing was changed. */
export class OpenError extends ScriptlogError {
  override readonly name = 'OpenError'
  constructor(message: string, details: Omit<ErrorDetails, 'reason'> & { readonly reason?: Reason }) {
    super('SCRIPTLOG_CANNOT_OPEN', message, { reason: 'open', ...details })
  }
}

/** A setting, option or argument has no meaning here or lies outside its range. */
export class UsageError extends ScriptlogError {
  override readonly name = 'UsageError'
  constructor(message: string, details: Partial<ErrorDetails> = {}) {
    super('SCRIPTLOG_USAGE', message, { reason: 'usage', severity: 'soft', ...details })
  }
}

/** A mistake of ours, never of the caller: not caught anywhere. */
export function invariant(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(`scriptlog: broken invariant: ${what}`)
}

/** The operating system's code of an error (`ENOSPC`, `EIO`), if it has one. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** What lies at the bottom of an error that was told in better words on its way up: often the operating system's. */
export function rootCause(error: unknown): unknown {
  return error instanceof ScriptlogError && error.cause !== undefined ? rootCause(error.cause) : error
}

/** The error that says that the lock is lost, when that lies behind another one: there is nothing to be mended then. */
export function fencedBy(error: unknown): FencedError | undefined {
  if (error instanceof FencedError) return error
  return error instanceof Error && error.cause !== undefined ? fencedBy(error.cause) : undefined
}

/** The path that an error names, if it names one. */
export function pathOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('path' in error)) return undefined
  return typeof error.path === 'string' ? error.path : undefined
}
