// The snapshot file's grammar, in both directions.
//
//   script  = header 'PRAGMA foreign_keys=OFF;' LF 'BEGIN;' LF body 'COMMIT;' LF trailer
//   header  = '--@scriptlog script 1 db=' hex16 ' timeline=' int ' lsn=' lsn ' prev=' crc ' xid=' int
//             ' time=' time ' crc=' crc LF
//   body    = statements (see engine/dump.ts)
//   trailer = '--@ end rows=' int ' bytes=' int ' crc=' crc LF
//
// The header's crc covers the header's bytes before ' crc='. The trailer's covers everything before its own
// ' crc=', the header and the trailer's other fields included: no header goes with another body, no body with
// another trailer. `bytes` is the trailer's own offset, so what was cut or inserted shows before any checksum.
// To SQL both lines are comments: stock sqlite3 runs the file as it is.

import { crc32, formatCrc, parseCrc } from './format/checksum.ts'
import { formatLsn, type Lsn, parseLsn } from './format/lsn.ts'
import { formatMicros, type Micros, parseMicros } from './format/time.ts'
import type { AppendFile, ReadFile } from './fs/files.ts'

export const SCRIPT_FORMAT_VERSION = 1

export interface ScriptHeader {
  /** Identity of the database, 16 hexadecimal digits. */
  readonly databaseId: string
  readonly timeline: number
  /** The script holds what every record before this LSN did, and nothing else. */
  readonly lsn: Lsn
  /** The crc of the log entry (or header) that ends at `lsn`: a log of another history does not continue it. */
  readonly prev: number
  /** Number and time of the last commit that the script holds. */
  readonly xid: number
  readonly timeMicros: Micros
}

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

export interface WrittenScript {
  readonly sizeBytes: number
  readonly rows: number
}

const PIECE_BYTES = 1 << 20
/** Text is handed to the operating system in pieces of about this size. */
const APPEND_LENGTH = 1 << 19
/** No header and no trailer is longer. */
const LONGEST_LINE_BYTES = 240
const CRC_FIELD = ' crc='
const CRC_FIELD_BYTES = CRC_FIELD.length + 8

/**
 * Fills an empty file with a script. `statements` are the body's text in pieces of any size; a generator returns
 * how many rows they hold. The file is neither synced nor closed. Throws what appending throws.
 */
export function writeScript(
  file: AppendFile,
  header: ScriptHeader,
  statements: Iterable<string, number | undefined>,
): WrittenScript {
  let sizeBytes = 0
  let crc = 0
  const append = (text: string) => {
    const bytes = Buffer.from(text, 'utf8')
    file.append(bytes)
    crc = crc32(bytes, crc)
    sizeBytes += bytes.length
  }
  let rows = 0
  function* body(): Generator<string> {
    rows = (yield* statements) ?? 0
  }
  let text = `${sealed(headerText(header), 0)}PRAGMA foreign_keys=OFF;\nBEGIN;\n`
  for (const part of body()) {
    text += part
    if (text.length < APPEND_LENGTH) continue
    append(text)
    text = ''
  }
  append(`${text}COMMIT;\n`)
  append(sealed(`--@ end rows=${rows} bytes=${sizeBytes}`, crc))
  return { sizeBytes, rows }
}

function headerText(header: ScriptHeader): string {
  return (
    `--@scriptlog script ${SCRIPT_FORMAT_VERSION} db=${header.databaseId} timeline=${header.timeline}` +
    ` lsn=${formatLsn(header.lsn)} prev=${formatCrc(header.prev)} xid=${header.xid}` +
    ` time=${formatMicros(header.timeMicros)}`
  )
}

function sealed(line: string, seed: number): string {
  return `${line}${CRC_FIELD}${formatCrc(crc32(line, seed))}\n`
}

/**
 * Reads a script from end to end and tells whether it is whole. Memory is bounded, whatever the file holds.
 * Throws what reading throws; no content of a file makes it throw.
 */
export function readScript(file: ReadFile): WholeScript | PartialScript {
  const header = readHeader(file)
  if ('kind' in header) return header
  const trailer = readTrailer(file)
  if (trailer === undefined) {
    return { kind: 'partial', reason: 'cut', offset: file.sizeBytes, detail: 'its last line is missing' }
  }
  if (trailer.bytes !== trailer.offset) {
    const detail = `its last line stands at byte ${trailer.offset} instead of ${trailer.bytes}`
    return { kind: 'partial', reason: 'edited', offset: trailer.offset, detail }
  }
  let crc = 0
  for (const piece of piecesOf(file, trailer.crcOffset)) crc = crc32(piece, crc)
  if (crc !== trailer.crc) {
    const detail = 'its checksum does not fit: somebody, or the disk, changed it after it was written'
    return { kind: 'partial', reason: 'edited', offset: 0, detail }
  }
  return { kind: 'whole', header, rows: trailer.rows, pieces: () => piecesOf(file, trailer.offset) }
}

