// Whatever is damaged: what is saved was true, what is intact is saved, and the damaged files stay as they are.
// SEED and RUNS in the environment try more random damage.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../lib/format/random.ts'
import type { Image } from '../../lib/fs/image.ts'
import { repair } from '../../lib/repair/repair.ts'
import { MEMORY_DIR, MemoryWorld } from '../support/memory-world.ts'
import {
  assertIntactRowsSaved,
  bytesOf,
  changed,
  givenStory,
  intactCommits,
  LOG,
  repaired,
  SCRIPT,
  withoutProperties,
} from './story.ts'

const story = givenStory()
const script = bytesOf(story.image, SCRIPT)
const log = bytesOf(story.image, LOG)
const commits = intactCommits(story, log)

/** Repairs with another script, and requires that what is intact in it is saved. */
function judgeScript(damaged: Buffer, image: Image = story.image): void {
  const result = repaired(story, changed(image, { [SCRIPT]: damaged }))
  if (result !== undefined) assertIntactRowsSaved(story, damaged, result)
  assert.is(result?.report.isComplete ?? false, damaged.equals(script))
}

/** Repairs with another log, and requires that each record that is intact was applied or is told of. */
function judgeLog(damaged: Buffer): void {
  const result = repaired(story, changed(story.image, { [LOG]: damaged }))
  assert.ok(result !== undefined, 'the snapshot is whole')
  const { records, isComplete } = result.report
  assert.is(isComplete, damaged.equals(log))
  const told = records.applied + records.skipped.length
  assert.ok(told >= intactCommits(story, damaged).length, `${told} of ${intactCommits(story, damaged)}`)
}

function flipped(bytes: Buffer, at: number, bit = at % 8): Buffer {
  const copy = Buffer.from(bytes)
  copy.writeUInt8(copy.readUInt8(at) ^ (1 << bit), at)
  return copy
}

function filled(bytes: Buffer, from: number, length: number, by: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  by.copy(copy, from, from, Math.min(from + length, by.length, copy.length))
  return copy
}

test('a database that nothing is wrong with is copied, and that is said', () => {
  const result = repaired(story, story.image)
  assert.match(result?.report.verdict ?? '', /^nothing was damaged/)
  assert.equal(result?.content, story.content)
  assert.equal([result?.report.apart, result?.report.warnings, result?.report.problems], [[], [], []])
  assert.is(result?.report.records.applied, commits.length)
})

test('a bit flipped anywhere in the script', () => {
  for (let at = 0; at < script.length; at += 47) judgeScript(flipped(script, at))
})

test('a bit flipped anywhere in the log', () => {
  for (let at = 0; at < log.length; at += 13) judgeLog(flipped(log, at))
})

test('script or log cut anywhere', () => {
  for (let length = 0; length < script.length; length += 151) judgeScript(script.subarray(0, length))
  for (let length = 0; length < log.length; length += 83) {
    const result = repaired(story, changed(story.image, { [LOG]: log.subarray(0, length) }))
    assert.ok(result !== undefined)
  }
})

test('zeros, garbage, and sectors of the older snapshot in the place of some of the script', () => {
  const older = bytesOf(story.older, SCRIPT)
  const zeros = Buffer.alloc(script.length)
  const garbage = Buffer.alloc(script.length, 'garbage ')
  for (const length of [64, 512, 4096]) {
    for (let from = 0; from < script.length; from += Math.max(512, length / 2)) {
      for (const by of [zeros, garbage, older]) judgeScript(filled(script, from, length, by))
    }
  }
})

/** The script's chunks with their lines, and what stands around them. */
function pieces(): { head: string; chunks: string[]; tail: string } {
  const text = script.toString('latin1')
  const start = text.indexOf('BEGIN;\n') + 7
  const end = text.indexOf('COMMIT;\n--@ listed')
  const chunks = text.slice(start, end).split(/(?<=\n--@ chunk bytes=\d+ crc=(?!00000000)[0-9a-f]{8}\n)/)
  return { head: text.slice(0, start), chunks, tail: text.slice(end) }
}

