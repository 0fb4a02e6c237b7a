// Background errors: what a failure limits, for how long, and how writing goes on, with and without anybody asking for it.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Database } from '../../lib/database/database.ts'
import type { EventKind } from '../../lib/database/events.ts'
import {
  CommitInDoubtError,
  ReadOnlyModeError,
  ScriptlogError,
  type Severity,
  UsageError,
} from '../../lib/errors.ts'
import type { Fault } from '../../lib/fs/memory.ts'
import type { Operation } from '../../lib/fs/operation.ts'
import { CONSEQUENCES, type FailingPart, type FailureKind } from '../../lib/severity.ts'
import { HeldTime } from '../crash/held-time.ts'
import { nth, Stage, thrown } from '../protocol/stage.ts'

const CREATE = 'CREATE TABLE t(x)'
const INSERT = 'INSERT INTO t VALUES(1)'
const INTERVAL_MS = 1000

const counted = (database: Database) => database.prepare('SELECT count(*) FROM t').pluck().get()

let time: HeldTime
test.before.each(() => {
  time = new HeldTime()
})
test.after.each(() => time.release())

/** A database with a table and a row, after a checkpoint; whose checkpoints come at 1 MB. */
function begun(options = {}): { stage: Stage; database: Database } {
  const stage = new Stage()
  const database = stage
    .open({ logSize: 1, ...options })
    .exec(CREATE)
    .exec(INSERT)
  database.checkpoint()
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

/** How each thing is made to fail: the operation, and what is done to come to it. */
const PARTS: Readonly<
  Record<
    FailingPart,
    { readonly on: Partial<Pick<Operation, 'kind' | 'path'>>; readonly act: (database: Database) => void }
  >
> = {
  'log-append': { on: { kind: 'append', path: '.log' }, act: (database) => database.exec(INSERT) },
  'log-sync': { on: { kind: 'sync', path: '.log' }, act: (database) => database.exec(INSERT) },
  'state-file': {
    on: { kind: 'sync', path: '.properties.new' },
    act(database) {
      database.exec(INSERT)
    },
  },
  checkpoint: {
    on: { kind: 'sync', path: '.script.new' },
    act: (database) => database.prepare('INSERT INTO t VALUES(?)').run('x'.repeat(1_000_000)),
  },
}

const CODES: Readonly<Record<Exclude<FailureKind, 'fenced'>, readonly string[]>> = {
  'no-space': ['ENOSPC', 'EDQUOT', 'EFBIG'],
  io: ['EIO', 'EMFILE', 'ETIMEDOUT'],
  'not-allowed': ['EROFS', 'EACCES', 'EPERM'],
  corruption: ['EBADMSG', 'EUCLEAN'],
}

/** The table of the design, once more. */
const EXPECTED: Readonly<Record<FailingPart, Readonly<Record<Exclude<FailureKind, 'fenced'>, Severity>>>> = {
  'log-append': { 'no-space': 'hard', io: 'hard', 'not-allowed': 'fatal', corruption: 'unrecoverable' },
  'log-sync': { 'no-space': 'hard', io: 'hard', 'not-allowed': 'fatal', corruption: 'unrecoverable' },
  'state-file': { 'no-space': 'hard', io: 'hard', 'not-allowed': 'fatal', corruption: 'unrecoverable' },
  checkpoint: { 'no-space': 'soft', io: 'soft', 'not-allowed': 'soft', corruption: 'unrecoverable' },
}

/** Comes to a failure of this part; returns the database, whose failure goes on. */
function failing(part: FailingPart, fault: Fault): { stage: Stage; database: Database } {
  const { stage, database } = begun()
  // After a clean close the first write makes the state `yes`.
  if (part === 'state-file') database.close()
  const used = part === 'state-file' ? stage.open({ logSize: 1 }) : database
  stage.failing = nth(1, PARTS[part].on, fault, true)
  if (part === 'checkpoint') PARTS[part].act(used)
  else thrown(ScriptlogError, () => PARTS[part].act(used))
  return { stage, database: used }
}

for (const part of ['log-append', 'log-sync', 'state-file', 'checkpoint'] as const) {
  for (const kind of ['no-space', 'io', 'not-allowed', 'corruption'] as const) {
    for (const code of CODES[kind]) {
      const severity = EXPECTED[part][kind]
      test(`${code} at ${part}: ${severity}`, () => {
        const { stage, database } = failing(part, { code })
        const { failure, isWritable, lastErrors, errorCounters } = database.status()
        assert.is(failure?.severity, severity)
        assert.is(failure?.reason, part)
        assert.is(CONSEQUENCES[part][kind].severity, severity)
        assert.is(isWritable, severity === 'soft')
        assert.is(failure?.isResumedByItself, severity === 'soft' || severity === 'hard')
        const [first] = lastErrors
        assert.is(lastErrors.length, 1)
        assert.equal(
          [first?.reason, first?.kind, first?.severity, first?.subcode],
          [part, kind, severity, code],
        )
        assert.ok(first?.path)
        assert.is(errorCounters.backgroundErrors, 1)

        // Reads go on in every severity.
        const rows = Number(counted(database))
        if (severity === 'soft') database.exec(INSERT)
        else {
          const refusal = thrown(ReadOnlyModeError, () => database.exec(INSERT))
          assert.is(refusal.severity, severity)
          assert.instance(refusal.cause, ScriptlogError)
          assert.match(refusal.message, /\d+ ms ago/)
          assert.match(refusal.message, code)
        }

        stage.failing = () => undefined
        if (severity === 'fatal' || severity === 'unrecoverable') {
          // The cause is gone, and still only a reopening helps.
          thrown(ReadOnlyModeError, () => database.resume())
          time.fire()
          thrown(ReadOnlyModeError, () => database.exec(INSERT))
          database.close()
          assert.is(counted(stage.open()), rows)
          return
        }
        time.pass(INTERVAL_MS)
        time.fire()
        assert.is(database.status().failure, undefined)
        assert.is(database.status().errorCounters.autoResumeSuccesses, 1)
        database.exec(INSERT)
        assert.is(counted(stage.open()), severity === 'soft' ? rows + 2 : rows + 1)
      })
    }
  }
}

test('it fails for a while: each try counts, the end is told once, and everything is there', () => {
  const { stage, database } = begun()
  const heard = listen(database)
  stage.failing = nth(1, {}, { code: 'EIO' }, true)
  thrown(CommitInDoubtError, () => database.exec(INSERT))
  for (let round = 0; round < 3; round++) {
    time.pass(INTERVAL_MS)
    time.fire()
  }
  assert.equal(heard.slice(0, 2), ['hard log-append', 'begin'])
  assert.not(heard.some((word) => word.startsWith('end')))
  assert.is(database.status().errorCounters.autoResumeAttempts, 3)
  stage.failing = () => undefined
  time.pass(INTERVAL_MS)
  time.fire()
  assert.equal(heard.slice(-1), ['end resumed'])
  assert.is(heard.filter((word) => word === 'begin').length, 1)
  assert.is(counted(stage.open()), 2)
})

test('resume proves the new file by a synced mark before anything is called durable again', () => {
  const { stage, database } = begun()
  stage.failing = nth(1, { kind: 'sync', path: '.log' }, { code: 'EIO' })
  thrown(CommitInDoubtError, () => database.exec(INSERT))
  stage.failing = nth(1, { kind: 'sync', path: '.log.next' }, { code: 'EIO' })
  thrown(CommitInDoubtError, () => database.resume())
  thrown(ReadOnlyModeError, () => database.exec(INSERT))
  stage.failing = () => undefined
  database.resume().exec(INSERT)
  assert.is(counted(stage.open()), 3)
})

test('max_bgerror_resume_count: given up after so many tries, with the error; resume() still works', () => {
  const { stage, database } = begun({ maxBgerrorResumeCount: 2 })
  const heard = listen(database)
  stage.failing = nth(1, {}, { code: 'EIO' }, true)
  thrown(CommitInDoubtError, () => database.exec(INSERT))
  for (let round = 0; round < 5; round++) {
    time.pass(INTERVAL_MS)
    time.fire()
  }
  assert.is(database.status().errorCounters.autoResumeAttempts, 2)
  assert.not(database.status().failure?.isResumedByItself)
  assert.match(heard.at(-1) ?? '', /^end SCRIPTLOG_/)
  stage.failing = () => undefined
  time.pass(INTERVAL_MS)
  time.fire()
  assert.not(database.status().isWritable)
  database.resume().exec(INSERT)
  assert.is(counted(stage.open()), 3)
})

test('max_bgerror_resume_count=0: nothing is resumed by itself, and no recovery is announced', () => {
  const { stage, database } = begun({ maxBgerrorResumeCount: 0 })
  const heard = listen(database)
  stage.failing = nth(1, { kind: 'sync' }, { code: 'EIO' })
  thrown(CommitInDoubtError, () => database.exec(INSERT))
  time.pass(10 * INTERVAL_MS)
  time.fire()
  assert.equal(heard, ['hard log-sync'])
  assert.not(database.status().isWritable)
  database.resume()
  assert.equal(heard.slice(1), ['begin', 'end resumed'])
})

test('bgerror_resume_retry_interval_millis: the next try is due then, also in a turn that lets no timer run', () => {
  const { stage, database } = begun({ bgerrorResumeRetryIntervalMillis: 5000 })
  stage.failing = nth(1, { kind: 'sync' }, { code: 'EIO' })
  thrown(CommitInDoubtError, () => database.exec(INSERT))
  time.pass(4999)
  thrown(ReadOnlyModeError, () => database.exec(INSERT))
  time.pass(1)
  database.exec(INSERT)
  assert.is(counted(stage.open()), 3)
})

test('checkpoints that fail are tried again at growing intervals, and commits go on meanwhile', () => {
  const { stage, database } = begun()
  const heard = listen(database)
  stage.failing = nth(1, { kind: 'create', path: '.script.new' }, { code: 'EIO' }, true)
  const insert = database.prepare('INSERT INTO t VALUES(?)')
  insert.run('x'.repeat(1_000_000))
  assert.equal(heard, ['soft checkpoint', 'begin'])
  const triesWithin = (millis: number) => {
    const before = database.status().errorCounters.autoResumeAttempts
    for (let passed = 0; passed < millis; passed += 500) {
      time.pass(500)
      insert.run('y')
    }
    return database.status().errorCounters.autoResumeAttempts - before
  }
  // After 1, 2, 4, 8 seconds, in which the next begin.
  assert.is(triesWithin(1000), 1)
  assert.is(triesWithin(2000), 1)
  assert.is(triesWithin(4000), 1)
  assert.is(triesWithin(7500), 0)
  stage.failing = () => undefined
  assert.is(triesWithin(500), 1)
  assert.is(database.status().failure, undefined)
  assert.equal(heard.slice(-1), ['end resumed'])
  assert.is(Number(counted(stage.open())), 2 + 30)
})

test('no room for a checkpoint while the log grows over its hard limit: writes stop before the disk is full', () => {
  const { stage, database } = begun()
  stage.failing = nth(1, { path: '.script.new' }, { code: 'ENOSPC' }, true)
  const insert = database.prepare('INSERT INTO t VALUES(?)')
  let rows = 1
  const refusal = thrown(ReadOnlyModeError, () => {
    for (; rows < 100; rows++) {
      insert.run('x'.repeat(250_000))
      time.pass(INTERVAL_MS)
    }
  })
  assert.is(refusal.severity, 'hard')
  assert.ok(rows >= 16 && rows <= 18, `${rows} rows of a quarter of a megabyte`)
  stage.failing = () => undefined
  time.pass(INTERVAL_MS)
  insert.run('y')
  assert.ok(database.status().log.bytesSinceCheckpoint < 1000, 'the checkpoint was made')
  assert.is(counted(stage.open()), rows + 1)
})

test('a soft failure, then a hard one: the severity rises; then a soft one: it stays', () => {
  const { stage, database } = begun()
  const checkpointFails = nth(1, { path: '.script.new' }, { code: 'EIO' }, true)
  stage.failing = checkpointFails
  database.prepare('INSERT INTO t VALUES(?)').run('x'.repeat(1_000_000))
  assert.is(database.status().failure?.severity, 'soft')
  stage.failing = nth(1, { kind: 'sync', path: '.log' }, { code: 'EIO' })
  thrown(CommitInDoubtError, () => database.exec(INSERT))
  assert.is(database.status().failure?.severity, 'hard')
  stage.failing = nth(1, { kind: 'create' }, { code: 'EROFS' })
  thrown(ReadOnlyModeError, () => database.resume())
  assert.is(database.status().failure?.severity, 'fatal')
  stage.failing = () => undefined
  thrown(ReadOnlyModeError, () => database.resume())
  database.close()
  assert.is(counted(stage.open()), 3)
})

test('an open transaction: a resume that needs a checkpoint waits for its end, and that is no try', () => {
  const stage = new Stage()
  stage.open().exec(CREATE)
  // .log.next is taken from here on.
  const database = stage.open({ writeDelayMillis: 600_000 }).exec(INSERT)
  stage.failing = nth(1, { kind: 'append' }, { code: 'EIO' })
  database.exec('BEGIN').exec(INSERT)
  thrown(CommitInDoubtError, () => database.flush())
  stage.failing = () => undefined
  time.pass(INTERVAL_MS)
  time.fire()
  assert.is(database.status().errorCounters.autoResumeAttempts, 0)
  database.exec('ROLLBACK')
  time.pass(INTERVAL_MS)
  time.fire()
  assert.ok(database.status().isWritable)
  assert.is(counted(stage.open()), 1)
})

test('reserved_disk_buffer: as long as less is free, nothing is tried; then writing goes on', () => {
  let freeBytes = 5_000_000
  const stage = new Stage({}, () => freeBytes)
  const database = stage.open({ reservedDiskBuffer: 5 }).exec(CREATE)
  stage.failing = nth(1, { kind: 'append', path: '.log' }, { code: 'ENOSPC', writtenBytes: 7 })
  thrown(CommitInDoubtError, () => database.exec(INSERT))
  for (let round = 0; round < 3; round++) {
    time.pass(INTERVAL_MS)
    time.fire()
  }
  assert.is(database.status().errorCounters.autoResumeAttempts, 0)
  assert.ok(database.status().failure?.isResumedByItself)
  freeBytes = 6_000_000
  time.pass(INTERVAL_MS)
  time.fire()
  assert.is(database.status().errorCounters.autoResumeSuccesses, 1)
  assert.is(counted(stage.open()), 1)
})

test('reserved_disk_buffer: a checkpoint that would use it up is not begun; the log has that room', () => {
  let freeBytes = 2_000_000
  const stage = new Stage({}, () => freeBytes)
  const database = stage.open({ reservedDiskBuffer: 2, logSize: 1 }).exec(CREATE)
  const trace = stage.trace(() => database.prepare('INSERT INTO t VALUES(?)').run('x'.repeat(1_000_000)))
  assert.is(trace, 'append app.log\nsync app.log')
  const { failure, lastErrors } = database.status()
  assert.equal([failure?.severity, failure?.reason, lastErrors[0]?.kind], ['soft', 'checkpoint', 'no-space'])
  freeBytes = 4_000_000
  time.pass(INTERVAL_MS)
  time.fire()
  assert.is(database.status().failure, undefined)
  assert.ok(stage.names().includes('.script'))
})

test('max_allowed_space_usage: reached by the log, writes are refused until a checkpoint has made it short', () => {
  const { stage, database } = begun({ maxAllowedSpaceUsage: 2, logSize: 0 })
  const insert = database.prepare('INSERT INTO t VALUES(?)')
  insert.run('x'.repeat(1_000_000))
  for (let round = 0; round < 2; round++) {
    database.prepare('UPDATE t SET x=? WHERE rowid=2').run(String(round).repeat(500_000))
  }
  const refusal = thrown(ScriptlogError, () => insert.run('y'))
  assert.is(refusal.code, 'SCRIPTLOG_SPACE_LIMIT')
  const again = thrown(ReadOnlyModeError, () => insert.run('y'))
  assert.is(again.subcode, 'space-limit')
  time.pass(INTERVAL_MS)
  insert.run('y')
  assert.is(counted(stage.open()), 3)
})

test('max_allowed_space_usage: reached by the rows themselves, until it is raised', () => {
  const { stage, database } = begun({ maxAllowedSpaceUsage: 1, logSize: 0 })
  const insert = database.prepare('INSERT INTO t VALUES(?)')
  insert.run('x'.repeat(1_200_000))
  thrown(ScriptlogError, () => insert.run('y'))
  let checkpoints = 0
  database.on('checkpoint', () => checkpoints++)
  for (let round = 0; round < 5; round++) {
    time.pass(INTERVAL_MS)
    time.fire()
  }
  assert.is(checkpoints, 1, 'one that could have helped')
  assert.not(database.status().isWritable)
  database.configure({ maxAllowedSpaceUsage: 3 })
  insert.run('y')
  assert.match(stage.text('.properties') ?? '', /^max_allowed_space_usage=3$/m)
  assert.is(counted(stage.open()), 3)
})

test('max_allowed_space_usage inside a transaction: the statement is refused, what was done before it is committed whole', () => {
  const { stage, database } = begun({ maxAllowedSpaceUsage: 1, logSize: 0 })
  database.exec('BEGIN')
  const insert = database.prepare('INSERT INTO t VALUES(?)')
  for (let n = 0; n < 3; n++) insert.run('x'.repeat(500_000))
  database.exec('COMMIT')
  thrown(ScriptlogError, () => insert.run('y'))
  assert.is(counted(stage.open()), 4)
})

test('configure: settings of an open database, here and in .properties; wrong ones change nothing', () => {
  const { stage, database } = begun()
  database.configure({ logSize: 7, paranoidChecks: true })
  assert.is(database.status().settings.logSize, 7)
  assert.match(stage.text('.properties') ?? '', /^log_size=7$/m)
  assert.match(stage.text('.properties') ?? '', /^paranoid_checks=true$/m)
  const before = stage.text('.properties')
  thrown(UsageError, () => database.configure({ logSize: -1 }))
  thrown(UsageError, () => Reflect.apply(database.configure, database, [{ log_size: 3 }]))
  assert.is(stage.text('.properties'), before)
  assert.is(stage.open().status().settings.logSize, 7)
})

test('the last 64 errors are kept, the oldest go', () => {
  const { stage, database } = begun()
  stage.failing = nth(1, {}, { code: 'EIO' }, true)
  thrown(CommitInDoubtError, () => database.exec(INSERT))
  for (let round = 0; round < 80; round++) thrown(ScriptlogError, () => database.resume())
  const { lastErrors, errorCounters } = database.status()
  assert.is(lastErrors.length, 64)
  assert.ok(errorCounters.backgroundErrors > 80)
  assert.is(errorCounters.manualResumes, 80)
  const times = lastErrors.map((error) => error.time)
  assert.equal(times, [...times].sort())
})

test('events: an error of the log cannot be suppressed, and a listener sees what it limits', () => {
  const { stage, database } = begun()
  const seen: unknown[] = []
  database.on('backgroundError', ({ suppress }) => seen.push(suppress, database.status().isWritable))
  stage.failing = nth(1, { kind: 'sync' }, { code: 'EIO' })
  thrown(CommitInDoubtError, () => database.exec(INSERT))
  assert.equal(seen, [undefined, false])
})

test('a failure that several wait for is told once', async () => {
  const { stage, database } = begun({ writeDelayMillis: 600_000 })
  const heard = listen(database)
  database.exec(INSERT)
  stage.failing = nth(1, { kind: 'sync' }, { code: 'EIO' })
  const outcomes = await Promise.allSettled([database.flushed(), database.flushed()])
  assert.equal(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  thrown(CommitInDoubtError, () => database.flush())
  assert.equal(heard, ['hard log-sync', 'begin'])
  assert.is(database.status().lastErrors.length, 1)
})

test('closed while it waits to be resumed: nothing is tried afterwards', () => {
  const { stage, database } = begun()
  stage.failing = nth(1, { kind: 'sync' }, { code: 'EIO' })
  thrown(CommitInDoubtError, () => database.exec(INSERT))
  database.close()
  const told: EventKind[] = []
  database.on('errorRecoveryEnd', ({ kind }) => told.push(kind))
  stage.trace(() => time.fire())
  assert.is(stage.traced(), '')
  assert.equal(told, [])
  assert.is(counted(stage.open()), 2)
})

test.run()
