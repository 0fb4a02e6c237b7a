import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../lib/format/random.ts'
import type { Tail } from '../../lib/log/tail.ts'
import {
  asRead,
  fileOf,
  inserted,
  LogDraft,
  type LogPart,
  overwritten,
  readLog,
  thirtyMixedTransactions,
  without,
} from '../support/logs.ts'

const seed = 30
const thirty = thirtyMixedTransactions(seededRandom(seed))
const sector = 512

/** Reads bytes that begin with a whole header. */
function read(bytes: Uint8Array) {
  const found = readLog(fileOf(bytes))
  if (found === undefined) throw new Error('the header is damaged')
  return found
}

function verdict(bytes: Uint8Array): Tail['kind'] {
  return read(bytes).end.tail.kind
}

/** Asserts that exactly the entries before the n-th are read, and how the rest is called. */
function isReadUpTo(
  bytes: Uint8Array,
  draft: LogDraft,
  entries: number,
  kind: Tail['kind'],
  what = '',
): void {
  const found = read(bytes)
  assert.equal(found.entries, asRead(draft.parts.slice(0, entries), draft.header.start), what)
  assert.is(found.end.tail.kind, kind, `${what}: ${'detail' in found.end.tail ? found.end.tail.detail : ''}`)
}

/** What is to be said about damage to the n-th entry alone: what the later ones prove decides. */
function expectedVerdict(draft: LogDraft, damaged: number): Tail['kind'] {
  const later = draft.parts.slice(damaged + 1)
  const lsn = draft.header.start + (draft.parts[damaged]?.offset ?? 0)
  if (later.some(({ sync }) => sync > lsn)) return 'corrupt'
  return later.some(({ kind }) => kind === 'record') ? 'hole' : 'torn'
}

/** Index of the entry that holds a byte. */
function entryAt(parts: readonly LogPart[], offset: number): number {
  return parts.findIndex((part) => part.offset <= offset && offset < part.endOffset)
}

test('a whole log: every entry as it was written, a clean end, everything synced proven', () => {
  const { entries, end } = read(thirty.bytes)
  assert.equal(entries, asRead(thirty.parts))
  assert.is(end.tail.kind, 'clean')
  assert.is(end.records, 30)
  assert.is(end.end, thirty.bytes.length)
  assert.is(end.lastCrc, thirty.lastCrc)
  assert.is(end.proven, Math.max(...thirty.parts.map(({ sync }) => sync)))
})

test('a log without entries is clean, and proves its header alone', () => {
  const { end } = read(new LogDraft({ start: 4711 }).bytes)
  assert.is(end.tail.kind, 'clean')
  assert.is(end.proven, end.end)
  assert.is(
    end.end,
    4711 + new LogDraft().headerBytes + ' start=0/00001267'.length - ' start=0/00000000'.length,
  )
})

test('cut at any byte: exactly the complete entries before the cut; torn unless between two', () => {
  const { bytes, parts, headerBytes } = thirty
  for (let cut = 0; cut <= bytes.length; cut++) {
    const found = readLog(fileOf(bytes.subarray(0, cut)))
    if (cut < headerBytes) {
      assert.is(found, undefined, `cut at ${cut}`)
      continue
    }
    const complete = parts.filter(({ endOffset }) => endOffset <= cut)
    assert.equal(found?.entries, asRead(complete), `cut at ${cut}`)
    const isBetween = cut === (complete.at(-1)?.endOffset ?? headerBytes)
    assert.is(found?.end.tail.kind, isBetween ? 'clean' : 'torn', `cut at ${cut}`)
  }
})

test('one bit flipped at any byte: never undetected, and corrupt wherever a later entry proves durability', () => {
  const { bytes, parts, headerBytes } = thirty
  for (let offset = 0; offset < bytes.length; offset++) {
    const damaged = Buffer.from(bytes)
    damaged[offset] = (bytes[offset] ?? 0) ^ (1 << ((offset * 5) % 8))
    if (offset < headerBytes) {
      assert.is(readLog(fileOf(damaged)), undefined, `header, byte ${offset}`)
      continue
    }
    const index = entryAt(parts, offset)
    isReadUpTo(damaged, thirty, index, expectedVerdict(thirty, index), `byte ${offset} of entry ${index}`)
  }
})

