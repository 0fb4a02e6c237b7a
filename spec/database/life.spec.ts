// The life of an open database: events, status, HSQLDB's statements, waiting for durability, the end of the process.

import { execFile, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import type { DatabaseEvent } from '../../lib/database/events.ts'
import { UsageError } from '../../lib/errors.ts'
import { readLog } from '../../lib/read-log.ts'
import { MEMORY_DIR, MemoryWorld } from '../support/memory-world.ts'
import { inQuickDirectory } from '../support/temp-directory.ts'

const LIBRARY = fileURLToPath(new URL('../../lib/index.ts', import.meta.url))

test('events: each step of the recovery from the first moment, then what happens', () => {
  const world = new MemoryWorld()
  const first = world.open()
  first.exec('CREATE TABLE t(a); INSERT INTO t VALUES(1)')
  const events: DatabaseEvent[] = []
  const heard: string[] = []
  const db = world.killed().open({ onEvent: (event) => events.push(event) })
  const listener = () => heard.push('checkpoint')
  db.on('checkpoint', listener)
  db.checkpoint()
  db.off('checkpoint', listener)
  db.checkpoint()
  db.close()
  assert.equal(
    events.map((event) => (event.kind === 'recoveryProgress' ? event.step : event.kind)),
    [
      'syncDir',
      'survey',
      'decide',
      'setAside',
      'load',
      'redo',
      'goOn',
      'recovered',
      'checkpoint',
      'checkpoint',
      'checkpoint',
    ],
  )
  assert.equal(heard, ['checkpoint'])
})

test('a listener that throws harms nothing: the error is uncaught, the commit and the open are done', () =>
  inQuickDirectory((dir) => {
    const path = join(dir, 'app')
    const source = `
      import { Database } from ${JSON.stringify(LIBRARY)}
      const caught = []
      process.on('uncaughtException', (error) => caught.push(error.message))
      const fail = (event) => { if (event.kind !== 'recoveryProgress') throw new Error(event.kind) }
      const db = new Database(${JSON.stringify(path)}, { onEvent: fail })
      db.exec('CREATE TABLE t(a); INSERT INTO t VALUES(1); CHECKPOINT; INSERT INTO t VALUES(2)')
      db.close()
      setImmediate(() => console.log(caught.join()))`
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', source],
      {
        encoding: 'utf8',
      },
    )
    assert.is(stdout, 'recovered,checkpoint,checkpoint\n', stderr)
    const db = new Database(path)
    assert.is(db.prepare('SELECT count(*) FROM t').pluck().get(), 2)
    db.close()
  }))

test('status: what is told of a new, a working, a killed and a closed database', () => {
  const world = new MemoryWorld()
  const db = world.open()
  const fresh = db.status()
  assert.is(fresh.path, `${MEMORY_DIR}/app`)
  assert.is(fresh.modified, 'no-new-files')
  assert.is(fresh.lastXid, 0)
  assert.is(fresh.lastCommitTime, undefined)
  assert.is(fresh.recovery.row, 'nothing-there')
  assert.is(fresh.recovery.wentOn, 'created')
  db.exec(
    'CREATE TABLE t(a); INSERT INTO t VALUES(1); BEGIN; INSERT INTO t VALUES(2); INSERT INTO t VALUES(3); COMMIT',
  )
  const working = db.status()
  assert.is(working.modified, 'yes')
  assert.is(working.lastXid, 3)
  assert.match(working.lastCommitTime ?? '', /^2026-11-20T06:53:29\.\d{6}Z$/)
  assert.is(working.log.endLsn, working.log.durableLsn)
  assert.ok(working.log.bytesSinceCheckpoint > 100)
  assert.is(working.isWritable, true)
  assert.is(working.failure, undefined)
  const after = world.killed()
  const again = after.open()
  const { recovery } = again.status()
  assert.is(recovery.row, 'log-from-the-beginning')
  assert.is(recovery.redoneRecords, 3)
  assert.is(recovery.lastXid, 3)
  assert.is(recovery.wasClean, false)
  assert.is(recovery.endLsn, working.log.endLsn)
  again.checkpoint()
  assert.is(again.status().lastCheckpoint.xid, 3)
  again.close()
  const clean = after.open()
  assert.is(clean.status().recovery.wasClean, true)
  assert.is(clean.status().recovery.redoneRecords, 0)
  assert.is(clean.status().modified, 'no')
  assert.is(clean.status().databaseId, fresh.databaseId)
})

