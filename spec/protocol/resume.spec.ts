// Resume: how writing goes on after the log or the state failed, and what is told meanwhile.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Database } from '../../lib/database/database.ts'
import { CommitInDoubtError, ReadOnlyModeError, ScriptlogError } from '../../lib/errors.ts'
import { nth, Stage, thrown } from './stage.ts'

const CREATE = 'CREATE TABLE t(x)'
const INSERT = 'INSERT INTO t VALUES(1)'

const counted = (database: Database) => database.prepare('SELECT count(*) FROM t').pluck().get()

/** A database whose log failed under a commit. */
function failed(): { stage: Stage; database: Database } {
  const stage = new Stage()
  const database = stage.open().exec(CREATE).exec(INSERT)
  stage.failing = nth(1, { kind: 'sync', path: '.log' }, { code: 'EIO' })
  thrown(CommitInDoubtError, () => database.exec(INSERT))
  stage.failing = () => undefined
  return { stage, database }
}

test('nothing failed: nothing is done', () => {
  const stage = new Stage()
  const database = stage.open().exec(CREATE)
  assert.is(
    stage.trace(() => database.resume()),
    '',
  )
})

test('resumed: an event at the end, writable', () => {
  const { database } = failed()
  const heard: string[] = []
  database.on('errorRecoveryBegin', () => heard.push('begin'))
  database.on('errorRecoveryEnd', ({ error }) => heard.push(`end ${error?.code}`))
  database.resume()
  // It was awaited already: writing would have been resumed by itself.
  assert.equal(heard, ['end undefined'])
  assert.is(database.status().failure, undefined)
  assert.ok(database.status().isWritable)
})

test('the log fails again and again: .log.next, then checkpoints, and every commit is there', () => {
  const { stage, database } = failed()
  for (let round = 0; round < 4; round++) {
    database.resume()
    stage.failing = nth(1, { kind: 'append' }, { code: 'ENOSPC', writtenBytes: 30 + round })
    thrown(CommitInDoubtError, () => database.exec(INSERT))
    stage.failing = () => undefined
  }
  database.resume().exec(INSERT)
  assert.is(counted(database), 7)
  assert.is(counted(stage.open()), 7)
})

test('each operation of a resume fails, once and for good: told with a class, still read-only, repeated', () => {
  for (const forGood of [false, true]) {
    for (let n = 1; n <= 6; n++) {
      const { stage, database } = failed()
      stage.failing = nth(n, {}, { code: 'EIO' }, forGood)
      const error = thrown(ReadOnlyModeError, () => database.resume())
      assert.is(error.subcode, 'EIO')
      assert.ok(error.retryable)
      assert.not(database.status().isWritable)
      thrown(ReadOnlyModeError, () => database.exec(INSERT))
      stage.failing = () => undefined
      database.resume().exec(INSERT)
      assert.is(counted(stage.open()), 3)
    }
  }
})

test('a resume that fails, then a kill: the commit in doubt is there whole or not at all', () => {
  for (let n = 1; n <= 6; n++) {
    const { stage, database } = failed()
    stage.failing = nth(n, {}, { code: 'EIO', takesEffect: true }, true)
    thrown(ReadOnlyModeError, () => database.resume())
    stage.failing = () => undefined
    assert.is(counted(stage.open()), 2, 'memory did not lose what was written to it')
  }
})

test('the state cannot be made certain: the resume fails, and can be repeated', () => {
  const stage = new Stage()
  const database = stage.open().exec(CREATE)
  stage.failing = nth(1, { path: '.properties' }, { code: 'EIO', takesEffect: true })
  const restore = nth(2, { kind: 'create', path: '.properties.new' }, { code: 'EIO' }, true)
  const rename = stage.failing
  stage.failing = (operation) => rename(operation) ?? restore(operation)
  thrown(ScriptlogError, () => database.checkpoint())
  assert.not(database.status().isWritable)
  const error = thrown(ScriptlogError, () => database.resume())
  assert.is(error.reason, 'state-file')
  stage.failing = () => undefined
  database.resume().exec(INSERT)
  assert.is(counted(stage.open()), 1)
})

test('a resume that needs a checkpoint is refused inside a transaction; the transaction goes on after a rollback', () => {
  const stage = new Stage()
  stage.open().exec(CREATE)
  // .log.next is taken from here on.
  const database = stage.open({ writeDelayMillis: 600_000 }).exec(INSERT)
  stage.failing = nth(1, { kind: 'append' }, { code: 'EIO' })
  database.exec('BEGIN').exec(INSERT)
  thrown(CommitInDoubtError, () => database.flush())
  stage.failing = () => undefined
  thrown(ScriptlogError, () => database.resume())
  database.exec('ROLLBACK').resume()
  assert.is(counted(stage.open()), 1)
})

test('VACUUM whose checkpoint fails: in doubt, read-only, and a resume makes the checkpoint', () => {
  const stage = new Stage()
  const database = stage.open().exec(CREATE).exec(INSERT)
  stage.failing = nth(1, { kind: 'create', path: '.script.new' }, { code: 'ENOSPC' }, true)
  thrown(CommitInDoubtError, () => database.exec('VACUUM'))
  thrown(ReadOnlyModeError, () => database.exec(INSERT))
  thrown(ScriptlogError, () => database.resume())
  assert.not(database.status().isWritable)
  stage.failing = () => undefined
  database.resume().exec(INSERT)
  assert.equal(stage.names(), ['.log', '.properties', '.script'])
  assert.is(counted(stage.open()), 2)
})

test.run()
