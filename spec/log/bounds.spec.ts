// Work and memory are bounded by the file, whatever its bytes claim. Times are printed, not asserted: a search that
// became quadratic shows as a time-out.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { formatCrc } from '../../lib/format/checksum.ts'
import { formatLsn } from '../../lib/format/lsn.ts'
import { formatMicros } from '../../lib/format/time.ts'
import type { ReadFile } from '../../lib/fs/files.ts'
import type { Tail } from '../../lib/log/tail.ts'
import { fileOf, LogDraft, readLog, SOME_TIME } from '../support/logs.ts'

const mebibyte = 1 << 20

/** Watches how much is read, and how much of it at once. */
function counting(file: ReadFile) {
  const count = { largestBytes: 0, totalBytes: 0 }
  const counted: ReadFile = {
    sizeBytes: file.sizeBytes,
    read(offset, lengthBytes) {
      const bytes = file.read(offset, lengthBytes)
      count.largestBytes = Math.max(count.largestBytes, lengthBytes)
      count.totalBytes += bytes.length
      return bytes
    },
    close: () => file.close(),
  }
  return { file: counted, count }
}

/** A file that begins with `head` and goes on with one byte, of any size. */
function padded(head: Buffer, byte: number, sizeBytes: number): ReadFile {
  return {
    sizeBytes,
    read(offset, lengthBytes) {
      const bytes = Buffer.alloc(Math.max(0, Math.min(lengthBytes, sizeBytes - offset)), byte)
      if (offset < head.length) head.copy(bytes, 0, offset, Math.min(head.length, offset + bytes.length))
      return bytes
    },
    close: () => undefined,
  }
}

test('a long log of small records is read once, in pieces', () => {
  const draft = new LogDraft()
  for (let made = 0; made < 30_000; made++) draft.record(`INSERT INTO "t" VALUES('${'x'.repeat(300)}');\n`)
  const { file, count } = counting(fileOf(draft.bytes))
  assert.is(readLog(file)?.end.records, 30_000)
  assert.ok(count.largestBytes <= mebibyte, `largest read: ${count.largestBytes}`)
  assert.ok(count.totalBytes < file.sizeBytes * 1.01 + 1024, `read ${count.totalBytes} of ${file.sizeBytes}`)
})

test('records larger than any piece are read whole, and one at a time', () => {
  const body = (letter: string) => `INSERT INTO "t" VALUES('${letter.repeat(5 * mebibyte)}');\n`
  const draft = new LogDraft().record(body('a')).records(2).record(body('b')).record(body('c'))
  const { file, count } = counting(fileOf(draft.bytes))
  const found = readLog(file)
  assert.is(found?.end.tail.kind, 'clean')
  assert.is(found?.entries.map(({ body }) => /\((\d|'[abc])/.exec(body)?.[1]).join(), "'a,2,3,'b,'c")
  assert.ok(count.largestBytes <= 6 * mebibyte, `largest read: ${count.largestBytes}`)
})

test('a record that never ends, before 100 MB of anything: read in pieces', () => {
  const head = Buffer.concat([
    new LogDraft().records(2).bytes,
    Buffer.from('BEGIN;\nINSERT INTO "t" VALUES(1'),
  ])
  for (const filler of ['\0', '\n', 'x']) {
    const { file, count } = counting(padded(head, filler.charCodeAt(0), 100_000_000))
    const found = readLog(file)
    assert.is(found?.end.tail.kind, 'torn')
    assert.is(found?.end.records, 2)
    assert.ok(count.largestBytes <= 2 * mebibyte, `largest read: ${count.largestBytes}`)
  }
})

/** A last line that claims to end the record at `lsn`, and does not. */
function falseTrailer(lsn: number, nonce: number): string {
  const crc = formatCrc(nonce)
  return `COMMIT; --@ lsn=${formatLsn(lsn)} xid=9 sync=${formatLsn(lsn)} prev=${crc} time=${formatMicros(SOME_TIME)} crc=${crc}\n`
}

function falseMark(lsn: number, nonce: number): string {
  return `--@ mark lsn=${formatLsn(lsn)} sync=${formatLsn(lsn)} prev=${formatCrc(nonce)} crc=${formatCrc(nonce)}\n`
}

/** About 5 MB of a log's tail, one piece after another. */
function filled(before: string, piece: (index: number) => string): Buffer {
  const pieces = [new LogDraft().records(3).sync().mark().bytes, Buffer.from(before)]
  for (let index = 0, size = 0; size < 5_000_000; index++) {
    const bytes = Buffer.from(piece(index))
    pieces.push(bytes)
    size += bytes.length
  }
  return Buffer.concat(pieces)
}

const begin = new LogDraft().records(3).sync().mark().bytes.length
const manyOpenings = 'BEGIN;\n'.repeat(30_000)

const hostile: readonly (readonly [name: string, bytes: Buffer, verdict: Tail['kind']])[] = [
  ['lines that claim to end the first record', filled('BEGIN;\n', (n) => falseTrailer(begin, n)), 'torn'],
  [
    'lines that claim to end many early records',
    filled(manyOpenings, (n) => falseTrailer(begin + 7 * (n % 30_000), n)),
    'torn',
  ],
  [
    'lines that claim LSNs where no record begins',
    filled(manyOpenings, (n) => falseTrailer(begin + n, n)),
    'torn',
  ],
  [
    'lines behind an opening each',
    filled('BEGIN;\n', (n) => `BEGIN;\n${falseTrailer(begin + 9 * n, n)}`),
    'torn',
  ],
  [
    'lines that claim to lie ahead',
    filled('BEGIN;\n', (n) => falseTrailer(begin + 6_000_000 + n, n)),
    'torn',
  ],
  ['openings', filled('', () => 'BEGIN;\n'), 'torn'],
  ['false marks', filled('', (n) => falseMark(begin, n)), 'torn'],
  [
    'openings of lines without an end',
    filled('BEGIN;\n', () => 'COMMIT; --@ lsn=0/00000000 xid=1 --@ mark lsn='),
    'torn',
  ],
  ['newlines and a letter', filled('', (n) => (n === 4_999_998 ? 'x\n' : '\n')), 'torn'],
]

test('a tail of 5 MB made to be searched again and again is classified in a few passes', () => {
  for (const [name, bytes, verdict] of hostile) {
    const { file, count } = counting(fileOf(bytes))
    const begun = performance.now()
    const found = readLog(file)
    const millis = performance.now() - begun
    console.log(`${name}: ${millis.toFixed(0)} ms, ${(count.totalBytes / 1e6).toFixed(0)} MB read`)
    assert.is(found?.end.tail.kind, verdict, name)
    assert.is(found?.end.records, 3, name)
    assert.ok(count.largestBytes <= 2 * mebibyte, `${name}: largest read ${count.largestBytes}`)
  }
})

test('a proof behind a hostile stretch is found all the same', () => {
  const draft = new LogDraft().records(3)
  const lie = Array.from({ length: 40_000 }, (_, n) => falseTrailer(draft.bytes.length, n)).join('')
  draft.record(`CREATE VIEW "v" AS SELECT 1 /*\n${lie}*/;\n`).sync().records(1)
  assert.is(readLog(fileOf(draft.bytes))?.end.records, 5)
  const damaged = Buffer.from(draft.bytes)
  damaged.write('~', draft.parts[2]?.offset ?? 0)
  const found = readLog(fileOf(damaged))
  assert.is(found?.end.records, 2)
  assert.is(found?.end.tail.kind, 'corrupt')
})

test.run()
