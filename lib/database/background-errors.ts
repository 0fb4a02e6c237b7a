// What keeps a database from being written, and what else went wrong outside of any call: one *episode* from the first
// failure until writing is resumed, in which the severity only rises, and the last errors, whatever became of them.

import { fencedBy, ReadOnlyModeError, rootCause, type ScriptlogError, type Severity } from '../errors.ts'
import { formatMicros, type Micros } from '../format/time.ts'
import {
  CONSEQUENCES,
  type Consequence,
  type FailingPart,
  type FailureKind,
  isWorse,
  kindOf,
} from '../severity.ts'
import type { Listeners } from './listeners.ts'

/** As many are kept, the oldest first. */
const MOST_KEPT = 64

/** An error as `status()` lists it. */
export interface RecordedError {
  /** ISO 8601, UTC. */
  readonly time: string
  readonly reason: FailingPart
  readonly kind: FailureKind
  readonly severity: Severity
  readonly code: string
  /** The operating system's code, where there is one. */
  readonly subcode: string | undefined
  readonly path: string | undefined
  readonly message: string
  /** A listener has decided that it does not matter. */
  readonly isSuppressed: boolean
}

export interface ErrorCounters {
  /** Failures that limited writing, or would have if nobody had suppressed them. */
  readonly backgroundErrors: number
  readonly noSpaceErrors: number
  readonly ioErrors: number
  readonly corruptionErrors: number
  /** Tries to resume writing that nobody asked for, and how many of them succeeded. */
  readonly autoResumeAttempts: number
  readonly autoResumeSuccesses: number
  /** Calls of `resume()` that had something to resume. */
  readonly manualResumes: number
}

/** The counters of a database in which nothing has failed. */
export const NO_ERRORS: ErrorCounters = {
  backgroundErrors: 0,
  noSpaceErrors: 0,
  ioErrors: 0,
  corruptionErrors: 0,
  autoResumeAttempts: 0,
  autoResumeSuccesses: 0,
  manualResumes: 0,
}

/** Failures of one episode: that with the highest severity stands for it. */
export interface Episode {
  readonly reason: FailingPart
  readonly error: ScriptlogError
  readonly consequence: Consequence
  readonly sinceMicros: Micros
}

export class BackgroundErrors {
  readonly #clock: () => Micros
  readonly #listeners: Listeners
  readonly #last: RecordedError[] = []
  /** Root causes that were told. */
  readonly #told = new WeakSet<object>()
  #episode: Episode | undefined
  #counters = NO_ERRORS

  constructor(clock: () => Micros, listeners: Listeners) {
    this.#clock = clock
    this.#listeners = listeners
  }

  get episode(): Episode | undefined {
    return this.#episode
  }
  get counters(): ErrorCounters {
    return this.#counters
  }
  get last(): readonly RecordedError[] {
    return [...this.#last]
  }

  /** True while writes are refused. */
  get isReadOnly(): boolean {
    return this.#episode !== undefined && this.#episode.consequence.severity !== 'soft'
  }

  count(counter: 'autoResumeAttempts' | 'autoResumeSuccesses' | 'manualResumes'): void {
    this.#counters = { ...this.#counters, [counter]: this.#counters[counter] + 1 }
  }

  /**
   * A failure begins an episode or takes its place in the one that is under way. The same failure, met again by who
   * waits for the same sync, is told once. `consequence`: where it is not that of the table.
   */
  add(reason: FailingPart, error: ScriptlogError, consequence?: Consequence): void {
    const kind = kindOf(error)
    const follows = consequence ?? CONSEQUENCES[reason][kind]
    const before = this.#episode
    const stands = before === undefined || isWorse(follows.severity, before.consequence.severity)
    if (!stands && this.#wasTold(error)) return
    if (stands) this.#episode = { reason, error, consequence: follows, sinceMicros: this.#clock() }
    const begun = this.#episode
    this.#remember(error)
    const isSuppressed = this.#tell(reason, error, follows)
    // Whatever failed or was resumed while listeners heard of it is not theirs to suppress.
    if (isSuppressed && this.#episode === begun) this.#episode = before
    this.#record(reason, kind, error, follows.severity, isSuppressed)
  }

  /** An error that limits nothing: what it concerned was saved in another way. */
  note(reason: FailingPart, error: ScriptlogError): void {
    this.#listeners.tell({ kind: 'backgroundError', reason, severity: 'soft', error, suppress: undefined })
    this.#record(reason, kindOf(error), error, 'soft', false)
  }

  end(): void {
    this.#episode = undefined
  }

  /** @throws {ReadOnlyModeError} with the original cause and its age. */
  assertWritable(): void {
    if (this.#episode !== undefined && this.isReadOnly) throw this.#refusal(this.#episode)
  }

  /** What a `resume()` is told that can resume nothing. */
  assertResumable(): void {
    if (this.#episode?.consequence.resumption === 'never') throw this.#refusal(this.#episode)
  }

  ageMillis({ sinceMicros }: Episode): number {
    return Math.round((this.#clock() - sinceMicros) / 1000)
  }

  /** Tells of a failure; true when a listener suppresses it. Only that of a checkpoint can be: the log holds all. */
  #tell(reason: FailingPart, error: ScriptlogError, { severity }: Consequence): boolean {
    let isSuppressed = false
    const maySuppress = reason === 'checkpoint' && (severity === 'soft' || severity === 'hard')
    const suppress = maySuppress
      ? () => {
          isSuppressed = true
        }
      : undefined
    this.#listeners.tell({ kind: 'backgroundError', reason, severity, error, suppress })
    return isSuppressed
  }

  #wasTold(error: ScriptlogError): boolean {
    const cause = rootCause(error)
    return typeof cause === 'object' && cause !== null && this.#told.has(cause)
  }

  #remember(error: ScriptlogError): void {
    const cause = rootCause(error)
    if (typeof cause === 'object' && cause !== null) this.#told.add(cause)
  }

  #record(
    reason: FailingPart,
    kind: FailureKind,
    error: ScriptlogError,
    severity: Severity,
    isSuppressed: boolean,
  ): void {
    const { code, subcode, path, message } = error
    const time = formatMicros(this.#clock())
    this.#last.push({ time, reason, kind, severity, code, subcode, path, message, isSuppressed })
    if (this.#last.length > MOST_KEPT) this.#last.shift()
    const { backgroundErrors, noSpaceErrors, ioErrors, corruptionErrors } = this.#counters
    this.#counters = {
      ...this.#counters,
      backgroundErrors: backgroundErrors + 1,
      noSpaceErrors: noSpaceErrors + (kind === 'no-space' ? 1 : 0),
      ioErrors: ioErrors + (kind === 'io' ? 1 : 0),
      corruptionErrors: corruptionErrors + (kind === 'corruption' ? 1 : 0),
    }
  }

  #refusal(episode: Episode): ScriptlogError {
    const { error, consequence } = episode
    const fenced = fencedBy(error)
    // There is nothing to be mended, and nothing to wait for.
    if (fenced !== undefined) return fenced
    const { severity, resumption } = consequence
    const isOver = resumption === 'never'
    return new ReadOnlyModeError(
      `writes are refused since a failure ${this.ageMillis(episode)} ms ago: ${error.message}`,
      {
        reason: error.reason,
        subcode: error.subcode,
        path: error.path,
        severity,
        isRetryable: !isOver,
        cause: error,
        hint: isOver
          ? 'reads go on; close the database, mend the cause and open it again. Delete none of its files'
          : 'reads go on; mend the cause: writing is resumed by itself or by resume()',
      },
    )
  }
}
