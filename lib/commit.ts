// Commit: a transaction that SQLite has committed becomes a record.
//
//   1 SQLite commits           a COMMIT that fails leaves no record
//   2 append                   the record gets its LSN
//   3 delay 0: write and sync  <- acknowledged: the call returns
//     delay > 0: the call returns. The record is handed to the operating system at the end of the turn; inside the
//     commit itself once 10 ms or 64 KB are waiting, after `exit` has begun, and always in a worker (whose exit
//     runs nothing). It is synced within the delay: off the main thread, or inside a commit when the turn has
//     lasted longer than that and no timer could run.
//   4 flush, flushed           <- acknowledged: many waiters share one sync
//
// When 2 or 3 fails, the transaction is in doubt: it stays visible, no further write is accepted, and a resume
// makes it durable. It is never called rolled back.

import { isMainThread } from 'node:worker_threads'
import { CommitInDoubtError, FencedError, messageOf, systemCode } from './errors.ts'
import { formatLsn, type Lsn } from './format/lsn.ts'
import { type AppendedCommit, LogFailure } from './log/writer.ts'
import { severityOf } from './severity.ts'
import type { Store } from './store.ts'

const LONGEST_WAIT_MS = 10
const LARGEST_WAIT_BYTES = 64 * 1024

export class Committer {
  readonly #store: Store
  readonly #onFailure: (failure: LogFailure) => void
  #writeDelayMillis: number
  #oldestWaitingMs: number | undefined
  #endOfTurn: NodeJS.Immediate | undefined
  #delayedSync: NodeJS.Timeout | undefined
  /** When the delayed sync is due, by `performance.now()`. */
  #syncDueMs = Number.POSITIVE_INFINITY
  #syncUnderWay: Promise<void> | undefined
  #nextSync: Promise<void> | undefined
  #isClosed = false

  /** `onFailure` hears of a failed write or sync that happens outside of any call. */
  constructor(store: Store, writeDelayMillis: number, onFailure: (failure: LogFailure) => void) {
    this.#store = store
    this.#writeDelayMillis = writeDelayMillis
    this.#onFailure = onFailure
    openCommitters.add(this)
  }

  get writeDelayMillis(): number {
    return this.#writeDelayMillis
  }

  /** Changes the write delay; what was waiting under the old one is synced first. */
  setWriteDelay(millis: number): void {
    this.flush()
    this.#writeDelayMillis = millis
  }

