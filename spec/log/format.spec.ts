import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { crc32, formatCrc } from '../../lib/format/checksum.ts'
import { encodeLogHeader, encodeRecord, parseLogHeader, putRecord, recordRoom } from '../../lib/log/format.ts'
import { asRead, fileOf, LogDraft, readLog, SOME_HEADER, SOME_TIME } from '../support/logs.ts'

test('a log, byte for byte', () => {
  const draft = new LogDraft()
    .record('CREATE TABLE "note"("id" INTEGER PRIMARY KEY,"body" TEXT);\n')
    .sync()
    .record('INSERT INTO "note" VALUES(1,\'it\'\'s\');\nUPDATE "note" SET "body"=\'bye\' WHERE "id"=1;\n')
    .sync()
    .mark()
  const golden = `--@scriptlog log 1 db=00112233aabbccdd timeline=1 start=0/00000000 salt=5f0c9e2b7a41d386 prev=00000000 crc=93586c3d
BEGIN;
CREATE TABLE "note"("id" INTEGER PRIMARY KEY,"body" TEXT);
COMMIT; --@ lsn=0/00000074 xid=1 sync=0/00000074 prev=93586c3d time=2026-11-20T06:53:29.000001Z crc=ef48ec6e
BEGIN;
INSERT INTO "note" VALUES(1,'it''s');
UPDATE "note" SET "body"='bye' WHERE "id"=1;
COMMIT; --@ lsn=0/00000123 xid=2 sync=0/00000123 prev=ef48ec6e time=2026-11-20T06:53:29.000002Z crc=e6f9a6a5
--@ mark lsn=0/000001EA sync=0/000001EA prev=e6f9a6a5 crc=cf7e38a9
`
  assert.is(draft.bytes.toString(), golden)
})

const headers = fc.record({
  databaseId: fc.stringMatching(/^[0-9a-f]{16}$/),
  timeline: fc.integer({ min: 1, max: 999_999_999 }),
  start: fc.nat(2 ** 52),
  salt: fc.stringMatching(/^[0-9a-f]{16}$/),
  prev: fc.nat(0xffffffff),
})

test('every header is read as it was written', () => {
  fc.assert(
    fc.property(headers, (header) => {
      const { bytes, crc } = encodeLogHeader(header)
      assert.equal(parseLogHeader(bytes), { ...header, crc, sizeBytes: bytes.length })
      assert.equal(parseLogHeader(Buffer.concat([bytes, Buffer.from('BEGIN;\n')])), parseLogHeader(bytes))
    }),
  )
})

test('every bit of a header counts, and so does its last byte', () => {
  const { bytes } = encodeLogHeader(SOME_HEADER)
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = Buffer.from(bytes)
    damaged[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    const found = parseLogHeader(damaged)
    assert.ok('kind' in found && found.kind !== 'newer', `bit ${bit}`)
  }
  for (let cut = 0; cut < bytes.length; cut++)
    assert.ok('kind' in parseLogHeader(bytes.subarray(0, cut)), `cut ${cut}`)
})

test('a header that verifies and names a later format is newer; one that does not verify is damaged', () => {
  const { bytes } = encodeLogHeader(SOME_HEADER)
  const line = bytes.toString().replace('log 1 ', 'log 2 ')
  assert.equal(parseLogHeader(Buffer.from(line)), { kind: 'damaged' })
  const covered = line.slice(0, line.indexOf(' crc='))
  const sealed = `${covered} crc=${formatCrc(crc32(covered))}\n`
  assert.equal(parseLogHeader(Buffer.from(sealed)), { kind: 'newer', version: 2 })
  for (const text of [
    '',
    '\n',
    'SQLite format 3\0',
    'BEGIN;\n',
    '--@scriptlog script 1 db=',
    '\0'.repeat(512),
  ]) {
    assert.equal(parseLogHeader(Buffer.from(text)), { kind: 'not-a-log' }, text)
  }
})

