// The entries behind damage: what verifies by itself, wherever it stands. They tell whether the damaged bytes had
// been durable and whether bytes were moved, and they are what can still be saved.

import type { ReadFile } from '../fs/files.ts'
import { readExactly } from './byte-window.ts'
import { firstLineOf, type LogEntry, markIn } from './entry.ts'
import {
  LARGEST_BODY_BYTES,
  LONGEST_LINE_BYTES,
  MARK_OPENING,
  parseTrailer,
  RECORD_OPENING,
  type StoredLogHeader,
  TRAILER_OPENING,
  UNCOVERED_BYTES,
} from './format.ts'
import { RangeChecksum } from './range-checksum.ts'

export interface StrayEntry {
  readonly entry: LogEntry
  /** Where it stands in the file. */
  readonly offset: number
  /** It stands elsewhere than it says. It may also be quoted in a record that is yielded after it. */
  readonly isMoved: boolean
}

/**
 * Yields the entries at or behind `offset` that verify by themselves, in the order of their ends. The work is a few
 * passes over the file, whatever the bytes claim.
 */
export function* readStrayEntries(
  file: ReadFile,
  header: StoredLogHeader,
  offset: number,
): Generator<StrayEntry, void, void> {
  const checksum = new RangeChecksum(file, offset)
  // An entry at its own position takes everything up to its end.
  let takenUpTo = offset
  let firstOpening: number | undefined
  let lastOpening: number | undefined
  for (const { kind, at, bytes } of findLandmarks(file, offset)) {
    if (kind === 'opening') {
      firstOpening ??= at
      lastOpening = at
      continue
    }
    if (kind === 'mark') {
      const mark = markIn(bytes, header.start + at, header.crc)
      if (mark !== undefined) yield { entry: mark, offset: at, isMoved: mark.lsn !== header.start + at }
      continue
    }
    const lineStart = at + 1
    const line = firstLineOf(bytes.subarray(1))
    const trailer = line === undefined ? undefined : parseTrailer(line)
    if (line === undefined || trailer === undefined) continue
    // Where it says, or, when it was moved, at the nearest opening, or before one that is quoted in it.
    const claimed = trailer.lsn - header.start
    for (const begin of new Set([claimed, lastOpening, firstOpening])) {
      if (begin === undefined || begin < takenUpTo || begin + RECORD_OPENING.length > lineStart) continue
      if (lineStart - begin > LARGEST_BODY_BYTES) continue
      const coveredEnd = lineStart + line.length - UNCOVERED_BYTES
      if (checksum.of(begin, coveredEnd, header.crc) !== trailer.crc) continue
      const end = lineStart + line.length + 1
      const bodyStart = begin + RECORD_OPENING.length
      const body = readExactly(file, bodyStart, lineStart - bodyStart)
      const isMoved = begin !== claimed
      yield { entry: { kind: 'record', ...trailer, end: header.start + end, body }, offset: begin, isMoved }
      if (!isMoved) takenUpTo = end
      if (!isMoved || begin === firstOpening) firstOpening = undefined
      lastOpening = undefined
      break
    }
  }
}

interface Landmark {
  readonly kind: 'opening' | 'trailer' | 'mark'
  /** Where the pattern begins; a trailer's begins with the newline before it. */
  readonly at: number
  /** The file from there on, for the length of a line at least. */
  readonly bytes: Buffer
}

const PATTERNS = [
  { kind: 'opening', pattern: RECORD_OPENING },
  { kind: 'trailer', pattern: TRAILER_OPENING },
  // Not only at the beginning of a line: the newline before it may be what was damaged.
  { kind: 'mark', pattern: MARK_OPENING },
] as const
const BLOCK_BYTES = 1 << 20

/** Yields, in order, what may begin or end an entry. */
function* findLandmarks(file: ReadFile, from: number): Generator<Landmark> {
  for (let start = from; start < file.sizeBytes; start += BLOCK_BYTES) {
    const lengthBytes = Math.min(BLOCK_BYTES + LONGEST_LINE_BYTES + 1, file.sizeBytes - start)
    const block = readExactly(file, start, lengthBytes)
    const cursors = PATTERNS.map((each) => ({ ...each, at: block.indexOf(each.pattern) }))
    for (;;) {
      let next: (typeof cursors)[number] | undefined
      for (const cursor of cursors) {
        const isInBlock = cursor.at >= 0 && cursor.at < BLOCK_BYTES
        if (isInBlock && (next === undefined || cursor.at < next.at)) next = cursor
      }
      if (next === undefined) break
      yield { kind: next.kind, at: start + next.at, bytes: block.subarray(next.at) }
      next.at = block.indexOf(next.pattern, next.at + 1)
    }
  }
}
