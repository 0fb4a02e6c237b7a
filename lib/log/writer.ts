// Writes entries to the end of one log file and knows how far the file is written, synced, and proven.
//
//   endLsn      what has been appended, handed to the operating system or not
//   writtenLsn  what the operating system has
//   syncedLsn   what the last completed sync covers: the `sync=` of the next entry
//
// After a failed write or sync the file is never touched again (its pages may be called clean and be lost): every
// later call throws the same failure. What no sync covers is kept as bytes, so that a resume can copy it.

import { invariant } from '../errors.ts'
import type { Lsn } from '../format/lsn.ts'
import type { AppendFile } from '../fs/files.ts'
import { letGo } from '../fs/let-go.ts'
import { type Commit, EntryChunks } from './entry-chunks.ts'
import { encodeMark, type StoredLogHeader } from './format.ts'

/** Where a commit came to stand. */
export interface AppendedCommit {
  readonly xid: number
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
  /** Everything from `syncedLsn` on. */
  readonly #entries = new EntryChunks()
  /** Commits that came after a failure: they are not in this log. */
  readonly #kept: Commit[] = []
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
  get unsynced(): readonly Commit[] {
    return [...this.#entries.commitsFrom(this.#syncedLsn), ...this.#kept]
  }

  /** Appends a commit in memory; {@link write} hands it to the operating system. */
  append(commit: Commit): AppendedCommit {
    this.#assertSound()
    const lsn = this.#endLsn
    const { xid, timeMicros, body } = commit
    const fields = { lsn, xid, sync: this.#syncedLsn, prev: this.#lastCrc, timeMicros }
    const { end, crc } = this.#entries.addRecord(body, fields, this.header.crc)
    this.#endLsn = end
    this.#lastCrc = crc
    return { xid, lsn, end }
  }

  /** Takes a commit that was made when the file had failed already: it is never written here, a resume copies it. */
  keep(commit: Commit): AppendedCommit {
    this.#kept.push(commit)
    return { xid: commit.xid, lsn: this.#endLsn, end: this.#endLsn }
  }

  /** Appends a mark, so that what is synced is also proven; worth writing only when `syncedLsn` has grown since the last entry. */
  appendMark(): void {
    this.#assertSound()
    const { bytes, crc } = encodeMark(
      { lsn: this.#endLsn, sync: this.#syncedLsn, prev: this.#lastCrc },
      this.header.crc,
    )
    this.#entries.add(bytes, this.#endLsn)
    this.#endLsn += bytes.length
    this.#lastCrc = crc
  }

  /** Hands everything appended to the operating system. Throws {@link LogFailure}. */
  write(): void {
    this.#assertSound()
    if (this.#writtenLsn === this.#endLsn) return
    try {
      this.#file.append(this.#entries.bytesFrom(this.#writtenLsn))
    } catch (cause) {
      throw this.#fail('append', cause)
    }
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

  /** Closes the descriptor; syncs nothing. What no sync covers by then is in doubt, or was never acknowledged. */
  close(): void {
    letGo(this.#file)
  }

  #covered(lsn: Lsn, crc: number): void {
    if (lsn <= this.#syncedLsn) return
    this.#syncedLsn = lsn
    this.#syncedCrc = crc
    this.#entries.dropBefore(lsn)
  }

  #fail(operation: LogOperation, cause: unknown): LogFailure {
    this.#failure ??= new LogFailure(operation, cause)
    return this.#failure
  }

  #assertSound(): void {
    if (this.#failure !== undefined) throw this.#failure
  }
}
