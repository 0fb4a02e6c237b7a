// A checkpoint that fails at any of its operations, once or for good, with or without an effect: the caller is told,
// commits go on, nothing is lost, and the next checkpoint completes.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Database } from '../../lib/database/database.ts'
import {
  CheckpointIncompleteError,
  CommitInDoubtError,
  ReadOnlyModeError,
  type ScriptlogError,
  UsageError,
} from '../../lib/errors.ts'
import type { Fault } from '../../lib/fs/memory.ts'
import { nth, Stage, thrown } from './stage.ts'

const CREATE = 'CREATE TABLE t(x)'
const INSERT = 'INSERT INTO t VALUES(1)'
const WHOLE = ['.log', '.properties', '.script']

const counted = (database: Database) => database.prepare('SELECT count(*) FROM t').pluck().get()

/** Open, with a snapshot from before and a commit since. */
function begun(): { stage: Stage; database: Database } {
  const stage = new Stage()
  stage.open().exec(CREATE).close()
  return { stage, database: stage.open().exec(INSERT) }
}

/** Operations of a checkpoint that nothing disturbs. */
const OPERATIONS = (() => {
  const { stage, database } = begun()
  return stage.trace(() => database.checkpoint()).split('\n')
})()
/** That of the rename of `.properties.new` that makes the checkpoint count, from 1. */
const COMMIT_POINT = OPERATIONS.indexOf('rename app.properties.new -> app.properties') + 1

const WAYS: readonly { readonly name: string; readonly fault: Fault; readonly forGood: boolean }[] = [
  { name: 'EIO, once', fault: { code: 'EIO' }, forGood: false },
  { name: 'ENOSPC, for good', fault: { code: 'ENOSPC', writtenBytes: 11 }, forGood: true },
  { name: 'EDQUOT, once, with an effect', fault: { code: 'EDQUOT', takesEffect: true }, forGood: false },
  { name: 'EROFS, for good, with an effect', fault: { code: 'EROFS', takesEffect: true }, forGood: true },
]

for (const { name, fault, forGood } of WAYS) {
  test(`each operation of a checkpoint fails (${name}): told, nothing lost, completed by the next one`, () => {
    for (const [index, operation] of OPERATIONS.entries()) {
      const { stage, database } = begun()
      stage.failing = nth(index + 1, {}, fault, forGood)
      const error = thrown(CheckpointIncompleteError, () => database.checkpoint())
      const told = `${operation}: ${error.message}`
      assert.is(error.severity, 'soft', told)
      assert.ok(error.retryable, told)
      assert.is(error.reason, 'checkpoint', told)
      stage.failing = () => undefined

      // Only at the commit point itself is it open which log counts; and only when it cannot be taken back.
      const { failure } = database.status()
      if (failure !== undefined) {
        assert.ok(forGood && index + 1 >= COMMIT_POINT && index <= COMMIT_POINT, told)
        thrown(ReadOnlyModeError, () => database.exec(INSERT))
        if (failure.severity === 'fatal') {
          thrown(ReadOnlyModeError, () => database.resume())
          database.close()
          assert.is(counted(stage.open()), 1, told)
          continue
        }
        database.resume()
      }
      database.exec(INSERT)
      assert.is(counted(database), 2, told)

      database.checkpoint()
      assert.equal(stage.names(), WHOLE, told)
      assert.not(database.status().hasUnfinishedCheckpoint)
      database.exec(INSERT)
      const reopened = stage.open()
      assert.is(counted(reopened), 3, told)
    }
  })

  test(`each operation of a checkpoint fails (${name}), then a kill: the next open finishes or undoes it`, () => {
    for (const [index, operation] of OPERATIONS.entries()) {
      const { stage, database } = begun()
      stage.failing = nth(index + 1, {}, fault, forGood)
      thrown(CheckpointIncompleteError, () => database.checkpoint())
      stage.failing = () => undefined
      if (database.status().isWritable) database.exec(INSERT)
      const expected = counted(database)
      const reopened = stage.open().exec('INSERT INTO t VALUES(2)')
      assert.is(counted(reopened), Number(expected) + 1, operation)
      reopened.close()
      assert.is(counted(stage.open()), Number(expected) + 1, operation)
    }
  })
}

test('the commit point fails after its rename and is taken back: the old log goes on, no .new file is left', () => {
  const { stage, database } = begun()
  stage.failing = nth(1, { kind: 'rename', path: '.properties' }, { code: 'EIO', takesEffect: true })
  const error = thrown(CheckpointIncompleteError, () => database.checkpoint())
  assert.match(error.message, 'the log goes on as before')
  assert.is(database.status().modified, 'yes')
  assert.match(stage.text('.properties') ?? '', /^modified=yes$/m)
  assert.equal(stage.names(), WHOLE)
  database.exec(INSERT)
  assert.is(counted(stage.open()), 2)
})

