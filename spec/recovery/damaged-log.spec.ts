// What each recovery mode makes of each verdict about a log: the table of ARCHITECTURE.md, tried from the files to the
// records redone, the bytes set aside, the timeline, and the second open.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../lib/format/random.ts'
import type { Image } from '../../lib/fs/image.ts'
import { RECOVERY_MODES, type RecoveryMode } from '../../lib/settings.ts'
import { inserted, LogDraft, overwritten, thirtyMixedTransactions, without } from '../support/logs.ts'
import { givenFiles, NAMES, type Opened, open, type Refused, scriptHolding } from './opened.ts'

const row = (number: number) => `INSERT INTO "t" VALUES(${number});\n`
const rows = (...numbers: readonly number[]) => numbers.map(row)

/** Offset in the n-th entry's first line. */
const inside = (draft: LogDraft, index: number) => (draft.parts[index]?.offset ?? 0) + 9
const begin = (draft: LogDraft, index: number) => draft.parts[index]?.offset ?? 0
const garbage = Buffer.from('~')

/** Six commits; the first three were synced, and a later record or mark says so where it is wanted. */
const unsynced = new LogDraft().records(6)
const synced = new LogDraft().records(3).sync().records(3)
const marked = new LogDraft().records(6).sync().mark()
const otherSalt = '0123456789abcdef'

interface Case {
  readonly name: string
  readonly verdict: 'torn' | 'hole' | 'corrupt' | 'foreign' | 'gap'
  /** The logs. */
  readonly files: Readonly<Record<string, Uint8Array>>
  readonly script?: { readonly bytes: Uint8Array; readonly lsn: number }
  /** Commits before the damage. */
  readonly before: readonly number[]
  /** Commits that verify where they belong, the later ones included. */
  readonly verifying: readonly number[]
  /** Bytes of the tail that is set aside when it is not needed. */
  readonly tailBytes?: number
}

function damagedLog(
  name: string,
  verdict: Case['verdict'],
  log: Uint8Array,
  before: readonly number[],
  verifying: readonly number[] = before,
  tailFrom?: number,
): Case {
  const tail = tailFrom === undefined ? {} : { tailBytes: log.length - tailFrom }
  return { name, verdict, files: { [NAMES.log]: log }, before, verifying, ...tail }
}

const older = new LogDraft({ salt: otherSalt }).records(9)
const diverged = new LogDraft().records(3).record(row(9)).records(2)
const cases: readonly Case[] = [
  damagedLog('cut', 'torn', unsynced.bytes.subarray(0, -7), [1, 2, 3, 4, 5], undefined, begin(unsynced, 5)),
  damagedLog(
    'zeros behind the end',
    'torn',
    Buffer.concat([synced.bytes, Buffer.alloc(700)]),
    [1, 2, 3, 4, 5, 6],
    undefined,
    synced.bytes.length,
  ),
  damagedLog(
    'stale bytes behind the end',
    'torn',
    Buffer.concat([synced.bytes, older.bytes.subarray(begin(older, 6))]),
    [1, 2, 3, 4, 5, 6],
    undefined,
    synced.bytes.length,
  ),
  damagedLog(
    'the last record twice',
    'torn',
    unsynced.rearranged([0, 1, 2, 3, 4, 5, 5]),
    [1, 2, 3, 4, 5, 6],
    undefined,
    unsynced.bytes.length,
  ),
  damagedLog(
    'a flipped bit where nothing was synced',
    'hole',
    overwritten(unsynced.bytes, inside(unsynced, 2), garbage),
    [1, 2],
    [1, 2, 4, 5, 6],
    begin(unsynced, 2),
  ),
  damagedLog(
    'a wiped record where nothing was synced',
    'hole',
    overwritten(synced.bytes, begin(synced, 4), Buffer.alloc(begin(synced, 5) - begin(synced, 4), '\n')),
    [1, 2, 3, 4],
    [1, 2, 3, 4, 6],
    begin(synced, 4),
  ),
  damagedLog(
    'a flipped bit before a record that proves it was synced',
    'corrupt',
    overwritten(synced.bytes, inside(synced, 1), garbage),
    [1],
    [1, 3, 4, 5, 6],
  ),
  damagedLog(
    'the last record damaged before a mark that proves it was synced',
    'corrupt',
    overwritten(marked.bytes, inside(marked, 5), garbage),
    [1, 2, 3, 4, 5],
  ),
  damagedLog('a record removed', 'corrupt', unsynced.rearranged([0, 1, 3, 4, 5]), [1, 2]),
  damagedLog('two records swapped', 'corrupt', unsynced.rearranged([0, 1, 3, 2, 4, 5]), [1, 2], [1, 2, 5, 6]),
  damagedLog('a record twice', 'corrupt', unsynced.rearranged([0, 1, 1, 2, 3, 4, 5]), [1, 2]),
  damagedLog(
    'bytes removed',
    'corrupt',
    without(unsynced.bytes, inside(unsynced, 3), inside(unsynced, 3) + 3),
    [1, 2, 3],
  ),
  damagedLog('a byte inserted', 'corrupt', inserted(unsynced.bytes, inside(unsynced, 3), 'x'), [1, 2, 3]),
  damagedLog(
    'a stretch of another log over synced records',
    'corrupt',
    overwritten(synced.bytes, begin(synced, 1), older.bytes.subarray(begin(older, 1), begin(older, 2))),
    [1],
    [1, 3, 4, 5, 6],
  ),
  damagedLog(
    'the end of a diverged copy',
    'foreign',
    overwritten(unsynced.bytes, begin(unsynced, 4), diverged.bytes.subarray(begin(diverged, 4))),
    [1, 2, 3, 4],
    // Salvage: they verify, and follow another fourth commit.
    [1, 2, 3, 4, 5, 6],
  ),
  damagedLog('a damaged first line', 'corrupt', overwritten(unsynced.bytes, 30, garbage), []),
  damagedLog('nothing in it', 'corrupt', Buffer.alloc(0), []),
  damagedLog(
    'another database',
    'foreign',
    new LogDraft({ databaseId: 'ffffffffffffffff' }).records(2).bytes,
    [],
  ),
  {
    name: 'a log missing before .log.next',
    verdict: 'gap',
    files: {
      [NAMES.log]: unsynced.rearranged([0, 1]),
      [NAMES.logNext]: new LogDraft({
        start: unsynced.bytes.length,
        prev: unsynced.lastCrc,
        salt: otherSalt,
      }).record(row(7)).bytes,
    },
    before: [1, 2],
    verifying: [1, 2, 7],
  },
]

