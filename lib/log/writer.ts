// Writes entries to the end of one log file and knows how far the file is written, synced, and proven.
//
//   endLsn      what has been appended, handed to the operating system or not
//   writtenLsn  what the operating system has
//   syncedLsn   what the last completed sync covers: the `sync=` of the next entry
//
// After a failed write or sync the file is never touched again (its pages may be called clean and be lost): every
// later call throws the same failure. Records that no sync covers are kept, so that a resume can copy them.

import { invariant } from '../errors.ts'
import type { Lsn } from '../format/lsn.ts'
import type { Micros } from '../format/time.ts'
import type { AppendFile } from '../fs/files.ts'
import { encodeMark, encodeRecord, type StoredLogHeader } from './format.ts'

/** A committed transaction as it is written to a log, at whatever position. */
export interface Commit {
  readonly xid: number
  readonly timeMicros: Micros
  /** Statements, each ended by `;` and a newline. */
  readonly body: string
}

export interface AppendedCommit extends Commit {
  readonly lsn: Lsn
  readonly end: Lsn
}

export type LogOperation = 'append' | 'sync'

/** A write or sync of the log failed: what had been appended and not synced is in doubt for good. */
export class LogFailure extends Error {
  override readonly name = 'LogFailure'
  readonly operation: LogOperation
  constructor(operation: LogOperation, cause: unknown) {
    super(`log ${operation} failed`, { cause })
    this.operation = operation
  }
}

export interface LogPosition {
  readonly endLsn: Lsn
  /** Checksum of the entry that ends at `endLsn`, or of the header. */
  readonly lastCrc: number
}

export class LogWriter {
  readonly header: StoredLogHeader
  /** Where the file stood when it was written; renames do not change it. */
  readonly path: string
  readonly #file: AppendFile
  #endLsn: Lsn
  #writtenLsn: Lsn
  #syncedLsn: Lsn
  #syncedCrc: number
  #lastCrc: number
  #waiting: Buffer[] = []
  #unsynced: AppendedCommit[] = []
  #failure: LogFailure | undefined

  /** Goes on at `position`, up to which `file` must be durable. */
  constructor(path: string, file: AppendFile, header: StoredLogHeader, position: LogPosition) {
    invariant(header.start + file.sizeBytes === position.endLsn, 'a log is appended to at its end')
    this.path = path
    this.header = header
    this.#file = file
    this.#endLsn = position.endLsn
    this.#writtenLsn = position.endLsn
    this.#syncedLsn = position.endLsn
    this.#lastCrc = position.lastCrc
    this.#syncedCrc = position.lastCrc
  }

  get endLsn(): Lsn {
    return this.#endLsn
  }
  get writtenLsn(): Lsn {
    return this.#writtenLsn
  }
  get syncedLsn(): Lsn {
    return this.#syncedLsn
  }
  get lastCrc(): number {
    return this.#lastCrc
  }
  /** Checksum of the entry that ends at `syncedLsn`. */
  get syncedCrc(): number {
    return this.#syncedCrc
  }
  get waitingBytes(): number {
    return this.#endLsn - this.#writtenLsn
  }
  get failure(): LogFailure | undefined {
    return this.#failure
  }
  /** Commits that no completed sync covers, oldest first. */
  get unsynced(): readonly AppendedCommit[] {
    return this.#unsynced
  }

  /** Appends a commit in memory; {@link write} hands it to the operating system. */
  append(commit: Commit): AppendedCommit {
    this.#assertSound()
    const lsn = this.#endLsn
    const { bytes, crc } = encodeRecord(
      commit.body,
      { lsn, xid: commit.xid, sync: this.#syncedLsn, prev: this.#lastCrc, timeMicros: commit.timeMicros },
      this.header.crc,
    )
    this.#push(bytes, crc)
    const appended = { ...commit, lsn, end: this.#endLsn }
    this.#unsynced.push(appended)
    return appended
  }

  /** Takes a commit that was made when the file had failed already: it is never written here, a resume copies it. */
  keep(commit: Commit): AppendedCommit {
    const kept = { ...commit, lsn: this.#endLsn, end: this.#endLsn }
    this.#unsynced.push(kept)
    return kept
  }

  /** Appends a mark, so that what is synced is also proven; worth writing only when `syncedLsn` has grown since the last entry. */
  appendMark(): void {
    this.#assertSound()
    const { bytes, crc } = encodeMark(
      { lsn: this.#endLsn, sync: this.#syncedLsn, prev: this.#lastCrc },
      this.header.crc,
    )
    this.#push(bytes, crc)
  }

  /** Hands everything appended to the operating system. Throws {@link LogFailure}. */
  write(): void {
    this.#assertSound()
    if (this.#waiting.length === 0) return
    const bytes =
      this.#waiting.length === 1 ? (this.#waiting[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#waiting)
    try {
      this.#file.append(bytes)
    } catch (cause) {
      throw this.#fail('append', cause)
    }
    this.#waiting = []
    this.#writtenLsn = this.#endLsn
  }

  /** Writes, then makes everything appended durable. Throws {@link LogFailure}. */
  sync(): void {
    this.write()
    if (this.#syncedLsn === this.#endLsn) return
    try {
      this.#file.sync()
    } catch (cause) {
      throw this.#fail('sync', cause)
    }
    this.#covered(this.#endLsn, this.#lastCrc)
  }

  /** The same off the main thread, for what has been appended when it is called. Rejects with {@link LogFailure}. */
  async syncAsync(): Promise<void> {
    this.write()
    if (this.#syncedLsn === this.#endLsn) return
    // Only what was written before the sync started is covered by it, whatever is appended meanwhile.
    const startedAt = this.#endLsn
    const crcAtStart = this.#lastCrc
    try {
      await this.#file.syncAsync()
    } catch (cause) {
      throw this.#fail('sync', cause)
    }
    // A sync or write that failed meanwhile may have eaten the error of these very bytes.
    this.#assertSound()
    this.#covered(startedAt, crcAtStart)
  }

  /** Closes the descriptor. Syncs nothing. */
  close(): void {
    this.#file.close()
  }

  #push(bytes: Buffer, crc: number): void {
    this.#waiting.push(bytes)
    this.#endLsn += bytes.length
    this.#lastCrc = crc
  }

  #covered(lsn: Lsn, crc: number): void {
    if (lsn <= this.#syncedLsn) return
    this.#syncedLsn = lsn
    this.#syncedCrc = crc
    let durable = 0
    while ((this.#unsynced[durable]?.end ?? Number.POSITIVE_INFINITY) <= lsn) durable++
    this.#unsynced.splice(0, durable)
  }

  #fail(operation: LogOperation, cause: unknown): LogFailure {
    this.#failure ??= new LogFailure(operation, cause)
    return this.#failure
  }

  #assertSound(): void {
    if (this.#failure !== undefined) throw this.#failure
  }
}
