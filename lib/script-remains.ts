// What of a script is certain, when it is not whole.
//
// A chunk that verifies alone was written by this database, at some time. It is certain to be of the snapshot when
//
//   - the list at the end names it, and the list is sealed: each place in the list is taken once; or
//   - there is no list, and it stands in an unbroken row of chunks that begins behind a first line that verifies. So
//     a script that was cut is saved up to the cut. (One that was cut and has stale bytes, too, may be believed too much.)
//
// Others are doubtful: they may be of an older snapshot, come back by a write that was lost, or be quoted in a
// definition that is damaged. First and last line may be of two snapshots, when one end of the file is an older one's:
// the list counts, also an older one. Of chunks behind a newer first line nobody can tell which are as new.

import type { ReadFile } from './fs/files.ts'
import { ByteWindow } from './log/byte-window.ts'
import { RangeChecksum } from './log/range-checksum.ts'
import { piecesOf, readHeader, readScript } from './script.ts'
import {
  CHUNK_OPENING,
  type Chunk,
  chunkLine,
  chunkSeed,
  ENDING,
  headerLine,
  LONGEST_TRAILER_BYTES,
  PREAMBLE,
  parseChunkLine,
  parseList,
  parseTrailer,
  type ScriptHeader,
  type StoredTrailer,
  TRAILER_OPENING,
} from './script-lines.ts'

/** Bytes of a file. */
export interface ByteRange {
  readonly offset: number
  readonly sizeBytes: number
}

export interface ScriptRemains {
  /** The snapshot whose chunks are certain; undefined when neither its first nor its last line verifies. */
  readonly snapshot: ScriptHeader | undefined
  /** The SQL of the chunks that are certain, in the order in which they were written. */
  readonly certain: readonly ByteRange[]
  /** The SQL of chunks that verify alone and no more. */
  readonly doubtful: readonly ByteRange[]
  /** How many chunks and rows the snapshot has; undefined when its end is lost. */
  readonly listed: { readonly chunks: number; readonly rows: number } | undefined
  /** Everything that verifies not at all. */
  readonly damaged: readonly ByteRange[]
  readonly isWhole: boolean
}

/** Reads what there is. `databaseId` is the database's as other files tell it, for a script that has lost both ends. */
export function scriptRemains(file: ReadFile, databaseId: string | undefined): ScriptRemains {
  const header = headerOf(file)
  const checksum = new RangeChecksum(file, 0)
  const listed = sealedEnd(file, checksum)
  const snapshot = listed === undefined ? header : identityOf(listed.trailer)
  const id = snapshot?.databaseId ?? databaseId
  const found = id === undefined ? [] : verifiedChunks(file, checksum, chunkSeed(id))
  const preambleEnd = header === undefined ? undefined : standsAt(file, headerLine(header).length, PREAMBLE)
  const certain = listed === undefined ? unbrokenRow(found, preambleEnd) : inOrderOfList(found, file, listed)
  const isCertain = new Set(certain)
  const doubtful = found.filter((chunk) => !isCertain.has(chunk))
  const known: ByteRange[] = found.map(({ offset, end: chunkEnd }) => between(offset, chunkEnd))
  if (header !== undefined) known.push(between(0, preambleEnd ?? headerLine(header).length))
  if (listed !== undefined) {
    const { listOffset, end: fileEnd } = listed
    const hasEnding = standsAt(file, listOffset - ENDING.length, ENDING) !== undefined
    known.push(between(hasEnding ? listOffset - ENDING.length : listOffset, fileEnd))
  }
  const damaged = gapsBetween(known, file.sizeBytes)
  return {
    snapshot,
    certain,
    doubtful,
    listed: listed === undefined ? undefined : { chunks: listed.trailer.chunks, rows: listed.trailer.rows },
    damaged,
    isWhole: readScript(file).kind === 'whole',
  }
}

interface FoundChunk extends Chunk, ByteRange {
  /** Behind its line. */
  readonly end: number
}

interface SealedEnd {
  readonly trailer: StoredTrailer
  /** Where the list begins in this file, where the trailer does, and where it ends. */
  readonly listOffset: number
  readonly offset: number
  readonly end: number
}

function headerOf(file: ReadFile): ScriptHeader | undefined {
  const header = readHeader(file)
  return 'kind' in header ? undefined : header
}

function identityOf({ databaseId, timeline, lsn, prev, xid, timeMicros }: StoredTrailer): ScriptHeader {
  return { databaseId, timeline, lsn, prev, xid, timeMicros }
}