/** A snapshot of the first three commits, and the log that a checkpoint began there. */
const checkpointLsn = begin(unsynced, 3)
const checkpointPrev = new LogDraft().records(3).lastCrc
const script = {
  bytes: scriptHolding(rows(1, 2, 3), { lsn: checkpointLsn, prev: checkpointPrev }),
  lsn: checkpointLsn,
}
const afterCheckpoint = { start: checkpointLsn, prev: checkpointPrev, salt: otherSalt }
const continued = () => new LogDraft(afterCheckpoint).record(row(4)).record(row(5)).sync().record(row(6))
const casesBehindScript: readonly Case[] = [
  {
    ...damagedLog(
      'behind a snapshot: cut',
      'torn',
      continued().bytes.subarray(0, -7),
      [1, 2, 3, 4, 5],
      undefined,
    ),
    tailBytes: continued().textOf(2).length - 7,
    script,
  },
  {
    ...damagedLog(
      'behind a snapshot: the first record damaged, and proven',
      'corrupt',
      overwritten(continued().bytes, inside(continued(), 0), garbage),
      [1, 2, 3],
      [1, 2, 3, 5, 6],
    ),
    script,
  },
  {
    name: 'behind a snapshot: no log',
    verdict: 'gap',
    files: {},
    before: [1, 2, 3],
    verifying: [1, 2, 3],
    script,
  },
  {
    ...damagedLog(
      'behind a snapshot: a log that starts past it',
      'gap',
      new LogDraft({ ...afterCheckpoint, start: checkpointLsn + 500 }).record(row(5)).bytes,
      [1, 2, 3],
      [1, 2, 3, 5],
    ),
    script,
  },
  {
    ...damagedLog(
      'behind a snapshot: a log of another history',
      'foreign',
      new LogDraft({ ...afterCheckpoint, prev: checkpointPrev ^ 1 }).record(row(4)).bytes,
      [1, 2, 3],
      [1, 2, 3, 4],
    ),
    script,
  },
  {
    ...damagedLog(
      'behind a snapshot: a log of another timeline',
      'foreign',
      new LogDraft({ ...afterCheckpoint, timeline: 2 }).record(row(4)).bytes,
      [1, 2, 3],
    ),
    script,
  },
  {
    ...damagedLog(
      'behind a snapshot: a log that ends before it',
      'gap',
      unsynced.rearranged([0, 1]),
      [1, 2, 3],
    ),
    script,
  },
]

/** What the table says: which commits are there, what is kept, whether a new timeline begins; or a refusal. */
type Outcome =
  | {
      readonly commits: readonly number[]
      readonly aside: 'tail' | 'all-logs'
      readonly isNewTimeline: boolean
    }
  | 'refused'

