// Reads a log from its header on and classifies what stands behind the last valid entry. The reader classifies,
// the caller decides: nothing is changed and nothing is refused here. A read error (EIO) is none of the verdicts:
// it is thrown.
//
// An entry is valid at offset o when it ends with a newline, its checksum verifies, it names its own position
// (lsn = start + o) and its predecessor (prev). The first offset without a valid entry is the end of the log.
//
//   clean    nothing but newlines follows
//   torn     something follows, and no valid entry in it: the crash cut the last write
//   hole     valid entries follow, and none of them proves that the bytes before it were durable
//   corrupt  a later entry proves it (its `sync` lies past the damage), or entries stand at a wrong position
//   foreign  an entry verifies and names another predecessor: it is of another history of this database

import { crc32 } from '../format/checksum.ts'
import type { Lsn } from '../format/lsn.ts'
import type { Micros } from '../format/time.ts'
import type { ReadFile } from '../fs/files.ts'
import { ByteWindow } from './byte-window.ts'
import {
  type HeaderFault,
  LONGEST_LINE_BYTES,
  MARK_OPENING,
  parseLogHeader,
  parseMark,
  parseTrailer,
  RECORD_OPENING,
  type StoredLogHeader,
  TRAILER_OPENING,
  UNCOVERED_BYTES,
} from './format.ts'

export interface LogRecord {
  readonly kind: 'record'
  readonly lsn: Lsn
  /** LSN of the byte after the record. */
  readonly end: Lsn
  readonly xid: number
  readonly sync: Lsn
  readonly prev: number
  readonly timeMicros: Micros
  readonly crc: number
  /** The statements between `BEGIN;` and `COMMIT;`. Valid until the next entry is read: copy to keep. */
  readonly body: Buffer
}

export interface LogMark {
  readonly kind: 'mark'
  readonly lsn: Lsn
  readonly end: Lsn
  readonly sync: Lsn
  readonly prev: number
  readonly crc: number
}

export type LogEntry = LogRecord | LogMark

export type Tail =
  | { readonly kind: 'clean' }
  | {
      readonly kind: 'torn' | 'hole' | 'corrupt' | 'foreign'
      /** Where the valid entries end and the tail begins. */
      readonly lsn: Lsn
      readonly sizeBytes: number
      /** Valid records found behind the damage. */
      readonly laterRecords: number
      readonly detail: string
    }

/** How a log ends, known when all its entries have been read. */
export interface LogEnd {
  /** LSN after the last valid entry. */
  readonly end: Lsn
  /** Checksum of the last valid entry, or of the header. */
  readonly lastCrc: number
  /** Everything before this LSN was durable when some valid entry was written. */
  readonly proven: Lsn
  readonly records: number
  readonly tail: Tail
}

/** Reads the header of a log; a fault when the first line is none. */
export function readLogHeader(file: ReadFile): StoredLogHeader | HeaderFault {
  return parseLogHeader(Buffer.from(file.read(0, LONGEST_LINE_BYTES)))
}

/** Yields the valid entries of a log from its header on, and returns how it ends. */
export function* readEntries(file: ReadFile, header: StoredLogHeader): Generator<LogEntry, LogEnd, void> {
  const window = new ByteWindow(file)
  let offset = header.sizeBytes
  let lastCrc = header.crc
  let proven = header.start + header.sizeBytes
  let records = 0
  for (;;) {
    const entry = entryAt(window, header, offset)
    if (entry === undefined || entry.prev !== lastCrc) break
    yield entry
    offset = entry.end - header.start
    lastCrc = entry.crc
    proven = Math.max(proven, entry.sync)
    if (entry.kind === 'record') records++
  }
  return { end: header.start + offset, lastCrc, proven, records, tail: classifyTail(file, header, offset) }
}

/** Reads a log to its end and keeps nothing of its entries. */
export function readToEnd(file: ReadFile, header: StoredLogHeader): LogEnd {
  const entries = readEntries(file, header)
  for (;;) {
    const next = entries.next()
    if (next.done === true) return next.value
  }
}