function isLater(one: ScriptHeader, other: ScriptHeader): boolean {
  return one.timeline === other.timeline ? one.lsn > other.lsn : one.timeline > other.timeline
}

/** The last line of the latest snapshot whose list is sealed, wherever it stands: something may have been appended. */
function sealedEnd(file: ReadFile, checksum: RangeChecksum): SealedEnd | undefined {
  const window = new ByteWindow(file)
  const opening = Buffer.from(TRAILER_OPENING)
  let latest: SealedEnd | undefined
  for (let at = window.indexOf(opening, 0); at >= 0; at = window.indexOf(opening, at + 1)) {
    const bytes = window.slice(at, at + LONGEST_TRAILER_BYTES)
    const line = bytes.toString('latin1', 0, bytes.indexOf(0x0a) + 1)
    const trailer = parseTrailer(line)
    if (trailer === undefined) continue
    const listOffset = at - (trailer.offset - trailer.listOffset)
    if (listOffset < 0 || listOffset > at) continue
    if (checksum.of(listOffset, at + trailer.coversBytes, 0) !== trailer.crc) continue
    if (latest !== undefined && isLater(latest.trailer, trailer)) continue
    latest = { trailer, listOffset, offset: at, end: at + line.length }
  }
  return latest
}

/** All chunks that verify, in the order of the file; of those that are quoted in another, the outer one. */
function verifiedChunks(file: ReadFile, checksum: RangeChecksum, seed: number): FoundChunk[] {
  const window = new ByteWindow(file)
  const opening = Buffer.from(CHUNK_OPENING)
  const found: FoundChunk[] = []
  for (let at = window.indexOf(opening, 0); at >= 0; at = window.indexOf(opening, at + 1)) {
    const chunk = parseChunkLine(window.slice(at, at + LONGEST_TRAILER_BYTES).toString('latin1'))
    if (chunk === undefined || chunk.sizeBytes > at) continue
    const offset = at - chunk.sizeBytes
    if (checksum.of(offset, at, seed) !== chunk.crc) continue
    while ((found.at(-1)?.offset ?? -1) >= offset) found.pop()
    if ((found.at(-1)?.end ?? 0) > offset) continue
    found.push({ ...chunk, offset, end: Math.min(at + chunkLine(chunk).length, file.sizeBytes) })
  }
  return found
}

function inOrderOfList(found: readonly FoundChunk[], file: ReadFile, { listOffset, offset }: SealedEnd) {
  const places = new Map<string, number[]>()
  let index = 0
  for (const chunk of parseList(piecesOf(file, listOffset, offset))) {
    if (chunk === undefined) continue
    const key = keyOf(chunk)
    const known = places.get(key)
    if (known === undefined) places.set(key, [index])
    else known.push(index)
    index++
  }
  const placed = found.flatMap((chunk) => {
    const place = places.get(keyOf(chunk))?.shift()
    return place === undefined ? [] : [{ chunk, place }]
  })
  return placed.sort((a, b) => a.place - b.place).map(({ chunk }) => chunk)
}

function keyOf({ sizeBytes, crc }: Chunk): string {
  return `${sizeBytes}:${crc}`
}

function unbrokenRow(found: readonly FoundChunk[], from: number | undefined): FoundChunk[] {
  const row: FoundChunk[] = []
  let at = from
  for (const chunk of found) {
    if (chunk.offset !== at) break
    row.push(chunk)
    at = chunk.end
  }
  return row
}

/** The position behind `text`, if it stands at `offset`. */
function standsAt(file: ReadFile, offset: number, text: string): number | undefined {
  if (offset < 0) return undefined
  const isThere = Buffer.from(file.read(offset, text.length)).toString('latin1') === text
  return isThere ? offset + text.length : undefined
}

function between(offset: number, end: number): ByteRange {
  return { offset, sizeBytes: end - offset }
}

/** What `known` leaves of a file of so many bytes. */
export function gapsBetween(known: readonly ByteRange[], sizeBytes: number): ByteRange[] {
  const gaps: ByteRange[] = []
  let at = 0
  for (const range of known.toSorted((a, b) => a.offset - b.offset)) {
    if (range.offset > at) gaps.push(between(at, range.offset))
    at = Math.max(at, range.offset + range.sizeBytes)
  }
  if (at < sizeBytes) gaps.push(between(at, sizeBytes))
  return gaps
}
