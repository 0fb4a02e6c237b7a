import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readEntries, readLogHeader } from '../../lib/log/reader.ts'
import { type Base, type Chain, chainFrom } from '../../lib/recovery/chain.ts'
import type { FoundLog } from '../../lib/recovery/survey.ts'
import { fileOf, LogDraft, overwritten } from '../support/logs.ts'

/** A log as the survey finds it, with the checksum at every LSN where an entry ends. */
function found(path: string, bytes: Uint8Array): FoundLog {
  const file = fileOf(bytes)
  const header = readLogHeader(file)
  if ('kind' in header)
    return { kind: 'damaged', path, sizeBytes: bytes.length, detail: 'its first line is damaged' }
  const crcAt = new Map([
    [header.start, header.prev],
    [header.start + header.sizeBytes, header.crc],
  ])
  const entries = readEntries(file, header)
  for (;;) {
    const next = entries.next()
    if (next.done === true)
      return {
        kind: 'whole',
        path,
        sizeBytes: bytes.length,
        header,
        end: next.value,
        last: { xid: 0, timeMicros: 0 },
        crcAt,
      }
    crcAt.set(next.value.end, next.value.crc)
  }
}

const beginning: Base = { lsn: 0, prev: 0, timeline: 1, databaseId: '00112233aabbccdd' }

/** The LSN at which the n-th entry of a draft begins (its end, for n past the last), and the checksum before it. */
function before(draft: LogDraft, index: number): { readonly start: number; readonly prev: number } {
  const head = new LogDraft(draft.header)
  for (const part of draft.parts.slice(0, index)) {
    if (part.kind === 'record') head.record(part.body)
    else head.mark()
  }
  return { start: draft.header.start + head.bytes.length, prev: head.lastCrc }
}

function baseAt(draft: LogDraft, index: number): Base {
  const { start, prev } = before(draft, index)
  return { ...beginning, lsn: start, prev }
}

function endOf(draft: LogDraft): number {
  return draft.header.start + draft.bytes.length
}

/** The segments in words: `app.log 0-300`. */
function told({ segments }: Chain): string[] {
  return segments.map(({ log, from, to }) => `${log.path} ${from}-${to}`)
}

const cut = (bytes: Uint8Array) => bytes.subarray(0, -5)

test('no log: absent', () => {
  assert.equal(chainFrom(beginning, [], 0), { kind: 'absent', segments: [], end: 0, problem: undefined })
})

test('one log from the beginning, and from any LSN between two records', () => {
  const log = new LogDraft().records(4)
  const logs = [found('app.log', log.bytes)]
  for (const base of [beginning, ...[0, 1, 2, 3, 4].map((index) => baseAt(log, index))]) {
    const chain = chainFrom(base, logs, 0)
    assert.is(chain.kind, 'reaches')
    assert.is(chain.problem, undefined)
    assert.equal(told(chain), [`app.log ${base.lsn}-${endOf(log)}`])
  }
})

test('a base in the middle of a record, or after another record than the one it names: foreign', () => {
  const log = new LogDraft().records(4)
  const base = baseAt(log, 2)
  for (const wrong of [
    { ...base, lsn: base.lsn + 1 },
    { ...base, prev: base.prev ^ 1 },
    { ...beginning, prev: 1 },
  ]) {
    const chain = chainFrom(wrong, [found('app.log', log.bytes)], 0)
    assert.is(chain.kind, 'damaged')
    assert.is(chain.problem?.verdict, 'foreign')
    assert.equal(told(chain), [])
  }
})

test('a torn or holed tail still reaches, and is told', () => {
  const log = new LogDraft().records(4)
  const torn = chainFrom(beginning, [found('app.log', cut(log.bytes))], 0)
  assert.is(torn.kind, 'reaches')
  assert.is(torn.problem?.verdict, 'torn')
  assert.is(torn.problem?.lsn, before(log, 3).start)
  assert.is(torn.end, before(log, 3).start)
  const holed = overwritten(log.bytes, (log.parts[1]?.offset ?? 0) + 9, Buffer.from('~'))
  const hole = chainFrom(beginning, [found('app.log', holed)], 0)
  assert.is(hole.kind, 'reaches')
  assert.is(hole.problem?.verdict, 'hole')
})

