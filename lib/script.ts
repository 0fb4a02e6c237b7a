// The snapshot file's grammar, in both directions. Its lines are in script-lines.ts.
//
//   script  = header 'PRAGMA foreign_keys=OFF;' LF 'BEGIN;' LF {chunk} 'COMMIT;' LF list trailer
//   header  = '--@scriptlog script 1 ' identity ' crc=' crc LF
//   identity = 'db=' hex16 ' timeline=' int ' lsn=' lsn ' prev=' crc ' xid=' int ' time=' time
//   chunk   = statements (see engine/dump.ts) '--@ chunk bytes=' int ' crc=' crc LF
//   list    = {'--@ listed ' int ':' crc LF}
//   trailer = '--@ end ' identity ' rows=' int ' chunks=' int ' listed=' int ' bytes=' int ' crc=' crc LF
//
// To SQL every line of ours is a comment: stock sqlite3 runs the file as it is.
//
// A chunk is as much SQL as makes sense alone: a definition, or an INSERT with some rows of one table. Its crc is seeded
// by the database, and by nothing else that is not in it: what did not change is the same bytes in the next script. So a
// chunk verifies alone, and yet may be of an older snapshot, come back by a write that a disk lost. Therefore the
// list: all chunks of this snapshot in their order, and the trailer's crc covers the list and the trailer, which repeats
// the identity, so that no first line is needed to read the rest. What of a damaged script is certain then tells
// script-remains.ts.
//
// Every byte of a whole script is covered: header and trailer name the same snapshot, and between them stands what the
// list says, byte for byte. `bytes` is the trailer's own offset, so what was cut or inserted shows at once.

import { crc32 } from './format/checksum.ts'
import type { ReadFile } from './fs/files.ts'
import {
  chunkLine,
  chunkSeed,
  ENDING,
  headerLine,
  isSealed,
  LONGEST_HEADER_BYTES,
  LONGEST_TRAILER_BYTES,
  OPENING,
  PREAMBLE,
  parseHeader,
  parseList,
  parseTrailer,
  SCRIPT_FORMAT_VERSION,
  type ScriptHeader,
  type StoredTrailer,
  UNCOVERED_BYTES,
} from './script-lines.ts'

export type { ScriptHeader } from './script-lines.ts'
export { type WrittenScript, writeScript } from './script-writer.ts'

/** A script that is there from the first byte to the last, as it was written. */
export interface WholeScript {
  readonly kind: 'whole'
  readonly header: ScriptHeader
  readonly rows: number
  /**
   * The file's SQL from its first byte to the trailer, in pieces of at most 1 MiB that end anywhere. Offsets in
   * their concatenation are offsets in the file. Throws what reading throws.
   */
  pieces(): Iterable<Uint8Array>
}

/** What is there is no whole script, and why. It has no way to be loaded. */
export interface PartialScript {
  readonly kind: 'partial'
  readonly reason: 'empty' | 'cut' | 'edited' | 'not-a-script' | 'newer-format'
  /** Where the first sign of it stands. */
  readonly offset: number
  /** A clause for people: `its last line is missing`. */
  readonly detail: string
}

const PIECE_BYTES = 1 << 20

/**
 * Reads a script from end to end and tells whether it is whole. Memory is bounded, whatever the file holds.
 * Throws what reading throws; no content of a file makes it throw.
 */
export function readScript(file: ReadFile): WholeScript | PartialScript {
  const header = readHeader(file)
  if ('kind' in header) return header
  const edited = (offset: number, detail: string): PartialScript => ({
    kind: 'partial',
    reason: 'edited',
    offset,
    detail,
  })
  const found = readTrailer(file)
  if (found === undefined) {
    return { kind: 'partial', reason: 'cut', offset: file.sizeBytes, detail: 'its last line is missing' }
  }
  const { trailer, offset } = found
  if (trailer.offset !== offset) {
    return edited(offset, `its last line stands at byte ${offset} instead of ${trailer.offset}`)
  }
  if (!isListSealed(file, trailer, offset)) {
    return edited(offset, 'the checksum of its last lines does not fit: somebody, or the disk, changed them')
  }
  if (!isSameSnapshot(header, trailer)) return edited(offset, 'its first and last line are of two snapshots')
  const misfit = misfitOf(file, header, trailer)
  if (misfit !== undefined) {
    return edited(misfit, 'its checksum does not fit: somebody, or the disk, changed it after it was written')
  }
  return {
    kind: 'whole',
    header,
    rows: trailer.rows,
    pieces: () => piecesOf(file, 0, trailer.listOffset),
  }
}

/** Where the script first is not what its list says, if anywhere: the offset of a chunk. */
function misfitOf(file: ReadFile, header: ScriptHeader, trailer: StoredTrailer): number | undefined {
  const { listOffset, offset } = trailer
  const seed = chunkSeed(header.databaseId)
  const body = new Body(file, listOffset)
  if (!body.stands(headerLine(header) + PREAMBLE)) return 0
  let chunks = 0
  let at = body.at
  for (const chunk of parseList(piecesOf(file, listOffset, offset))) {
    if (chunk === undefined || body.crc32(chunk.sizeBytes, seed) !== chunk.crc) return at
    if (!body.stands(chunkLine(chunk))) return at
    at = body.at
    chunks++
  }
  return body.stands(ENDING) && body.at === listOffset && chunks === trailer.chunks ? undefined : at
}

