// What HSQLDB 2.7.1 loses, case by case, and what becomes of it here. ARCHITECTURE.md has both side by side.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Database } from '../lib/database/database.ts'
import {
  CheckpointIncompleteError,
  CommitInDoubtError,
  CorruptionError,
  OpenError,
  ReadOnlyModeError,
  ScriptlogError,
} from '../lib/errors.ts'
import { type CrashModel, crashModels } from '../lib/fs/crash-point.ts'
import { crashStates } from '../lib/fs/crash-states.ts'
import { type Image, imageOf } from '../lib/fs/image.ts'
import { formatProperties, parseProperties } from '../lib/properties.ts'
import { chanceFrom } from './crash/chance.ts'
import { endOfTurn, nth, Stage, thrown } from './protocol/stage.ts'
import { MEMORY_DIR, MemoryWorld } from './support/memory-world.ts'

const BASE = `${MEMORY_DIR}/app`
const counted = (database: Database) => Number(database.prepare('SELECT count(*) FROM t').pluck().get())

/** Files by their suffix. */
type Files = ReadonlyMap<string, Uint8Array>

/** The files of a database with two rows in its snapshot and one in its log, as a kill leaves them. */
function killed(): Files {
  const world = new MemoryWorld()
  const database = world
    .open()
    .exec("CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT); INSERT INTO t VALUES(1,'a'),(2,'b')")
  database.checkpoint()
  database.exec("INSERT INTO t VALUES(3,'c')")
  return new Map([...world.image().files].map(([path, bytes]) => [path.slice(BASE.length), bytes]))
}

function worldOf(files: Files): MemoryWorld {
  const { directories } = imageOf({}, [MEMORY_DIR])
  const named = new Map([...files].map(([suffix, bytes]) => [`${BASE}${suffix}`, bytes]))
  return new MemoryWorld({ image: { files: named, directories } })
}

/** Refused, and not a byte is changed. */
function assertRefused(files: Files): OpenError {
  const world = worldOf(files)
  const before = world.image()
  const error = thrown(OpenError, () => world.open())
  assert.equal(world.image(), before)
  assert.ok(error.hint, error.message)
  return error
}

test('disk full: there 2000 of 2000 commits are acknowledged and 846 survive; here none is that is not there', () => {
  const stage = new Stage()
  const database = stage.open().exec('CREATE TABLE t(x)')
  const insert = database.prepare('INSERT INTO t VALUES(?)')
  let room = 50_000
  stage.failing = ({ kind, lengthBytes = 0 }) => {
    if (kind !== 'append') return undefined
    const fits = lengthBytes <= room
    room -= Math.min(room, lengthBytes)
    return fits ? undefined : { code: 'ENOSPC', writtenBytes: 0 }
  }
  let acknowledged = 0
  let refused = 0
  for (let n = 0; n < 2000; n++) {
    try {
      insert.run(n)
      acknowledged++
    } catch (error) {
      assert.ok(error instanceof CommitInDoubtError || error instanceof ReadOnlyModeError)
      refused++
    }
  }
  assert.ok(acknowledged > 100 && refused > 100, `${acknowledged} acknowledged, ${refused} refused`)
  assert.throws(() => database.checkpoint())
  assert.throws(() => database.close())
  stage.failing = () => undefined
  const there = counted(stage.open())
  assert.ok(there === acknowledged || there === acknowledged + 1, `${there} of ${acknowledged}`)
})

test('fsync fails: there commit, CHECKPOINT and SHUTDOWN report success; here each tells', () => {
  const stage = new Stage()
  const database = stage.open().exec('CREATE TABLE t(x)')
  database.checkpoint()
  stage.failing = nth(1, { kind: 'sync' }, { code: 'EIO' }, true)
  thrown(CommitInDoubtError, () => database.exec('INSERT INTO t VALUES(1)'))
  thrown(ReadOnlyModeError, () => database.checkpoint())
  assert.throws(
    () => database.close(),
    (error: unknown) => error instanceof ScriptlogError,
  )

  const other = new Stage()
  const second = other.open({ writeDelayMillis: 600_000 }).exec('CREATE TABLE t(x)')
  second.flush()
  other.failing = nth(1, { kind: 'sync', path: '.script.new' }, { code: 'EIO' }, true)
  thrown(CheckpointIncompleteError, () => second.checkpoint())
  thrown(CheckpointIncompleteError, () => second.exec('SHUTDOWN'))
})

test('the default delay and a kill: there up to 216 acknowledged rows are lost; here none of a turn that has ended', async () => {
  const stage = new Stage()
  const database = stage.open({ writeDelayMillis: 500 }).exec('CREATE TABLE t(x)')
  for (let n = 0; n < 300; n++) database.exec('INSERT INTO t VALUES(1)')
  await endOfTurn()
  assert.is(counted(stage.open()), 300)
})

test('.script cut in the middle of a line: there a row of NULLs appears and all later rows are gone; here it is refused', () => {
  const files = killed()
  const script = files.get('.script') ?? Buffer.alloc(0)
  for (let length = 1; length < script.length; length++) {
    assertRefused(new Map([...files, ['.script', script.subarray(0, length)]]))
  }
})

