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

import { constants } from 'node:buffer'
import { invariant } from '../errors.ts'
import { putDecimal, putText } from '../format/ascii.ts'
import { crc32, formatCrc, parseCrc, putCrc } from '../format/checksum.ts'
import { formatLsn, type Lsn, parseLsn, putLsn } from '../format/lsn.ts'
import { type Micros, parseMicros, putMicros } from '../format/time.ts'

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

/** A record is a text when it is written, and each of its characters takes up to three bytes. */
export const LARGEST_BODY_BYTES = 3 * constants.MAX_STRING_LENGTH

/** What begins the last line of the record at `lsn` alone, the newline before it included. */
export function trailerOpeningAt(lsn: Lsn): Buffer {
  return Buffer.from(`\nCOMMIT; --@ lsn=${formatLsn(lsn)} xid=`, 'latin1')
}

const CRC_FIELD = ' crc='
const CRC_FIELD_TEXT = Buffer.from(CRC_FIELD)
const CRC_FIELD_BYTES = CRC_FIELD.length + 8

export function encodeLogHeader(header: LogHeader): EncodedEntry {
  return seal(
    `--@scriptlog log ${LOG_FORMAT_VERSION} db=${header.databaseId} timeline=${header.timeline}` +
      ` start=${formatLsn(header.start)} salt=${header.salt} prev=${formatCrc(header.prev)}`,
    0,
  )
}

/** Statements, each ended by `;` and a newline: text, or text in UTF-8. */
export type RecordBody = string | Buffer

/** Room for any record with a body of `bodyBytes` bytes. */
export function recordRoom(bodyBytes: number): number {
  return RECORD_OPENING.length + bodyBytes + LONGEST_LINE_BYTES
}

/** Encodes a record in bytes of its own. */
export function encodeRecord(body: RecordBody, fields: RecordFields, seed: number): EncodedEntry {
  const bytes = Buffer.allocUnsafe(recordRoom(Buffer.byteLength(body)))
  const { end, crc } = putRecord(bytes, 0, body, fields, seed)
  return { bytes: bytes.subarray(0, end), crc }
}

/** Where a record was put. */
export interface PlacedRecord {
  readonly bodyStart: number
  readonly bodyEnd: number
  readonly end: number
  readonly crc: number
}

const LSN_FIELD = Buffer.from('COMMIT; --@ lsn=')
const XID_FIELD = Buffer.from(' xid=')
const SYNC_FIELD = Buffer.from(' sync=')
const PREV_FIELD = Buffer.from(' prev=')
const TIME_FIELD = Buffer.from(' time=')
const SEMICOLON = 0x3b
const NEWLINE = 0x0a

/** Encodes a record into `to` from `at` on, where there is {@link recordRoom} for it. */
export function putRecord(
  to: Buffer,
  at: number,
  body: RecordBody,
  { lsn, xid, sync, prev, timeMicros }: RecordFields,
  seed: number,
): PlacedRecord {
  // What the parser would refuse must not be acknowledged either.
  invariant(Number.isSafeInteger(xid) && xid > 0 && Number.isSafeInteger(timeMicros), 'numbers stay exact')
  const bodyStart = putText(to, at, RECORD_OPENING)
  const bodyEnd =
    bodyStart + (typeof body === 'string' ? to.write(body, bodyStart) : body.copy(to, bodyStart))
  const standsAlone = bodyEnd === bodyStart || (to[bodyEnd - 2] === SEMICOLON && to[bodyEnd - 1] === NEWLINE)
  invariant(standsAlone, 'the last line of a record stands alone')
  let next = putLsn(to, putText(to, bodyEnd, LSN_FIELD), lsn)
  next = putDecimal(to, putText(to, next, XID_FIELD), xid)
  next = putLsn(to, putText(to, next, SYNC_FIELD), sync)
  next = putCrc(to, putText(to, next, PREV_FIELD), prev)
  next = putMicros(to, putText(to, next, TIME_FIELD), timeMicros)
  // A view made so costs half of what subarray() does.
  const crc = crc32(new Uint8Array(to.buffer, to.byteOffset + at, next - at), seed)
  const end = putSeal(to, next, crc)
  invariant(Number.isSafeInteger(lsn + end - at), 'numbers stay exact')
  // What is put past the end of a buffer is dropped without a word.
  invariant(end <= to.length, 'a record has room')
  return { bodyStart, bodyEnd, end, crc }
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
  putSeal(bytes, length, crc)
  return { bytes, crc }
}

function putSeal(to: Buffer, at: number, crc: number): number {
  const end = putCrc(to, putText(to, at, CRC_FIELD_TEXT), crc)
  to[end] = NEWLINE
  return end + 1
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
