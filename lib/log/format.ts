// The log's grammar, in both directions.
//
//   log     = header entry* newline*
//   header  = '--@scriptlog log 1 db=' hex16 ' timeline=' int ' start=' lsn ' salt=' hex16 ' prev=' crc ' crc=' crc LF
//   entry   = record | mark
//   record  = 'BEGIN;' LF body 'COMMIT; --@ lsn=' lsn ' xid=' int ' sync=' lsn ' prev=' crc ' time=' time ' crc=' crc LF
//   mark    = '--@ mark lsn=' lsn ' sync=' lsn ' prev=' crc ' crc=' crc LF
//   body    = statements, each ended by ';' LF
//
// The header's crc covers the header's bytes before ' crc='. An entry's crc covers the entry's bytes before its
// ' crc=', seeded by the header's crc alone: each entry verifies by itself, and bytes of an older incarnation of
// the file (another salt) never do. `prev` chains the entries: it is the crc of the entry before, or the header's.

import { invariant } from '../errors.ts'
import { crc32, formatCrc, parseCrc } from '../format/checksum.ts'
import { formatLsn, type Lsn, parseLsn } from '../format/lsn.ts'
import { formatMicros, type Micros, parseMicros } from '../format/time.ts'

export const LOG_FORMAT_VERSION = 1

export interface LogHeader {
  /** Identity of the database, 16 hexadecimal digits. */
  readonly databaseId: string
  readonly timeline: number
  /** LSN of the file's first byte. */
  readonly start: Lsn
  /** 16 random hexadecimal digits: no two logs verify each other's entries. */
  readonly salt: string
  /** The crc of the entry (or header) that ends at `start` in the log before; 0 for the first log of all. */
  readonly prev: number
}

/** A header as it stands in a file. */
export interface StoredLogHeader extends LogHeader {
  /** Seeds the checksum of every entry. */
  readonly crc: number
  /** Length of the header line, its newline included. */
  readonly sizeBytes: number
}

export interface RecordFields {
  readonly lsn: Lsn
  /** Number of the commit. */
  readonly xid: number
  /** The end of the log when the last completed sync was started: everything before it is durable. */
  readonly sync: Lsn
  readonly prev: number
  readonly timeMicros: Micros
}

export type MarkFields = Pick<RecordFields, 'lsn' | 'sync' | 'prev'>

export interface EncodedEntry {
  readonly bytes: Buffer
  readonly crc: number
}

export const RECORD_OPENING = Buffer.from('BEGIN;\n')
export const MARK_OPENING = Buffer.from('--@ mark ')
/** A record's last line follows a newline: that of its last statement, or that of `BEGIN;`. */
export const TRAILER_OPENING = Buffer.from('\nCOMMIT; --@ lsn=')
/** No header, trailer or mark line is longer. */
export const LONGEST_LINE_BYTES = 240

/** What begins the last line of the record at `lsn` alone, the newline before it included. */
export function trailerOpeningAt(lsn: Lsn): Buffer {
  return Buffer.from(`\nCOMMIT; --@ lsn=${formatLsn(lsn)} xid=`, 'latin1')
}

const CRC_FIELD = ' crc='
const CRC_FIELD_BYTES = CRC_FIELD.length + 8

export function encodeLogHeader(header: LogHeader): EncodedEntry {
  return seal(
    `--@scriptlog log ${LOG_FORMAT_VERSION} db=${header.databaseId} timeline=${header.timeline}` +
      ` start=${formatLsn(header.start)} salt=${header.salt} prev=${formatCrc(header.prev)}`,
    0,
  )
}

/** Encodes a record whose `body` is statements, each ended by `;` and a newline. */
export function encodeRecord(body: string, fields: RecordFields, seed: number): EncodedEntry {
  // What the parser would refuse must not be acknowledged either.
  invariant(body === '' || body.endsWith(';\n'), 'the last line of a record stands alone')
  invariant(Number.isSafeInteger(fields.xid) && Number.isSafeInteger(fields.timeMicros), 'numbers stay exact')
  const entry = seal(
    `BEGIN;\n${body}COMMIT; --@ lsn=${formatLsn(fields.lsn)} xid=${fields.xid} sync=${formatLsn(fields.sync)}` +
      ` prev=${formatCrc(fields.prev)} time=${formatMicros(fields.timeMicros)}`,
    seed,
  )
  invariant(Number.isSafeInteger(fields.lsn + entry.bytes.length), 'numbers stay exact')
  return entry
}

export function encodeMark(fields: MarkFields, seed: number): EncodedEntry {
  return seal(
    `--@ mark lsn=${formatLsn(fields.lsn)} sync=${formatLsn(fields.sync)} prev=${formatCrc(fields.prev)}`,
    seed,
  )
}