const awkward = fc.constantFrom(
  'BEGIN;\n',
  'COMMIT;\n',
  '\nCOMMIT; --@ ',
  'COMMIT; --@ lsn=0/00000074 xid=1 sync=0/00000074 prev=dfe70c2c time=2026-11-20T06:53:29.000001Z crc=fa83e1f4\n',
  '--@ mark lsn=0/00000074 sync=0/00000074 prev=dfe70c2c crc=00000000\n',
  '--@scriptlog log 1 db=00112233aabbccdd timeline=1 start=0/00000000 salt=5f0c9e2b7a41d386 prev=00000000 crc=dfe70c2c\n',
  '\n\n',
  '\r\n',
  '\0',
)
const bodies = fc
  .array(fc.oneof(fc.string({ unit: 'grapheme', maxLength: 40 }), awkward), { maxLength: 6 })
  .map((parts) => parts.join(''))
  .map((text) => (text === '' ? '' : `${text};\n`))
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: bodies },
    { weight: 2, arbitrary: fc.constant(1) },
    { weight: 1, arbitrary: fc.constant(2) },
  ),
  { maxLength: 25 },
)

test('whatever is written, with any pattern of syncs and marks, is read as it was written', () => {
  fc.assert(
    fc.property(headers, steps, (header, each) => {
      const draft = new LogDraft(header)
      for (const step of each) {
        if (step === 1) draft.sync()
        else if (step === 2) draft.mark()
        else draft.record(String(step))
      }
      const found = readLog(fileOf(draft.bytes))
      assert.equal(found?.entries, asRead(draft.parts, header.start))
      assert.is(found?.end.tail.kind, 'clean')
      assert.is(found?.end.end, header.start + draft.bytes.length)
    }),
    { numRuns: 300 },
  )
})

test('a record that could not be read back is never made', () => {
  const fields = { lsn: 100, xid: 1, sync: 100, prev: 0, timeMicros: SOME_TIME }
  assert.throws(() => encodeRecord('INSERT', fields, 0), /invariant/)
  for (const body of [';', '\n', 'INSERT;', 'INSERT\n']) {
    assert.throws(() => encodeRecord(body, fields, 0), /invariant/, JSON.stringify(body))
  }
  assert.throws(() => encodeRecord('', { ...fields, xid: 2 ** 53 }, 0), /invariant/)
  assert.throws(() => encodeRecord('', { ...fields, xid: 0 }, 0), /invariant/)
  assert.throws(() => encodeRecord('', { ...fields, timeMicros: 2 ** 53 }, 0), /invariant/)
  assert.throws(() => encodeRecord('', { ...fields, lsn: Number.MAX_SAFE_INTEGER }, 0), /invariant/)
})

test('the same body as text and in UTF-8 makes the same record, half characters included', () => {
  const fields = { lsn: 0xfff_ffff_fff0, xid: 123_456, sync: 100, prev: 0xab, timeMicros: SOME_TIME }
  for (const body of ['', 'x;\n', "'hällo \u{1F600}';\n", "'\ud83d';\n", '\ufeff;\n']) {
    const text = encodeRecord(body, fields, 7)
    assert.equal(encodeRecord(Buffer.from(body), fields, 7), text)
    const covered = `BEGIN;\n${body}COMMIT; --@ lsn=FFF/FFFFFFF0 xid=123456 sync=0/00000064 prev=000000ab time=2026-11-20T06:53:29.000000Z`
    assert.is(text.crc, crc32(covered, 7))
    assert.equal(text.bytes, Buffer.from(`${covered} crc=${formatCrc(text.crc)}\n`))
  }
})

test('a record is put where it is asked for, within its room, and never where there is none', () => {
  const fields = { lsn: 2 ** 52, xid: 2 ** 53 - 1, sync: 2 ** 52, prev: 0, timeMicros: SOME_TIME }
  const body = "INSERT INTO t VALUES('ä');\n"
  const { bytes, crc } = encodeRecord(body, fields, 0)
  assert.ok(bytes.length <= recordRoom(Buffer.byteLength(body)))
  const to = Buffer.alloc(bytes.length + 5)
  const bodyStart = 5 + 'BEGIN;\n'.length
  assert.equal(putRecord(to, 5, body, fields, 0), {
    bodyStart,
    bodyEnd: bodyStart + Buffer.byteLength(body),
    end: to.length,
    crc,
  })
  assert.equal(to.subarray(5), bytes)
  for (let length = 0; length < to.length; length++) {
    assert.throws(() => putRecord(to.subarray(0, length), 5, body, fields, 0), `${length} bytes`)
  }
})

test.run()
