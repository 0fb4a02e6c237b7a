import type { ScriptlogError, Severity } from '../errors.ts'
import type { Role } from '../fs/lock-slots.ts'
import type { RecoveryReport, RecoveryStep } from '../recovery/report.ts'
import type { FailingPart } from '../severity.ts'

/** What a checkpoint wrote. */
export interface CheckpointResult {
  /** LSN of the snapshot. */
  readonly lsn: string
  readonly scriptBytes: number
  readonly rows: number
  readonly durationMillis: number
}

/** Where a reader is after a refresh. */
export interface RefreshResult {
  /** Up to which the log has been applied. */
  readonly lsn: string
  /** Number of the last commit that is seen. */
  readonly xid: number
  /** Transactions that were applied; 0 when there was nothing new. */
  readonly records: number
  /** The position was in no log any more, as after a checkpoint beyond it: everything was loaded anew. */
  readonly isReloaded: boolean
}

/** What a database tells while it works; heard with `on`, or with the option `onEvent` from the first moment. */
export type DatabaseEvent =
  /** A step of the recovery begins. */
  | { readonly kind: 'recoveryProgress'; readonly step: RecoveryStep; readonly row?: string | undefined }
  /** A process was found dead in the register: a writer's end is a reason to recover, a reader's is not. */
  | { readonly kind: 'processDied'; readonly pid: number; readonly role: Role }
  | { readonly kind: 'recovered'; readonly report: RecoveryReport }
  | ({ readonly kind: 'checkpoint' } & CheckpointResult)
  /** A reader has moved on to a later state. */
  | ({ readonly kind: 'refreshed' } & RefreshResult)
  /** A refresh on the interval failed: told once, and tried again; what the reader sees stays as it was. */
  | { readonly kind: 'refreshFailed'; readonly error: ScriptlogError }
  /**
   * Something failed that keeps the database from being written (`hard` and worse), or a checkpoint that was to run by
   * itself (`soft`). `suppress`, for checkpoints alone: it does not matter, writing goes on and nothing is tried again.
   */
  | {
      readonly kind: 'backgroundError'
      readonly reason: FailingPart
      readonly severity: Severity
      readonly error: ScriptlogError
      readonly suppress: (() => void) | undefined
    }
  /** The first write into an attached database, under the name that it was attached by: nothing in it is logged. */
  | { readonly kind: 'unloggedWrite'; readonly database: string }
  /** Writing is about to be resumed, by `resume()` or by itself. */
  | { readonly kind: 'errorRecoveryBegin' }
  /** It was, or with `error` it was given up. */
  | { readonly kind: 'errorRecoveryEnd'; readonly error: ScriptlogError | undefined }

export type EventKind = DatabaseEvent['kind']
export type EventOf<K extends EventKind> = Extract<DatabaseEvent, { kind: K }>