test('a database that is only read is left as it is, to the byte', () => {
  const world = new MemoryWorld()
  const db = world.open()
  db.exec('CREATE TABLE t(a); INSERT INTO t VALUES(1)')
  db.close()
  const before = world.image()
  for (const mode of ['normal', 'immediately', 'compact', 'script'] as const) {
    const reading = world.open()
    assert.equal(reading.prepare('SELECT a FROM t').pluck().all(), [1])
    reading.exec('BEGIN; SELECT * FROM t; COMMIT; SAVEPOINT s; RELEASE s')
    reading.pragma('foreign_keys = ON')
    reading.close({ mode })
    assert.equal(world.image(), before, mode)
  }
})

test('HSQLDB’s statements through exec and prepare, in any case, with comments and semicolons', () => {
  const world = new MemoryWorld()
  const db = world.open()
  let checkpoints = 0
  db.on('checkpoint', () => {
    checkpoints += 1
  })
  db.exec('create memory table t(a); INSERT INTO t VALUES(1); checkpoint; CHECKPOINT DEFRAG;')
  const prepared = db.prepare('  CHECKPOINT ; ')
  assert.equal(prepared.run(), { changes: 0, lastInsertRowid: 0 })
  prepared.run()
  assert.is(checkpoints, 4)
  assert.is(prepared.reader, false)
  assert.throws(() => prepared.get(), /does not return data/)
  for (const [sql, millis] of [
    ['SET FILES WRITE DELAY FALSE', 0],
    ['SET FILES WRITE DELAY TRUE', 500],
    ['set files write delay 3', 3000],
    ['SET FILES WRITE DELAY 20 MILLIS', 20],
  ] as const) {
    db.exec(sql)
    assert.is(db.status().settings.writeDelayMillis, millis)
  }
  db.prepare('SET FILES LOG SIZE 12').run()
  assert.is(db.status().settings.logSize, 12)
  assert.throws(
    () => db.exec('BEGIN; INSERT INTO t VALUES(2); CHECKPOINT'),
    (error: unknown) => error instanceof UsageError,
  )
  assert.is(db.inTransaction, true)
  db.exec('COMMIT')
  for (const sql of [
    'CREATE CACHED TABLE x(a)',
    'CREATE TEXT TABLE x(a)',
    'CREATE VIRTUAL TABLE x USING dbstat',
  ]) {
    assert.throws(() => db.exec(sql), /not supported|module dbstat/, sql)
    assert.throws(() => db.prepare(sql).run(), /not supported|module dbstat/, sql)
  }
  assert.is(db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get(), 1)
  db.exec('SHUTDOWN')
  assert.is(db.open, false)
  const reopened = new Database(`${MEMORY_DIR}/app`, {}, world.host)
  assert.equal(
    [
      reopened.status().settings.writeDelayMillis,
      reopened.status().settings.logSize,
      reopened.status().recovery.wasClean,
    ],
    [20, 12, true],
  )
  reopened.prepare('INSERT INTO t VALUES(3)').run()
  reopened.prepare('SHUTDOWN IMMEDIATELY').run()
  const last = new Database(`${MEMORY_DIR}/app`, {}, world.host)
  assert.is(last.status().recovery.redoneRecords, 1)
  assert.equal(last.prepare('SELECT a FROM t').pluck().all(), [1, 2, 3])
  last.exec('DELETE FROM t; SHUTDOWN COMPACT')
  assert.is(last.open, false)
})

test('under a write delay: durable after flush(), after flushed(), after close; many waiters share a sync', async () => {
  let syncs = 0
  const world = new MemoryWorld({
    onOperation: ({ kind, path }) => {
      if (kind === 'sync' && path.endsWith('.log')) syncs++
      return undefined
    },
  })
  const db = world.open({ writeDelayMillis: 60_000 })
  db.exec('CREATE TABLE t(a)')
  const insert = db.prepare('INSERT INTO t VALUES(?)')
  db.flush()
  assert.is(db.status().log.durableLsn, db.status().log.endLsn)
  syncs = 0
  const waiters = Array.from({ length: 64 }, async (_, at) => {
    insert.run(at)
    await db.flushed()
    return db.status().log.durableLsn
  })
  assert.is(syncs, 0)
  const durable = await Promise.all(waiters)
  assert.is(syncs, 1)
  assert.is(new Set(durable).size, 1)
  assert.is(db.status().log.durableLsn, db.status().log.endLsn)
  await db.flushed()
  assert.is(syncs, 1, 'nothing is left to wait for')
  // One after another: each waits for what it committed itself.
  for (let at = 0; at < 5; at++) {
    insert.run(at)
    await db.flushed()
    assert.is(world.killed().open().prepare('SELECT count(*) FROM t').pluck().get(), 65 + at)
  }
  insert.run('last')
  db.close()
  assert.is(world.open().prepare('SELECT count(*) FROM t').pluck().get(), 70)
})

