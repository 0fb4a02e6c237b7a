// How much room the files of a database take, and how much there is: what `max_allowed_space_usage` and
// `reserved_disk_buffer` are about.

import { ScriptlogError } from '../errors.ts'
import type { Settings } from '../settings.ts'
import { SPACE_LIMIT_CODE } from '../severity.ts'
import type { Store } from '../store.ts'

export const BYTES_A_MEGABYTE = 1_000_000

export class Space {
  readonly #store: Store
  readonly #settings: () => Settings
  /** Size of all files but the log that is appended to; undefined when it may have changed. */
  #otherBytes: number | undefined

  constructor(store: Store, settings: () => Settings) {
    this.#store = store
    this.#settings = settings
  }

  /** Files were made, replaced or removed. */
  changed(): void {
    this.#otherBytes = undefined
  }

  /** False when the files have reached `max_allowed_space_usage`. */
  get isWithinLimit(): boolean {
    const { maxAllowedSpaceUsage } = this.#settings()
    return maxAllowedSpaceUsage === 0 || this.#usedBytes() < maxAllowedSpaceUsage * BYTES_A_MEGABYTE
  }

  /**
   * Checked before a write: the transaction that crosses the limit is kept whole.
   * @throws {ScriptlogError} when the files have reached `max_allowed_space_usage`.
   */
  assertWithinLimit(): void {
    if (this.isWithinLimit) return
    const { maxAllowedSpaceUsage } = this.#settings()
    const used = this.#usedBytes()
    throw new ScriptlogError(
      SPACE_LIMIT_CODE,
      `the files of the database take ${used} bytes, and max_allowed_space_usage allows ${maxAllowedSpaceUsage} MB`,
      {
        reason: 'log-append',
        subcode: 'space-limit',
        severity: 'hard',
        isRetryable: true,
        path: this.#store.names.base,
        hint:
          'nothing is lost. A checkpoint, which is made by itself, may make the log shorter; otherwise raise the ' +
          'limit: configure({ maxAllowedSpaceUsage }), and resume()',
      },
    )
  }

  /** True when the disk has room for so many bytes beside what is to be kept free, as far as that can be told. */
  hasRoomFor(bytes: number): boolean {
    const { files } = this.#store.environment
    try {
      return (
        files.freeBytes(this.#store.names.dir) >=
        bytes + this.#settings().reservedDiskBuffer * BYTES_A_MEGABYTE
      )
    } catch {
      // What cannot be told is found out by trying.
      return true
    }
  }

  /** About what a checkpoint writes: the script of today, and the log since. */
  get checkpointBytes(): number {
    const { environment, names, log, stateFile } = this.#store
    const scriptBytes = environment.files.stat(names.script)?.sizeBytes ?? 0
    return scriptBytes + log.endLsn - stateFile.state.checkpointLsn
  }

  #usedBytes(): number {
    const { log } = this.#store
    this.#otherBytes ??= this.#measure()
    return this.#otherBytes + log.endLsn - log.header.start
  }

  /** What stands in `.rejected/` belongs to no protocol and is not counted. */
  #measure(): number {
    const { environment, names, log, hasUnfinishedCheckpoint } = this.#store
    const { properties, script, scriptNew, log: logPath, logNext, logNew } = names
    const sizeOf = (path: string) => environment.files.stat(path)?.sizeBytes ?? 0
    // A checkpoint that was not finished may have left the log that is appended to under its first name.
    const isStillNew = hasUnfinishedCheckpoint && environment.files.stat(logNew) !== undefined
    const current = isStillNew ? logNew : log.path
    const others = [properties, script, scriptNew, logPath, logNext, logNew].filter(
      (path) => path !== current,
    )
    return others.reduce((sum, path) => sum + sizeOf(path), 0)
  }
}
