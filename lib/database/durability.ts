// What SQLite has committed is made durable, by records or by checkpoints; and what becomes of it when that fails.
//
// A commit that no record can tell is saved by a checkpoint at once: the checkpoint is *owed*, and until it has
// succeeded the commit is in doubt. A failure begins an episode (background-errors.ts), which ends when writing has
// been resumed: in a new file, proven by a synced mark.

import { Committer } from '../commit.ts'
import {
  CheckpointIncompleteError,
  CommitInDoubtError,
  FencedError,
  messageOf,
  pathOf,
  rootCause,
  ScriptlogError,
  systemCode,
  UsageError,
} from '../errors.ts'
import type { AppendedCommit } from '../log/writer.ts'
import { resume } from '../resume.ts'
import type { Settings } from '../settings.ts'
import { CONSEQUENCES, type FailingPart, kindOf, LOG_OVER_HARD_LIMIT, severityOf } from '../severity.ts'
import type { Store } from '../store.ts'
import { AutomaticResume } from './automatic-resume.ts'
import { BackgroundErrors } from './background-errors.ts'
import { type CheckpointParts, Checkpoints } from './checkpoints.ts'
import type { CheckpointResult } from './events.ts'
import type { CloseMode } from './hsqldb-statement.ts'
import type { Listeners } from './listeners.ts'
import { Space } from './space.ts'
import { type ErrorStatus, errorStatusOf } from './status.ts'

export interface DurabilityParts extends Omit<CheckpointParts, 'space' | 'settings'> {
  readonly listeners: Listeners
  /** False while no checkpoint may begin by itself. */
  readonly mayCheckpoint: () => boolean
}

export class Durability {
  readonly #parts: DurabilityParts
  readonly #store: Store
  readonly #committer: Committer
  readonly #errors: BackgroundErrors
  readonly #automatic: AutomaticResume
  readonly #space: Space
  readonly #checkpoints: Checkpoints
  #settings: Settings
  /** The last commit is durable only with the next checkpoint. */
  #owesCheckpoint = false
  #isResuming = false
  #lastCommit: AppendedCommit | undefined

