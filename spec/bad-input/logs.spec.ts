// `.log` missing, damaged, foreign: what a crash leaves is opened, what a crash cannot do is refused.

import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import { crc32, formatCrc } from '../../lib/format/checksum.ts'
import { verify } from '../../lib/verify.ts'
import { inQuickDirectory } from '../support/temp-directory.ts'
import { ALL_NOTES, assertNotes, closedDatabase, killedDatabase, notesOf } from './note-database.ts'
import { refusal, refusalByInspection } from './refusal.ts'

/** Spoils DIR/app.log, requires the refusal, puts it back, requires that everything is there. */
function assertRefused(
  dir: string,
  spoil: (log: Buffer) => string | Uint8Array | undefined,
  text: string,
): void {
  const path = join(dir, 'app.log')
  const before = readFileSync(path)
  const spoilt = spoil(before)
  if (spoilt === undefined) rmSync(path)
  else writeFileSync(path, spoilt)
  assert.snapshot(readable(refusal(dir)), text)
  assert.ok(refusalByInspection(dir) !== undefined, 'inspect says the same')
  assert.not(verify(join(dir, 'app')).isSound, 'verify says the same')
  writeFileSync(path, before)
  assertNotes(dir)
}

/** Identities are random. */
function readable(text: string): string {
  return text.replace(/db=[0-9a-f]{16}/g, 'db=…')
}

