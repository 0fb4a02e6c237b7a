// The lines of a script that are scriptlog's and not SQL, in both directions; see script.ts for what they are for.
// To SQL all of them are comments.

import { crc32, formatCrc, parseCrc } from './format/checksum.ts'
import { formatLsn, type Lsn, parseLsn } from './format/lsn.ts'
import { formatMicros, type Micros, parseMicros } from './format/time.ts'

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

/** One piece of a script that verifies alone. */
export interface Chunk {
  /** Length of its SQL. */
  readonly sizeBytes: number
  readonly crc: number
}

export interface TrailerFields extends ScriptHeader {
  readonly rows: number
  readonly chunks: number
  /** Where the list of chunks begins, and where the trailer itself does. */
  readonly listOffset: number
  readonly offset: number
}

export interface StoredTrailer extends TrailerFields {
  /** Checksum of the list, and of the trailer up to itself. */
  readonly crc: number
  /** How many of the trailer's first bytes it covers. */
  readonly coversBytes: number
}

/** No header is longer, and no trailer. */
export const LONGEST_HEADER_BYTES = 240
export const LONGEST_TRAILER_BYTES = 400
/** What stands before the first chunk, behind the header, and what behind the last. */
export const PREAMBLE = 'PRAGMA foreign_keys=OFF;\nBEGIN;\n'
export const ENDING = 'COMMIT;\n'
export const OPENING = '--@scriptlog script '
export const CHUNK_OPENING = '--@ chunk bytes='
export const TRAILER_OPENING = '--@ end db='
const CRC_FIELD = ' crc='
const CRC_FIELD_BYTES = CRC_FIELD.length + 8
/** The end of a line that its own checksum does not cover. */
export const UNCOVERED_BYTES = CRC_FIELD_BYTES + 1

/** What seeds the checksum of every chunk: the database, and nothing that changes with a snapshot. */
export function chunkSeed(databaseId: string): number {
  return crc32(databaseId)
}

export function headerLine(header: ScriptHeader): string {
  return sealed(`${OPENING}${SCRIPT_FORMAT_VERSION} ${identity(header)}`, 0)
}

function identity({ databaseId, timeline, lsn, prev, xid, timeMicros }: ScriptHeader): string {
  return (
    `db=${databaseId} timeline=${timeline} lsn=${formatLsn(lsn)} prev=${formatCrc(prev)} xid=${xid}` +
    ` time=${formatMicros(timeMicros)}`
  )
}

function sealed(line: string, seed: number): string {
  return `${line}${CRC_FIELD}${formatCrc(crc32(line, seed))}\n`
}

const IDENTITY = String.raw`db=([0-9a-f]{16}) timeline=([1-9]\d{0,9}) lsn=(\S+) prev=([0-9a-f]{8}) xid=(0|[1-9]\d{0,15}) time=(\S+)`
const HEADER = new RegExp(`^${OPENING}${SCRIPT_FORMAT_VERSION} ${IDENTITY} crc=[0-9a-f]{8}$`)

/** Reads a header, given without its newline; undefined when it does not verify. */
export function parseHeader(line: string): ScriptHeader | undefined {
  return isSealed(line) ? identityIn(HEADER.exec(line)?.slice(1)) : undefined
}

function identityIn(values: readonly string[] = []): ScriptHeader | undefined {
  const [databaseId, timeline, lsnText, prevText, xid, timeText] = values
  const lsn = parseLsn(lsnText ?? '')
  const prev = parseCrc(prevText ?? '')
  const timeMicros = parseMicros(timeText ?? '')
  if (databaseId === undefined || lsn === undefined || prev === undefined) return undefined
  if (timeMicros === undefined || !Number.isSafeInteger(Number(xid))) return undefined
  return { databaseId, timeline: Number(timeline), lsn, prev, xid: Number(xid), timeMicros }
}

/** Whether a header line verifies, of whatever format it is. */
export function isSealed(line: string): boolean {
  const crc = parseCrc(line.slice(-8))
  const covered = line.slice(0, -CRC_FIELD_BYTES)
  return (
    crc !== undefined &&
    line.slice(-CRC_FIELD_BYTES, -8) === CRC_FIELD &&
    crc32(Buffer.from(covered, 'latin1')) === crc
  )
}

/** The line behind a chunk. */
export function chunkLine({ sizeBytes, crc }: Chunk): string {
  return `${CHUNK_OPENING}${sizeBytes} crc=${formatCrc(crc)}\n`
}

const CHUNK = /^--@ chunk bytes=([1-9]\d{0,15}) crc=([0-9a-f]{8})(?=\n|$)/

/** The chunk that a line at the beginning of `text` claims to stand behind. Says nothing yet about whether it does. */
export function parseChunkLine(text: string): Chunk | undefined {
  const [, sizeBytes, crc] = CHUNK.exec(text) ?? []
  return crc === undefined ? undefined : { sizeBytes: Number(sizeBytes), crc: Number.parseInt(crc, 16) }
}

/** A chunk in the list. */
export function listedLine({ sizeBytes, crc }: Chunk): string {
  return `--@ listed ${sizeBytes}:${formatCrc(crc)}\n`
}

/** Reads a list of chunks, given in pieces that end anywhere; undefined stands for what is none. */
export function* parseList(pieces: Iterable<Uint8Array>): Generator<Chunk | undefined> {
  let rest = ''
  for (const piece of pieces) {
    const words = (rest + Buffer.from(piece).toString('latin1')).split(/[ \n]/)
    rest = words.pop() ?? ''
    for (const word of words) yield* chunkIn(word)
    if (rest.length > LONGEST_HEADER_BYTES) yield undefined
  }
  yield* chunkIn(rest)
}

function* chunkIn(word: string): Generator<Chunk | undefined> {
  if (word === '--@' || word === 'listed' || word === '') return
  const [, sizeBytes, crc] = /^([1-9]\d{0,15}):([0-9a-f]{8})$/.exec(word) ?? []
  yield crc === undefined ? undefined : { sizeBytes: Number(sizeBytes), crc: Number.parseInt(crc, 16) }
}

/** The last line, behind a list whose checksum is `listCrc`. */
export function trailerLine(fields: TrailerFields, listCrc: number): string {
  const { rows, chunks, listOffset, offset } = fields
  return sealed(
    `--@ end ${identity(fields)} rows=${rows} chunks=${chunks} listed=${listOffset} bytes=${offset}`,
    listCrc,
  )
}

const NUMBER = String.raw`(0|[1-9]\d{0,15})`
const TRAILER = new RegExp(
  `(?<=^|\\n)(--@ end ${IDENTITY} rows=${NUMBER} chunks=${NUMBER} listed=${NUMBER} bytes=${NUMBER}) crc=([0-9a-f]{8})\\n$`,
)

/** Reads the last line, given with what stands before it. Says nothing yet about whether it verifies. */
export function parseTrailer(last: string): StoredTrailer | undefined {
  const match = TRAILER.exec(last)
  const header = identityIn(match?.slice(2))
  const covered = match?.[1]
  const [rows, chunks, listed, bytes, crc] = match?.slice(8) ?? []
  if (header === undefined || covered === undefined) return undefined
  return {
    ...header,
    rows: Number(rows),
    chunks: Number(chunks),
    listOffset: Number(listed),
    offset: Number(bytes),
    crc: Number.parseInt(crc ?? '', 16),
    coversBytes: covered.length,
  }
}