test('chunks that are gone, doubled or swapped', () => {
  const { head, chunks, tail } = pieces()
  const judge = (some: readonly string[]) => judgeScript(Buffer.from(head + some.join('') + tail, 'latin1'))
  for (const index of chunks.keys()) {
    judge(chunks.toSpliced(index, 1))
    judge(chunks.toSpliced(index, 0, chunks[index] ?? ''))
    const next = chunks[index + 1]
    if (next !== undefined) judge(chunks.toSpliced(index, 2, next, chunks[index] ?? ''))
  }
})

test('chunks that are swapped are all saved', () => {
  const { head, chunks, tail } = pieces()
  const damaged = Buffer.from(head + chunks.toReversed().join('') + tail, 'latin1')
  const result = repaired(story, changed(story.image, { [SCRIPT]: damaged }))
  assert.equal(result?.content, story.content)
})

test('without its first line, or its last, all rows of the script are saved', () => {
  const headless = Buffer.from(script)
  headless.fill('x', 0, 100)
  const tailless = script.subarray(0, script.lastIndexOf('--@ end'))
  for (const damaged of [headless, tailless]) {
    const result = repaired(story, changed(story.image, { [SCRIPT]: damaged }))
    assert.equal(result?.content, story.content)
    assert.is(result?.report.isComplete, false)
  }
  // Without both nobody knows of which snapshot they are.
  const middle = headless.subarray(0, headless.lastIndexOf('--@ end'))
  const result = repaired(story, changed(story.image, { [SCRIPT]: middle }))
  const doubtful = result?.report.apart.find(({ why }) => why === 'doubtful')
  assert.ok(result === undefined || doubtful !== undefined || result.content.size > 0)
})

test('a snapshot of which an older one’s end remains is saved up to there, and never mixed with it', () => {
  const older = bytesOf(story.older, SCRIPT)
  for (let at = 0; at < script.length; at += 211) {
    judgeScript(Buffer.concat([script.subarray(0, at), older.subarray(at)]))
    judgeScript(Buffer.concat([older.subarray(0, at), script.subarray(at)]))
  }
})

test('records lost in the middle: the others follow, what would compute from lost values is kept apart, all is told', () => {
  const text = log.toString('latin1')
  const records = text.split(/(?<=COMMIT; --@ lsn=.*\n)/)
  for (let index = 1; index < records.length - 1; index++) {
    const damaged = Buffer.from(log)
    const from = records.slice(0, index).join('').length
    damaged.fill(0, from, from + (records[index]?.length ?? 0))
    judgeLog(damaged)
    const result = repaired(story, changed(story.image, { [LOG]: damaged }))
    const lost = commits[index] ?? 0
    assert.equal(result?.report.records.lost, [{ from: lost, to: lost }], `record ${index}`)
  }
  // The first of two computations is lost: the second would make a value that never was.
  const third = Buffer.from(text.replace('"n"+1', '"n"+7').replace('n=n+1', 'n=n+7'), 'latin1')
  if (!third.equals(log)) {
    const result = repaired(story, changed(story.image, { [LOG]: third }))
    assert.ok(result?.report.records.skipped.some(({ why }) => why.startsWith('it computes')))
  }
})

test('records that were moved by bytes inserted or removed are saved', () => {
  const at = log.indexOf('BEGIN;', log.indexOf('COMMIT;'))
  for (const damaged of [
    Buffer.concat([log.subarray(0, at), Buffer.from('inserted'), log.subarray(at)]),
    Buffer.concat([log.subarray(0, at - 3), log.subarray(at + 5)]),
  ]) {
    const result = repaired(story, changed(story.image, { [LOG]: damaged }))
    const { applied = 0, skipped = [], lost = [] } = result?.report.records ?? {}
    assert.is(
      applied + skipped.length,
      commits.length - lost.reduce((sum, { from, to }) => sum + to - from + 1, 0),
    )
    assert.ok(applied >= 4)
  }
})

