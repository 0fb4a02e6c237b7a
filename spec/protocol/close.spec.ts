// Close in its modes: what the next open finds, and what a failure leaves.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Database } from '../../lib/database/database.ts'
import type { CloseMode } from '../../lib/database/hsqldb-statement.ts'
import { CheckpointIncompleteError, CommitInDoubtError } from '../../lib/errors.ts'
import { nth, Stage, thrown } from './stage.ts'

const CREATE = 'CREATE TABLE t(x)'
const INSERT = 'INSERT INTO t VALUES(1)'

const counted = (database: Database) => database.prepare('SELECT count(*) FROM t').pluck().get()

for (const mode of ['normal', 'compact', 'script'] as const satisfies readonly CloseMode[]) {
  test(`close ${mode}: state no, an empty log; the next open redoes nothing and goes on in the same log`, () => {
    const stage = new Stage()
    stage.open().exec(CREATE).exec(INSERT).close({ mode })
    assert.match(stage.text('.properties') ?? '', /^modified=no$/m)
    assert.is((stage.text('.log') ?? '').split('\n').length, 2)
    const database = stage.open()
    const { recovery } = database.status()
    assert.ok(recovery.wasClean)
    assert.is(recovery.redoneRecords, 0)
    assert.is(recovery.wentOn, 'same-log')
    assert.is(counted(database), 1)
  })
}

test('close immediately: no checkpoint, everything durable and proven; the next open redoes it', () => {
  const stage = new Stage()
  stage.open({ writeDelayMillis: 600_000 }).exec(CREATE).exec(INSERT).close({ mode: 'immediately' })
  assert.equal(stage.names(), ['.log', '.properties'])
  assert.match(stage.text('.properties') ?? '', /^modified=yes$/m)
  assert.match(stage.text('.log') ?? '', /--@ mark .*\n$/)
  const { recovery } = stage.open().status()
  assert.not(recovery.wasClean)
  assert.is(recovery.redoneRecords, 2)
  assert.is(recovery.verdict, undefined)
})

test('close immediately over .log.next: a checkpoint, so that the files are programs', () => {
  const stage = new Stage()
  stage.open().exec(CREATE)
  stage.open().exec(INSERT).close({ mode: 'immediately' })
  assert.equal(stage.names(), ['.log', '.properties', '.script'])
  assert.is(counted(stage.open()), 1)
})

test('an open transaction is rolled back; a second close does nothing', () => {
  const stage = new Stage()
  const database = stage.open().exec(CREATE).exec('BEGIN').exec(INSERT)
  database.close()
  assert.is(
    stage.trace(() => database.close()),
    '',
  )
  assert.is(counted(stage.open()), 0)
})

test('not while a statement is iterated', () => {
  const stage = new Stage()
  const database = stage.open().exec(CREATE)
  const rows = database.prepare('INSERT INTO t VALUES(1),(2) RETURNING x').iterate()
  rows.next()
  thrown(TypeError, () => database.close())
  for (const _ of rows);
  database.close()
  assert.is(counted(stage.open()), 2)
})

test('each operation of the last checkpoint fails: told, closed all the same, nothing lost', () => {
  const trace = (() => {
    const stage = new Stage()
    const database = stage.open().exec(CREATE).exec(INSERT)
    return stage.trace(() => database.close()).split('\n')
  })()
  for (const takesEffect of [false, true]) {
    for (const [index, operation] of trace.entries()) {
      const stage = new Stage()
      const database = stage.open().exec(CREATE).exec(INSERT)
      stage.failing = nth(index + 1, {}, { code: 'EIO', takesEffect }, true)
      thrown(CheckpointIncompleteError, () => database.close())
      assert.not(database.open)
      stage.failing = () => undefined
      // The lock is free, although the checkpoint failed.
      assert.is(counted(stage.open()), 1, operation)
    }
  }
})

for (const mode of ['normal', 'immediately'] as const) {
  test(`close ${mode} after the log failed: what was in doubt is saved by a checkpoint`, () => {
    const stage = new Stage()
    const database = stage.open().exec(CREATE)
    stage.failing = nth(1, { kind: 'append', path: '.log' }, { code: 'ENOSPC', writtenBytes: 20 })
    thrown(CommitInDoubtError, () => database.exec(INSERT))
    database.close({ mode })
    const reopened = stage.open()
    assert.ok(reopened.status().recovery.wasClean)
    assert.is(counted(reopened), 1)
  })
}

test('close immediately whose sync fails: in doubt, and closed', () => {
  const stage = new Stage()
  const database = stage.open({ writeDelayMillis: 600_000 }).exec(CREATE)
  stage.failing = nth(1, { kind: 'sync', path: '.log' }, { code: 'EIO' })
  thrown(CommitInDoubtError, () => database.close({ mode: 'immediately' }))
  assert.not(database.open)
  assert.is(counted(stage.open()), 0)
})

test('close immediately whose mark cannot be written: told; what was committed is durable', () => {
  const stage = new Stage()
  const database = stage.open().exec(CREATE).exec(INSERT)
  stage.failing = nth(1, { kind: 'append', path: '.log' }, { code: 'EIO', writtenBytes: 5 })
  thrown(CommitInDoubtError, () => database.close({ mode: 'immediately' }))
  const reopened = stage.open()
  assert.is(reopened.status().recovery.verdict, 'torn')
  assert.is(counted(reopened), 1)
})

test('SET FILES: the settings are kept in .properties, and a person’s comments, order and line ends with them', () => {
  const stage = new Stage({
    '.properties': '# ours\r\nlog_size=7\r\n; more\r\n\r\nwrite_delay_millis=20\r\n# the end\r\n',
  })
  // No option: what the file says holds.
  const database = stage.open({ writeDelayMillis: undefined }).exec(CREATE)
  assert.is(database.status().settings.logSize, 7)
  assert.is(database.status().settings.writeDelayMillis, 20)
  database.exec('SET FILES LOG SIZE 9').exec('SET FILES WRITE DELAY FALSE').exec(INSERT).close()
  const text = stage.text('.properties') ?? ''
  const [, theirs] = text.split(/^state_crc=[^\n]*\n/m)
  assert.is(theirs, '# ours\r\nlog_size=9\r\n; more\r\n\r\nwrite_delay_millis=0\r\n# the end\r\n')
  const reopened = stage.open({ writeDelayMillis: undefined })
  assert.is(reopened.status().settings.logSize, 9)
  assert.is(reopened.status().settings.writeDelayMillis, 0)
})

test.run()