test('the commit point fails and cannot be taken back: read-only, the new files stay; resume decides for the old log', () => {
  const { stage, database } = begun()
  const rename = nth(1, { kind: 'rename', path: '.properties' }, { code: 'EIO', takesEffect: true })
  const create = nth(2, { kind: 'create', path: '.properties.new' }, { code: 'EIO' })
  stage.failing = (operation) => rename(operation) ?? create(operation)
  thrown(CheckpointIncompleteError, () => database.checkpoint())
  assert.match(stage.text('.properties') ?? '', /^modified=yes-new-files$/m)
  assert.equal(stage.names(), ['.log', '.log.new', '.properties', '.script', '.script.new'])
  thrown(ReadOnlyModeError, () => database.exec(INSERT))
  assert.is(counted(database), 1)
  database.resume()
  assert.match(stage.text('.properties') ?? '', /^modified=yes$/m)
  database.exec(INSERT)
  assert.is(counted(stage.open()), 2)
})

test('the last step is in doubt: commits go on at once, under a state that was made certain first', () => {
  const { stage, database } = begun()
  stage.failing = nth(2, { kind: 'rename', path: '.properties' }, { code: 'EIO', takesEffect: true })
  thrown(CheckpointIncompleteError, () => database.checkpoint())
  assert.ok(database.status().hasUnfinishedCheckpoint)
  const trace = stage.trace(() => database.exec(INSERT))
  assert.match(
    trace,
    /rename app.properties.new -> app.properties\nsyncdir \.\nappend app.log\nsync app.log$/,
  )
  assert.is(counted(stage.open()), 2)
})

test('the log cannot be synced by a checkpoint: that is a commit in doubt, and no checkpoint', () => {
  const stage = new Stage()
  const database = stage.open({ writeDelayMillis: 600_000 }).exec(CREATE).exec(INSERT)
  stage.failing = nth(1, { kind: 'sync', path: '.log' }, { code: 'EIO' })
  thrown(CommitInDoubtError, () => database.checkpoint())
  assert.equal(stage.names(), ['.log', '.properties'])
  thrown(ReadOnlyModeError, () => database.checkpoint())
  database.resume().checkpoint()
  assert.equal(stage.names(), WHOLE)
  assert.is(counted(stage.open()), 1)
})

test('no checkpoint inside a transaction or an iteration', () => {
  const { database } = begun()
  database.exec('BEGIN')
  thrown(UsageError, () => database.checkpoint())
  database.exec('ROLLBACK')
  const rows = database.prepare('INSERT INTO t VALUES(2) RETURNING x').iterate()
  rows.next()
  thrown(UsageError, () => database.checkpoint())
  rows.next()
  database.checkpoint()
})

test('a checkpoint tells where it is, how large and how long; status has its LSN', () => {
  const { database } = begun()
  const heard: string[] = []
  database.on('checkpoint', ({ lsn }) => heard.push(lsn))
  const { endLsn } = database.status().log
  const { lsn, scriptBytes, durationMillis } = database.checkpoint()
  assert.is(lsn, endLsn)
  assert.ok(scriptBytes > 0 && durationMillis > 0)
  assert.equal(heard, [lsn])
  assert.equal(database.status().lastCheckpoint, { lsn, xid: 2 })
  assert.is(database.status().log.startLsn, lsn)
})

test('automatic checkpoint: once the log is larger than log_size', () => {
  const stage = new Stage()
  const database = stage.open({ logSize: 1 }).exec(CREATE)
  const heard: string[] = []
  database.on('checkpoint', ({ lsn }) => heard.push(lsn))
  const insert = database.prepare('INSERT INTO t VALUES(?)')
  for (let each = 0; each < 5; each++) insert.run('x'.repeat(450_000))
  assert.is(heard.length, 1)
  assert.is(database.status().lastCheckpoint.lsn, heard[0])
})

test('automatic checkpoint that fails: no commit throws, an event tells; one that suppresses it has it tried after a quarter more', () => {
  const stage = new Stage()
  const database = stage.open({ logSize: 1 }).exec(CREATE)
  const errors: ScriptlogError[] = []
  let completed = 0
  database.on('backgroundError', ({ error, suppress }) => {
    errors.push(error)
    suppress?.()
  })
  database.on('checkpoint', () => completed++)
  const insert = database.prepare('INSERT INTO t VALUES(?)')
  stage.failing = nth(1, { kind: 'create', path: '.script.new' }, { code: 'ENOSPC' }, true)
  insert.run('x'.repeat(1_000_000))
  assert.is(errors.length, 1)
  assert.instance(errors[0], CheckpointIncompleteError)
  assert.is(database.status().failure, undefined)
  insert.run('x'.repeat(100_000))
  assert.is(errors.length, 1, 'not at every commit')
  insert.run('x'.repeat(200_000))
  assert.is(errors.length, 2)
  stage.failing = () => undefined
  insert.run('x'.repeat(300_000))
  assert.is(completed, 1)
  assert.equal(
    database.status().lastErrors.map(({ reason, isSuppressed }) => [reason, isSuppressed]),
    [
      ['checkpoint', true],
      ['checkpoint', true],
    ],
  )
  assert.is(counted(stage.open()), 4)
})

test('log_size=0: no checkpoint by itself', () => {
  const stage = new Stage()
  const database = stage.open({ logSize: 0 }).exec(CREATE)
  database.prepare('INSERT INTO t VALUES(?)').run('x'.repeat(2_000_000))
  assert.equal(stage.names(), ['.log', '.properties'])
})

test.run()