test('a log whose first line is damaged is read nevertheless', () => {
  for (let at = 0; at < log.indexOf('\n'); at += 3) {
    const result = repaired(story, changed(story.image, { [LOG]: flipped(log, at) }))
    assert.equal(result?.content, story.content, `byte ${at}`)
    assert.is(result?.report.isComplete, false)
  }
})

test('without .properties nothing is lost; without the script, or the log, what the other holds is saved', () => {
  const bare = repaired(story, withoutProperties(story.image))
  assert.equal([bare?.report.isComplete, bare?.content], [true, story.content])
  const withoutLog = repaired(story, changed(story.image, { [LOG]: undefined }))
  assert.is(withoutLog?.report.isComplete, false)
  assert.match(withoutLog?.report.warnings.join('\n') ?? '', /no log follows/)
  const withoutScript = repaired(story, changed(story.image, { [SCRIPT]: undefined }))
  assert.is(withoutScript?.report.isComplete, false)
  assert.ok((withoutScript?.report.records.skipped.length ?? 0) > 0)
  assert.is(withoutScript?.report.tables.find(({ name }) => name === 'late')?.rowsSaved, 1)
})

test('without a snapshot a log from the beginning holds everything', () => {
  const world = new MemoryWorld()
  const db = world.open({ logSize: 0 })
  db.exec("CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT, n INT); INSERT INTO note VALUES(1,'a',1)")
  const report = repair(`${MEMORY_DIR}/app`, { out: `${MEMORY_DIR}/out` }, world.killed().host)
  assert.equal([report.isComplete, report.records.applied, report.snapshot], [true, 2, undefined])
})

test('the definition of a table that the snapshot has lost is taken from an older record', () => {
  const world = new MemoryWorld()
  const db = world.open({ logSize: 0 })
  db.exec("CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT); INSERT INTO note VALUES(1,'a'),(2,'b')")
  const before = world.image()
  db.checkpoint()
  const after = world.killed().image()
  const damaged = bytesOf(after, SCRIPT)
  damaged.write('DESTROY', damaged.indexOf('CREATE TABLE'))
  // The log that the checkpoint replaced is still there, as after a crash between its steps, and damaged, too.
  const logBefore = bytesOf(before, LOG)
  const second = logBefore.lastIndexOf('BEGIN;')
  logBefore.write('x', second + 20)
  const image = changed(after, { [SCRIPT]: damaged, [LOG]: logBefore, [`${LOG}.next`]: bytesOf(after, LOG) })
  const saved = new MemoryWorld({ image })
  const report = repair(`${MEMORY_DIR}/app`, { out: `${MEMORY_DIR}/out` }, saved.host)
  assert.equal(
    report.tables.map(({ name, rowsSaved, definition }) => [name, rowsSaved, definition]),
    [['note', 2, 'log']],
  )
  // Without that log its rows are kept apart, with the columns that they name.
  const alone = new MemoryWorld({ image: changed(after, { [SCRIPT]: damaged }) })
  const { tables, apart } = repair(`${MEMORY_DIR}/app`, { out: `${MEMORY_DIR}/out` }, alone.host)
  assert.equal(tables, [{ name: 'note', rowsSaved: 0, rowsApart: 2, definition: 'lost' }])
  const sql = apart.find(({ why }) => why === 'skipped')?.path ?? ''
  assert.match(
    bytesOf(alone.image(), sql).toString(),
    /no such table: note\nINSERT INTO "note"\("id","body"\) VALUES \(1,'a'\);/,
  )
})

