import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { crc32 } from '../lib/format/checksum.ts'
import type { AppendFile, ReadFile } from '../lib/fs/files.ts'
import { MemoryFiles } from '../lib/fs/memory.ts'
import { readScript, type ScriptHeader, writeScript } from '../lib/script.ts'
import { ENDING, headerLine, PREAMBLE, trailerLine } from '../lib/script-lines.ts'

const header: ScriptHeader = {
  databaseId: '00112233aabbccdd',
  timeline: 1,
  lsn: 0x123,
  prev: 0x87a368fc,
  xid: 2,
  timeMicros: 1_795_157_609_000_002,
}
const SOME_LATER_TIME = 1_795_157_700_000_000
const BODY =
  'CREATE TABLE "note"("id" INTEGER PRIMARY KEY,"body" TEXT);\nINSERT INTO "note"("id","body") VALUES\n(1,\'é\');\n'

function* body(text: string, rows: number): Generator<string, number> {
  for (const line of text.split(/(?<=\n)/)) yield line
  return rows
}

function written(text = BODY, fields: Partial<ScriptHeader> = {}): Buffer {
  const files = new MemoryFiles()
  const file = files.create('/app.script')
  writeScript(file, { ...header, ...fields }, body(text, 1))
  file.close()
  return Buffer.from(files.openRead('/app.script').read(0, file.sizeBytes))
}

/** A file of these bytes. */
function fileOf(bytes: Uint8Array): ReadFile {
  return {
    sizeBytes: bytes.length,
    read: (offset, lengthBytes) => bytes.slice(offset, offset + lengthBytes),
    close: () => undefined,
  }
}

function detailOf(bytes: Uint8Array): string {
  const found = readScript(fileOf(bytes))
  return found.kind === 'whole' ? 'whole' : found.detail
}

function reasonOf(bytes: Uint8Array): string {
  const found = readScript(fileOf(bytes))
  return found.kind === 'whole' ? 'whole' : found.reason
}

const whole = written()

test('a script has this form', () => {
  assert.is(
    whole.toString(),
    `--@scriptlog script 1 db=00112233aabbccdd timeline=1 lsn=0/00000123 prev=87a368fc xid=2 time=2026-11-20T06:53:29.000002Z crc=2e71e930
PRAGMA foreign_keys=OFF;
BEGIN;
CREATE TABLE "note"("id" INTEGER PRIMARY KEY,"body" TEXT);
--@ chunk bytes=59 crc=c96908de
INSERT INTO "note"("id","body") VALUES
(1,'é');
--@ chunk bytes=49 crc=eb0ad92c
COMMIT;
--@ listed 59:c96908de
--@ listed 49:eb0ad92c
--@ end db=00112233aabbccdd timeline=1 lsn=0/00000123 prev=87a368fc xid=2 time=2026-11-20T06:53:29.000002Z rows=1 chunks=2 listed=346 bytes=392 crc=3df42ca8
`,
  )
})

test('what was written is read back: the header, the number of rows, and every byte before the list of chunks', () => {
  const found = readScript(fileOf(whole))
  assert.is(found.kind, 'whole')
  if (found.kind !== 'whole') return
  assert.equal(found.header, header)
  assert.is(found.rows, 1)
  const text = Buffer.concat([...found.pieces()]).toString()
  assert.is(text, whole.toString().replace(/--@ listed(.|\n)*$/, ''))
})

test('the extremes of every field come back', () => {
  const fields = { timeline: 4294967295, lsn: Number.MAX_SAFE_INTEGER, prev: 0, xid: 0, timeMicros: 0 }
  const found = readScript(fileOf(written('', fields)))
  assert.equal(found.kind === 'whole' && found.header, { ...header, ...fields })
})

test('a script that is cut at any byte is not whole', () => {
  for (let length = 0; length < whole.length; length++) {
    assert.is(reasonOf(whole.subarray(0, length)), length === 0 ? 'empty' : 'cut', `cut at ${length}`)
  }
})

test('a script with any bit flipped is not whole', () => {
  const bytes = Buffer.from(whole)
  for (let at = 0; at < bytes.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at)
      assert.is.not(reasonOf(bytes), 'whole', `bit ${bit} of byte ${at}`)
      bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at)
    }
  }
  assert.is(reasonOf(bytes), 'whole')
})

test('a byte lost, doubled, or added anywhere shows', () => {
  for (let at = 0; at <= whole.length; at++) {
    const [before, after] = [whole.subarray(0, at), whole.subarray(at)]
    assert.is.not(reasonOf(Buffer.concat([before, after.subarray(1)])), at === whole.length ? '' : 'whole')
    assert.is.not(reasonOf(Buffer.concat([before, Buffer.from('\n'), after])), 'whole', `added at ${at}`)
  }
})