test('junk in .log: there a row of NULLs, the rest dropped, the log deleted; here what is durable is not skipped over', () => {
  const world = worldOf(killed())
  const database = world.open().exec("INSERT INTO t VALUES(4,'d')").exec("INSERT INTO t VALUES(5,'e')")
  assert.is(counted(database), 5)
  const [path, bytes] = [...world.image().files].find(([name]) => name.endsWith('.log.next')) ?? [
    '',
    new Uint8Array(),
  ]
  const text = Buffer.from(bytes).toString()
  const junk = text.replace("VALUES(4,'d')", 'VALUES(@!,#d)')
  assert.is.not(junk, text)
  const image: Image = {
    ...world.image(),
    files: new Map([...world.image().files, [path, Buffer.from(junk)]]),
  }
  const spoiled = new MemoryWorld({ image })
  const error = thrown(CorruptionError, () => spoiled.open())
  assert.match(error.message, /offset \d+, LSN/)
  assert.equal(spoiled.image(), image)
  // Who accepts the loss gets everything before it, and the log is kept.
  const accepted = spoiled.open({ recoveryMode: 'stop_at_damage' })
  assert.is(counted(accepted), 3)
  assert.ok([...spoiled.image().files.values()].some((kept) => Buffer.from(kept).equals(Buffer.from(junk))))
})

test('a torn last line DROP TABLE t1(0): there the wrong table is dropped; here a torn record does nothing', () => {
  const world = new MemoryWorld()
  const database = world.open().exec('CREATE TABLE t1(x); CREATE TABLE t10(x)')
  const before = world.image().files.get(`${BASE}.log`)?.length ?? 0
  database.exec('DROP TABLE t10')
  const whole = world.image()
  const log = whole.files.get(`${BASE}.log`) ?? new Uint8Array()
  assert.match(Buffer.from(log.subarray(before)).toString(), 'DROP TABLE')
  for (let length = before; length < log.length; length++) {
    const files = new Map([...whole.files, [`${BASE}.log`, log.subarray(0, length)]])
    const opened = new MemoryWorld({ image: { ...whole, files } }).open()
    assert.equal(opened.prepare('SELECT name FROM sqlite_schema ORDER BY 1').pluck().all(), ['t1', 't10'])
  }
})

test('only .script.new is left: there the open fails and deletes the last copy; here it is refused and kept', () => {
  const files = killed()
  const script = files.get('.script') ?? Buffer.alloc(0)
  const error = assertRefused(new Map([['.script.new', script]]))
  assert.match(error.message, '.script.new is a whole snapshot')
})

test('.properties of zero length: there a new database; here the state is rebuilt from the other files', () => {
  const world = worldOf(new Map([...killed(), ['.properties', Buffer.alloc(0)]]))
  const database = world.open()
  assert.is(counted(database), 3)
  assert.match(database.status().recovery.warnings.join(), '.properties was damaged')
  // Alone it is damage, not a new database.
  assertRefused(new Map([['.properties', Buffer.alloc(0)]]))
})

test('the state falls back to `no` at a power loss: there the log is deleted unread; here its records are redone', () => {
  const files = killed()
  const found = parseProperties(Buffer.from(files.get('.properties') ?? ''))
  assert.is(found.kind, 'whole')
  if (found.kind !== 'whole') return
  const fallen = formatProperties('', { ...found.state, modified: 'no' })
  assert.match(fallen, /^modified=no$/m)
  assert.is(counted(worldOf(new Map([...files, ['.properties', Buffer.from(fallen)]])).open()), 3)
})

/** What a crash after the last change may leave, or after each. */
function* imagesOf(world: MemoryWorld, model: CrashModel, from: number): Generator<Image> {
  const { changes } = world.files
  const initial = imageOf({}, [MEMORY_DIR])
  const { random } = chanceFrom(1)
  for (let cut = from; cut <= changes.length; cut++) {
    for (const { image } of crashStates({ initial, changes, cut, model, limit: 60, random })) yield image
  }
}

for (const model of crashModels) {
  test(`the first commit after each checkpoint: there it is lost at a power loss; here in no state (${model})`, () => {
    const world = new MemoryWorld()
    const database = world.open().exec('CREATE TABLE t(x)')
    for (let round = 1; round <= 3; round++) {
      database.checkpoint()
      database.exec('INSERT INTO t VALUES(1)')
      let states = 0
      for (const image of imagesOf(world, model, world.files.changes.length)) {
        assert.is(counted(new MemoryWorld({ image }).open()), round)
        states++
      }
      assert.ok(states > 0)
    }
  })
}

test('a kill during the first creation: there 16 states do not open; here all of them do', () => {
  const world = new MemoryWorld()
  world.open().exec('CREATE TABLE t(x)')
  let states = 0
  for (const image of imagesOf(world, 'killed', 0)) {
    new MemoryWorld({ image }).open().close()
    states++
  }
  assert.ok(states > 20, `${states} states`)
})

test.run()