test('a torn tail before an LSN that was durable is corrupt, a whole log that ends before it leaves a gap', () => {
  const log = new LogDraft().records(4)
  const torn = chainFrom(beginning, [found('app.log', cut(log.bytes))], endOf(log))
  assert.is(torn.kind, 'damaged')
  assert.is(torn.problem?.verdict, 'corrupt')
  const short = chainFrom(beginning, [found('app.log', log.bytes)], endOf(log) + 1)
  assert.is(short.kind, 'short')
  assert.is(short.problem?.verdict, 'gap')
  assert.is(chainFrom(beginning, [found('app.log', log.bytes)], endOf(log)).kind, 'reaches')
})

test('.log.next takes over at its start: copies of what followed there, and whatever came since', () => {
  const log = new LogDraft().records(5)
  const takenOver = before(log, 3)
  const next = new LogDraft({ ...takenOver, salt: '0123456789abcdef' }).records(6)
  const expected = [`app.log 0-${takenOver.start}`, `app.log.next ${takenOver.start}-${endOf(next)}`]
  for (const bytes of [log.bytes, cut(log.bytes), Buffer.concat([log.bytes, Buffer.alloc(99)])]) {
    const logs = [found('app.log', bytes), found('app.log.next', next.bytes)]
    for (const order of [logs, logs.toReversed()]) {
      const chain = chainFrom(beginning, order, 0)
      assert.is(chain.kind, 'reaches')
      assert.is(chain.problem, undefined, 'what stands behind the takeover no longer counts')
      assert.equal(told(chain), expected)
      assert.is(chain.end, endOf(next))
    }
  }
})

test('.log.next that starts where .log starts, or behind its header, replaces all of it', () => {
  const log = new LogDraft().records(3)
  for (const header of [{ start: 0, prev: 0 }, before(log, 0)]) {
    const next = new LogDraft({ ...header, salt: '0123456789abcdef' }).records(2)
    const chain = chainFrom(
      beginning,
      [found('app.log', cut(log.bytes)), found('app.log.next', next.bytes)],
      0,
    )
    assert.is(chain.kind, 'reaches')
    assert.is(told(chain).at(-1), `app.log.next ${header.start}-${endOf(next)}`)
    assert.is(chain.end, endOf(next))
  }
})

test('a base in .log.next needs nothing of .log', () => {
  const log = new LogDraft().records(5)
  const next = new LogDraft({ ...before(log, 5), salt: '0123456789abcdef' }).records(4)
  const base = baseAt(next, 2)
  const chain = chainFrom(
    base,
    [found('app.log', log.bytes.subarray(0, 300)), found('app.log.next', next.bytes)],
    0,
  )
  assert.equal(told(chain), [`app.log.next ${base.lsn}-${endOf(next)}`])
})

test('the empty .log.new of a checkpoint follows: three logs in a row', () => {
  const log = new LogDraft().records(3)
  const next = new LogDraft({ ...before(log, 2), salt: '0123456789abcdef' }).records(3)
  const prepared = new LogDraft({ ...before(next, 3), salt: 'fedcba9876543210' })
  const logs = [
    found('app.log.new', prepared.bytes),
    found('app.log', log.bytes),
    found('app.log.next', next.bytes),
  ]
  const chain = chainFrom(beginning, logs, 0)
  assert.is(chain.kind, 'reaches')
  assert.equal(
    chain.segments.map((segment) => segment.log.path),
    ['app.log', 'app.log.next', 'app.log.new'],
  )
  const atCheckpoint = chainFrom(
    { ...beginning, lsn: prepared.header.start, prev: prepared.header.prev },
    logs,
    0,
  )
  assert.equal(told(atCheckpoint), [`app.log.new ${prepared.header.start}-${endOf(prepared)}`])
})

test('.log.next starts past the end of .log: a gap when .log is whole, corrupt when it is torn', () => {
  const log = new LogDraft().records(5)
  const next = new LogDraft({ ...before(log, 5), salt: '0123456789abcdef' }).records(2)
  const shorter = new LogDraft().records(4)
  const gap = chainFrom(beginning, [found('app.log', shorter.bytes), found('app.log.next', next.bytes)], 0)
  assert.is(gap.kind, 'damaged')
  assert.is(gap.problem?.verdict, 'gap')
  assert.is(gap.problem?.lsn, endOf(shorter))
  assert.equal(told(gap), [`app.log 0-${endOf(shorter)}`])
  const torn = chainFrom(beginning, [found('app.log', cut(log.bytes)), found('app.log.next', next.bytes)], 0)
  assert.is(torn.kind, 'damaged')
  assert.is(torn.problem?.verdict, 'corrupt')
  assert.is(torn.problem?.path, 'app.log')
})

