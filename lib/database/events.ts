import type { ScriptlogError } from '../errors.ts'
import type { Role } from '../fs/lock-slots.ts'
import type { RecoveryReport, RecoveryStep } from '../recovery/report.ts'

/** What a checkpoint wrote. */
export interface CheckpointResult {
  /** LSN of the snapshot. */
  readonly lsn: string
  readonly scriptBytes: number
  readonly rows: number
  readonly durationMillis: number
}

/** What a database tells while it works; heard with `on`, or with the option `onEvent` from the first moment. */
export type DatabaseEvent =
  /** A step of the recovery begins. */
  | { readonly kind: 'recoveryProgress'; readonly step: RecoveryStep; readonly row?: string | undefined }
  /** A process was found dead in the register: a writer's end is a reason to recover, a reader's is not. */
  | { readonly kind: 'processDied'; readonly pid: number; readonly role: Role }
  | { readonly kind: 'recovered'; readonly report: RecoveryReport }
  | ({ readonly kind: 'checkpoint' } & CheckpointResult)
  /** Something failed outside of any call: an automatic checkpoint, or a write or sync under a write delay. */
  | { readonly kind: 'backgroundError'; readonly error: ScriptlogError }
  /** The first write into an attached database, under the name that it was attached by: nothing in it is logged. */
  | { readonly kind: 'unloggedWrite'; readonly database: string }
  | { readonly kind: 'errorRecoveryBegin' }
  | { readonly kind: 'errorRecoveryEnd'; readonly error: ScriptlogError | undefined }

export type EventKind = DatabaseEvent['kind']
export type EventOf<K extends EventKind> = Extract<DatabaseEvent, { kind: K }>