  /**
   * Appends what a transaction did; returns when it is as durable as the write delay asks for.
   * @throws {CommitInDoubtError} when the record could not be written or synced.
   */
  commit(body: string): AppendedCommit {
    this.#store.assertMayAppend()
    const { log } = this.#store
    const commit = this.#store.nextCommit(body)
    // The log failed while an iterator was committing: too late to refuse, and lost if nobody kept it.
    if (log.failure !== undefined) throw inDoubt(log.failure, log.path, log.keep(commit).lsn)
    const appended = log.append(commit)
    try {
      if (this.#writeDelayMillis === 0) log.sync()
      else this.#writeSoon()
    } catch (error) {
      throw inDoubt(error, log.path, appended.lsn)
    }
    return appended
  }

  /**
   * Returns when every commit so far is durable.
   * @throws {CommitInDoubtError} when the sync failed, now or in the background.
   */
  flush(): void {
    const { log } = this.#store
    try {
      log.sync()
    } catch (error) {
      throw inDoubt(error, log.path, log.syncedLsn)
    }
    this.#calm()
  }

  /** The same off the main thread; many waiters share one sync (group commit). */
  async flushed(): Promise<void> {
    const target = this.#store.log.endLsn
    while (this.#store.log.syncedLsn < target) await this.#shareSync()
  }

  /** Hands everything to the operating system, at the exit of the process. */
  writeAtExit(): void {
    try {
      this.#store.log.write()
    } catch {
      // Nobody is left to be told, and no acknowledgement was given.
    }
  }

  /**
   * Makes every commit durable and proves it by a mark, which is durable as well.
   * @throws {CommitInDoubtError} when the log cannot be written or synced.
   */
  prove(): void {
    const { log } = this.#store
    this.flush()
    try {
      log.appendMark()
      log.sync()
    } catch (error) {
      throw inDoubt(error, log.path, log.syncedLsn)
    }
  }

  /** Forgets timers; the log itself is closed by the store's owner. */
  close(): void {
    this.#isClosed = true
    this.#calm()
    openCommitters.delete(this)
  }

  #writeSoon(): void {
    const { log } = this.#store
    const now = performance.now()
    this.#oldestWaitingMs ??= now
    const isUrgent =
      log.waitingBytes >= LARGEST_WAIT_BYTES ||
      now - this.#oldestWaitingMs >= LONGEST_WAIT_MS ||
      isExiting ||
      !isMainThread
    if (isUrgent) {
      log.write()
      this.#oldestWaitingMs = undefined
    } else {
      this.#endOfTurn ??= setImmediate(() => this.#writeAtEndOfTurn()).unref()
    }
    this.#syncLater(now)
    // A turn that never ends lets no timer run: the promise is kept here then, and what is synced need not be kept.
    if (now >= this.#syncDueMs) this.flush()
  }

  #syncLater(now: number): void {
    if (this.#delayedSync !== undefined) return
    this.#syncDueMs = now + this.#writeDelayMillis
    this.#delayedSync = setTimeout(() => this.#syncInBackground(), this.#writeDelayMillis).unref()
  }

  #writeAtEndOfTurn(): void {
    this.#endOfTurn = undefined
    this.#oldestWaitingMs = undefined
    this.#background(() => this.#store.log.write())
  }

  #syncInBackground(): void {
    this.#delayedSync = undefined
    this.#syncDueMs = Number.POSITIVE_INFINITY
    const { log } = this.#store
    const target = log.endLsn
    if (log.syncedLsn === target) return
    this.#shareSync().then(
      () => this.#background(() => this.#afterSync(target)),
      () => undefined,
    )
  }

  /** Idle after a sync: a mark makes provable what is durable. Otherwise the next round is due. */
  #afterSync(target: Lsn): void {
    const { log } = this.#store
    if (this.#isClosed) return
    if (log.endLsn === target && log.syncedLsn === target) {
      log.appendMark()
      log.write()
    } else if (log.syncedLsn < log.endLsn) {
      this.#syncLater(performance.now())
    }
  }

  /**
   * One sync for all who ask before it begins, which is when the one under way has ended: two at a time would
   * share less, and prove no more.
   */
  #shareSync(): Promise<void> {
    this.#nextSync ??= (this.#syncUnderWay ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => {
        this.#nextSync = undefined
        this.#syncUnderWay = this.#syncOnce()
        return this.#syncUnderWay
      })
    return this.#nextSync
  }

  async #syncOnce(): Promise<void> {
    const { log } = this.#store
    try {
      await log.syncAsync()
    } catch (error) {
      // A checkpoint has made durable what was in a log that is no longer appended to.
      if (log !== this.#store.log) return
      if (error instanceof LogFailure) this.#onFailure(error)
      throw inDoubt(error, log.path, log.syncedLsn)
    }
  }

  #background(act: () => void): void {
    if (this.#isClosed) return
    try {
      act()
    } catch (error) {
      if (!(error instanceof LogFailure)) throw error
      this.#onFailure(error)
    }
  }

  #calm(): void {
    clearImmediate(this.#endOfTurn)
    clearTimeout(this.#delayedSync)
    this.#endOfTurn = undefined
    this.#delayedSync = undefined
    this.#syncDueMs = Number.POSITIVE_INFINITY
    this.#oldestWaitingMs = undefined
  }
}

/** The error of a failed append or sync, for the caller whose commits it concerns. */
export function inDoubt(error: unknown, path: string, lsn: Lsn): unknown {
  if (!(error instanceof LogFailure)) return error
  const { cause } = error
  if (cause instanceof FencedError) return cause
  const reason = error.operation === 'sync' ? 'log-sync' : 'log-append'
  return new CommitInDoubtError(
    `the commit is visible and may not be durable: the log could not be ${error.operation === 'sync' ? 'synced' : 'written'}: ${messageOf(cause)}`,
    {
      reason,
      severity: severityOf(reason, cause),
      subcode: systemCode(cause),
      path,
      lsn: formatLsn(lsn),
      cause,
      hint: 'mend the cause; do not repeat the transaction, it was not rolled back',
    },
  )
}

const openCommitters = new Set<Committer>()
let isExiting = false
process.on('exit', () => {
  isExiting = true
  for (const committer of openCommitters) committer.writeAtExit()
})
