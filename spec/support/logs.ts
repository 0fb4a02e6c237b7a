// Logs as specs need them: built entry by entry, with the bounds of each entry known, then damaged and read.

import type { ReadFile } from '../../lib/fs/files.ts'
import { encodeLogHeader, encodeMark, encodeRecord, type LogHeader } from '../../lib/log/format.ts'
import { type LogEnd, readEntries, readLogHeader } from '../../lib/log/reader.ts'

export interface LogPart {
  readonly kind: 'record' | 'mark'
  /** First byte in the file, and the byte behind the last. */
  readonly offset: number
  readonly endOffset: number
  /** The `sync=` in it. */
  readonly sync: number
  readonly xid: number
  readonly timeMicros: number
  readonly body: string
}

export const SOME_HEADER: LogHeader = {
  databaseId: '00112233aabbccdd',
  timeline: 1,
  start: 0,
  salt: '5f0c9e2b7a41d386',
  prev: 0,
}

/** 2026-11-20T06:53:29Z. */
export const SOME_TIME = 1_795_157_609_000_000

/** A log that is written step by step. */
export class LogDraft {
  readonly header: LogHeader
  readonly headerBytes: number
  readonly #seed: number
  readonly #pieces: Buffer[]
  readonly #parts: LogPart[] = []
  #sizeBytes: number
  #lastCrc: number
  #synced: number
  #xid = 0

  constructor(header: Partial<LogHeader> = {}) {
    this.header = { ...SOME_HEADER, ...header }
    const { bytes, crc } = encodeLogHeader(this.header)
    this.headerBytes = bytes.length
    this.#seed = crc
    this.#pieces = [bytes]
    this.#sizeBytes = bytes.length
    this.#lastCrc = crc
    this.#synced = this.header.start + bytes.length
  }

  /** A record that names the last {@link sync}. */
  record(body: string): this {
    this.#xid++
    const lsn = this.header.start + this.#sizeBytes
    const timeMicros = SOME_TIME + this.#xid
    const fields = { lsn, xid: this.#xid, sync: this.#synced, prev: this.#lastCrc, timeMicros }
    return this.#add('record', encodeRecord(body, fields, this.#seed), timeMicros, body)
  }

  /** As many records as asked for, each with a row of its own. */
  records(count: number): this {
    for (let made = 0; made < count; made++) this.record(`INSERT INTO "t" VALUES(${this.#xid + 1});\n`)
    return this
  }

  mark(): this {
    const fields = { lsn: this.header.start + this.#sizeBytes, sync: this.#synced, prev: this.#lastCrc }
    return this.#add('mark', encodeMark(fields, this.#seed), 0, '')
  }

  /** Everything so far is durable, and what follows says so. */
  sync(): this {
    this.#synced = this.header.start + this.#sizeBytes
    return this
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#pieces)
  }
  get parts(): readonly LogPart[] {
    return this.#parts
  }
  get lastCrc(): number {
    return this.#lastCrc
  }

  /** The text of the n-th entry, from 0. */
  textOf(index: number): string {
    return (this.#pieces[index + 1] ?? Buffer.alloc(0)).toString()
  }

  /** A log whose entries are these, in this order: deleted, swapped, repeated. */
  rearranged(indexes: readonly number[]): Buffer {
    const [header = Buffer.alloc(0), ...entries] = this.#pieces
    return Buffer.concat([header, ...indexes.map((index) => entries[index] ?? Buffer.alloc(0))])
  }

  #add(kind: LogPart['kind'], entry: { bytes: Buffer; crc: number }, timeMicros: number, body: string): this {
    const offset = this.#sizeBytes
    this.#pieces.push(entry.bytes)
    this.#sizeBytes += entry.bytes.length
    this.#lastCrc = entry.crc
    this.#parts.push({
      kind,
      offset,
      endOffset: this.#sizeBytes,
      sync: this.#synced,
      xid: kind === 'record' ? this.#xid : 0,
      timeMicros,
      body,
    })
    return this
  }
}

/** Thirty transactions of many kinds, in stretches that are synced one by one, together, or not at all. */
export function thirtyMixedTransactions(random: () => number): LogDraft {
  const draft = new LogDraft()
  for (let made = 0; made < 30; made++) {
    draft.record(mixedBody(made, draft))
    if (made < 24 && random() < 0.6) {
      draft.sync()
      if (random() < 0.3) draft.mark()
    }
  }
  return draft
}

function mixedBody(index: number, draft: LogDraft): string {
  switch (index % 6) {
    case 0:
      return `CREATE TABLE "t${index}"(\n  "id" INTEGER PRIMARY KEY, -- the key\n\n  "body" TEXT\n);\n`
    case 1:
      return `INSERT INTO "t" VALUES(${index},'hällo \u{1F600}'),(2,'it''s');\nUPDATE "t" SET "b"=x'00ff' WHERE "id"=1;\n`
    case 2:
      return ''
    case 3:
      return `CREATE VIEW "v${index}" AS SELECT 1 /*\nBEGIN;\nCOMMIT; --@ lsn=0/00000074 xid=1\n--@ mark lsn=0/00000000\n*/;\n`
    case 4:
      return `INSERT INTO "t" VALUES(${index},'${'long '.repeat(60)}');\n`
    default:
      // The text of the record before last, as somebody may copy it into a comment.
      return `CREATE VIEW "q${index}" AS SELECT 1 /*\n${draft.textOf(draft.parts.length - 2)}*/;\n`
  }
}

/** What a reader makes of a file. */
export interface ReadLog {
  readonly entries: readonly ReadEntry[]
  readonly end: LogEnd
}

export interface ReadEntry {
  readonly kind: 'record' | 'mark'
  readonly lsn: number
  readonly end: number
  readonly sync: number
  readonly xid: number
  readonly timeMicros: number
  readonly body: string
}

/** Reads a log from its header to its end; undefined when its header is none. */
export function readLog(file: ReadFile): ReadLog | undefined {
  const header = readLogHeader(file)
  if ('kind' in header) return undefined
  const entries: ReadEntry[] = []
  const reading = readEntries(file, header)
  for (;;) {
    const next = reading.next()
    if (next.done === true) return { entries, end: next.value }
    const { kind, lsn, end, sync } = next.value
    const { xid, timeMicros, body } =
      next.value.kind === 'record' ? next.value : { xid: 0, timeMicros: 0, body: '' }
    entries.push({ kind, lsn, end, sync, xid, timeMicros, body: body.toString() })
  }
}

/** What {@link readLog} finds of these parts of a log that starts at `start`. */
export function asRead(parts: readonly LogPart[], start = 0): ReadEntry[] {
  return parts.map(({ offset, endOffset, ...rest }) => ({
    ...rest,
    lsn: start + offset,
    end: start + endOffset,
  }))
}

/** `bytes` as an open file. */
export function fileOf(bytes: Uint8Array): ReadFile {
  return {
    sizeBytes: bytes.length,
    read: (offset, lengthBytes) => bytes.subarray(offset, offset + lengthBytes),
    close: () => undefined,
  }
}

/** A copy with `with_` over the bytes from `offset` on. */
export function overwritten(bytes: Uint8Array, offset: number, with_: Uint8Array): Buffer {
  const copy = Buffer.from(bytes)
  copy.set(with_.subarray(0, copy.length - offset), offset)
  return copy
}

/** A copy without the bytes from `from` to `to`. */
export function without(bytes: Uint8Array, from: number, to: number): Buffer {
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)])
}

/** A copy with `what` put in at `offset`. */
export function inserted(bytes: Uint8Array, offset: number, what: string | Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, offset), Buffer.from(what), bytes.subarray(offset)])
}