const SPOILS: readonly (readonly [
  name: string,
  spoil: (log: Buffer) => string | Uint8Array | undefined,
  text: string,
])[] = [
  [
    'deleted',
    () => undefined,
    `CorruptionError SCRIPTLOG_CORRUPT (gap)
app.log leaves out commits: it is missing (DIR/app.log, LSN 0/000001D8)
  hint: nothing was changed: delete none of the files. Put the log back from a copy, or accept the loss with recovery_mode=stop_at_damage (everything before LSN 0/000001D8) or skip_any_corrupted_records (all that verifies); the damaged file is then kept in app.rejected/. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain, and changes nothing here`,
  ],
  [
    'empty',
    () => '',
    `CorruptionError SCRIPTLOG_CORRUPT (corrupt)
app.log is damaged: it is empty (DIR/app.log, offset 0, LSN 0/000001D8)
  hint: nothing was changed: delete none of the files. Put the log back from a copy, or accept the loss with recovery_mode=stop_at_damage (everything before LSN 0/000001D8) or skip_any_corrupted_records (all that verifies); the damaged file is then kept in app.rejected/. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain, and changes nothing here`,
  ],
  [
    'cut in its first line',
    (log) => log.subarray(0, 50),
    `CorruptionError SCRIPTLOG_CORRUPT (corrupt)
app.log is damaged: its first line is damaged (DIR/app.log, offset 0, LSN 0/000001D8)
  hint: nothing was changed: delete none of the files. Put the log back from a copy, or accept the loss with recovery_mode=stop_at_damage (everything before LSN 0/000001D8) or skip_any_corrupted_records (all that verifies); the damaged file is then kept in app.rejected/. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain, and changes nothing here`,
  ],
  [
    'zeros',
    (log) => new Uint8Array(log.length),
    `CorruptionError SCRIPTLOG_CORRUPT (corrupt)
app.log is damaged: it is not a log of scriptlog (DIR/app.log, offset 0, LSN 0/000001D8)
  hint: nothing was changed: delete none of the files. Put the log back from a copy, or accept the loss with recovery_mode=stop_at_damage (everything before LSN 0/000001D8) or skip_any_corrupted_records (all that verifies); the damaged file is then kept in app.rejected/. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain, and changes nothing here`,
  ],
  [
    'some other log',
    () => '2026-11-20 10:00:00 INFO started\n',
    `CorruptionError SCRIPTLOG_CORRUPT (corrupt)
app.log is damaged: it is not a log of scriptlog (DIR/app.log, offset 0, LSN 0/000001D8)
  hint: nothing was changed: delete none of the files. Put the log back from a copy, or accept the loss with recovery_mode=stop_at_damage (everything before LSN 0/000001D8) or skip_any_corrupted_records (all that verifies); the damaged file is then kept in app.rejected/. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain, and changes nothing here`,
  ],
  [
    'with a value edited that was durable',
    (log) => log.toString().replace('in the log', 'by my hand'),
    `CorruptionError SCRIPTLOG_CORRUPT (corrupt)
app.log is damaged: a later entry proves that the damaged bytes had been synced (DIR/app.log, offset 116, LSN 0/0000024C)
  hint: nothing was changed: delete none of the files. Put the log back from a copy, or accept the loss with recovery_mode=stop_at_damage (everything before LSN 0/0000024C) or skip_any_corrupted_records (all that verifies); the damaged file is then kept in app.rejected/. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain, and changes nothing here`,
  ],
  [
    'with a record cut out that was durable',
    (log) => withoutFirstRecord(log),
    `CorruptionError SCRIPTLOG_CORRUPT (corrupt)
app.log is damaged: an entry of another position stands at offset 116: bytes were removed, inserted or moved (DIR/app.log, offset 116, LSN 0/0000024C)
  hint: nothing was changed: delete none of the files. Put the log back from a copy, or accept the loss with recovery_mode=stop_at_damage (everything before LSN 0/0000024C) or skip_any_corrupted_records (all that verifies); the damaged file is then kept in app.rejected/. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain, and changes nothing here`,
  ],
  [
    'with zeros over a record that was durable',
    (log) => zeroed(log, 'in the log'),
    `CorruptionError SCRIPTLOG_CORRUPT (corrupt)
app.log is damaged: a later entry proves that the damaged bytes had been synced (DIR/app.log, offset 116, LSN 0/0000024C)
  hint: nothing was changed: delete none of the files. Put the log back from a copy, or accept the loss with recovery_mode=stop_at_damage (everything before LSN 0/0000024C) or skip_any_corrupted_records (all that verifies); the damaged file is then kept in app.rejected/. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain, and changes nothing here`,
  ],
  [
    'with its first line edited',
    (log) => log.toString().replace('timeline=1', 'timeline=3'),
    `CorruptionError SCRIPTLOG_CORRUPT (corrupt)
app.log is damaged: its first line is damaged (DIR/app.log, offset 0, LSN 0/000001D8)
  hint: nothing was changed: delete none of the files. Put the log back from a copy, or accept the loss with recovery_mode=stop_at_damage (everything before LSN 0/000001D8) or skip_any_corrupted_records (all that verifies); the damaged file is then kept in app.rejected/. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain, and changes nothing here`,
  ],
  [
    'with Windows line ends',
    (log) => log.toString().replaceAll('\n', '\r\n'),
    `CorruptionError SCRIPTLOG_CORRUPT (corrupt)
app.log is damaged: its first line is damaged (DIR/app.log, offset 0, LSN 0/000001D8)
  hint: nothing was changed: delete none of the files. Put the log back from a copy, or accept the loss with recovery_mode=stop_at_damage (everything before LSN 0/000001D8) or skip_any_corrupted_records (all that verifies); the damaged file is then kept in app.rejected/. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain, and changes nothing here`,
  ],
  [
    'of a newer format',
    (log) => newer(log),
    `OpenError SCRIPTLOG_CANNOT_OPEN (newer-format)
app.log was written by a newer scriptlog (format 2) (DIR/app.log)
  hint: open it with that version or a later one; nothing was changed`,
  ],
]

function withoutFirstRecord(log: Buffer): Buffer {
  const second = log.indexOf('BEGIN;', log.indexOf('BEGIN;') + 1)
  return Buffer.concat([log.subarray(0, log.indexOf('BEGIN;')), log.subarray(second)])
}

function zeroed(log: Buffer, text: string): Buffer {
  const copy = Buffer.from(log)
  return copy.fill(0, copy.indexOf(text), copy.indexOf(text) + text.length)
}

/** The header of a later format, with a checksum that is right. */
function newer(log: Buffer): string {
  const text = log.toString()
  const line = text.slice(0, text.indexOf(' crc=')).replace('log 1 ', 'log 2 ')
  return `${line} crc=${formatCrc(crc32(line))}\nand what nobody knows yet\n`
}