/** The entry at `offset`, if one stands there that ends with a newline, verifies and names its own position. */
function entryAt(window: ByteWindow, header: StoredLogHeader, offset: number): LogEntry | undefined {
  const opening = window.slice(offset, offset + MARK_OPENING.length)
  if (opening.equals(MARK_OPENING)) {
    const mark = markAt(window, header, offset)
    return mark !== undefined && mark.lsn === header.start + offset ? mark : undefined
  }
  if (opening.length < RECORD_OPENING.length) return undefined
  return opening.subarray(0, RECORD_OPENING.length).equals(RECORD_OPENING)
    ? recordAt(window, header, offset)
    : undefined
}

function markAt(window: ByteWindow, header: StoredLogHeader, offset: number): LogMark | undefined {
  const line = lineAt(window, offset)
  const mark = line === undefined ? undefined : parseMark(line)
  if (line === undefined || mark === undefined) return undefined
  const covered = window.slice(offset, offset + line.length - UNCOVERED_BYTES)
  if (crc32(covered, header.crc) !== mark.crc) return undefined
  return { kind: 'mark', ...mark, end: header.start + offset + line.length + 1 }
}

/**
 * A record's last line is searched for, because DDL in its body may contain anything, also lines that look like
 * one. The line that names this record's LSN and verifies ends it. The search stops at a line that ends another
 * valid record: then this one's own last line is damaged.
 */
function recordAt(window: ByteWindow, header: StoredLogHeader, offset: number): LogRecord | undefined {
  let searchFrom = offset + RECORD_OPENING.length - 1
  let crcSoFar = header.crc
  let crcEnd = offset
  for (;;) {
    const found = window.indexOf(TRAILER_OPENING, searchFrom, offset)
    if (found < 0) return undefined
    const lineStart = found + 1
    searchFrom = lineStart
    const line = lineAt(window, lineStart)
    const trailer = line === undefined ? undefined : parseTrailer(line)
    if (line === undefined || trailer === undefined) continue
    const coveredEnd = lineStart + line.length - UNCOVERED_BYTES
    const claimed = trailer.lsn - header.start
    if (claimed === offset) {
      crcSoFar = crc32(window.slice(crcEnd, coveredEnd), crcSoFar)
      crcEnd = coveredEnd
      if (crcSoFar !== trailer.crc) continue
      const end = header.start + lineStart + line.length + 1
      const body = window.slice(offset + RECORD_OPENING.length, lineStart)
      return { kind: 'record', ...trailer, end, body }
    }
    if (claimed > offset && claimed < lineStart) {
      if (crc32(window.slice(claimed, coveredEnd), header.crc) === trailer.crc) return undefined
    }
  }
}

/** The line at `offset` without its newline; undefined when it has none within the longest possible line. */
function lineAt(window: ByteWindow, offset: number): string | undefined {
  const bytes = window.slice(offset, offset + LONGEST_LINE_BYTES)
  const newline = bytes.indexOf(0x0a)
  return newline < 0 ? undefined : bytes.toString('latin1', 0, newline)
}

/** An entry found behind damage: it verifies, wherever it stands. */
export interface StrayEntry {
  readonly entry: LogEntry
  /** Where it stands in the file; `entry.lsn` says where it belongs. */
  readonly offset: number
}

/**
 * Yields the entries at or behind `offset` that verify by themselves, in the order of the file; `isShifted` ones
 * stand at a position that is not their own. The work is bounded by a few times the file's length, whatever the
 * bytes claim.
 */
