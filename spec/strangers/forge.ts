// Databases as a stranger makes them who knows the formats: any statements, with checksums that are right.

import { crc32, formatCrc } from '../../lib/format/checksum.ts'
import type { AppendFile } from '../../lib/fs/files.ts'
import { encodeLogHeader, encodeRecord, type LogHeader, type RecordFields } from '../../lib/log/format.ts'
import { formatProperties, type State } from '../../lib/properties.ts'
import { type ScriptHeader, writeScript } from '../../lib/script.ts'
import { SOME_HEADER, SOME_TIME } from '../support/logs.ts'

/** In which file the statements stand. */
export type Place = 'script' | 'log'

export const PLACES: readonly Place[] = ['script', 'log']

const { databaseId } = SOME_HEADER

/** A whole script with these statements, each ended by `;` and a newline. */
export function forgedScript(body: string, header: Partial<ScriptHeader> = {}): Buffer {
  const pieces: Buffer[] = []
  const file: Pick<AppendFile, 'append'> = { append: (bytes) => pieces.push(Buffer.from(bytes)) }
  const whole = { databaseId, timeline: 1, lsn: 0, prev: 0, xid: 0, timeMicros: SOME_TIME, ...header }
  writeScript({ ...NO_FILE, ...file }, whole, [body])
  return Buffer.concat(pieces)
}

const NO_FILE: AppendFile = {
  sizeBytes: 0,
  append: () => undefined,
  sync: () => undefined,
  syncAsync: async () => undefined,
  close: () => undefined,
}

/** What a forged log may claim. */
export interface ForgedLog {
  readonly header?: Partial<LogHeader>
  /** Of every record; lsn and prev are right unless they are given. */
  readonly fields?: Partial<RecordFields>
}

/** A whole log with a record for each body. */
export function forgedLog(
  bodies: readonly (string | Buffer)[],
  { header = {}, fields = {} }: ForgedLog = {},
): Buffer {
  const start = header.start ?? 0
  const { bytes, crc: seed } = encodeLogHeader({ ...SOME_HEADER, ...header })
  const pieces = [bytes]
  let lsn = start + bytes.length
  let prev = seed
  for (const [index, body] of bodies.entries()) {
    const usual = { lsn, xid: index + 1, sync: start + bytes.length, prev, timeMicros: SOME_TIME + index }
    const record = encodeRecord(body, { ...usual, ...fields }, seed)
    pieces.push(record.bytes)
    lsn += record.bytes.length
    prev = record.crc
  }
  return Buffer.concat(pieces)
}

/** A log with one record whose last statement is followed by this text, which no writer leaves there. */
export function forgedUnendedLog(body: string, ending: string): Buffer {
  const { bytes: header, crc: seed } = encodeLogHeader(SOME_HEADER)
  const lsn = header.length
  const fields = { lsn, xid: 1, sync: lsn, prev: seed, timeMicros: SOME_TIME }
  const record = encodeRecord(body, fields, seed).bytes.toString()
  const covered = record.slice(0, record.lastIndexOf(' crc=')).replace('\nCOMMIT;', `\n${ending}COMMIT;`)
  return Buffer.concat([header, Buffer.from(`${covered} crc=${formatCrc(crc32(covered, seed))}\n`)])
}

/** A state file, whole. */
export function forgedProperties(state: Partial<State> = {}, settings = ''): string {
  const whole: State = {
    modified: 'yes',
    databaseId,
    timeline: 1,
    checkpointXid: 0,
    checkpointLsn: 0,
    ...state,
  }
  return formatProperties(settings, whole)
}

/** The files of a database, by suffix, in which the statements are planted. */
export function planted(sql: string, place: Place): Record<string, Buffer | string> {
  const body = sql === '' || sql.endsWith('\n') ? sql : `${sql}\n`
  return place === 'script' ? { '.script': forgedScript(body) } : { '.log': forgedLog([body]) }
}