test('.log.next names another entry before it, or starts inside a record: foreign', () => {
  const log = new LogDraft().records(5)
  const { start, prev } = before(log, 3)
  for (const header of [
    { start, prev: prev ^ 1 },
    { start: start + 1, prev },
  ]) {
    const next = new LogDraft({ ...header, salt: '0123456789abcdef' }).records(2)
    const chain = chainFrom(beginning, [found('app.log', log.bytes), found('app.log.next', next.bytes)], 0)
    assert.is(chain.kind, 'damaged')
    assert.is(chain.problem?.verdict, 'foreign')
    assert.is(chain.problem?.path, 'app.log.next')
    assert.equal(told(chain), [`app.log 0-${header.start}`])
  }
})

test('all logs start past the base: a gap, and nothing of them is used', () => {
  const log = new LogDraft({ start: 1000, prev: 7 }).records(3)
  const chain = chainFrom(beginning, [found('app.log', log.bytes)], 0)
  assert.is(chain.kind, 'short')
  assert.is(chain.problem?.verdict, 'gap')
  assert.is(chain.problem?.lsn, 0)
  assert.equal(told(chain), [])
})

test('the log ends before its snapshot: a gap, or corrupt when it was cut', () => {
  const log = new LogDraft().records(5)
  const base = baseAt(log, 5)
  const shorter = new LogDraft().records(3)
  assert.is(chainFrom(base, [found('app.log', shorter.bytes)], 0).problem?.verdict, 'gap')
  assert.is(chainFrom(base, [found('app.log', cut(log.bytes))], 0).problem?.verdict, 'corrupt')
})

test('a log of another database or timeline, or with a damaged first line, is never joined in', () => {
  const log = new LogDraft().records(3)
  for (const [header, detail] of [
    [{ databaseId: 'ffffffffffffffff' }, /another database/],
    [{ timeline: 2 }, /timeline 2, not 1/],
  ] as const) {
    const next = new LogDraft({ ...before(log, 3), ...header }).records(1)
    const chain = chainFrom(beginning, [found('app.log', log.bytes), found('app.log.next', next.bytes)], 0)
    assert.is(chain.kind, 'damaged')
    assert.is(chain.problem?.verdict, 'foreign')
    assert.match(chain.problem?.detail ?? '', detail)
  }
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(200), log.bytes.subarray(1)]) {
    const chain = chainFrom(beginning, [found('app.log', bytes)], 0)
    assert.is(chain.kind, 'damaged')
    assert.is(chain.problem?.verdict, 'corrupt')
  }
})

test('.log.next is damaged or foreign: what .log holds comes before it, and is not given up with it', () => {
  const log = new LogDraft().records(3)
  const foreign = new LogDraft({ ...before(log, 3), timeline: 2 }).records(1)
  for (const [verdict, bytes] of [
    ['corrupt', Buffer.alloc(200)],
    ['foreign', foreign.bytes],
  ] as const) {
    const chain = chainFrom(beginning, [found('app.log', log.bytes), found('app.log.next', bytes)], 0)
    assert.is(chain.problem?.verdict, verdict)
    assert.is(chain.problem?.path, found('app.log.next', bytes).path)
    assert.is(chain.segments.length, 1)
    assert.is(chain.end, log.bytes.length)
  }
})

test('a base of unknown origin takes the logs at their word', () => {
  const log = new LogDraft({ timeline: 3, databaseId: 'ffffffffffffffff' }).records(3)
  const unknown = { ...beginning, timeline: undefined, databaseId: undefined }
  assert.is(chainFrom(unknown, [found('app.log', log.bytes)], 0).kind, 'reaches')
})

test('two logs that disagree about their database cannot both be right, whatever the base knows', () => {
  const log = new LogDraft().records(3)
  const unknown = { ...beginning, timeline: undefined, databaseId: undefined }
  for (const header of [{ databaseId: 'ffffffffffffffff' }, { timeline: 2 }]) {
    const next = new LogDraft({ ...before(log, 3), ...header }).records(1)
    const chain = chainFrom(unknown, [found('app.log', log.bytes), found('app.log.next', next.bytes)], 0)
    assert.is(chain.kind, 'damaged')
    assert.is(chain.problem?.verdict, 'foreign')
  }
})

test.run()