/** A script's bytes from the first on, each of them looked at once. */
class Body {
  readonly #file: ReadFile
  readonly #end: number
  #rest: Uint8Array = new Uint8Array()
  at = 0

  constructor(file: ReadFile, end: number) {
    this.#file = file
    this.#end = end
  }

  /** Whether this text is next; it is passed. */
  stands(text: string): boolean {
    const bytes = Buffer.from(text)
    return this.crc32(bytes.length, 0) === crc32(bytes)
  }

  /** Checksum of the next bytes, going on from `seed`; they are passed. Undefined when there are not so many. */
  crc32(lengthBytes: number, seed: number): number | undefined {
    if (lengthBytes > this.#end - this.at) return undefined
    let crc = seed
    for (let wanted = lengthBytes; wanted > 0; ) {
      if (this.#rest.length === 0) this.#read()
      const taken = this.#rest.subarray(0, wanted)
      crc = crc32(taken, crc)
      this.#rest = this.#rest.subarray(taken.length)
      this.at += taken.length
      wanted -= taken.length
    }
    return crc
  }

  #read(): void {
    this.#rest = readPiece(this.#file, this.at, this.#end)
  }
}

/** Whether the list, and the trailer that stands at `trailerOffset`, are as they were written. */
export function isListSealed(file: ReadFile, trailer: StoredTrailer, trailerOffset: number): boolean {
  const from = trailerOffset - (trailer.offset - trailer.listOffset)
  if (from < 0 || from > trailerOffset) return false
  let crc = 0
  for (const piece of piecesOf(file, from, trailerOffset + trailer.coversBytes)) crc = crc32(piece, crc)
  return crc === trailer.crc
}

export function isSameSnapshot(one: ScriptHeader, other: ScriptHeader): boolean {
  return headerLine(one) === headerLine(other)
}

/** Reads the first line; what is wrong with it when it is none that can be relied on. */
export function readHeader(file: ReadFile): ScriptHeader | PartialScript {
  const first = Buffer.from(file.read(0, LONGEST_HEADER_BYTES)).toString('latin1')
  const newline = first.indexOf('\n')
  const line = newline < 0 ? first : first.slice(0, newline)
  const partial = (reason: PartialScript['reason'], detail: string): PartialScript => ({
    kind: 'partial',
    reason,
    offset: reason === 'cut' ? file.sizeBytes : 0,
    detail,
  })
  if (file.sizeBytes === 0) return partial('empty', 'it is empty')
  if (newline < 0 && file.sizeBytes < LONGEST_HEADER_BYTES && startsAlike(line, OPENING)) {
    return partial('cut', 'it ends within its first line')
  }
  if (!line.startsWith(OPENING)) return partial('not-a-script', describeStranger(first))
  const version = Number(/^\d{1,6}(?= )/.exec(line.slice(OPENING.length))?.[0])
  // A damaged digit must not pass for a newer format: only a line that verifies as a whole names one.
  if (version > SCRIPT_FORMAT_VERSION && isSealed(line)) {
    return partial(
      'newer-format',
      `it has format ${version}, this scriptlog reads format ${SCRIPT_FORMAT_VERSION}`,
    )
  }
  return (newline < 0 ? undefined : parseHeader(line)) ?? partial('edited', 'its first line is damaged')
}

function startsAlike(one: string, other: string): boolean {
  const length = Math.min(one.length, other.length)
  return one.slice(0, length) === other.slice(0, length)
}

function describeStranger(first: string): string {
  if (first.startsWith('SQLite format 3\0')) return 'it is a SQLite database file'
  if (first.startsWith('--@scriptlog log ')) return 'it is a log of scriptlog, not a script'
  if (/^(?:SET DATABASE|CREATE SCHEMA|\/\*C\d+\*\/)/.test(first)) return 'it is a script of HSQLDB'
  return 'it is not a script of scriptlog'
}

/** The last line and where it stands; nothing is said yet about whether it verifies. */
export function readTrailer(
  file: ReadFile,
): { readonly trailer: StoredTrailer; readonly offset: number } | undefined {
  const from = Math.max(0, file.sizeBytes - LONGEST_TRAILER_BYTES)
  const last = Buffer.from(file.read(from, LONGEST_TRAILER_BYTES)).toString('latin1')
  const trailer = parseTrailer(last)
  if (trailer === undefined) return undefined
  return { trailer, offset: file.sizeBytes - trailer.coversBytes - UNCOVERED_BYTES }
}

/** The bytes of a file from `from` to `end`, in pieces. */
export function* piecesOf(file: ReadFile, from: number, end: number): Generator<Uint8Array> {
  for (let offset = from; offset < end; offset += PIECE_BYTES) yield readPiece(file, offset, end)
}

function readPiece(file: ReadFile, offset: number, end: number): Uint8Array {
  const lengthBytes = Math.min(PIECE_BYTES, end - offset)
  const piece = file.read(offset, lengthBytes)
  // The file was this long when it was opened; fewer bytes now mean that somebody cut it meanwhile.
  if (piece.length === lengthBytes) return piece
  throw Object.assign(new Error('the script became shorter while it was read'), { code: 'EIO' })
}