const HEADER =
  /^--@scriptlog script 1 db=([0-9a-f]{16}) timeline=([1-9]\d{0,9}) lsn=(\S+) prev=([0-9a-f]{8}) xid=(0|[1-9]\d{0,15}) time=(\S+) crc=[0-9a-f]{8}$/
const OPENING = '--@scriptlog script '

function readHeader(file: ReadFile): ScriptHeader | PartialScript {
  const first = Buffer.from(file.read(0, LONGEST_LINE_BYTES)).toString('latin1')
  const newline = first.indexOf('\n')
  const line = newline < 0 ? first : first.slice(0, newline)
  const partial = (reason: PartialScript['reason'], detail: string): PartialScript => ({
    kind: 'partial',
    reason,
    offset: reason === 'cut' ? file.sizeBytes : 0,
    detail,
  })
  if (file.sizeBytes === 0) return partial('empty', 'it is empty')
  if (newline < 0 && file.sizeBytes < LONGEST_LINE_BYTES && startsAlike(line, OPENING)) {
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
  const [, databaseId, timeline, lsnText, prevText, xid, timeText] = HEADER.exec(line) ?? []
  const lsn = parseLsn(lsnText ?? '')
  const prev = parseCrc(prevText ?? '')
  const timeMicros = parseMicros(timeText ?? '')
  const isRead =
    databaseId !== undefined && lsn !== undefined && prev !== undefined && timeMicros !== undefined
  if (!isRead || !isSealed(line) || !Number.isSafeInteger(Number(xid))) {
    return partial('edited', 'its first line is damaged')
  }
  return { databaseId, timeline: Number(timeline), lsn, prev, xid: Number(xid), timeMicros }
}

function startsAlike(one: string, other: string): boolean {
  const length = Math.min(one.length, other.length)
  return one.slice(0, length) === other.slice(0, length)
}

function isSealed(line: string): boolean {
  const crc = parseCrc(line.slice(-8))
  const covered = line.slice(0, -CRC_FIELD_BYTES)
  return (
    crc !== undefined &&
    line.slice(-CRC_FIELD_BYTES, -8) === CRC_FIELD &&
    crc32(Buffer.from(covered, 'latin1')) === crc
  )
}

function describeStranger(first: string): string {
  if (first.startsWith('SQLite format 3\0')) return 'it is a SQLite database file'
  if (first.startsWith('--@scriptlog log ')) return 'it is a log of scriptlog, not a script'
  if (/^(?:SET DATABASE|CREATE SCHEMA|\/\*C\d+\*\/)/.test(first)) return 'it is a script of HSQLDB'
  return 'it is not a script of scriptlog'
}

interface Trailer {
  readonly rows: number
  readonly bytes: number
  readonly crc: number
  /** Where the line begins. */
  readonly offset: number
  /** Where the part begins that no checksum covers. */
  readonly crcOffset: number
}

const TRAILER = /(?:^|\n)(--@ end rows=(0|[1-9]\d{0,15}) bytes=([1-9]\d{0,15}))( crc=([0-9a-f]{8})\n)$/

function readTrailer(file: ReadFile): Trailer | undefined {
  const from = Math.max(0, file.sizeBytes - LONGEST_LINE_BYTES)
  const last = Buffer.from(file.read(from, LONGEST_LINE_BYTES)).toString('latin1')
  const [, covered, rows, bytes, uncovered, crcText] = TRAILER.exec(last) ?? []
  const crc = parseCrc(crcText ?? '')
  if (covered === undefined || uncovered === undefined || crc === undefined) return undefined
  const crcOffset = file.sizeBytes - uncovered.length
  return { rows: Number(rows), bytes: Number(bytes), crc, offset: crcOffset - covered.length, crcOffset }
}

function* piecesOf(file: ReadFile, end: number): Generator<Uint8Array> {
  for (let offset = 0; offset < end; offset += PIECE_BYTES) {
    const lengthBytes = Math.min(PIECE_BYTES, end - offset)
    const piece = file.read(offset, lengthBytes)
    // The file was this long when it was opened; fewer bytes now mean that somebody cut it meanwhile.
    if (piece.length !== lengthBytes) {
      throw Object.assign(new Error('the script became shorter while it was read'), { code: 'EIO' })
    }
    yield piece
  }
}
