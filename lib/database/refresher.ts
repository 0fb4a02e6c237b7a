// Refreshing a reader: when it is asked for, and from time to time. On request it is done or fails. On the interval it is
// put off while a transaction or an iterator is open, or the files are just being changed; what fails is told once, as
// `refreshFailed`, and tried again at the next interval. The old state stays in every case.

import { messageOf, ScriptlogError } from '../errors.ts'
import { formatLsn } from '../format/lsn.ts'
import type { Micros } from '../format/time.ts'
import { CHANGING, type Followed, type Place } from '../recovery/follow.ts'
import type { RefreshResult } from './events.ts'
import type { Listeners } from './listeners.ts'
import type { ReaderStatus, RefreshFailure } from './status.ts'

/** With 5 ms between them. */
const MOST_ATTEMPTS = 100
/** Of a refresh that nobody waits for, and that keeps the thread meanwhile. */
const MOST_ATTEMPTS_ON_INTERVAL = 3

export interface RefresherParts {
  /** See `Follower.follow`. */
  readonly follow: (mostAttempts: number) => Followed
  readonly place: () => Place
  readonly listeners: Listeners
  readonly clock: () => Micros
  /** Nothing is under way that would see two states. */
  readonly isIdle: () => boolean
}

export class Refresher {
  readonly #parts: RefresherParts
  readonly #timer: NodeJS.Timeout | undefined
  #refreshes = 0
  #reloads = 0
  #failure: { readonly error: ScriptlogError; readonly sinceMicros: Micros } | undefined

  /** `intervalMillis` 0: only on request. The interval keeps no process alive. */
  constructor(parts: RefresherParts, intervalMillis: number) {
    this.#parts = parts
    if (intervalMillis > 0) this.#timer = setInterval(() => this.#inBackground(), intervalMillis).unref()
  }

  get status(): ReaderStatus {
    return { refreshes: this.#refreshes, reloads: this.#reloads, failure: this.#failureStatus() }
  }

  /** @throws what keeps the state from moving on. */
  refresh(mostAttempts = MOST_ATTEMPTS): RefreshResult {
    const { follow, place, listeners } = this.#parts
    const { records, isReloaded } = follow(mostAttempts)
    this.#failure = undefined
    const { lsn, xid } = place()
    const result = { lsn: formatLsn(lsn), xid, records, isReloaded }
    if (records === 0 && !isReloaded) return result
    this.#refreshes++
    if (isReloaded) this.#reloads++
    listeners.tell({ kind: 'refreshed', ...result })
    return result
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #failureStatus(): RefreshFailure | undefined {
    if (this.#failure === undefined) return undefined
    const { error, sinceMicros } = this.#failure
    const ageMillis = Math.round((this.#parts.clock() - sinceMicros) / 1000)
    return { code: error.code, message: error.message, ageMillis }
  }

  #inBackground(): void {
    if (!this.#parts.isIdle()) return
    try {
      this.refresh(MOST_ATTEMPTS_ON_INTERVAL)
    } catch (cause) {
      if (cause instanceof ScriptlogError && cause.subcode === CHANGING) return
      const error = cause instanceof ScriptlogError ? cause : asRefreshFailure(cause)
      const isTold = this.#failure?.error.message === error.message
      this.#failure = { error, sinceMicros: this.#failure?.sinceMicros ?? this.#parts.clock() }
      if (!isTold) this.#parts.listeners.tell({ kind: 'refreshFailed', error })
    }
  }
}

function asRefreshFailure(cause: unknown): ScriptlogError {
  return new ScriptlogError(
    'SCRIPTLOG_NOT_REFRESHED',
    `the state could not be refreshed: ${messageOf(cause)}`,
    {
      reason: 'sql',
      severity: 'soft',
      isRetryable: true,
      cause,
      hint: 'what was read stays as it was; it is tried again',
    },
  )
}
