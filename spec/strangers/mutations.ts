// Mutations of files: of their bytes, and of what they say, with the checksums made right again.

import { crc32, formatCrc } from '../../lib/format/checksum.ts'
import { formatLsn } from '../../lib/format/lsn.ts'
import { formatMicros } from '../../lib/format/time.ts'
import { encodeLogHeader } from '../../lib/log/format.ts'
import { readEntries, readLogHeader } from '../../lib/log/reader.ts'
import { readScript } from '../../lib/script.ts'
import { fileOf } from '../support/logs.ts'
import { forgedScript } from './forge.ts'
import type { Files } from './histories.ts'

export class Dice {
  readonly #random: () => number

  constructor(random: () => number) {
    this.#random = random
  }

  below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }

  one<T>(choices: readonly T[]): T {
    const choice = choices[this.below(choices.length)]
    if (choice === undefined) throw new Error('nothing to choose from')
    return choice
  }

  chance(probability: number): boolean {
    return this.#random() < probability
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)))
  }
}

export const SUFFIXES = [
  '.properties',
  '.script',
  '.script.new',
  '.log',
  '.log.next',
  '.log.new',
  '.properties.new',
  '.log.next.new',
  '.log.create.new',
]

/** Spoils bytes; no checksum is made right. */
export function spoilt(bytes: Uint8Array, other: Uint8Array, dice: Dice): Buffer {
  const copy = Buffer.from(bytes)
  const at = dice.below(copy.length + 1)
  const to = Math.min(copy.length, at + 1 + dice.below(dice.chance(0.5) ? 8 : 400))
  const piece = copy.subarray(at, to)
  const before = copy.subarray(0, at)
  switch (dice.below(11)) {
    case 0:
      if (at < copy.length) copy[at] = (copy[at] ?? 0) ^ (1 << dice.below(8))
      return copy
    case 1:
      dice.bytes(piece.length).copy(copy, at)
      return copy
    case 2:
      return copy.fill(dice.one([0, 0x0a, 0x20, 0x3b, 0xff]), at, to)
    case 3:
      return Buffer.from(before)
    case 4:
      return Buffer.concat([before, dice.bytes(dice.below(300)), copy.subarray(at)])
    case 5:
      return Buffer.concat([before, piece, copy.subarray(at)])
    case 6:
      return Buffer.concat([before, copy.subarray(to)])
    case 7:
      return Buffer.concat([before, copy.subarray(to), piece])
    case 8: {
      const from = dice.below(other.length + 1)
      return Buffer.concat([before, other.subarray(from), ...(dice.chance(0.5) ? [copy.subarray(to)] : [])])
    }
    case 9:
      return Buffer.concat([copy, Buffer.alloc(dice.below(10_000), dice.one([0, 0x0a, 0x41]))])
    default:
      return dice.bytes(dice.below(2000))
  }
}

const NUMBERS = [
  '0',
  '1',
  '-1',
  '9007199254740991',
  '9223372036854775807',
  '99999999999999999999',
  '1e999',
  '00',
  '',
]
const STATEMENTS = [
  'BEGIN;',
  'COMMIT;',
  'ROLLBACK;',
  'DROP TABLE note;',
  'DROP TABLE pair;',
  'DROP TABLE search;',
  'DROP TABLE search_data;',
  'DELETE FROM "search_data";',
  'DELETE FROM "search_config";',
  'DELETE FROM "note";',
  'INSERT INTO "search"("search") VALUES(\'rebuild\');',
  `INSERT INTO "search_data"("id","block") VALUES(10,X'000000');`,
  'ALTER TABLE note RENAME TO pair2;',
  'ALTER TABLE note DROP COLUMN more;',
  'ALTER TABLE search RENAME TO found;',
  'CREATE TABLE note(a);',
  'CREATE TABLE "x"(a CHECK(a)) STRICT;',
  'CREATE VIEW long AS SELECT * FROM none;',
  'CREATE TRIGGER t2 AFTER DELETE ON note BEGIN SELECT mine(); END;',
  'CREATE INDEX i2 ON note(body);',
  'CREATE VIRTUAL TABLE s2 USING fts4(a);',
  'CREATE VIRTUAL TABLE r USING rtree(id,a,b);',
  'CREATE VIRTUAL TABLE m USING mine(a);',
  'REINDEX;',
  'ANALYZE;',
  'PRAGMA user_version=-1;',
  'DELETE FROM sqlite_sequence;',
  `INSERT INTO "sqlite_stat1"("tbl","idx","stat") VALUES('note','by_size','x');`,
  "ATTACH 'x' AS y;",
  'SELECT 1;',
]