test('people are told whether the first line, the length or a byte between is wrong', () => {
  const text = whole.toString()
  assert.is(detailOf(Buffer.from(text.replace('xid=2', 'xid=3'))), 'its first line is damaged')
  assert.is(
    detailOf(Buffer.from(text.replace('BEGIN', 'BEGIN '))),
    'its last line stands at byte 393 instead of 392',
  )
  assert.match(detailOf(Buffer.from(text.replace('(1,', '(2,'))), /checksum does not fit/)
  assert.match(detailOf(Buffer.from(text.replace('rows=1', 'rows=2'))), /checksum of its last lines/)
  assert.is(detailOf(Buffer.from(text.slice(0, -1))), 'its last line is missing')
})

test('header, body and trailer of different scripts do not go together, even where their lengths agree', () => {
  const other = written(BODY.replace('é', 'è'), { lsn: 0x124, prev: 0x11111111 })
  assert.is(other.length, whole.length)
  const headerEnd = whole.indexOf('\n') + 1
  const trailerStart = whole.lastIndexOf('\n', whole.length - 2) + 1
  for (const cut of [headerEnd, trailerStart]) {
    for (const [one, two] of [
      [whole, other],
      [other, whole],
    ] as const) {
      assert.is(reasonOf(Buffer.concat([one.subarray(0, cut), two.subarray(cut)])), 'edited')
    }
  }
})

test('where the damage is, is told by the chunk in which it is', () => {
  const text = whole.toString()
  const offsetOf = (changed: string) => {
    const found = readScript(fileOf(Buffer.from(changed)))
    return found.kind === 'partial' ? found.offset : undefined
  }
  const second = Buffer.from(text).indexOf('INSERT')
  assert.is(offsetOf(text.replace('(1,', '(2,')), second)
  assert.is(offsetOf(text.replace('bytes=49', 'bytes=48')), second)
  assert.is(offsetOf(text.replace('TEXT)', 'BLOB)')), text.indexOf('CREATE'))
  assert.is(offsetOf(text.replace('BEGIN', 'begin')), 0)
})

/** The script with this body under a list and a trailer that are right, as a forger makes them. */
function forgedWith(body: string, list: string): Buffer {
  const head = headerLine(header) + PREAMBLE
  const listOffset = Buffer.byteLength(head + body + ENDING)
  const offset = listOffset + list.length
  const chunks = list.split('\n').length - 1
  const trailer = trailerLine({ ...header, rows: 1, chunks, listOffset, offset }, crc32(list))
  return Buffer.from(head + body + ENDING + list + trailer)
}

test('checksums of chunks that are wrong under a trailer that is right are refused, wherever they stand', () => {
  const text = whole.toString()
  const body = text.slice(text.indexOf('CREATE'), text.indexOf('COMMIT;'))
  const list = text.slice(text.indexOf('--@ listed'), text.indexOf('--@ end'))
  assert.is(reasonOf(forgedWith(body, list)), 'whole')
  const line = '--@ chunk bytes=59 crc=c96908de\n'
  for (const [wrongBody, wrongList] of [
    [body.replace('c96908de', 'c96908df'), list],
    [body.replace('c96908de', 'c96908df'), list.replace('c96908de', 'c96908df')],
    [body.replace(line, ''), list],
    [body.replace(line, `${line}${line}`), list],
    [body.replace(line, `-- as I like it\n${line}`), list],
    [body + body, list],
    [body, ''],
    [body, list + list],
    [body, list.replace('listed 59', 'listed 60')],
    [body, list.replace('listed 59', `listed ${'9'.repeat(15)}`)],
    [body, `${list}--@ listed nothing\n`],
    [body, `${list}--@ listed ${'x'.repeat(3_000_000)}\n`],
  ] as const) {
    assert.is(reasonOf(forgedWith(wrongBody, wrongList)), 'edited', `${wrongBody}${wrongList.slice(0, 200)}`)
  }
})

test('what did not change is the same bytes in the next script, whatever its LSN; another database has other checksums', () => {
  const linesOf = (fields: Partial<ScriptHeader>) =>
    written(BODY, fields)
      .toString()
      .split('\n')
      .filter((line) => !/^--@(scriptlog| end)/.test(line))
  assert.equal(linesOf({ lsn: 0x777, xid: 9, timeline: 3, timeMicros: SOME_LATER_TIME }), linesOf({}))
  const [one, other] = [linesOf({}), linesOf({ databaseId: 'ffffffffffffffff' })]
  assert.is(one.length, other.length)
  assert.is(one.filter((line, index) => line !== other[index]).length, 4)
})