test('rows whose parent is lost are saved, and told', () => {
  const { head, chunks, tail } = pieces()
  const without = chunks.filter((chunk) => !chunk.startsWith('INSERT INTO "note"'))
  const image = changed(story.image, { [SCRIPT]: Buffer.from(head + without.join('') + tail, 'latin1') })
  const result = repaired(story, image)
  assert.ok(result?.content.has('child 1'))
  assert.match(
    result?.report.problems.join('\n') ?? '',
    /foreign keys: \d+ rows of child have no row in note/,
  )
  assert.ok((result?.report.records.missed.length ?? 0) > 0, 'an UPDATE of a lost row is told')
})

test('both files damaged, at random', () => {
  const seed = Number(process.env.SEED ?? 20261120)
  const random = seededRandom(seed)
  const pick = (below: number) => Math.floor(random() * below)
  const older = bytesOf(story.older, SCRIPT)
  const spoil = (bytes: Buffer): Buffer => {
    const at = pick(bytes.length)
    switch (pick(6)) {
      case 0:
        return flipped(bytes, at)
      case 1:
        return bytes.subarray(0, at)
      case 2:
        return filled(bytes, at, 1 + pick(600), Buffer.alloc(bytes.length))
      case 3:
        return filled(bytes, at & ~511, 512 << pick(4), older)
      case 4:
        return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + pick(300))])
      default:
        return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - pick(900)))])
    }
  }
  for (let run = 0; run < Number(process.env.RUNS ?? 120); run++) {
    let [damagedScript, damagedLog] = [script, log]
    for (let times = 1 + pick(3); times > 0; times--) {
      if (pick(2) === 0) damagedScript = spoil(Buffer.from(damagedScript))
      else damagedLog = spoil(Buffer.from(damagedLog))
    }
    try {
      repaired(story, changed(story.image, { [SCRIPT]: damagedScript, [LOG]: damagedLog }))
    } catch (error) {
      throw new Error(`SEED=${seed}, run ${run}`, { cause: error })
    }
  }
})

test('a snapshot and a log of two copies that both went on: never mixed, and told', () => {
  const origin = new MemoryWorld()
  const db = origin.open()
  db.exec("CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT); INSERT INTO note VALUES(1,'origin')")
  db.close()
  const wentOn = (bodies: readonly string[]) => {
    const world = new MemoryWorld({ image: origin.image() })
    const copy = world.open()
    for (const [at, body] of bodies.entries()) copy.exec(`INSERT INTO note VALUES(${at + 2},'${body}')`)
    return { world, copy }
  }
  const one = wentOn(['one'])
  one.copy.checkpoint()
  const other = wentOn(['two', 'three'])
  const mixed = changed(one.world.image(), { [LOG]: bytesOf(other.world.killed().image(), LOG) })
  const world = new MemoryWorld({ image: mixed })
  const report = repair(`${MEMORY_DIR}/app`, { out: `${MEMORY_DIR}/out` }, world.host)
  assert.is(report.isComplete, false)
  assert.match(report.warnings.join(), /app\.log could not be used: it is of another history/)
  assert.ok(report.apart.some(({ from }) => from === LOG))
  const saved = world.open({}, 'out')
  assert.equal(saved.prepare('SELECT body FROM note').pluck().all(), ['origin', 'one'])
})

test('what a fenced writer has appended behind the start of the next log: no open reads it, and no repair', () => {
  const world = new MemoryWorld()
  const fenced = world.open({ writeDelayMillis: 100_000 })
  fenced.exec("CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT); INSERT INTO note VALUES(1,'both')")
  fenced.flush()
  world.host.locks.remove(`${MEMORY_DIR}/app.lck`)
  const owner = world.open({ writeDelayMillis: 0 })
  assert.is(owner.status().recovery.wentOn, 'log-next')
  owner.exec("INSERT INTO note VALUES(2,'owner')")
  for (const id of [3, 4, 5]) fenced.exec(`INSERT INTO note VALUES(${id},'fenced')`)
  assert.throws(() => fenced.flush(), /lock file/)
  const left = new MemoryWorld({ image: world.image() })
  const report = repair(`${MEMORY_DIR}/app`, { out: `${MEMORY_DIR}/out` }, left.host)
  assert.is(report.isComplete, true)
  const read = (name: string) =>
    left.open({ readonly: true }, name).prepare('SELECT body FROM note').pluck().all()
  assert.equal(read('out'), ['both', 'owner'])
  assert.equal(read('app'), ['both', 'owner'])
})

