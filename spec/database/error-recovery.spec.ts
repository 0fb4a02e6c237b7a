// Episodes that meet each other, and listeners that act in the middle of one. What each of these specs describes went
// wrong once: triggers were lost, `.properties` was written behind a close, and episodes never ended or never stood.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Database } from '../../lib/database/database.ts'
import {
  CheckpointIncompleteError,
  CommitInDoubtError,
  ReadOnlyModeError,
  ScriptlogError,
  UsageError,
} from '../../lib/errors.ts'
import { HeldTime } from '../crash/held-time.ts'
import { nth, Stage, thrown } from '../protocol/stage.ts'

const CREATE = 'CREATE TABLE t(x)'
const INSERT = 'INSERT INTO t VALUES(1)'
const INTERVAL_MS = 1000
const EIO = { code: 'EIO' }

const counted = (database: Database) => database.prepare('SELECT count(*) FROM t').pluck().get()
const stateOf = (stage: Stage) => /^modified=(.*)$/m.exec(stage.text('.properties') ?? '')?.[1]

let time: HeldTime
test.before.each(() => {
  time = new HeldTime()
})
test.after.each(() => time.release())

function due(): void {
  time.pass(INTERVAL_MS)
  time.fire()
}

/** A database with a table and a row. */
function begun(options = {}): { stage: Stage; database: Database } {
  const stage = new Stage()
  const database = stage.open(options).exec(CREATE).exec(INSERT)
  return { stage, database }
}

/** What a database tells from now on, in short. */
function listen(database: Database): string[] {
  const heard: string[] = []
  database.on('backgroundError', ({ reason, severity }) => heard.push(`${severity} ${reason}`))
  database.on('errorRecoveryBegin', () => heard.push('begin'))
  database.on('errorRecoveryEnd', ({ error }) => heard.push(`end ${error?.code ?? 'resumed'}`))
  return heard
}

/** The next sync of a log fails, and a commit with it. */
function failCommit(stage: Stage, database: Database): void {
  stage.failing = nth(1, { kind: 'sync' }, EIO)
  thrown(CommitInDoubtError, () => database.exec(INSERT))
  stage.failing = () => undefined
}

test('a listener closes when a recovery begins: no timer touches the files afterwards', () => {
  const { stage, database } = begun()
  database.on('errorRecoveryBegin', () => database.close())
  failCommit(stage, database)
  assert.not(database.open)
  assert.is(stateOf(stage), 'no')
  assert.is(stage.trace(due), '')
  assert.is(counted(stage.open()), 2)
})

for (const way of ['by itself', 'by hand']) {
  test(`a listener closes at the checkpoint that resumes, ${way}: the state stays no`, () => {
    const { stage, database } = begun()
    stage.failing = nth(1, { path: '.script.new' }, EIO)
    thrown(CommitInDoubtError, () => database.exec('VACUUM'))
    let begins = 0
    database.on('checkpoint', () => {
      if (begins++ === 0) database.close()
    })
    if (way === 'by itself') due()
    else database.resume()
    assert.not(database.open)
    assert.is(stateOf(stage), 'no')
    assert.is(counted(stage.open()), 1)
  })
}

test('a listener resumes when a recovery begins: one begin, one end, and the next episode has its own', () => {
  const { stage, database } = begun()
  const heard = listen(database)
  database.on('errorRecoveryBegin', () => database.resume())
  failCommit(stage, database)
  const once = ['hard log-sync', 'begin', 'end resumed']
  assert.equal(heard, once)
  failCommit(stage, database)
  assert.equal(heard, [...once, ...once])
  assert.is(database.status().failure, undefined)
  assert.is(counted(stage.open()), 3)
})

test('a listener resumes while a resume is under way: refused, and the one under way goes on', () => {
  const { stage, database } = begun({ maxBgerrorResumeCount: 0 })
  failCommit(stage, database)
  database.on('errorRecoveryBegin', () => thrown(UsageError, () => database.resume()))
  database.resume()
  assert.is(database.status().errorCounters.manualResumes, 1)
  assert.ok(database.status().isWritable)
})

