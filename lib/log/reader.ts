// Reads a log from its header on and classifies what stands behind the last valid entry (see tail.ts). The reader
// classifies, the caller decides: nothing is changed and nothing is refused here. A read error (EIO) is none of the
// verdicts: it is thrown.
//
// An entry is valid at offset o when it ends with a newline, its checksum verifies, it names its own position
// (lsn = start + o) and its predecessor (prev). The first offset without a valid entry is the end of the log.

import type { Lsn } from '../format/lsn.ts'
import type { ReadFile } from '../fs/files.ts'
import { ByteWindow } from './byte-window.ts'
import { firstLineOf, type LogEntry, type LogRecord, markIn } from './entry.ts'
import {
  type HeaderFault,
  LARGEST_BODY_BYTES,
  LONGEST_LINE_BYTES,
  MARK_OPENING,
  parseLogHeader,
  parseTrailer,
  RECORD_OPENING,
  type StoredLogHeader,
  trailerOpeningAt,
  UNCOVERED_BYTES,
} from './format.ts'
import { classifyTail, type Tail } from './tail.ts'

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

/** Where an entry ends, and its checksum. */
export interface EntryEnd {
  readonly lsn: Lsn
  readonly crc: number
}

/** Yields the valid entries of a log, from its header on or from the end of one of them, and returns how it ends. */
export function* readEntries(
  file: ReadFile,
  header: StoredLogHeader,
  from: EntryEnd = { lsn: header.start + header.sizeBytes, crc: header.crc },
): Generator<LogEntry, LogEnd, void> {
  const window = new ByteWindow(file)
  let offset = from.lsn - header.start
  let lastCrc = from.crc
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

/** Reads a log to its end, from its header on or from the end of an entry, and keeps nothing of its entries. */
export function readToEnd(file: ReadFile, header: StoredLogHeader, from?: EntryEnd): LogEnd {
  const entries = readEntries(file, header, from)
  for (;;) {
    const next = entries.next()
    if (next.done === true) return next.value
  }
}

/** The entry at `offset`, if one stands there that ends with a newline, verifies and names its own position. */
function entryAt(window: ByteWindow, header: StoredLogHeader, offset: number): LogEntry | undefined {
  const line = window.slice(offset, offset + LONGEST_LINE_BYTES)
  if (startsWith(line, MARK_OPENING)) {
    const mark = markIn(line, header.start + offset, header.crc)
    return mark?.lsn === header.start + offset ? mark : undefined
  }
  return startsWith(line, RECORD_OPENING) ? recordAt(window, header, offset) : undefined
}

function startsWith(bytes: Buffer, opening: Buffer): boolean {
  return bytes.subarray(0, opening.length).equals(opening)
}

/**
 * A record's last line is searched for, because DDL in its body may contain anything, also lines that look like
 * one. The line that names this record's LSN and verifies ends it.
 */
function recordAt(window: ByteWindow, header: StoredLogHeader, offset: number): LogRecord | undefined {
  const opening = trailerOpeningAt(header.start + offset)
  const bodyStart = offset + RECORD_OPENING.length
  let crc = header.crc
  let coveredEnd = offset
  // The newline of `BEGIN;` may be the one before the last line.
  let found = window.indexOf(opening, bodyStart - 1)
  // Nobody wrote a longer one, and nobody could hold it.
  while (found >= 0 && found - bodyStart < LARGEST_BODY_BYTES) {
    const lineStart = found + 1
    const line = firstLineOf(window.slice(lineStart, lineStart + LONGEST_LINE_BYTES))
    const trailer = line === undefined ? undefined : parseTrailer(line)
    if (line !== undefined && trailer !== undefined) {
      const lineEnd = lineStart + line.length
      crc = window.crc32(coveredEnd, lineEnd - UNCOVERED_BYTES, crc)
      coveredEnd = lineEnd - UNCOVERED_BYTES
      if (crc === trailer.crc) {
        const body = window.slice(bodyStart, lineStart)
        return { kind: 'record', ...trailer, end: header.start + lineEnd + 1, body }
      }
    }
    found = window.indexOf(opening, lineStart)
  }
  return undefined
}