test('an empty log that a failed checkpoint has left cuts off nothing that the log acquired since', () => {
  let isFailing = false
  const world = new MemoryWorld({
    onOperation: ({ kind, path }) => {
      const fails = kind === 'create' ? path.endsWith('.properties.new') : kind === 'remove'
      return isFailing && fails ? { code: 'EIO' } : undefined
    },
  })
  const db = world.open({ logSize: 0, writeDelayMillis: 0 })
  db.exec('CREATE TABLE note(id INTEGER PRIMARY KEY); INSERT INTO note VALUES(1)')
  isFailing = true
  assert.throws(() => db.checkpoint())
  isFailing = false
  for (const id of [2, 3, 4, 5]) db.exec(`INSERT INTO note VALUES(${id})`)
  const image = world.killed().image()
  assert.ok(image.files.has(`${LOG}.new`))
  const whole = bytesOf(image, LOG)
  const saved = (damaged: Buffer) => {
    const left = new MemoryWorld({ image: changed(image, { [LOG]: damaged }) })
    const { isComplete } = repair(`${MEMORY_DIR}/app`, { out: `${MEMORY_DIR}/out` }, left.host)
    const ids = left.open({ readonly: true }, 'out').prepare('SELECT id FROM note').pluck().all()
    return { isComplete, ids }
  }
  assert.equal(saved(whole), { isComplete: true, ids: [1, 2, 3, 4, 5] })
  const inThree = whole.indexOf('VALUES(3)')
  assert.equal(saved(flipped(whole, inThree)), { isComplete: false, ids: [1, 2, 4, 5] })
  assert.equal(saved(whole.subarray(0, -3)), { isComplete: false, ids: [1, 2, 3, 4] })
})

test('where everything is garbage nothing is made, and that is an error', () => {
  const garbage = Buffer.alloc(5000, 'garbage\n')
  const image = changed(story.image, { [SCRIPT]: garbage, [LOG]: garbage })
  assert.is(repaired(story, image), undefined)
  assert.is(repaired(story, changed(image, { [SCRIPT]: Buffer.alloc(0), [LOG]: Buffer.alloc(0) })), undefined)
})

test('what is at the new path already is never touched', () => {
  const world = new MemoryWorld({ image: story.image })
  const other = world.open({}, 'out')
  other.exec('CREATE TABLE mine(a)')
  other.close()
  const before = world.image().files
  assert.throws(
    () => repair(`${MEMORY_DIR}/app`, { out: `${MEMORY_DIR}/out` }, world.host),
    /there is something at/,
  )
  assert.throws(
    () => repair(`${MEMORY_DIR}/app`, { out: `${MEMORY_DIR}/app` }, world.host),
    /there is something at/,
  )
  for (const [path, bytes] of world.image().files) {
    if (!path.endsWith('.lck')) assert.equal(bytes, before.get(path), path)
  }
})

test('what is no file in the place of one is told, and not read', () => {
  const image = changed(story.image, { [SCRIPT]: undefined })
  const world = new MemoryWorld({ image: { ...image, directories: new Set([...image.directories, SCRIPT]) } })
  const act = () => repair(`${MEMORY_DIR}/app`, { out: `${MEMORY_DIR}/out` }, world.host)
  assert.throws(act, /app\.script is a directory/)
})

for (const [name, bytes] of [
  ['script.new', script],
  ['log.new', log],
  ['log.next.new', log],
  ['properties.new', Buffer.from('x')],
] as const) {
  test(`a lone .${name} at the new path may be the last copy of something: it is never touched`, () => {
    const path = `${MEMORY_DIR}/out.${name}`
    const world = new MemoryWorld({ image: changed(story.image, { [path]: bytes }) })
    const act = () => repair(`${MEMORY_DIR}/app`, { out: `${MEMORY_DIR}/out` }, world.host)
    assert.throws(act, /there is something at .*out/)
    assert.ok(bytes.equals(bytesOf(world.image(), path)))
  })
}