test('a write that fails when a recovery has ended: a new recovery begins, and ends', () => {
  const { stage, database } = begun()
  const heard = listen(database)
  let ends = 0
  database.on('errorRecoveryEnd', () => {
    if (ends++ === 0) failCommit(stage, database)
  })
  failCommit(stage, database)
  database.resume()
  due()
  const once = ['hard log-sync', 'begin', 'end resumed']
  assert.equal(heard, [...once, ...once])
  assert.is(counted(stage.open()), 3)
})

test('the log fails while a listener hears of a checkpoint: suppressing that does not suppress the log', () => {
  const { stage, database } = begun({ logSize: 1 })
  database.on('backgroundError', ({ suppress }) => {
    if (suppress === undefined) return
    failCommit(stage, database)
    suppress()
  })
  stage.failing = nth(1, { path: '.script.new' }, EIO)
  database.prepare('INSERT INTO t VALUES(?)').run('x'.repeat(1_000_000))
  assert.is(database.status().failure?.severity, 'hard')
  thrown(ReadOnlyModeError, () => database.exec(INSERT))
  due()
  assert.ok(database.status().isWritable)
  assert.is(counted(stage.open()), 3)
})

test('a commit in doubt takes the files over the limit: the checkpoint that makes room is made all the same', () => {
  const { stage, database } = begun({ maxAllowedSpaceUsage: 2, logSize: 0 })
  const update = database.prepare('UPDATE t SET x=?')
  update.run('a'.repeat(900_000))
  stage.failing = nth(1, { kind: 'sync' }, EIO)
  thrown(CommitInDoubtError, () => update.run('b'.repeat(1_200_000)))
  due()
  assert.is(database.status().failure, undefined)
  update.run('c')
  assert.is(stage.open().prepare('SELECT x FROM t').pluck().get(), 'c')
})

test('max_allowed_space_usage counts the old log and the new one of a checkpoint half way', () => {
  const { stage, database } = begun({ maxAllowedSpaceUsage: 2, logSize: 0 })
  database.prepare('UPDATE t SET x=?').run('x'.repeat(1_200_000))
  stage.failing = nth(1, { kind: 'rename', path: '.script' }, EIO)
  thrown(CheckpointIncompleteError, () => database.checkpoint())
  assert.is(thrown(ScriptlogError, () => database.exec(INSERT)).subcode, 'space-limit')
  due()
  database.exec(INSERT)
})

test('no checkpoint is tried, as there is no room: the log is limited all the same', () => {
  let freeBytes = 2_000_000
  const stage = new Stage({}, () => freeBytes)
  const database = stage.open({ logSize: 1, reservedDiskBuffer: 2 }).exec(CREATE)
  const heard = listen(database)
  const insert = database.prepare('INSERT INTO t VALUES(?)')
  let rows = 0
  const fill = () => {
    for (; rows < 100; rows++) {
      insert.run('x'.repeat(250_000))
      due()
    }
  }
  thrown(ReadOnlyModeError, fill)
  assert.ok(rows >= 16 && rows <= 18, `${rows} rows of a quarter of a megabyte`)
  assert.equal(heard, ['soft checkpoint', 'begin', 'hard checkpoint'])
  freeBytes = 100_000_000
  due()
  insert.run('y')
  assert.is(counted(stage.open()), rows + 1)
})

test('log_size=0 has no hard limit: a checkpoint that failed before keeps nobody from writing', () => {
  const { stage, database } = begun({ logSize: 1 })
  stage.failing = nth(1, { path: '.script.new' }, { code: 'ENOSPC' }, true)
  database.prepare('INSERT INTO t VALUES(?)').run('x'.repeat(1_000_000))
  database.configure({ logSize: 0 })
  due()
  assert.is(database.status().failure?.severity, 'soft')
  database.exec(INSERT)
})

