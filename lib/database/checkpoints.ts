// Checkpoints of an open database: how one is made, when one is due by itself, and whether there is room for it.

import { type CheckpointDone, type CheckpointOptions, checkpoint } from '../checkpoint.ts'
import type { MemoryTables } from '../engine/memory-tables.ts'
import type { Verbose } from '../engine/verbose.ts'
import { CheckpointIncompleteError } from '../errors.ts'
import { formatLsn } from '../format/lsn.ts'
import type { Settings } from '../settings.ts'
import { LOG_OVER_HARD_LIMIT } from '../severity.ts'
import type { Store } from '../store.ts'
import type { CheckpointResult } from './events.ts'
import { BYTES_A_MEGABYTE, type Space } from './space.ts'
import { assertLoadsAs, type LoadTwin } from './twin.ts'

/** After one that runs by itself failed and that was suppressed, the log grows by this share of `logSize` before the next. */
const RETRY_SHARE = 0.25
/** The log's hard limit, in sizes at which a checkpoint is due. */
const HARD_LIMIT_SIZES = 4

export interface CheckpointParts {
  readonly store: Store
  readonly tables: MemoryTables
  readonly verbose: Verbose
  readonly loadTwin: LoadTwin
  readonly space: Space
  readonly settings: () => Settings
  /** @throws {UsageError} while a transaction or a write iterator is open. */
  readonly assertQuiet: () => void
}

export class Checkpoints {
  readonly #parts: CheckpointParts
  #dueBytes: number

  constructor(parts: CheckpointParts) {
    this.#parts = parts
    this.#dueBytes = this.#logSizeBytes
  }

  /** The log has grown to the size at which one runs by itself. */
  get isDue(): boolean {
    return this.#logSizeBytes > 0 && this.#bytesSince >= this.#dueBytes
  }

  /** The log is so large that it must not grow on, while no checkpoint finds room. */
  get isLogOverHardLimit(): boolean {
    return this.#logSizeBytes > 0 && this.#bytesSince >= HARD_LIMIT_SIZES * this.#logSizeBytes
  }

  /** `logSize` was changed. */
  follow(): void {
    this.#dueBytes = this.#logSizeBytes
  }

  /** One that was due has failed. */
  postpone(): void {
    this.#dueBytes += Math.max(1, this.#logSizeBytes * RETRY_SHARE)
  }

  /**
   * Makes one; the log is flushed. Throws what `checkpoint` throws.
   * @throws {UsageError} while a transaction or a write iterator is open.
   */
  make(settleAs: 'yes' | 'no'): CheckpointResult {
    const { store, tables, verbose, space } = this.#parts
    const { clock } = store.environment
    const begun = clock()
    let done: CheckpointDone
    try {
      done = verbose.hush(() =>
        checkpoint(store, { statements: () => tables.statements(), settleAs, check: this.#check }),
      )
    } finally {
      space.changed()
    }
    this.#dueBytes = this.#logSizeBytes
    return {
      lsn: formatLsn(done.lsn),
      scriptBytes: done.scriptBytes,
      rows: done.rows,
      durationMillis: (clock() - begun) / 1000,
    }
  }

  /** The statements of a snapshot, for who makes a checkpoint in another way. */
  statements(): Iterable<string, number | undefined> {
    this.#parts.assertQuiet()
    return this.#parts.tables.statements()
  }

  /**
   * One that runs by itself and would fill the disk is not begun: the log needs that room.
   * @throws {CheckpointIncompleteError}
   */
  assertRoom(): void {
    const { store, space } = this.#parts
    const bytes = space.checkpointBytes
    if (space.hasRoomFor(bytes)) return
    const { names } = store
    throw new CheckpointIncompleteError(
      `the checkpoint was not begun: it needs about ${bytes} bytes, and reserved_disk_buffer is to stay free`,
      {
        path: names.scriptNew,
        subcode: 'ENOSPC',
        cause: Object.assign(new Error('not enough free space'), { code: 'ENOSPC', path: names.dir }),
        hint: 'free some space: it is tried again by itself. Commits go on; nothing is lost, delete none of the files',
      },
    )
  }

  /** What is told when the log has reached its hard limit, because of `cause`. */
  tooLargeLog(cause: unknown, subcode: string | undefined): CheckpointIncompleteError {
    return new CheckpointIncompleteError(
      `checkpoints find no room, and the log is ${HARD_LIMIT_SIZES} times as large as log_size says`,
      {
        severity: LOG_OVER_HARD_LIMIT.severity,
        path: this.#parts.store.log.path,
        subcode,
        cause,
        hint: 'free some space: writing is resumed by itself. Nothing is lost; delete none of the files',
      },
    )
  }

  get #logSizeBytes(): number {
    return this.#parts.settings().logSize * BYTES_A_MEGABYTE
  }

  get #bytesSince(): number {
    const { log, stateFile } = this.#parts.store
    return log.endLsn - stateFile.state.checkpointLsn
  }

  get #check(): CheckpointOptions['check'] {
    const { settings, tables, loadTwin } = this.#parts
    if (!settings().paranoidChecks) return undefined
    return (path, pieces) => assertLoadsAs(path, pieces, tables.statements(), loadTwin)
  }
}
