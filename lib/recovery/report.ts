import type { RecoveryCause } from './causes.ts'
import type { SetAside } from './set-aside.ts'

export const RECOVERY_STEPS = [
  'syncDir',
  'survey',
  'decide',
  'setAside',
  'makeBaseTrue',
  'load',
  'redo',
  'goOn',
] as const
export type RecoveryStep = (typeof RECOVERY_STEPS)[number]

/** What an open found and did; `status().recovery`. */
export interface RecoveryReport {
  /** Row of the decision table. */
  readonly row: string
  readonly because: string
  /** Why something had to be recovered; empty when nothing had. */
  readonly causes: readonly RecoveryCause[]
  /** True when the database had been closed cleanly (or is new) and nothing had to be done. */
  readonly wasClean: boolean
  /** LSN of the snapshot that was loaded. */
  readonly baseLsn: string
  readonly redoneRecords: number
  /** LSN after the last record that was redone. */
  readonly endLsn: string
  readonly lastXid: number
  /** What was wrong with the log: torn, hole, corrupt, foreign or gap. */
  readonly verdict: string | undefined
  readonly detail: string | undefined
  readonly setAside: readonly SetAside[]
  /** Records that verified and could not be applied (`skip_any_corrupted_records` only). */
  readonly skippedRecords: readonly string[]
  readonly warnings: readonly string[]
  /** How writing goes on; `read-only` where it does not. */
  readonly wentOn: 'created' | 'same-log' | 'new-log' | 'log-next' | 'checkpoint' | 'read-only'
  readonly timeline: number
  readonly durationMillis: number
}
