// Commits beyond crashes: what the write delay means, who shares a sync, and what a failure leaves possible.

import { spawnSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rimraf } from 'rimraf'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import { CommitInDoubtError, ReadOnlyModeError, ScriptlogError, UsageError } from '../../lib/errors.ts'
import { HeldTime } from '../crash/held-time.ts'
import { endOfTurn, nth, Stage, thrown } from './stage.ts'

const CREATE = 'CREATE TABLE t(x)'
const INSERT = 'INSERT INTO t VALUES(1)'
const LONG_DELAY = { writeDelayMillis: 600_000 }

const counted = (database: Database) => database.prepare('SELECT count(*) FROM t').pluck().get()

let time: HeldTime
test.before.each(() => {
  time = new HeldTime()
})
test.after.each(() => time.release())

/** A database with a table, durable, under a long write delay. */
function delayed(): { stage: Stage; database: Database } {
  const stage = new Stage()
  const database = stage.open(LONG_DELAY).exec(CREATE)
  database.flush()
  return { stage, database }
}

test('write delay: the record is handed over at the end of the turn, and synced by nobody', async () => {
  const { stage, database } = delayed()
  assert.is(
    stage.trace(() => database.exec(INSERT)),
    '',
  )
  await endOfTurn()
  assert.is(stage.traced(), 'append app.log')
  assert.is.not(database.status().log.durableLsn, database.status().log.endLsn)
})

test('write delay: once 64 KB wait, the commit hands them over itself', () => {
  const { stage, database } = delayed()
  const insert = database.prepare('INSERT INTO t VALUES(?)')
  assert.is(
    stage.trace(() => insert.run('x'.repeat(40_000))),
    '',
  )
  assert.is(
    stage.trace(() => insert.run('x'.repeat(40_000))),
    'append app.log',
  )
})

test('write delay: once a record has waited 10 ms, the next commit hands it over', () => {
  const { stage, database } = delayed()
  database.exec(INSERT)
  time.pass(10)
  assert.is(
    stage.trace(() => database.exec(INSERT)),
    'append app.log',
  )
})

test('write delay over in a turn that does not end, so that no timer runs: the next commit syncs, and acknowledges all', () => {
  const { stage, database } = delayed()
  database.exec(INSERT)
  time.pass(600_000)
  assert.is(
    stage.trace(() => database.exec(INSERT)),
    'append app.log\nsync app.log',
  )
  const { durableLsn, endLsn } = database.status().log
  assert.is(durableLsn, endLsn)
  assert.is(
    stage.trace(() => database.exec(INSERT)),
    '',
  )
})

test('write delay over: the log is synced, and a mark says so', async () => {
  const { stage, database } = delayed()
  stage.trace(() => database.exec(INSERT))
  await endOfTurn()
  time.fire()
  await endOfTurn()
  assert.is(stage.traced(), 'append app.log\nsync app.log\nappend app.log')
  assert.match(stage.text('.log') ?? '', /--@ mark lsn=\S+ sync=\S+ prev=\S+ crc=\S+\n$/)
})

test('flushed: those who wait in one turn share one sync', async () => {
  const { stage, database } = delayed()
  const waiting: Promise<void>[] = []
  stage.trace(() => {
    for (let each = 0; each < 10; each++) {
      database.exec(INSERT)
      waiting.push(database.flushed())
    }
  })
  await Promise.all(waiting)
  assert.is(stage.traced(), 'append app.log\nsync app.log')
  const { log } = database.status()
  assert.is(log.durableLsn, log.endLsn)
})

test('flushed with nothing to wait for: no sync', async () => {
  const { stage, database } = delayed()
  stage.trace(() => undefined)
  await database.flushed()
  assert.is(stage.traced(), '')
})

test('status: what is appended, what is durable, and the last commit', () => {
  const { database } = delayed()
  const before = database.status()
  database.exec(INSERT)
  const after = database.status()
  assert.is(after.lastXid, before.lastXid + 1)
  assert.is(after.log.durableLsn, before.log.endLsn)
  assert.ok(after.log.endLsn > before.log.endLsn)
  assert.is(after.modified, 'yes')
  assert.ok(after.isWritable)
  assert.ok(String(after.lastCommitTime) > String(before.lastCommitTime))
})

for (const { kind, fault } of [
  { kind: 'append', fault: { code: 'ENOSPC', writtenBytes: 20 } },
  { kind: 'sync', fault: { code: 'EIO' } },
] as const) {
  test(`${kind} of the log fails: in doubt, visible, read-only until resumed, durable then`, () => {
    const stage = new Stage()
    const database = stage.open().exec(CREATE)
    stage.failing = nth(1, { kind, path: '.log' }, fault)
    const error = thrown(CommitInDoubtError, () => database.exec(INSERT))
    assert.is(error.reason, `log-${kind}`)
    assert.is(error.subcode, fault.code)
    assert.is(counted(database), 1, 'it is visible')

    const { failure, isWritable } = database.status()
    assert.not(isWritable)
    assert.is(failure?.code, 'SCRIPTLOG_COMMIT_IN_DOUBT')
    thrown(ReadOnlyModeError, () => database.exec(INSERT))
    thrown(ReadOnlyModeError, () => database.checkpoint())
    thrown(ReadOnlyModeError, () => database.prepare('INSERT INTO t VALUES(?) RETURNING x').all(1))
    assert.is(counted(database), 1, 'what was refused was not done')

    database.resume().exec(INSERT)
    assert.ok(database.status().isWritable)
    assert.is(counted(stage.open()), 2)
  })
}