for (const [name, spoil, text] of SPOILS) {
  test(`after a kill .log is ${name}: refused, and everything is there when it is put back`, () =>
    inQuickDirectory((dir) => {
      killedDatabase(dir)
      assertRefused(dir, spoil, text)
    }))
}

test('.log deleted after a clean end: .script holds everything, it opens', () =>
  inQuickDirectory((dir) => {
    closedDatabase(dir)
    rmSync(join(dir, 'app.log'))
    assert.equal(assertNotes(dir).warnings, [])
  }))

test('the modes that accept damage open what they promise, keep the damaged log, and say what was lost', () =>
  inQuickDirectory((dir) => {
    killedDatabase(dir)
    const path = join(dir, 'app.log')
    writeFileSync(path, readFileSync(path, 'latin1').replace('in the log', 'by my hand'), 'latin1')
    const damaged = readFileSync(path)
    for (const [mode, notes] of [
      ['stop_at_damage', ['in the snapshot']],
      ['skip_any_corrupted_records', ['in the snapshot', 'also in the log']],
    ] as const) {
      const copy = join(dir, mode)
      mkdirSync(copy)
      for (const file of ['app.script', 'app.log', 'app.properties'])
        cpSync(join(dir, file), join(copy, file))
      assert.match(refusal(copy), /accept the loss with recovery_mode=stop_at_damage/)
      const report = assertNotes(copy, notes, { recoveryMode: mode })
      assert.is(report.verdict, 'corrupt')
      assert.is(report.timeline, 2)
      assert.equal(
        report.setAside.map((kept) => readFileSync(kept.path)),
        [damaged],
      )
      assertNotes(copy, notes)
    }
  }))

const TAILS: readonly (readonly [
  name: string,
  tail: (log: Buffer) => Uint8Array,
  notes: readonly string[],
])[] = [
  ['the last record cut', (log) => log.subarray(0, -20), ALL_NOTES.slice(0, 2)],
  ['zeros behind the end', (log) => Buffer.concat([log, Buffer.alloc(5000)]), ALL_NOTES],
  ['newlines behind the end', (log) => Buffer.concat([log, Buffer.alloc(5000, '\n')]), ALL_NOTES],
  [
    'half a record behind the end',
    (log) => Buffer.concat([log, Buffer.from('BEGIN;\nINSERT INTO')]),
    ALL_NOTES,
  ],
  [
    'a statement without a record',
    (log) => Buffer.concat([log, Buffer.from('DROP TABLE note;\n')]),
    ALL_NOTES,
  ],
  ['its own first record once more', (log) => Buffer.concat([log, firstRecord(log)]), ALL_NOTES],
]

function firstRecord(log: Buffer): Buffer {
  const first = log.indexOf('BEGIN;')
  return log.subarray(first, log.indexOf('BEGIN;', first + 1))
}

for (const [name, tail, notes] of TAILS) {
  test(`a log with ${name}: opened, what was rejected is kept; refused where asked for absolute consistency`, () =>
    inQuickDirectory((dir) => {
      killedDatabase(dir)
      const path = join(dir, 'app.log')
      const log = readFileSync(path)
      const spoilt = tail(log)
      writeFileSync(path, spoilt)
      const isClean = spoilt.length > log.length && spoilt.at(-1) === 10 && spoilt.at(log.length) === 10
      if (!isClean) {
        assert.match(
          refusal(dir, { recoveryMode: 'absolute_consistency' }),
          /^CorruptionError SCRIPTLOG_CORRUPT/,
        )
      }
      const report = assertNotes(dir, notes)
      const rejected = isClean
        ? []
        : [spoilt.subarray(notes === ALL_NOTES ? log.length : log.lastIndexOf('BEGIN;'))]
      assert.equal(
        report.setAside.map((kept) => readFileSync(kept.path)),
        rejected.map((bytes) => Buffer.from(bytes)),
      )
      assertNotes(dir, notes)
    }))
}