test('what an earlier repair kept apart is never touched', () => {
  const damaged = changed(story.image, { [SCRIPT]: flipped(script, script.indexOf("'text 7'") + 3) })
  const world = new MemoryWorld({ image: damaged })
  const act = () => repair(`${MEMORY_DIR}/app`, { out: `${MEMORY_DIR}/out` }, world.host)
  const { apart } = act()
  assert.ok(apart.length > 0)
  for (const name of ['properties', 'script', 'log']) world.files.remove(`${MEMORY_DIR}/out.${name}`)
  const before = world.image().files
  assert.throws(act, /there is something at .*out\.rejected/)
  for (const { path } of apart) assert.equal(world.image().files.get(path), before.get(path))
})

test('repaired into itself: refused, also where no open would take it for a database', () => {
  const alone = { ...story.image, files: new Map([[`${SCRIPT}.new`, Uint8Array.from(script)]]) }
  const world = new MemoryWorld({ image: alone })
  const act = () => repair(`${MEMORY_DIR}/app`, { out: `${MEMORY_DIR}/app` }, world.host)
  assert.throws(act, /there is something at/)
})

test('an open database is not repaired', () => {
  const world = new MemoryWorld()
  world.open().exec('CREATE TABLE t(a)')
  assert.throws(
    () => repair(`${MEMORY_DIR}/app`, { out: `${MEMORY_DIR}/out` }, world.host),
    /database is locked/,
  )
})

test('a repair that is killed, or fails, at any operation leaves the whole new database or none', () => {
  const image = changed(story.image, { [SCRIPT]: flipped(script, script.indexOf("'text 7'") + 3) })
  const whole = repaired(story, image)
  for (const kind of ['kill', 'fail'] as const) {
    for (let last = 0; ; last++) {
      let count = 0
      let isOver = false
      const world: MemoryWorld = new MemoryWorld({
        image,
        onOperation: () => {
          if (kind === 'kill' ? count++ >= last : count++ === last) {
            isOver = true
            return { code: 'EIO' }
          }
          return undefined
        },
      })
      let error: unknown
      try {
        repair(`${MEMORY_DIR}/app`, { out: `${MEMORY_DIR}/out` }, world.host)
      } catch (caught) {
        error = caught
      }
      const left = new MemoryWorld({ image: world.image() })
      for (const [path, bytes] of image.files) {
        assert.ok(Buffer.from(bytes).equals(bytesOf(left.image(), path)), `${path} is as it was`)
      }
      if (!isOver) break
      // What was read and is not needed fails without a word.
      assert.ok(error !== undefined || kind === 'fail')
      const made = [...left.image().files.keys()].filter((path) => /\/out\.(?!lck)/.test(path))
      if (kind === 'fail' && error !== undefined) assert.equal(made, [], `operation ${last}`)
      assertWholeOrNone(left, whole?.content)
    }
  }
})

/** Opens what is there as a database, or repairs once more: under a free name, beside what a killed repair left. */
function assertWholeOrNone(left: MemoryWorld, expected: ReadonlyMap<string, string> | undefined): void {
  const isThere = left.files.stat(`${MEMORY_DIR}/out.properties`) !== undefined
  const out = isThere ? 'out' : 'free'
  if (!isThere) repair(`${MEMORY_DIR}/app`, { out: `${MEMORY_DIR}/free` }, left.host)
  const db = left.open({ logSize: 0 }, out)
  const rows = db.prepare('SELECT count(*) AS n FROM note').get()
  assert.equal(rows, { n: [...(expected ?? [])].filter(([key]) => key.startsWith('note ')).length })
  db.close({ mode: 'immediately' })
}

test.run()
