// The newest entries of a log as they stand in the file, kept in large chunks: what a sync has yet to cover.
//
// A commit leaves no object behind, for there may be a hundred thousand of them between two syncs, and a garbage
// collector would move each of them about. Four numbers say where its body stands in a chunk and what it is called.

import type { Lsn } from '../format/lsn.ts'
import type { Micros } from '../format/time.ts'
import { putRecord, RECORD_OPENING, type RecordBody, type RecordFields, recordRoom } from './format.ts'

/** A committed transaction as it is written to a log, at whatever position. */
export interface Commit {
  readonly xid: number
  readonly timeMicros: Micros
  readonly body: RecordBody
}

/** Room for several of the writes that a commit makes on its own (see commit.ts), so that few of them span two chunks. */
const CHUNK_BYTES = 256 * 1024
const MOST_BYTES_A_CHARACTER = 3

interface Chunk {
  readonly bytes: Buffer
  /** LSN of its first byte. */
  start: Lsn
  usedBytes: number
  /** For each record: where its body begins and ends in `bytes`, xid, time. */
  readonly records: number[]
}

export class EntryChunks {
  /** Oldest first. No entry spans two. */
  #chunks: Chunk[] = []

  /** Adds a record; its LSN is the end of the entry added last. Returns its end and its checksum. */
  addRecord(
    body: RecordBody,
    fields: RecordFields,
    seed: number,
  ): { readonly end: Lsn; readonly crc: number } {
    const chunk = this.#chunkFor(body, fields.lsn)
    const placed = putRecord(chunk.bytes, chunk.usedBytes, body, fields, seed)
    chunk.records.push(placed.bodyStart, placed.bodyEnd, fields.xid, fields.timeMicros)
    chunk.usedBytes = placed.end
    return { end: chunk.start + placed.end, crc: placed.crc }
  }

  /** Adds an encoded entry that is no record, at the end of the entry added last. */
  add(entry: Buffer, lsn: Lsn): void {
    const chunk = this.#withRoom(entry.length, lsn)
    chunk.usedBytes += entry.copy(chunk.bytes, chunk.usedBytes)
  }

  /** Everything from `lsn` on, good until the next call that adds or drops. */
  bytesFrom(lsn: Lsn): Buffer {
    const slices: Buffer[] = []
    for (const { bytes, start, usedBytes } of this.#reaching(lsn)) {
      slices.push(bytes.subarray(Math.max(0, lsn - start), usedBytes))
    }
    const [first] = slices
    return slices.length === 1 && first !== undefined ? first : Buffer.concat(slices)
  }

  /** The commits from `lsn` on, which is the end of an entry; good until the next call that adds or drops. */
  commitsFrom(lsn: Lsn): Commit[] {
    const commits: Commit[] = []
    for (const { bytes, start, records } of this.#reaching(lsn)) {
      for (let at = 0; at < records.length; at += 4) {
        const [bodyStart = 0, bodyEnd = 0, xid = 0, timeMicros = 0] = records.slice(at, at + 4)
        if (start + bodyStart - RECORD_OPENING.length < lsn) continue
        commits.push({ xid, timeMicros, body: bytes.subarray(bodyStart, bodyEnd) })
      }
    }
    return commits
  }

  /** Drops what stands before `lsn`, chunk by chunk: a chunk that reaches further stays whole. */
  dropBefore(lsn: Lsn): void {
    const last = this.#chunks.at(-1)
    this.#chunks = this.#reaching(lsn)
    // Where each commit is synced on its own, one chunk serves them all.
    if (this.#chunks.length > 0 || last?.bytes.length !== CHUNK_BYTES) return
    this.#chunks.push({ bytes: last.bytes, start: lsn, usedBytes: 0, records: [] })
  }

  /** The chunks that hold something of `lsn` or later. */
  #reaching(lsn: Lsn): Chunk[] {
    let first = this.#chunks.length
    for (; first > 0; first--) {
      const before = this.#chunks[first - 1]
      if (before === undefined || before.start + before.usedBytes <= lsn) break
    }
    return this.#chunks.slice(first)
  }

  #chunkFor(body: RecordBody, lsn: Lsn): Chunk {
    // Measuring a text costs as much as copying it: only when it might not fit.
    const chunk = this.#chunks.at(-1)
    const fitsSurely =
      chunk !== undefined &&
      recordRoom(body.length * MOST_BYTES_A_CHARACTER) <= chunk.bytes.length - chunk.usedBytes
    return fitsSurely ? chunk : this.#withRoom(recordRoom(Buffer.byteLength(body)), lsn)
  }

  #withRoom(bytes: number, lsn: Lsn): Chunk {
    const last = this.#chunks.at(-1)
    if (last !== undefined && bytes <= last.bytes.length - last.usedBytes) return last
    const chunk = {
      bytes: Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, bytes)),
      start: lsn,
      usedBytes: 0,
      records: [],
    }
    this.#chunks.push(chunk)
    return chunk
  }
}