function seal(text: string, seed: number): EncodedEntry {
  const length = Buffer.byteLength(text)
  const bytes = Buffer.allocUnsafe(length + CRC_FIELD_BYTES + 1)
  bytes.write(text, 0, 'utf8')
  const crc = crc32(bytes.subarray(0, length), seed)
  bytes.write(`${CRC_FIELD}${formatCrc(crc)}\n`, length, 'latin1')
  return { bytes, crc }
}

/** Why a first line is no header: a newer scriptlog's, somebody else's, or a damaged one of ours. */
export type HeaderFault =
  | { readonly kind: 'newer'; readonly version: number }
  | { readonly kind: 'not-a-log' }
  | { readonly kind: 'damaged' }

/** Reads the first line of a log (without what follows it). */
export function parseLogHeader(firstBytes: Buffer): StoredLogHeader | HeaderFault {
  const newline = firstBytes.indexOf(0x0a)
  const line = firstBytes.toString('latin1', 0, newline < 0 ? firstBytes.length : newline)
  const version = /^--@scriptlog log (\d{1,6}) /.exec(line)?.[1]
  if (version !== undefined && Number(version) > LOG_FORMAT_VERSION) {
    // A damaged digit must not pass for a newer format: only a line that verifies as a whole names one.
    return lineVerifies(line, 0) ? { kind: 'newer', version: Number(version) } : { kind: 'damaged' }
  }
  const match =
    /^--@scriptlog log 1 db=([0-9a-f]{16}) timeline=([1-9]\d{0,9}) start=(\S+) salt=([0-9a-f]{16}) prev=([0-9a-f]{8}) crc=([0-9a-f]{8})$/.exec(
      line,
    )
  const [, databaseId, timeline, startText, salt, prevText, crcText] = match ?? []
  const start = parseLsn(startText ?? '')
  const prev = parseCrc(prevText ?? '')
  const crc = parseCrc(crcText ?? '')
  const isWhole =
    newline > 0 &&
    databaseId !== undefined &&
    salt !== undefined &&
    start !== undefined &&
    prev !== undefined &&
    crc !== undefined &&
    lineVerifies(line, 0)
  if (!isWhole) return { kind: line.startsWith('--@scriptlog log') ? 'damaged' : 'not-a-log' }
  return { databaseId, timeline: Number(timeline), start, salt, prev, crc, sizeBytes: newline + 1 }
}

function lineVerifies(line: string, seed: number): boolean {
  const crc = parseCrc(line.slice(-8))
  return (
    crc !== undefined &&
    line.slice(-CRC_FIELD_BYTES, -8) === CRC_FIELD &&
    crc32(Buffer.from(line.slice(0, -CRC_FIELD_BYTES), 'latin1'), seed) === crc
  )
}

/** The fields of a record's last line, and the checksum that the line claims. */
export interface RecordTrailer extends RecordFields {
  readonly crc: number
}

const TRAILER =
  /^COMMIT; --@ lsn=(\S+) xid=([1-9]\d{0,15}) sync=(\S+) prev=([0-9a-f]{8}) time=(\S+) crc=([0-9a-f]{8})$/

/** Reads a record's last line, given without its newline. Says nothing yet about whether the record verifies. */
export function parseTrailer(line: string): RecordTrailer | undefined {
  const [, lsnText, xidText, syncText, prevText, timeText, crcText] = TRAILER.exec(line) ?? []
  const lsn = parseLsn(lsnText ?? '')
  const sync = parseLsn(syncText ?? '')
  const prev = parseCrc(prevText ?? '')
  const timeMicros = parseMicros(timeText ?? '')
  const crc = parseCrc(crcText ?? '')
  const xid = Number(xidText)
  if (lsn === undefined || sync === undefined || prev === undefined) return undefined
  if (timeMicros === undefined || crc === undefined || !Number.isSafeInteger(xid)) return undefined
  return { lsn, xid, sync, prev, timeMicros, crc }
}

export interface StoredMark extends MarkFields {
  readonly crc: number
}

const MARK = /^--@ mark lsn=(\S+) sync=(\S+) prev=([0-9a-f]{8}) crc=([0-9a-f]{8})$/

/** Reads a mark, given without its newline. */
export function parseMark(line: string): StoredMark | undefined {
  const [, lsnText, syncText, prevText, crcText] = MARK.exec(line) ?? []
  const lsn = parseLsn(lsnText ?? '')
  const sync = parseLsn(syncText ?? '')
  const prev = parseCrc(prevText ?? '')
  const crc = parseCrc(crcText ?? '')
  if (lsn === undefined || sync === undefined || prev === undefined || crc === undefined) return undefined
  return { lsn, sync, prev, crc }
}

/** Length of the part of a line that its checksum does not cover: ` crc=` and the digits (not the newline). */
export const UNCOVERED_BYTES = CRC_FIELD_BYTES