test('the sync after the write delay fails: an event, read-only, durable when resumed', async () => {
  const { stage, database } = delayed()
  const heard: string[] = []
  database.on('backgroundError', ({ error }) => heard.push(error.code))
  stage.failing = nth(1, { kind: 'sync', path: '.log' }, { code: 'EIO' })
  database.exec(INSERT)
  await endOfTurn()
  time.fire()
  await endOfTurn()
  assert.equal(heard, ['SCRIPTLOG_COMMIT_IN_DOUBT'])
  thrown(ReadOnlyModeError, () => database.exec(INSERT))
  thrown(CommitInDoubtError, () => database.flush())
  const rejected = await database.flushed().catch((error: unknown) => error)
  assert.instance(rejected, CommitInDoubtError)
  database.resume()
  assert.is(counted(stage.open()), 1)
})

test('the log fails while a transaction is open: COMMIT is refused and can be repeated after a resume', async () => {
  const { stage, database } = delayed()
  database.exec(INSERT)
  stage.failing = nth(1, { kind: 'append', path: '.log' }, { code: 'EIO' })
  database.exec('BEGIN').exec(INSERT)
  await endOfTurn()
  thrown(ReadOnlyModeError, () => database.exec(INSERT))
  thrown(ReadOnlyModeError, () => database.exec('COMMIT'))
  assert.ok(database.inTransaction)
  database.resume().exec('COMMIT').flush()
  assert.is(counted(stage.open()), 2)
})

test('the log fails while a transaction is open: RELEASE of the outermost savepoint is refused like COMMIT', async () => {
  const { stage, database } = delayed()
  database.exec(INSERT)
  stage.failing = nth(1, { kind: 'append', path: '.log' }, { code: 'EIO' })
  database.exec('SAVEPOINT a').exec(INSERT)
  await endOfTurn()
  thrown(ReadOnlyModeError, () => database.exec('RELEASE a'))
  database.exec('ROLLBACK TO a').resume().exec('RELEASE a').flush()
  assert.is(counted(stage.open()), 1)
})

test('the log fails while a writing statement is iterated: its commit is in doubt, and a resume keeps it', async () => {
  const { stage, database } = delayed()
  database.exec(INSERT)
  stage.failing = nth(1, { kind: 'append', path: '.log' }, { code: 'EIO' })
  const rows = database.prepare('INSERT INTO t VALUES(2),(3) RETURNING x').iterate()
  rows.next()
  await endOfTurn()
  rows.next()
  thrown(CommitInDoubtError, () => rows.next())
  assert.is(counted(database), 3)
  database.resume()
  assert.is(counted(stage.open()), 3)
})

test('the state file cannot say yes: the statement is not run, nothing is in doubt, and it works after a resume', () => {
  const stage = new Stage()
  const database = stage.open()
  stage.failing = nth(1, { kind: 'sync', path: '.properties.new' }, { code: 'EIO' })
  const error = thrown(ScriptlogError, () => database.exec(CREATE))
  assert.is(error.reason, 'state-file')
  assert.is(error.severity, 'hard')
  assert.is(database.prepare('SELECT count(*) FROM sqlite_schema').pluck().get(), 0)
  thrown(ReadOnlyModeError, () => database.exec(CREATE))
  database.resume().exec(CREATE)
  assert.is(counted(stage.open()), 0)
})

test('the state file cannot say yes inside a transaction: the rest of it can be committed', () => {
  const stage = new Stage()
  const database = stage.open()
  stage.failing = nth(1, { kind: 'syncDir' }, { code: 'EIO' })
  database.exec('BEGIN')
  thrown(ScriptlogError, () => database.exec(CREATE))
  database.resume().exec(CREATE).exec(INSERT).exec('COMMIT')
  assert.is(counted(stage.open()), 1)
})

test('a setting is not changed inside a transaction: a failure there would leave its commit without a state', () => {
  const stage = new Stage()
  const database = stage.open().exec(CREATE).exec('BEGIN').exec(INSERT)
  thrown(UsageError, () => database.exec('SET FILES LOG SIZE 20'))
  database.exec('COMMIT')
  assert.is(counted(stage.open()), 1)
})

test('a shorter write delay that cannot be had: neither the setting nor the delay changes', () => {
  const { stage, database } = delayed()
  database.exec(INSERT)
  stage.failing = nth(1, { kind: 'sync', path: '.log' }, { code: 'EIO' })
  thrown(CommitInDoubtError, () => database.exec('SET FILES WRITE DELAY FALSE'))
  assert.is(database.status().settings.writeDelayMillis, 600_000)
  assert.not.match(stage.text('.properties') ?? '', /write_delay/)
})

test('the write delay ends: what waited under it is durable at once', () => {
  const { stage, database } = delayed()
  database.exec(INSERT).exec('SET FILES WRITE DELAY FALSE')
  const { log, settings } = database.status()
  assert.is(settings.writeDelayMillis, 0)
  assert.is(log.durableLsn, log.endLsn)
  assert.match(stage.text('.properties') ?? '', /^write_delay_millis=0$/m)
})

const exits = ['process.exit', 'uncaught exception', 'end of the program', 'commit at exit'] as const
for (const way of exits) {
  test(`a process ends by ${way} under a long write delay: everything committed is there`, async () => {
    time.release()
    const dir = mkdtempSync(join(tmpdir(), 'scriptlog-exit-'))
    const child = fileURLToPath(new URL('exiting-child.ts', import.meta.url))
    const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', child, join(dir, 'app'), way])
    assert.is(status, way === 'uncaught exception' ? 1 : 0, String(stderr))
    const database = new Database(join(dir, 'app'))
    try {
      assert.is(counted(database), way === 'commit at exit' ? 4 : 3)
    } finally {
      database.close()
      await rimraf(dir)
    }
  })
}

test.run()