export function* readStrayEntries(
  file: ReadFile,
  header: StoredLogHeader,
  offset: number,
): Generator<StrayEntry, void, void> {
  const window = new ByteWindow(file)
  let budgetBytes = 8 * file.sizeBytes + (1 << 20)
  let from = offset
  // The position before `offset` ends a line, so a stray entry may begin at `offset` itself.
  let lineStart = offset
  while (lineStart < file.sizeBytes) {
    const line = lineAt(window, lineStart)
    const next = nextLine(window, lineStart)
    if (line?.startsWith('--@ mark ')) {
      const mark = markAt(window, header, lineStart)
      if (mark !== undefined) {
        yield { entry: mark, offset: lineStart }
        from = next
      }
    } else if (line?.startsWith('COMMIT; --@ ')) {
      const trailer = parseTrailer(line)
      if (trailer !== undefined) {
        const coveredEnd = lineStart + line.length - UNCOVERED_BYTES
        for (const begin of beginnings(window, trailer.lsn - header.start, from, lineStart)) {
          budgetBytes -= coveredEnd - begin
          if (budgetBytes < 0) return
          if (crc32(window.slice(begin, coveredEnd), header.crc) !== trailer.crc) continue
          const body = window.slice(begin + RECORD_OPENING.length, lineStart)
          yield { entry: { kind: 'record', ...trailer, end: header.start + next, body }, offset: begin }
          from = next
          break
        }
      }
    }
    lineStart = next
  }
}

/** Where a record that ends in the line at `lineStart` may begin: where it says, and at the nearest `BEGIN;` lines. */
function* beginnings(
  window: ByteWindow,
  claimed: number,
  from: number,
  lineStart: number,
): Generator<number> {
  if (claimed >= from && claimed < lineStart) yield claimed
  const between = window.slice(from, lineStart)
  const nearest = between.lastIndexOf(RECORD_OPENING)
  if (nearest >= 0 && from + nearest !== claimed) yield from + nearest
  const first = between.indexOf(RECORD_OPENING)
  if (first >= 0 && first !== nearest && from + first !== claimed) yield from + first
}

function nextLine(window: ByteWindow, offset: number): number {
  const newline = window.indexOf(NEWLINE, offset, offset)
  return newline < 0 ? window.sizeBytes : newline + 1
}

const NEWLINE = Buffer.from('\n')

function classifyTail(file: ReadFile, header: StoredLogHeader, offset: number): Tail {
  if (isAllNewlines(file, offset)) return { kind: 'clean' }
  const lsn = header.start + offset
  let laterRecords = 0
  let proven = 0
  let shifted: StrayEntry | undefined
  let otherPast = false
  for (const stray of readStrayEntries(file, header, offset)) {
    if (stray.entry.lsn !== header.start + stray.offset) {
      // A record from before the damage may be quoted in it, as in a torn CREATE VIEW with a comment copied from
      // the log. Only one that belongs behind the damage shows that bytes were removed, inserted or moved.
      if (stray.entry.lsn < lsn) continue
      shifted ??= stray
    } else if (stray.offset === offset) otherPast = true
    else proven = Math.max(proven, stray.entry.sync)
    if (stray.entry.kind === 'record') laterRecords++
  }
  const sizeBytes = file.sizeBytes - offset
  const tail = { lsn, sizeBytes, laterRecords }
  if (otherPast) {
    return { kind: 'foreign', ...tail, detail: 'a valid entry follows that names another predecessor' }
  }
  if (shifted !== undefined) {
    const detail = `an entry of another position stands at offset ${shifted.offset}: bytes were removed, inserted or moved`
    return { kind: 'corrupt', ...tail, detail }
  }
  if (proven > lsn) {
    return {
      kind: 'corrupt',
      ...tail,
      detail: 'a later record proves that the damaged bytes had been synced',
    }
  }
  if (laterRecords > 0) {
    return {
      kind: 'hole',
      ...tail,
      detail: 'valid records follow the damage, none of them proves it was durable',
    }
  }
  return { kind: 'torn', ...tail, detail: 'nothing valid follows' }
}

function isAllNewlines(file: ReadFile, offset: number): boolean {
  const chunkBytes = 1 << 16
  for (let at = offset; at < file.sizeBytes; at += chunkBytes) {
    if (file.read(at, chunkBytes).some((byte) => byte !== 0x0a)) return false
  }
  return true
}