  constructor(parts: DurabilityParts, settings: Settings) {
    const { store, listeners } = parts
    this.#parts = parts
    this.#store = store
    this.#settings = settings
    this.#errors = new BackgroundErrors(store.environment.clock, listeners)
    this.#space = new Space(store, () => this.#settings)
    this.#checkpoints = new Checkpoints({ ...parts, space: this.#space, settings: () => this.#settings })
    this.#automatic = new AutomaticResume({
      errors: this.#errors,
      listeners,
      settings: () => this.#settings,
      hasRoom: () => this.#space.hasRoomFor(this.#bytesToResume),
      resume: () => this.#whileResuming(() => this.#resume()),
    })
    this.#committer = new Committer(store, settings.writeDelayMillis, (failure) => {
      const reason = failure.operation === 'sync' ? 'log-sync' : 'log-append'
      const error = new CommitInDoubtError(`the log could not be written: ${messageOf(failure.cause)}`, {
        reason,
        severity: severityOf(reason, failure.cause),
        subcode: systemCode(failure.cause),
        path: store.log.path,
        cause: failure.cause,
        hint: 'mend the cause; what was committed is visible and not yet durable',
      })
      this.#failed(reason, error)
    })
  }

  /** The last commit since the open; not necessarily durable yet. */
  get lastCommit(): AppendedCommit | undefined {
    return this.#lastCommit
  }

  /** What keeps the database from being written, and what went wrong before. */
  get errors(): ErrorStatus {
    return errorStatusOf(this.#errors, this.#automatic.isAwaited)
  }

  /** @throws {ReadOnlyModeError} while a failure keeps the database from being written. */
  assertWritable(): void {
    if (!this.#errors.isReadOnly) return
    this.#automatic.tryWhenDue()
    this.#errors.assertWritable()
  }

  /**
   * Called before each statement that may change something.
   * @throws {ReadOnlyModeError} while a failure keeps the database from being written.
   * @throws {ScriptlogError} when there is no room, or the state cannot be made `yes`: that begins an episode.
   */
  beforeChange(): void {
    this.assertWritable()
    this.#noticing(() => {
      this.#space.assertWithinLimit()
      this.#store.ensureDirty()
    })
  }

  /**
   * Makes a record of what a transaction did.
   * @throws {CommitInDoubtError} when it is visible and not durable.
   */
  commit(body: string): void {
    this.#noticing(() => {
      this.#lastCommit = this.#committer.commit(body)
    })
  }

  /** The last commit is in no record: `error` tells why, where that is no property of the statement. */
  oweCheckpoint(error?: ScriptlogError): void {
    this.#owesCheckpoint = true
    this.#store.numberUnlogged()
    if (error !== undefined) this.#errors.note('log-append', error)
  }

  /** Called after each commit. */
  afterCommit(): void {
    if (this.#owesCheckpoint) this.#payCheckpoint()
    else this.checkpointWhenDue()
  }

  /** @throws {CommitInDoubtError} when what was committed cannot be made durable. */
  flush(): void {
    if (this.#owesCheckpoint) this.#payCheckpoint()
    this.#noticing(() => this.#committer.flush())
  }

  async flushed(): Promise<void> {
    if (this.#owesCheckpoint) this.#payCheckpoint()
    await this.#committer.flushed()
  }

  /** Takes over settings that were changed. */
  follow(settings: Settings): void {
    const before = this.#settings
    this.#settings = settings
    if (settings.writeDelayMillis !== before.writeDelayMillis) {
      this.#noticing(() => this.#committer.setWriteDelay(settings.writeDelayMillis))
    }
    if (settings.logSize !== before.logSize) this.#checkpoints.follow()
    this.#automatic.follow()
    if (this.#errors.episode?.error.subcode === 'space-limit') this.#automatic.tryNow()
  }

  /** A checkpoint that the user asks for. */
  checkpoint(): CheckpointResult {
    this.assertWritable()
    let done: CheckpointResult
    try {
      done = this.#checkpoint('yes')
    } catch (error) {
      // What fails is told to who asked, and limits nothing; but not what nothing should be written after.
      const isWorse =
        error instanceof ScriptlogError && CONSEQUENCES.checkpoint[kindOf(error)].resumption === 'never'
      if (isWorse) this.#failed('checkpoint', error)
      throw error
    }
    // What had failed before was this, and nothing else limits anything.
    if (this.#errors.episode?.reason === 'checkpoint') this.#endEpisode()
    return done
  }

  checkpointWhenDue(): void {
    if (!this.#parts.mayCheckpoint()) return
    if (this.#errors.episode !== undefined) {
      this.#automatic.tryWhenDue()
      this.#limitLog()
      return
    }
    if (!this.#checkpoints.isDue) return
    try {
      this.#checkpoints.assertRoom()
      this.#checkpoint('yes')
    } catch (error) {
      // Never out of the commit that happened to be the last one before: that one is durable or will be.
      if (!(error instanceof ScriptlogError)) throw error
      this.#checkpoints.postpone()
      this.#failed('checkpoint', error)
    }
  }

  /**
   * Makes the database writable again once the cause of a failure is mended; throws what still fails.
   * @throws {ReadOnlyModeError} when nothing but closing and opening can help.
   */
  resume(): void {
    const { listeners } = this.#parts
    if (this.#errors.episode === undefined) {
      this.#saveBeyondFailure()
      return
    }
    this.#errors.assertResumable()
    this.#assertNotResuming()
    this.#errors.count('manualResumes')
    const isToldAlready = this.#automatic.isAwaited
    try {
      this.#whileResuming(() => {
        if (!isToldAlready) listeners.tell({ kind: 'errorRecoveryBegin' })
        this.#resume()
      })
    } catch (error) {
      if (!isToldAlready) {
        const told = error instanceof ScriptlogError ? error : undefined
        listeners.tell({ kind: 'errorRecoveryEnd', error: told })
      }
      throw error
    }
    if (!isToldAlready) listeners.tell({ kind: 'errorRecoveryEnd', error: undefined })
  }

  /** Saves everything for a close; no transaction is open. */
  settle(mode: CloseMode): void {
    const { log, stateFile, names, hasUnfinishedCheckpoint } = this.#store
    this.#automatic.close()
    const wasNeverWritten = stateFile.state.modified === 'no' || stateFile.state.modified === 'no-new-files'
    if (wasNeverWritten && !stateFile.isInDoubt) return
    switch (mode) {
      case 'immediately':
        // Stock sqlite3 would apply twice what stands in both `.log` and `.log.next`.
        if (this.#owesCheckpoint || log.path !== names.log || log.failure !== undefined) break
        // Nor does it find what an unfinished checkpoint left under other names; and nothing is appended in doubt.
        if (hasUnfinishedCheckpoint || stateFile.isInDoubt) break
        this.#committer.prove()
        return
      case 'compact':
        this.#parts.verbose.hush(() => this.#parts.tables.compact())
        break
      case 'normal':
      case 'script':
        break
      default:
        mode satisfies never
    }
    // What is in doubt is saved by the snapshot, whose log begins past every byte of the one that failed.
    if (log.failure !== undefined) this.#saveBeyondFailure()
    this.#checkpoint('no')
  }

  /** Nothing is written after this. */
  close(): void {
    this.#automatic.close()
    this.#committer.close()
  }

  /** What is to be written before writing goes on. */
  get #bytesToResume(): number {
    const { log } = this.#store
    return this.#needsCheckpoint ? this.#space.checkpointBytes : log.endLsn - log.syncedLsn
  }

  /** Nothing but a checkpoint resumes writing. Over the limit one may help, whatever had failed before. */
  get #needsCheckpoint(): boolean {
    if (this.#owesCheckpoint || this.#errors.episode?.reason === 'checkpoint') return true
    return (this.#hasRecords || this.#store.hasUnfinishedCheckpoint) && !this.#space.isWithinLimit
  }

  /** A listener that resumes whenever a resume fails would never come to an end. */
  #whileResuming(act: () => void): void {
    this.#assertNotResuming()
    this.#isResuming = true
    try {
      act()
    } finally {
      this.#isResuming = false
    }
  }

  #assertNotResuming(): void {
    if (!this.#isResuming) return
    throw new UsageError('writing is being resumed already', {
      hint: 'do not call resume() from a listener that hears of a resume; errorRecoveryEnd tells how it ended',
    })
  }

  /** Moves to a new file, proves it, and only then ends the episode. What fails is part of the episode. */
  #resume(): void {
    try {
      this.#saveBeyondFailure()
      const done = this.#needsCheckpoint ? this.#checkpointUntold('yes') : undefined
      try {
        this.#space.assertWithinLimit()
        if (this.#errors.isReadOnly) {
          this.#store.ensureDirty()
          this.#committer.prove()
        }
      } finally {
        // Not earlier: a listener may close the database.
        if (done !== undefined) this.#parts.listeners.tell({ kind: 'checkpoint', ...done })
      }
    } catch (error) {
      const cause = rootCause(error)
      // A transaction is open, and only a checkpoint would help: nothing has failed.
      if (cause instanceof UsageError) throw cause
      // A statement runs: it is a function of the user's, called by SQL, that asks for this.
      if (cause instanceof TypeError) {
        throw new UsageError(`writing cannot be resumed now: ${cause.message}`, {
          cause: error,
          hint: 'call resume() when no statement is being run; it is tried again by itself, too',
        })
      }
      if (error instanceof ScriptlogError) this.#failed(partOf(error), error)
      throw error
    }
    this.#endEpisode()
  }

  /** There are commits since the last checkpoint. */
  get #hasRecords(): boolean {
    return this.#store.xid > this.#store.stateFile.state.checkpointXid
  }

  #endEpisode(): void {
    this.#errors.end()
    this.#automatic.succeeded()
  }

  #failed(reason: FailingPart, error: ScriptlogError): void {
    const isHard =
      reason === 'checkpoint' && kindOf(error) === 'no-space' && this.#checkpoints.isLogOverHardLimit
    this.#errors.add(reason, error, isHard ? LOG_OVER_HARD_LIMIT : undefined)
    this.#automatic.follow()
  }

  /** Checkpoints that are not tried, as there is no room, do not fail either: the log grows all the same. */
  #limitLog(): void {
    const { episode } = this.#errors
    if (episode?.reason !== 'checkpoint' || this.#errors.isReadOnly) return
    if (!this.#checkpoints.isLogOverHardLimit || kindOf(episode.error) !== 'no-space') return
    this.#failed('checkpoint', this.#checkpoints.tooLargeLog(episode.error, episode.error.subcode))
  }

  /** Runs something whose failure keeps the database from being written, and remembers that it did. */
  #noticing(act: () => void): void {
    try {
      act()
    } catch (error) {
      if (error instanceof ScriptlogError) this.#failed(partOf(error), error)
      throw error
    }
  }

  /** Makes the checkpoint without which the last commit is not durable: no record can say what it did. */
  #payCheckpoint(): void {
    try {
      this.#checkpoint('yes')
    } catch (cause) {
      if (cause instanceof FencedError) {
        this.#failed('log-append', cause)
        throw cause
      }
      const error = new CommitInDoubtError(
        `the commit is visible and not durable: it needs a checkpoint, which failed: ${messageOf(cause)}`,
        {
          reason: 'log-append',
          severity: severityOf('log-append', cause),
          subcode: systemCode(rootCause(cause)),
          path: pathOf(cause) ?? this.#store.names.base,
          cause,
          hint: 'mend the cause; do not repeat the statement, it was not rolled back',
        },
      )
      this.#failed('log-append', error)
      throw error
    }
  }

  #checkpoint(settleAs: 'yes' | 'no'): CheckpointResult {
    const result = this.#checkpointUntold(settleAs)
    this.#parts.listeners.tell({ kind: 'checkpoint', ...result })
    return result
  }

  #checkpointUntold(settleAs: 'yes' | 'no'): CheckpointResult {
    this.#parts.assertQuiet()
    this.#noticing(() => this.#committer.flush())
    let result: CheckpointResult
    try {
      result = this.#checkpoints.make(settleAs)
    } catch (error) {
      // Whether the checkpoint counts is open until .properties has been replaced again. Behind its commit point
      // nothing is: the next write replaces the file, and goes on.
      const { stateFile, hasUnfinishedCheckpoint } = this.#store
      const isOpen = stateFile.isInDoubt && !hasUnfinishedCheckpoint
      if (isOpen && error instanceof CheckpointIncompleteError) this.#failed('state-file', error)
      throw error
    }
    this.#owesCheckpoint = false
    return result
  }

  /** Moves to a new log, which the failed one's bytes cannot reach. */
  #saveBeyondFailure(): void {
    try {
      this.#parts.verbose.hush(() => resume(this.#store, () => this.#checkpoints.statements()))
    } finally {
      this.#space.changed()
    }
  }
}

/** What was being done when this failed. */
function partOf({ reason }: ScriptlogError): FailingPart {
  switch (reason) {
    case 'log-append':
    case 'log-sync':
    case 'state-file':
    case 'checkpoint':
      return reason
    default:
      return 'log-append'
  }
}