function expectedOutcome({ verdict, before, verifying }: Case, mode: RecoveryMode): Outcome {
  if (mode === 'absolute_consistency') return 'refused'
  if (verdict === 'torn') return { commits: before, aside: 'tail', isNewTimeline: false }
  if (verdict === 'hole') {
    return mode === 'skip_any_corrupted_records'
      ? { commits: verifying, aside: 'all-logs', isNewTimeline: false }
      : { commits: before, aside: 'tail', isNewTimeline: false }
  }
  if (mode === 'tolerate_corrupted_tail_records') return 'refused'
  const commits = mode === 'stop_at_damage' ? before : verifying
  return { commits, aside: 'all-logs', isNewTimeline: true }
}

function sorted(buffers: Iterable<Uint8Array>): string[] {
  return [...buffers].map((bytes) => Buffer.from(bytes).toString('hex')).sort()
}

function rejectedIn(image: Image): string[] {
  return sorted(
    [...image.files].filter(([path]) => path.startsWith(NAMES.rejected)).map(([, bytes]) => bytes),
  )
}

function opened(found: Opened | Refused, what: string): Opened {
  if (found.kind === 'opened') return found
  throw new Error(`${what}: refused: ${found.error.message}`)
}

/** Opens twice, then writes, then opens again: what is there stays, and what is written is added to it. */
function staysTrue(first: Opened, mode: RecoveryMode, what: string): void {
  first.store.log.close()
  const second = opened(open(first.files.image(), mode), `${what}, second open`)
  assert.equal(second.bodies, first.bodies, `${what}, second open`)
  assert.is(second.report.verdict, undefined, `${what}, second open`)
  assert.is(second.report.timeline, first.report.timeline, what)
  assert.equal(second.report.setAside, [], what)
  assert.equal(rejectedIn(second.files.image()), rejectedIn(first.files.image()), what)
  const { store } = second
  store.ensureDirty()
  store.log.append(store.nextCommit('-- written\n;\n'))
  store.log.sync()
  store.log.close()
  const third = opened(open(second.files.image(), 'absolute_consistency'), `${what}, third open`)
  assert.equal(third.bodies, [...first.bodies, '-- written\n;\n'], `${what}, third open`)
}

for (const each of [...cases, ...casesBehindScript]) {
  for (const mode of RECOVERY_MODES) {
    test(`${each.name} (${each.verdict}), ${mode}`, () => {
      const image =
        each.script === undefined
          ? givenFiles(each.files)
          : givenFiles(
              { ...each.files, [NAMES.script]: each.script.bytes },
              { checkpointLsn: each.script.lsn },
            )
      const found = open(image, mode)
      const expected = expectedOutcome(each, mode)
      if (expected === 'refused') {
        assert.is(found.kind, 'refused')
        if (found.kind !== 'refused') return
        assert.is(found.error.code, 'SCRIPTLOG_CORRUPT', found.error.message)
        assert.is(found.error.subcode, each.verdict)
        assert.ok(found.error.path !== undefined && found.error.lsn !== undefined, found.error.message)
        assert.equal(found.files.image(), image, 'a refusal changes nothing')
        return
      }
      const { report, bodies, files } = opened(found, mode)
      assert.equal(bodies, rows(...expected.commits))
      assert.is(report.verdict, each.verdict)
      assert.is(report.redoneRecords, expected.commits.length - (each.script === undefined ? 0 : 3))
      assert.is(report.timeline, expected.isNewTimeline ? 2 : 1)
      const [log = Buffer.alloc(0)] = Object.values(each.files)
      const kept =
        expected.aside === 'tail'
          ? [log.subarray(log.length - (each.tailBytes ?? 0))]
          : Object.values(each.files)
      assert.equal(rejectedIn(files.image()), sorted(kept))
      assert.equal(
        report.setAside.map(({ sizeBytes }) => sizeBytes),
        kept.map(({ length }) => length),
      )
      staysTrue(opened(found, mode), mode, mode)
    })
  }
}

test('an undamaged log opens in every mode with everything, and nothing is set aside', () => {
  for (const draft of [new LogDraft(), unsynced, synced, marked]) {
    for (const newlines of [0, 4096]) {
      for (const mode of RECOVERY_MODES) {
        const log = Buffer.concat([draft.bytes, Buffer.alloc(newlines, '\n')])
        const found = opened(open(givenFiles({ [NAMES.log]: log }), mode), mode)
        const commits = draft.parts.filter(({ kind }) => kind === 'record').map(({ body }) => body)
        assert.equal(found.bodies, commits)
        assert.is(found.report.verdict, undefined)
        assert.equal(found.report.setAside, [])
        staysTrue(found, mode, mode)
      }
    }
  }
})

