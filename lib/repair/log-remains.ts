// What of a log verifies: its entries, each alone, wherever they stand. Where the first line is damaged, its checksum,
// which seeds those of all entries, is found again: it stands in the line itself and as `prev` in the first entry. An
// entry that verifies under it proves it.

import type { Lsn } from '../format/lsn.ts'
import type { Micros } from '../format/time.ts'
import type { ReadFile } from '../fs/files.ts'
import { ByteWindow } from '../log/byte-window.ts'
import { firstLineOf, type LogEntry } from '../log/entry.ts'
import {
  LONGEST_LINE_BYTES,
  MARK_OPENING,
  parseMark,
  parseTrailer,
  RECORD_OPENING,
  type StoredLogHeader,
  TRAILER_OPENING,
} from '../log/format.ts'
import { readEntries, readLogHeader } from '../log/reader.ts'
import { readStrayEntries } from '../log/stray-entries.ts'
import { type ByteRange, gapsBetween } from '../script-remains.ts'

/** A record that verifies, and where its statements stand. */
export interface FoundRecord {
  readonly xid: number
  readonly lsn: Lsn
  readonly end: Lsn
  readonly timeMicros: Micros
  readonly body: ByteRange
  /** It stands in an unbroken row of entries that begins at the first line of its file. */
  readonly isChained: boolean
}

export interface LogRemains {
  readonly path: string
  readonly sizeBytes: number
  readonly header: StoredLogHeader
  /** The first line is damaged: what it said of database and timeline is lost. */
  readonly isHeaderLost: boolean
  readonly records: readonly FoundRecord[]
  /** The checksum of the entry that ends at an LSN, as that entry says, or the one behind it. */
  readonly crcAt: ReadonlyMap<Lsn, number>
  /** Where the unbroken row of entries ends that begins at the first line. */
  readonly rowEnd: Lsn
  /** Everything that does not verify, newlines aside. */
  readonly damaged: readonly ByteRange[]
}

/** Reads what there is; undefined when no entry can be verified, because the first line is beyond recovery. */
export function logRemains(file: ReadFile, path: string): LogRemains | undefined {
  const stored = readLogHeader(file)
  const header = 'kind' in stored ? rebuiltHeader(file) : stored
  if (header === undefined) return undefined
  const isHeaderLost = 'kind' in stored
  const records: FoundRecord[] = []
  const known: ByteRange[] = isHeaderLost ? [] : [{ offset: 0, sizeBytes: header.sizeBytes }]
  const crcAt = new Map(isHeaderLost ? [] : [[header.start, header.prev]])
  const note = (entry: LogEntry, offset: number, isChained: boolean) => {
    crcAt.set(entry.lsn, entry.prev)
    // One that was moved does not end where it did.
    if (entry.lsn - header.start === offset) crcAt.set(entry.end, entry.crc)
    known.push({ offset, sizeBytes: entry.end - header.start - offset })
    if (entry.kind === 'mark') return
    const body = { offset: offset + RECORD_OPENING.length, sizeBytes: entry.body.length }
    const { xid, lsn, end, timeMicros } = entry
    records.push({ xid, lsn, end, timeMicros, body, isChained })
  }
  const entries = readEntries(file, header)
  let next = entries.next()
  for (; next.done !== true; next = entries.next())
    note(next.value, next.value.lsn - header.start, !isHeaderLost)
  const rowEnd = next.value.end
  for (const { entry, offset } of readStrayEntries(file, header, rowEnd - header.start))
    note(entry, offset, false)
  const damaged = gapsBetween(known, file.sizeBytes).filter((range) => !isBlank(file, range))
  return { path, sizeBytes: file.sizeBytes, header, isHeaderLost, records, crcAt, rowEnd, damaged }
}

/**
 * Whether the log is of a history in which the entry with this checksum ends at this LSN; true where it does not tell.
 * Two copies of one database that both went on have the same names and LSNs.
 */
export function mayContinue({ header, crcAt, rowEnd }: LogRemains, lsn: Lsn, crc: number): boolean {
  const there = crcAt.get(lsn)
  if (there !== undefined) return there === crc
  return !(header.start < lsn && lsn < rowEnd)
}

/** A header as far as entries need it, under which one of them verifies. */
function rebuiltHeader(file: ReadFile): StoredLogHeader | undefined {
  const window = new ByteWindow(file)
  const first = window.slice(0, LONGEST_LINE_BYTES)
  const line = firstLineOf(first)
  const inLine = /crc=([0-9a-f]{8})$/.exec(line ?? '')?.[1]
  const entry = firstEntry(window)
  if (entry === undefined) return undefined
  const begin = first.indexOf(RECORD_OPENING)
  const sizes = new Set([begin, line === undefined ? -1 : line.length + 1].filter((size) => size > 0))
  const seeds = new Set([entry.prev, Number.parseInt(inLine ?? '', 16)].filter(Number.isInteger))
  for (const sizeBytes of sizes) {
    for (const crc of seeds) {
      for (const start of new Set([entry.lsn - sizeBytes, entry.lsn - entry.offset])) {
        if (start < 0) continue
        const header = { databaseId: '', timeline: 0, start, salt: '', prev: 0, crc, sizeBytes }
        if (hasEntries(file, header)) return header
      }
    }
  }
  return undefined
}

/** The first line that ends an entry, or is one, and where the entry would begin at the latest. */
function firstEntry(window: ByteWindow) {
  const trailer = window.indexOf(TRAILER_OPENING, 0)
  const mark = window.indexOf(MARK_OPENING, 0)
  if (mark >= 0 && (trailer < 0 || mark < trailer)) {
    const found = parseMark(firstLineOf(window.slice(mark, mark + LONGEST_LINE_BYTES)) ?? '')
    return found === undefined ? undefined : { ...found, offset: mark }
  }
  if (trailer < 0) return undefined
  const from = trailer + 1
  const found = parseTrailer(firstLineOf(window.slice(from, from + LONGEST_LINE_BYTES)) ?? '')
  return found === undefined
    ? undefined
    : { ...found, offset: Math.max(0, window.indexOf(RECORD_OPENING, 0)) }
}

function hasEntries(file: ReadFile, header: StoredLogHeader): boolean {
  const isNone = readEntries(file, header).next().done === true
  return !isNone || readStrayEntries(file, header, header.sizeBytes).next().done !== true
}

function isBlank(file: ReadFile, { offset, sizeBytes }: ByteRange): boolean {
  const window = new ByteWindow(file)
  for (let at = offset; at < offset + sizeBytes; at += 1 << 16) {
    const bytes = window.slice(at, Math.min(offset + sizeBytes, at + (1 << 16)))
    if (bytes.some((byte) => byte !== 0x0a)) return false
  }
  return true
}