test('one failure on its way through several hands is told once, in every episode', () => {
  const { stage, database } = begun()
  stage.failing = nth(1, { path: '.script.new' }, EIO)
  thrown(CommitInDoubtError, () => database.exec('VACUUM'))
  const heard = listen(database)
  stage.failing = nth(1, { path: '.properties' }, { ...EIO, takesEffect: true }, true)
  thrown(ScriptlogError, () => database.resume())
  assert.equal(heard.filter((each) => each !== 'begin').length, 1, heard.join())
})

test('flush during an episode that has become a worse one: the old failure is not told again', () => {
  const { stage, database } = begun()
  failCommit(stage, database)
  stage.failing = nth(1, { kind: 'create' }, { code: 'EROFS' })
  thrown(ReadOnlyModeError, () => database.resume())
  const heard = listen(database)
  for (let call = 0; call < 3; call++) thrown(CommitInDoubtError, () => database.flush())
  assert.equal(heard, [])
})

test('tries that the setting no longer allows are not made; allowed again, they are', () => {
  const { stage, database } = begun({ logSize: 1 })
  stage.failing = nth(1, { path: '.script.new' }, EIO, true)
  database.prepare('INSERT INTO t VALUES(?)').run('x'.repeat(1_000_000))
  database.configure({ maxBgerrorResumeCount: 0 })
  assert.not(database.status().failure?.isResumedByItself)
  stage.failing = () => undefined
  due()
  assert.is(database.status().errorCounters.autoResumeAttempts, 0)
  database.configure({ maxBgerrorResumeCount: 1 })
  due()
  assert.is(database.status().failure, undefined)
})

test('close immediately with a checkpoint half way: .script and .log alone have everything', () => {
  const { stage, database } = begun()
  stage.failing = nth(1, { kind: 'rename', path: '.script' }, EIO)
  thrown(CheckpointIncompleteError, () => database.checkpoint())
  stage.failing = () => undefined
  database.exec(INSERT).close({ mode: 'immediately' })
  assert.equal(stage.names(), ['.log', '.properties', '.script'])
  assert.match(stage.text('.script') ?? '', /\(1,1\),\n\(2,1\)/)
  assert.is(counted(stage.open()), 2)
})

test('close immediately with the state in doubt: nothing is appended before it is certain', () => {
  const { stage, database } = begun()
  database.close()
  const again = stage.open()
  stage.failing = nth(1, { kind: 'rename', path: '.properties' }, { ...EIO, takesEffect: true })
  thrown(ScriptlogError, () => again.exec(INSERT))
  const trace = stage.trace(() => again.close({ mode: 'immediately' }))
  assert.match(trace, /^create app\.properties\.new/)
  assert.not.match(trace, /append app\.log\n/)
  assert.is(counted(stage.open()), 1)
})

test('resumed from a function that SQL calls: refused, that is no failure, and it is resumed later all the same', () => {
  const stage = new Stage()
  stage.open().exec(CREATE)
  // .log.next is taken from here on: only a checkpoint resumes.
  const database = stage.open().exec(INSERT)
  failCommit(stage, database)
  const before = database.status().lastErrors.length
  const outcomes: unknown[] = []
  database.function('resumed', () => {
    for (const act of [() => database.resume(), () => time.pass(INTERVAL_MS), () => database.exec(INSERT)]) {
      try {
        outcomes.push(act())
      } catch (error) {
        outcomes.push(error instanceof Error ? error.name : error)
      }
    }
    return 1
  })
  database.prepare('SELECT resumed()').get()
  assert.is(outcomes[0], 'UsageError')
  assert.is(database.status().lastErrors.length, before)
  assert.is(database.status().errorCounters.autoResumeAttempts, 0)
  due()
  assert.ok(database.status().isWritable)
  assert.is(counted(stage.open()), 2)
})

test.run()
