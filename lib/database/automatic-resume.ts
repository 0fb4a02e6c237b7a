// Writing is resumed without anybody asking for it: at intervals after a failure, until it succeeds, the failure turns
// out to be one that nothing but a reopening mends, or it was tried as often as the setting allows.
//
//   begin   errorRecoveryBegin is told, the first try is due after one interval
//   try     when it is due, by a timer, or by a write when the turn lets no timer run
//           no room yet, or a transaction in the way: it is not a try, and the next one is due after an interval
//   end     errorRecoveryEnd is told: of success, or with the last error when it is given up

import { ScriptlogError, UsageError } from '../errors.ts'
import type { Settings } from '../settings.ts'
import type { Resumption } from '../severity.ts'
import type { BackgroundErrors } from './background-errors.ts'
import type { Listeners } from './listeners.ts'

/** With backoff, intervals double so many times. */
const MOST_DOUBLINGS = 6

export interface ResumptionParts {
  readonly errors: BackgroundErrors
  readonly listeners: Listeners
  readonly settings: () => Settings
  /** False as long as there is less room than a try needs. */
  readonly hasRoom: () => boolean
  /** Resumes writing, or throws what still fails. */
  readonly resume: () => void
}

export class AutomaticResume {
  readonly #parts: ResumptionParts
  #timer: NodeJS.Timeout | undefined
  #dueMs = Number.POSITIVE_INFINITY
  #tries = 0
  #isTold = false
  #isUnderWay = false
  #isClosed = false

  constructor(parts: ResumptionParts) {
    this.#parts = parts
  }

  /** True while it will be tried again. */
  get isAwaited(): boolean {
    return this.#dueMs !== Number.POSITIVE_INFINITY
  }

  /** A failure was added, or a setting changed: tries begin, or end where nothing is to be tried (any more). */
  follow(): void {
    const { errors, listeners } = this.#parts
    if (this.#isUnderWay || this.#isClosed || errors.episode === undefined) return
    if (this.#resumption === 'never' || this.#tries >= this.#parts.settings().maxBgerrorResumeCount) {
      this.#giveUp()
    } else if (!this.isAwaited) {
      // A listener may resume, write or close in the middle: what it finds is what it would find afterwards.
      const wasTold = this.#isTold
      this.#isTold = true
      this.#schedule()
      if (!wasTold) listeners.tell({ kind: 'errorRecoveryBegin' })
    }
  }

  /** Tries now when a try is due; a turn that does not end lets no timer run. */
  tryWhenDue(): void {
    if (performance.now() >= this.#dueMs) this.#try()
  }

  /** What it may have waited for has changed: tries now. */
  tryNow(): void {
    if (this.isAwaited) this.#try()
  }

  /** Writing was resumed, by whomever. */
  succeeded(): void {
    this.#stop()
    this.#tries = 0
    this.#tellEnd(undefined)
  }

  /** Nothing is tried after this. */
  close(): void {
    this.#isClosed = true
    this.#stop()
  }

  get #resumption(): Resumption {
    return this.#parts.errors.episode?.consequence.resumption ?? 'never'
  }

  #try(): void {
    const { errors, hasRoom, resume } = this.#parts
    this.#stop()
    if (this.#isUnderWay || errors.episode === undefined) return
    if (this.#resumption === 'when-there-is-space' && !hasRoom()) {
      this.#schedule()
      return
    }
    this.#isUnderWay = true
    try {
      resume()
      errors.count('autoResumeAttempts')
      errors.count('autoResumeSuccesses')
    } catch (error) {
      if (!(error instanceof ScriptlogError)) throw error
      // A transaction is open, and this failure needs a checkpoint: that was no try.
      if (!(error instanceof UsageError)) {
        this.#tries++
        errors.count('autoResumeAttempts')
      }
    } finally {
      this.#isUnderWay = false
    }
    this.follow()
  }

  #schedule(): void {
    const { bgerrorResumeRetryIntervalMillis } = this.#parts.settings()
    const doublings = this.#resumption === 'with-backoff' ? Math.min(this.#tries, MOST_DOUBLINGS) : 0
    const delayMs = bgerrorResumeRetryIntervalMillis * 2 ** doublings
    this.#dueMs = performance.now() + delayMs
    this.#timer = setTimeout(() => this.#try(), Math.min(delayMs, 0x7fffffff)).unref()
  }

  #giveUp(): void {
    this.#stop()
    this.#tellEnd(this.#parts.errors.episode?.error)
  }

  #tellEnd(error: ScriptlogError | undefined): void {
    const wasTold = this.#isTold
    this.#isTold = false
    if (wasTold) this.#parts.listeners.tell({ kind: 'errorRecoveryEnd', error })
  }

  #stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#dueMs = Number.POSITIVE_INFINITY
  }
}