test('the log of another database', () =>
  inQuickDirectory((dir) => {
    killedDatabase(dir)
    killedDatabase(dir, 'other')
    assertRefused(
      dir,
      () => readFileSync(join(dir, 'other.log')),
      `CorruptionError SCRIPTLOG_CORRUPT (foreign)
app.log does not continue what is there: it belongs to another database (db=…) (DIR/app.log, offset 0, LSN 0/000001D8)
  hint: nothing was changed: delete none of the files. Put the log back from a copy, or accept the loss with recovery_mode=stop_at_damage (everything before LSN 0/000001D8) or skip_any_corrupted_records (all that verifies); the damaged file is then kept in app.rejected/. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain, and changes nothing here`,
    )
    assertNotes(dir, ALL_NOTES, {}, 'other')
  }))

test('the log of a copy that went its own way since: the same database, another history', () =>
  inQuickDirectory((dir) => {
    closedDatabase(dir)
    const copy = join(dir, 'copy')
    mkdirSync(copy)
    for (const file of ['app.script', 'app.log', 'app.properties']) cpSync(join(dir, file), join(copy, file))
    // Values of one length: the LSNs of both histories are the same.
    for (const [place, word] of [
      [dir, 'mine'],
      [copy, 'hers'],
    ] as const) {
      const db = new Database(join(place, 'app'), { writeDelayMillis: 0 })
      db.exec(`INSERT INTO note(body) VALUES('${word}')`)
      db.checkpoint()
      db.exec(`INSERT INTO note(body) VALUES('${word} too')`)
      db.close({ mode: 'immediately' })
    }
    const path = join(dir, 'app.log')
    const mine = readFileSync(path)
    writeFileSync(path, readFileSync(join(copy, 'app.log')))
    assert.snapshot(
      readable(refusal(dir)),
      `CorruptionError SCRIPTLOG_CORRUPT (foreign)
app.log does not continue what is there: another entry should stand before this LSN (DIR/app.log, offset 0, LSN 0/000004C3)
  hint: nothing was changed: delete none of the files. Put the log back from a copy, or accept the loss with recovery_mode=stop_at_damage (everything before LSN 0/000004C3) or skip_any_corrupted_records (all that verifies); the damaged file is then kept in app.rejected/. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain, and changes nothing here`,
    )
    writeFileSync(path, mine)
    rmSync(copy, { recursive: true })
    assertNotes(dir, [...ALL_NOTES, 'mine', 'mine too'])
  }))

test('.log is gone while .log.next goes on from it', () =>
  inQuickDirectory((dir) => {
    const elsewhere = join(dir, 'elsewhere')
    mkdirSync(elsewhere)
    killedDatabase(elsewhere)
    const db = new Database(join(elsewhere, 'app'), { writeDelayMillis: 0 })
    db.exec("INSERT INTO note(body) VALUES('in the next log')")
    for (const file of readdirSync(elsewhere)) cpSync(join(elsewhere, file), join(dir, file))
    db.close()
    rmSync(elsewhere, { recursive: true })
    assert.ok(existsSync(join(dir, 'app.log.next')))
    const log = readFileSync(join(dir, 'app.log'))
    const path = join(dir, 'app.log')
    rmSync(path)
    assert.snapshot(
      refusal(dir),
      `CorruptionError SCRIPTLOG_CORRUPT (gap)
app.log.next leaves out commits: it begins past the snapshot: the log between the two is missing (DIR/app.log.next, offset 0, LSN 0/000001D8)
  hint: nothing was changed: delete none of the files. Put the log back from a copy, or accept the loss with recovery_mode=stop_at_damage (everything before LSN 0/000001D8) or skip_any_corrupted_records (all that verifies); the damaged file is then kept in app.rejected/. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain, and changes nothing here`,
    )
    writeFileSync(path, log)
    assertNotes(dir, [...ALL_NOTES, 'in the next log'])
  }))

test('a log as large as a disk of holes is not read into memory', () =>
  inQuickDirectory((dir) => {
    killedDatabase(dir)
    const path = join(dir, 'app.log')
    const log = readFileSync(path)
    appendFileSync(path, Buffer.alloc(64 << 20))
    const before = process.memoryUsage().rss
    const db = new Database(join(dir, 'app'))
    assert.ok(process.memoryUsage().rss - before < 256 << 20)
    assert.equal(notesOf(db), ALL_NOTES)
    assert.is(db.status().recovery.setAside[0]?.sizeBytes, 64 << 20)
    db.close()
    renameSync(path, `${path}.kept`)
    writeFileSync(path, log)
  }))

test.run()