test('a log that begins before its snapshot: what the snapshot holds is not redone a second time', () => {
  const damaged = overwritten(unsynced.bytes, inside(unsynced, 4), garbage)
  for (const [log, mode, commits] of [
    [unsynced.bytes, 'absolute_consistency', [1, 2, 3, 4, 5, 6]],
    [damaged, 'tolerate_corrupted_tail_records', [1, 2, 3, 4]],
    [damaged, 'skip_any_corrupted_records', [1, 2, 3, 4, 6]],
  ] as const) {
    const image = givenFiles(
      { [NAMES.log]: log, [NAMES.script]: script.bytes },
      { checkpointLsn: script.lsn },
    )
    const found = opened(open(image, mode), mode)
    assert.equal(found.bodies, rows(...commits))
    staysTrue(found, mode, mode)
  }
})

test('a log that starts past the beginning, without a script: refused in every mode, nothing changed', () => {
  const log = new LogDraft({ start: 4096, prev: 17 }).records(3).bytes
  for (const mode of RECOVERY_MODES) {
    const image = givenFiles({ [NAMES.log]: log })
    const found = open(image, mode)
    assert.is(found.kind, 'refused')
    assert.equal(found.files.image(), image)
  }
})

test('a log of the state`s own checkpoint missing: refused by default, and nothing is made up', () => {
  const image = givenFiles({ [NAMES.log]: unsynced.bytes }, { checkpointLsn: unsynced.bytes.length + 100 })
  for (const mode of ['tolerate_corrupted_tail_records', 'absolute_consistency'] as const) {
    const found = open(image, mode)
    assert.is(found.kind, 'refused')
    assert.equal(found.files.image(), image)
  }
})

test('a read error is no verdict: it refuses in every mode, changes nothing, and is gone when the disk is well', () => {
  for (const mode of RECOVERY_MODES) {
    const image = givenFiles({ [NAMES.log]: synced.bytes })
    const found = open(image, mode, ({ kind, path }) =>
      kind === 'read' && path === NAMES.log ? { code: 'EIO' } : undefined,
    )
    assert.is(found.kind, 'refused')
    if (found.kind === 'refused') assert.is(found.error.subcode, 'EIO')
    assert.equal(found.files.image(), image)
  }
})

const seed = 31
const thirty = thirtyMixedTransactions(seededRandom(seed))
const commitsBefore = (offset: number) =>
  thirty.parts
    .filter(({ kind, endOffset }) => kind === 'record' && endOffset <= offset)
    .map(({ body }) => body)

test('thirty mixed transactions, cut anywhere: the complete prefix, set aside what is not, and again at the second open', () => {
  const random = seededRandom(seed)
  for (let cut = thirty.headerBytes; cut <= thirty.bytes.length; cut += 1 + Math.floor(random() * 90)) {
    const what = `seed ${seed}, cut at ${cut}`
    const mode = RECOVERY_MODES[cut % 4] ?? 'tolerate_corrupted_tail_records'
    const image = givenFiles({ [NAMES.log]: thirty.bytes.subarray(0, cut) })
    const found = open(image, mode)
    const end = Math.max(
      thirty.headerBytes,
      ...thirty.parts.map((part) => part.endOffset).filter((at) => at <= cut),
    )
    if (mode === 'absolute_consistency' && end < cut) {
      assert.is(found.kind, 'refused', what)
      assert.equal(found.files.image(), image, what)
      continue
    }
    const done = opened(found, what)
    assert.equal(done.bodies, commitsBefore(cut), what)
    assert.equal(
      done.report.setAside.map(({ sizeBytes }) => sizeBytes),
      end < cut ? [cut - end] : [],
      what,
    )
    staysTrue(done, mode, what)
  }
})

test('thirty mixed transactions, a bit flipped anywhere: opened with the prefix, or refused with nothing changed', () => {
  const random = seededRandom(seed)
  for (let at = thirty.headerBytes; at < thirty.bytes.length; at += 1 + Math.floor(random() * 60)) {
    const what = `seed ${seed}, byte ${at}`
    const image = givenFiles({
      [NAMES.log]: overwritten(thirty.bytes, at, Buffer.of((thirty.bytes[at] ?? 0) ^ (1 << (at % 8)))),
    })
    const index = thirty.parts.findIndex(({ offset, endOffset }) => offset <= at && at < endOffset)
    const lsn = thirty.parts[index]?.offset ?? 0
    const isProven = thirty.parts.slice(index + 1).some(({ sync }) => sync > lsn)
    const found = open(image, 'tolerate_corrupted_tail_records')
    if (isProven) {
      assert.is(found.kind, 'refused', what)
      assert.equal(found.files.image(), image, what)
      const stopped = opened(open(image, 'stop_at_damage'), what)
      assert.equal(stopped.bodies, commitsBefore(lsn), what)
      assert.is(stopped.report.timeline, 2, what)
    } else {
      assert.equal(opened(found, what).bodies, commitsBefore(lsn), what)
    }
  }
})

test.run()