/** Changes what SQL says; it may be nonsense afterwards. */
export function misstated(sql: string, dice: Dice): string {
  const statements = sql.split(/(?<=;\n)/)
  const at = dice.below(statements.length + 1)
  switch (dice.below(7)) {
    case 0:
      statements.splice(at, 0, `${dice.one(STATEMENTS)}\n`)
      break
    case 1:
      statements.splice(at, 1)
      break
    case 2:
      statements.splice(at, 0, dice.one(statements))
      break
    case 3: {
      const [taken = ''] = statements.splice(at, 1)
      statements.splice(dice.below(statements.length + 1), 0, taken)
      break
    }
    case 4:
      return sql.replace(/\d+/g, (number) => (dice.chance(0.1) ? dice.one(NUMBERS) : number))
    case 5:
      return sql.replace(/[A-F0-9]{2}(?=[A-F0-9]*')/g, (hex) =>
        dice.chance(0.1) ? dice.bytes(1).toString('hex').toUpperCase() : hex,
      )
    default:
      return spoilt(Buffer.from(sql), Buffer.from(dice.one(STATEMENTS)), dice).toString('latin1')
  }
  return statements.join('')
}

/** A log that says something else, whose checksums are right; undefined when `bytes` are no log. */
export function resealedLog(bytes: Uint8Array, dice: Dice): Buffer | undefined {
  const header = readLogHeader(fileOf(bytes))
  if ('kind' in header) return undefined
  const wanted = dice.below(4)
  const start = dice.chance(0.05)
    ? dice.one([0, 2 ** 32 - 1, 2 ** 53 - 1, 2 ** 52, header.start + 1])
    : header.start
  const head = encodeLogHeader({
    ...header,
    start,
    timeline: dice.chance(0.05) ? dice.one([2, 9_999_999_999]) : header.timeline,
    prev: dice.chance(0.05) ? 1 : header.prev,
  })
  const pieces = [head.bytes]
  let lsn = start + head.bytes.length
  let prev = head.crc
  const seal = (text: Buffer) => {
    const crc = crc32(text, head.crc)
    const sealed = Buffer.concat([text, Buffer.from(` crc=${formatCrc(crc)}\n`)])
    pieces.push(sealed)
    lsn += sealed.length
    prev = crc
  }
  let index = 0
  for (const entry of readEntries(fileOf(bytes), header)) {
    const sync = dice.chance(0.05) ? dice.one([0, 2 ** 53 - 1, lsn]) : Math.min(entry.sync, lsn)
    if (entry.kind === 'mark') {
      seal(Buffer.from(`--@ mark lsn=${formatLsn(lsn)} sync=${formatLsn(sync)} prev=${formatCrc(prev)}`))
      continue
    }
    const body = index++ % 4 === wanted ? misstated(entry.body.toString(), dice) : entry.body.toString()
    const xid = dice.chance(0.05) ? dice.one([1, 2 ** 53 - 1, 2 ** 52]) : entry.xid
    const micros = dice.chance(0.05) ? dice.one([0, 2 ** 53 - 1]) : entry.timeMicros
    const claimed = dice.chance(0.01) ? lsn + 1 : lsn
    const fields = `COMMIT; --@ lsn=${formatLsn(claimed)} xid=${xid} sync=${formatLsn(sync)} prev=${formatCrc(prev)} time=${formatMicros(micros)}`
    seal(
      Buffer.concat([
        Buffer.from('BEGIN;\n'),
        Buffer.from(body, dice.chance(0.05) ? 'latin1' : 'utf8'),
        Buffer.from(fields),
      ]),
    )
  }
  return Buffer.concat(pieces)
}

/** A script that says something else, whose checksums are right; undefined when `bytes` are no script. */
export function resealedScript(bytes: Uint8Array, dice: Dice): Buffer | undefined {
  const script = readScript(fileOf(bytes))
  if (script.kind !== 'whole') return undefined
  const { header } = script
  const text = Buffer.concat([...script.pieces()]).toString()
  const body = text
    .slice(text.indexOf('BEGIN;\n') + 'BEGIN;\n'.length, text.lastIndexOf('COMMIT;\n'))
    .replace(/^--@ chunk bytes=.*\n/gm, '')
  return forgedScript(misstated(body, dice), {
    ...header,
    lsn: dice.chance(0.05) ? dice.one([0, 2 ** 53 - 1, header.lsn + 1]) : header.lsn,
    prev: dice.chance(0.05) ? 0 : header.prev,
    xid: dice.chance(0.05) ? dice.one([0, 2 ** 53 - 1]) : header.xid,
    timeMicros: dice.chance(0.05) ? dice.one([0, 2 ** 53 - 1]) : header.timeMicros,
    timeline: dice.chance(0.05) ? dice.one([2, 9_999_999_999]) : header.timeline,
  })
}

const STATE_KEYS = ['version', 'modified', 'database_id', 'timeline', 'tx_timestamp', 'checkpoint_lsn']
const VALUES: Readonly<Record<string, readonly string[]>> = {
  version: ['0', '2', '1e0', ' 1', '999999999999999999999'],
  modified: ['no', 'yes', 'yes-new-files', 'no-new-files', 'NO', '__proto__'],
  database_id: ['0000000000000000', 'xyz', '00112233AABBCCDD'],
  timeline: ['0', '2', '9999999999', '99999999999', '-1', '1.5'],
  tx_timestamp: ['0', '9007199254740991', '9007199254740993', '1e3'],
  checkpoint_lsn: ['0/00000000', '1FFFFF/FFFFFFFF', '0/000000FF', '0', '0/1'],
}
const SETTINGS = [
  '__proto__=1',
  '__proto__.x=1',
  'constructor=1',
  'toString=1',
  'write_delay_millis=99999999999',
  'write_delay_millis=0',
  'recovery_mode=__proto__',
  'recovery_mode=skip_any_corrupted_records',
  'log_size[]=1',
  '[section]',
  'log_size=1\nlog_size=2',
  '\u0001',
  `x${'y'.repeat(100_000)}=1`,
]

/** A state file that says something else, whose checksum is right. */
export function resealedProperties(bytes: Uint8Array, dice: Dice): Buffer {
  const lines = new Map(
    Buffer.from(bytes)
      .toString()
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
  const state = STATE_KEYS.map((key) => {
    const value = dice.chance(0.25) ? dice.one(VALUES[key] ?? ['']) : (lines.get(key) ?? '')
    return `${key}=${value}\n`
  }).join('')
  const settings = dice.chance(0.3) ? `${dice.one(SETTINGS)}\n` : ''
  return Buffer.from(`${state}state_crc=${formatCrc(crc32(state))}\n${settings}`)
}

/** The same files, one of which says something else, with checksums that are right; undefined where none can. */
export function resealed(files: Files, dice: Dice): Files | undefined {
  const suffix = dice.one([...files.keys()])
  const bytes = files.get(suffix) ?? Buffer.alloc(0)
  const sealed = suffix.startsWith('.script')
    ? resealedScript(bytes, dice)
    : suffix.startsWith('.log')
      ? resealedLog(bytes, dice)
      : resealedProperties(bytes, dice)
  return sealed === undefined ? undefined : new Map([...files, [suffix, sealed]])
}