test('under a write delay a record is handed over at the end of the turn, so that a kill of the process keeps it', async () => {
  const world = new MemoryWorld()
  const db = world.open({ writeDelayMillis: 60_000 })
  db.exec('CREATE TABLE t(a)')
  await nextTurn()
  await nextTurn()
  db.exec('INSERT INTO t VALUES(1)')
  await nextTurn()
  await nextTurn()
  assert.is(world.killed().open().prepare('SELECT count(*) FROM t').pluck().get(), 1)
})

test('flushed() of a closed database is refused, and one that waits while it is closed ends well', async () => {
  const world = new MemoryWorld()
  const db = world.open({ writeDelayMillis: 60_000 })
  db.exec('CREATE TABLE t(a)')
  const waiting = db.flushed()
  db.close()
  await waiting
  await db.flushed().then(
    () => assert.unreachable(),
    (error) => assert.match(String(error), /not open/),
  )
})

test('readLog tells every transaction, in order, while the database is open', () => {
  const world = new MemoryWorld()
  const db = world.open()
  db.exec(
    "CREATE TABLE t(a); INSERT INTO t VALUES('x'); BEGIN; INSERT INTO t VALUES('y'); DELETE FROM t WHERE a = 'x'; COMMIT",
  )
  const transactions = [...readLog(`${MEMORY_DIR}/app`, world.host)]
  assert.equal(
    transactions.map(({ xid }) => xid),
    [1, 2, 3],
  )
  assert.is(transactions[0]?.sql, 'CREATE TABLE t(a);\n')
  assert.match(transactions[2]?.sql ?? '', /^INSERT INTO .*\nDELETE FROM .*\n$/)
  assert.is(transactions[2]?.endLsn, db.status().log.endLsn)
  assert.is(db.lastCommit?.lsn, transactions[2]?.lsn)
})

const ENDINGS = [
  ['returns from its main module', ''],
  ['calls process.exit()', 'process.exit(0)'],
  ['throws', "throw new Error('mine')"],
  ['rejects', "await Promise.reject(new Error('mine'))"],
] as const

for (const [name, end] of ENDINGS) {
  test(`a process that ${name} with an open database: it ends at once, and nothing committed is lost`, () =>
    inQuickDirectory(async (dir) => {
      const path = join(dir, 'app')
      const source = `
        import { Database } from ${JSON.stringify(LIBRARY)}
        const db = new Database(${JSON.stringify(path)}, { writeDelayMillis: 3_600_000 })
        db.exec('CREATE TABLE t(a)')
        const insert = db.prepare('INSERT INTO t VALUES(?)')
        for (let at = 0; at < 100; at++) insert.run(at)
        process.on('exit', () => insert.run('at exit'))
        ${end}`
      const child = execFile(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', source])
      await once(child, 'exit')
      const db = new Database(path)
      assert.is(db.prepare('SELECT count(*) FROM t').pluck().get(), 101)
      db.close()
    }))
}

test('VACUUM beside a TEMP table that hides another would drop the indexes of that one: refused; compact keeps them', () => {
  const world = new MemoryWorld()
  const db = world.open()
  db.exec(
    'CREATE TABLE t(a); CREATE UNIQUE INDEX i ON t(a); CREATE TEMP TABLE t(a); CREATE TEMP VIEW w AS SELECT 1',
  )
  assert.throws(() => db.exec('VACUUM'), /TEMP table or view t hides/)
  db.close({ mode: 'compact' })
  const names = world.open().prepare('SELECT name FROM sqlite_schema ORDER BY 1').pluck().all()
  assert.equal(names, ['i', 't'])
})

test('transactions are not redone where a TEMP trigger would fire', () => {
  const db = new MemoryWorld().open()
  db.exec(
    'CREATE TABLE t(a); CREATE TABLE log(a); CREATE TEMP TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO log VALUES(1); END',
  )
  assert.throws(() => db.redo(['INSERT INTO "t"("a") VALUES(1);\n']), /TEMP tables, views or triggers/)
})

test.run()
