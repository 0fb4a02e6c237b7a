// One entry of a log, as it is read.

import { crc32 } from '../format/checksum.ts'
import type { Lsn } from '../format/lsn.ts'
import type { Micros } from '../format/time.ts'
import { LONGEST_LINE_BYTES, parseMark, UNCOVERED_BYTES } from './format.ts'

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

/** The line that `bytes` begin with, without its newline; undefined when it is too long or has none. */
export function firstLineOf(bytes: Buffer): string | undefined {
  const newline = bytes.subarray(0, LONGEST_LINE_BYTES).indexOf(0x0a)
  return newline < 0 ? undefined : bytes.toString('latin1', 0, newline)
}

/** The mark that `bytes`, which stand at `lsn`, begin with, if it verifies; it may name another position. */
export function markIn(bytes: Buffer, lsn: Lsn, seed: number): LogMark | undefined {
  const line = firstLineOf(bytes)
  const mark = line === undefined ? undefined : parseMark(line)
  if (line === undefined || mark === undefined) return undefined
  if (crc32(bytes.subarray(0, line.length - UNCOVERED_BYTES), seed) !== mark.crc) return undefined
  return { kind: 'mark', ...mark, end: lsn + line.length + 1 }
}
