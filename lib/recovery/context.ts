import type { Names } from '../names.ts'
import type { Settings } from '../settings.ts'
import type { Environment, Store } from '../store.ts'
import type { Plan } from './plan.ts'
import type { RecoveryReport, RecoveryStep } from './report.ts'
import type { Survey } from './survey.ts'

/** The tables in memory, as far as loading and redo need them. */
export interface LoadTarget {
  /** Runs the statements of a snapshot, given in pieces that end at statement borders. */
  load(pieces: Iterable<Uint8Array>): void
  beginRedo(): void
  /** Applies the statements of one record, whole or not at all. */
  redo(body: Buffer): void
  endRedo(): void
}

/** The same, where a checkpoint may follow. */
export interface RecoveryTarget extends LoadTarget {
  /** The statements of a snapshot of what is there now. */
  statements(): Iterable<string, number | undefined>
}

/** What the parts of an open share. */
export interface Context<Target extends LoadTarget = RecoveryTarget> {
  readonly environment: Environment
  readonly names: Names
  readonly found: Survey
  readonly plan: Plan
  readonly target: Target
  readonly settings: Settings
  readonly onStep: (step: RecoveryStep, survey?: Survey) => void
}

/** What comes of an open. */
export interface Result {
  readonly store: Store
  readonly report: Omit<RecoveryReport, 'durationMillis' | 'causes'>
}