test('every bit of a short log: never undetected', () => {
  const draft = new LogDraft().records(1).sync().mark().records(1).sync().records(1)
  const { bytes, parts, headerBytes } = draft
  for (let bit = headerBytes * 8; bit < bytes.length * 8; bit++) {
    const damaged = Buffer.from(bytes)
    damaged[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    const index = entryAt(parts, bit >> 3)
    isReadUpTo(damaged, draft, index, expectedVerdict(draft, index), `bit ${bit & 7} of byte ${bit >> 3}`)
  }
})

test('a mark alone proves what was synced before it', () => {
  const unmarked = new LogDraft().records(3).sync()
  const marked = new LogDraft().records(3).sync().mark()
  const offset = (unmarked.parts[1]?.offset ?? 0) + 10
  const garbage = Buffer.from('~~~')
  assert.is(verdict(overwritten(unmarked.bytes, offset, garbage)), 'hole')
  assert.is(verdict(overwritten(marked.bytes, offset, garbage)), 'corrupt')
  const lastNewline = (unmarked.parts[2]?.endOffset ?? 0) - 1
  assert.is(verdict(overwritten(marked.bytes, lastNewline, Buffer.from('~'))), 'corrupt')
})

test('records deleted: what follows stands at another position; the last ones leave no trace', () => {
  const draft = new LogDraft().records(6)
  isReadUpTo(draft.rearranged([0, 1, 3, 4, 5]), draft, 2, 'corrupt')
  isReadUpTo(draft.rearranged([1, 2, 3, 4, 5]), draft, 0, 'corrupt')
  isReadUpTo(draft.rearranged([0, 5]), draft, 1, 'corrupt')
  isReadUpTo(draft.rearranged([0, 1, 2, 3]), draft, 4, 'clean')
})

test('records swapped, of the same and of different lengths', () => {
  const draft = new LogDraft()
    .records(4)
    .record(`${'x'.repeat(99)};\n`)
    .records(2)
  isReadUpTo(draft.rearranged([0, 2, 1, 3, 4, 5, 6]), draft, 1, 'corrupt')
  isReadUpTo(draft.rearranged([0, 1, 2, 4, 3, 5, 6]), draft, 3, 'corrupt')
  isReadUpTo(draft.rearranged([0, 1, 2, 3, 4, 6, 5]), draft, 5, 'corrupt')
})

test('a record duplicated: corrupt when others follow; behind the last one it hides nothing and is a torn tail', () => {
  const draft = new LogDraft().records(4)
  isReadUpTo(draft.rearranged([0, 1, 1, 2, 3]), draft, 2, 'corrupt')
  isReadUpTo(draft.rearranged([0, 1, 0, 2, 3]), draft, 2, 'corrupt')
  isReadUpTo(draft.rearranged([0, 1, 2, 3, 3]), draft, 4, 'torn')
})

test('any number of bytes removed or inserted anywhere in durable entries is corrupt', () => {
  const { bytes, parts, headerBytes } = thirty
  const lastProven = parts.findLastIndex((_, index) => expectedVerdict(thirty, index) === 'corrupt')
  for (let offset = headerBytes; offset < (parts[lastProven]?.offset ?? 0); offset += 29) {
    const index = entryAt(parts, offset)
    for (const size of [1, 2, 100]) {
      if (entryAt(parts, offset + size) > index + 1) continue
      isReadUpTo(without(bytes, offset, offset + size), thirty, index, 'corrupt', `-${size} at ${offset}`)
      isReadUpTo(inserted(bytes, offset, 'y'.repeat(size)), thirty, index, 'corrupt', `+${size} at ${offset}`)
    }
  }
})

test('spliced from another log of the same database: other salt, nothing of it verifies', () => {
  const draft = new LogDraft().records(6)
  const other = new LogDraft({ salt: '0123456789abcdef' }).records(6)
  const from = draft.parts[3]?.offset ?? 0
  isReadUpTo(overwritten(draft.bytes, from, other.bytes.subarray(from)), draft, 3, 'torn')
  const to = draft.parts[4]?.offset ?? 0
  isReadUpTo(overwritten(draft.bytes, from, other.bytes.subarray(from, to)), draft, 3, 'hole')
  const proven = new LogDraft().records(5).sync().records(1)
  isReadUpTo(overwritten(proven.bytes, from, other.bytes.subarray(from, to)), proven, 3, 'corrupt')
})

test('spliced from a diverged copy of the same log: the entry names another predecessor', () => {
  const common = () => new LogDraft().records(3)
  const ours = common().record('INSERT INTO "t" VALUES(\'ours\');\n').records(3)
  const theirs = common().record('INSERT INTO "t" VALUES(\'them\');\n').records(3)
  const at = ours.parts[4]?.offset ?? 0
  isReadUpTo(overwritten(ours.bytes, at, theirs.bytes.subarray(at)), ours, 4, 'foreign')
  const marked = common().record('INSERT INTO "t" VALUES(\'them\');\n').mark().records(2)
  isReadUpTo(overwritten(ours.bytes, at, marked.bytes.subarray(at)), ours, 4, 'foreign')
  const longer = common().record('INSERT INTO "t" VALUES(\'longer\');\n').records(3)
  const spliced = Buffer.concat([ours.bytes.subarray(0, at), longer.bytes.subarray(longer.parts[4]?.offset)])
  isReadUpTo(spliced, ours, 4, 'corrupt')
})

test('stale bytes of an older incarnation of the file behind the end are a torn tail, whole entries of it too', () => {
  const draft = new LogDraft().records(4).sync()
  const older = new LogDraft({ salt: '0123456789abcdef' }).records(40).sync().mark()
  for (const from of [draft.bytes.length, older.parts[7]?.offset ?? 0, 0]) {
    isReadUpTo(Buffer.concat([draft.bytes, older.bytes.subarray(from)]), draft, 4, 'torn', `from ${from}`)
  }
})

test('tails: newlines are clean, also behind a mark; zeros and anything else are torn', () => {
  for (const draft of [new LogDraft(), new LogDraft().records(3), new LogDraft().records(3).sync().mark()]) {
    const count = draft.parts.length
    for (const size of [1, sector, 1 << 17]) {
      isReadUpTo(Buffer.concat([draft.bytes, Buffer.alloc(size, '\n')]), draft, count, 'clean')
      isReadUpTo(Buffer.concat([draft.bytes, Buffer.alloc(size)]), draft, count, 'torn')
      const mixed = Buffer.concat([draft.bytes, Buffer.alloc(size, '\n'), Buffer.from('x')])
      isReadUpTo(mixed, draft, count, 'torn')
    }
    isReadUpTo(Buffer.concat([draft.bytes, Buffer.from('\r\n')]), draft, count, 'torn')
  }
})

test('a hole of one sector, zeros or newlines, at any sector: corrupt where it was synced, a hole where it was not', () => {
  const { bytes, parts, headerBytes } = thirty
  const verdicts = new Set<string>()
  for (let offset = sector; offset < bytes.length; offset += sector) {
    for (const filler of ['\0', '\n']) {
      const damaged = overwritten(bytes, offset, Buffer.alloc(sector, filler))
      const first = entryAt(parts, Math.max(headerBytes, offset))
      const lastByte = Math.min(offset + sector, bytes.length) - 1
      // Entries that the hole cuts off at its end are lost with it; nothing before its first byte is.
      const last = entryAt(parts, lastByte)
      const isWiped = lastByte === bytes.length - 1 && parts[first]?.offset === offset && filler === '\n'
      const lsn = parts[first]?.offset ?? 0
      const later = parts.slice(last + 1)
      const expected = isWiped
        ? 'clean'
        : later.some(({ sync }) => sync > lsn)
          ? 'corrupt'
          : later.some(({ kind }) => kind === 'record')
            ? 'hole'
            : 'torn'
      isReadUpTo(damaged, thirty, first, expected, `${JSON.stringify(filler)} at ${offset}`)
      verdicts.add(expected)
    }
  }
  assert.equal([...verdicts].sort(), ['corrupt', 'hole', 'torn'])
})

test('newlines over whole entries in the middle: preallocation does not hide what follows', () => {
  const draft = new LogDraft().records(3).sync().records(3)
  const from = draft.parts[3]?.offset ?? 0
  const blank = Buffer.alloc((draft.parts[4]?.offset ?? 0) - from, '\n')
  isReadUpTo(overwritten(draft.bytes, from, blank), draft, 3, 'hole')
  const durable = new LogDraft().records(5).sync().records(1)
  isReadUpTo(overwritten(durable.bytes, from, blank), durable, 3, 'corrupt')
})

test('DDL that quotes an earlier record of the same log is read as what it is', () => {
  const draft = new LogDraft().records(3)
  draft.record(`CREATE VIEW "v" AS SELECT 1 /*\n${draft.textOf(1)}${draft.textOf(2)}*/;\n`).records(1)
  isReadUpTo(draft.bytes, draft, 5, 'clean')
})

test('DDL that quotes earlier records, cut at any byte: a torn tail, since nothing is missing', () => {
  const draft = new LogDraft().records(3).sync().mark()
  const quoted = `${draft.textOf(1)}${draft.textOf(3)}${draft.textOf(0)}`
  draft.record(`CREATE VIEW "v" AS SELECT 1 /*\n${quoted}*/;\n`)
  const { offset = 0, endOffset = 0 } = draft.parts.at(-1) ?? {}
  for (let cut = offset + 1; cut < endOffset; cut++) {
    isReadUpTo(draft.bytes.subarray(0, cut), draft, 4, 'torn', `cut at ${cut}`)
  }
})

test('a record behind damage counts although its DDL quotes an earlier one', () => {
  const unsynced = new LogDraft().records(3)
  unsynced.record(`CREATE VIEW "v" AS SELECT 1 /*\n${unsynced.textOf(1)}*/;\n`)
  const damaged = overwritten(unsynced.bytes, (unsynced.parts[2]?.offset ?? 0) + 9, Buffer.from('~'))
  isReadUpTo(damaged, unsynced, 2, 'hole')
  const synced = new LogDraft().records(3).sync()
  synced.record(`CREATE VIEW "v" AS SELECT 1 /*\n${synced.textOf(1)}*/;\n`)
  isReadUpTo(
    overwritten(synced.bytes, (synced.parts[2]?.offset ?? 0) + 9, Buffer.from('~')),
    synced,
    2,
    'corrupt',
  )
  const quotesLater = new LogDraft().records(3)
  quotesLater.record(`CREATE VIEW "v" AS SELECT 1 /*\n${quotesLater.textOf(2)}*/;\n`)
  isReadUpTo(
    overwritten(quotesLater.bytes, (quotesLater.parts[1]?.offset ?? 0) + 9, Buffer.from('~')),
    quotesLater,
    1,
    'hole',
  )
  const moved = new LogDraft().records(3)
  moved.record(`CREATE VIEW "v" AS SELECT 1 /*\n${moved.textOf(1)}*/;\n`)
  isReadUpTo(moved.rearranged([0, 1, 3]), moved, 2, 'corrupt')
})

test('an entry behind damage is found wherever it lies across the pieces in which a file is read', () => {
  const piece = 1 << 20
  for (let across = 0; across < 250; across += 7) {
    const draft = new LogDraft().records(2)
    const tail = draft.parts[1]?.offset ?? 0
    const filler = tail + piece - across - draft.bytes.length - 'BEGIN;\n'.length
    draft.record(`${'x'.repeat(filler - ';\n'.length)};\n`)
    isReadUpTo(draft.bytes, draft, 3, 'clean', `whole, ${across}`)
    isReadUpTo(
      overwritten(draft.bytes, tail, Buffer.from('~')),
      draft,
      1,
      'hole',
      `${across} before the border`,
    )
  }
})

test('a long stretch of another log in the middle does not hide the proof behind it', () => {
  const ours = new LogDraft().records(9000).sync().records(1)
  const theirs = new LogDraft({ salt: '0123456789abcdef' }).records(9000)
  const from = ours.parts[500]?.offset ?? 0
  const to = (ours.parts[8500]?.offset ?? 0) + 40
  const at = from + 17
  isReadUpTo(overwritten(ours.bytes, at, theirs.bytes.subarray(at - 1000, to)), ours, 500, 'corrupt')
})

test.run()