test('a script whose zeros were never written is cut, not whole', () => {
  for (const from of [1, 200, whole.length - 1]) {
    const bytes = Buffer.from(whole)
    bytes.fill(0, from)
    assert.is.not(reasonOf(bytes), 'whole')
  }
})

test('text in the body that looks like a header or a trailer ends nothing', () => {
  const lookalike = written(`CREATE VIEW v AS SELECT 1 /*\n${whole.toString()}*/;\n`)
  assert.is(reasonOf(lookalike), 'whole')
  for (let length = 0; length < lookalike.length; length++) {
    assert.is.not(reasonOf(lookalike.subarray(0, length)), 'whole', `cut at ${length}`)
  }
})

test('other files are told apart', () => {
  const reasons = [
    ['SQLite format 3\0 and so on', 'not-a-script', 'it is a SQLite database file'],
    ['SET DATABASE UNIQUE NAME HSQLDB8A3\n', 'not-a-script', 'it is a script of HSQLDB'],
    [
      '--@scriptlog log 1 db=00112233aabbccdd timeline=1\n',
      'not-a-script',
      'it is a log of scriptlog, not a script',
    ],
    ['CREATE TABLE t(a);\n', 'not-a-script', 'it is not a script of scriptlog'],
    ['\0'.repeat(1000), 'not-a-script', 'it is not a script of scriptlog'],
    ['x'.repeat(1000), 'not-a-script', 'it is not a script of scriptlog'],
    ['--@scriptlog script one\n', 'edited', 'its first line is damaged'],
    ['', 'empty', 'it is empty'],
  ]
  for (const [text, reason, detail] of reasons) {
    const found = readScript(fileOf(Buffer.from(text ?? '')))
    assert.is(found.kind, 'partial')
    if (found.kind === 'partial') assert.equal([found.reason, found.detail], [reason, detail])
  }
})

test('a newer format is named only by a line that verifies', () => {
  const newer = '--@scriptlog script 2 something=else crc=d78f397e\n'
  assert.is(reasonOf(Buffer.from(newer)), 'newer-format')
  assert.is(reasonOf(Buffer.from(newer.replace('2', '3'))), 'edited')
})

test('a script that an editor saved with other line ends, or formatted, is told as edited', () => {
  const text = whole.toString()
  assert.is(reasonOf(Buffer.from(text.replaceAll('\n', '\r\n'))), 'edited')
  assert.is(reasonOf(Buffer.from(text.replace("(1,'é')", "(1, 'é')"))), 'edited')
  assert.is(reasonOf(Buffer.from(`${text}\n`)), 'cut')
})

test('a large body is written in pieces and read in pieces', () => {
  const sizes: number[] = []
  const chunks: Uint8Array[] = []
  const file: AppendFile = {
    sizeBytes: 0,
    append: (bytes) => {
      sizes.push(bytes.length)
      chunks.push(Uint8Array.from(bytes))
    },
    sync: () => assert.unreachable('the caller syncs'),
    syncAsync: () => Promise.reject(new Error('the caller syncs')),
    close: () => assert.unreachable('the caller closes'),
  }
  const line = `${'-'.repeat(99)}\n`
  const { sizeBytes } = writeScript(file, header, body(line.repeat(50_000), 0))
  const bytes = Buffer.concat(chunks)
  assert.is(sizeBytes, bytes.length)
  assert.ok(sizes.length > 5 && Math.max(...sizes) < 1_000_000, `appended ${sizes}`)
  const found = readScript(fileOf(bytes))
  assert.is(found.kind, 'whole')
  if (found.kind !== 'whole') return
  const pieces = [...found.pieces()]
  assert.ok(pieces.length > 4 && pieces.every((piece) => piece.length <= 1 << 20))
})

test('a failed append is passed on, and what gives the statements is ended', () => {
  const files = new MemoryFiles({
    onOperation: ({ kind }) => (kind === 'append' ? { code: 'ENOSPC' } : undefined),
  })
  let isEnded = false
  function* endless(): Generator<string, number> {
    try {
      for (;;) yield 'x'.repeat(1 << 20)
    } finally {
      isEnded = true
    }
  }
  assert.throws(() => writeScript(files.create('/app.script'), header, endless()), /ENOSPC/)
  assert.ok(isEnded)
})

test('a file that shrinks while it is read is an error of reading, not a partial script', () => {
  const long = written(`${'-'.repeat(3_000_000)}\n`)
  const file: ReadFile = {
    ...fileOf(long),
    read: (offset, length) =>
      offset > 0 && offset < 2 ** 21 ? new Uint8Array() : long.slice(offset, offset + length),
  }
  assert.throws(
    () => readScript(file),
    (error: unknown) => error instanceof Error && 'code' in error && error.code === 'EIO',
  )
})

test.run()
