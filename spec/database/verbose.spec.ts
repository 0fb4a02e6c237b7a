// The option verbose: it hears what the application runs, as better-sqlite3 would tell it, and nothing else.

import BetterSqlite3 from 'better-sqlite3'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import { MEMORY_DIR, MemoryWorld } from '../support/memory-world.ts'
import { outcome } from './twins.ts'

/** What both tell of the same calls. */
function assertHeardAlike(act: (db: BetterSqlite3.Database) => unknown, setup?: string): readonly string[] {
  const heard: [unknown[], unknown[]] = [[], []]
  const world = new MemoryWorld()
  const listen = (calls: unknown[]) =>
    function (this: unknown, ...args: unknown[]) {
      calls.push([this, ...args])
    }
  const ours = new Database(
    `${MEMORY_DIR}/app`,
    { writeDelayMillis: 0, verbose: listen(heard[0]) },
    world.host,
  )
  const theirs = new BetterSqlite3(':memory:', { verbose: listen(heard[1]) })
  if (setup !== undefined) for (const db of [ours, theirs]) db.exec(setup)
  const [ourResult, theirResult] = [ours, theirs].map((db) => outcome(() => act(db)))
  assert.equal(ourResult, theirResult)
  assert.equal(heard[0], heard[1])
  return heard[0].map(String)
}

test('reads, writes, RETURNING, PRAGMAs and several statements of one text, with values filled in', () => {
  const heard = assertHeardAlike((db) => {
    const read = db.prepare('SELECT ?')
    db.exec('SELECT 5;\n CREATE TABLE t(a, b)  ;; CREATE UNIQUE INDEX i ON t(a);')
    read.get(10n)
    read.all('short')
    read.iterate(20).return?.()
    for (const _ of read.iterate(25));
    const insert = db.prepare('INSERT INTO t VALUES(@a, ?)')
    insert.run({ a: 'it’s' }, Buffer.from('xyz'))
    insert.run({ a: 'this is surely a text that is too long to be told in full' }, null)
    db.prepare('UPDATE t SET b = ? RETURNING *').all(3)
    for (const _ of db.prepare('DELETE FROM t WHERE b = 3 RETURNING a').iterate());
    db.pragma('cache_size')
    db.pragma('user_version = 5')
    db.prepare('PRAGMA user_version').get()
    db.prepare('BEGIN').run()
    db.prepare('COMMIT').run()
    db.transaction(() => db.prepare('REPLACE INTO t VALUES(1, 2)').run()).immediate()
  })
  assert.ok(heard.length > 15)
})

test('not a word of capture, triggers, checkpoints, commits that fail, or the close', () => {
  assertHeardAlike(
    (db) => {
      const insert = db.prepare('INSERT INTO t(a) VALUES(?)')
      insert.run(1)
      try {
        insert.run(1)
      } catch {
        // A duplicate.
      }
      db.exec(
        'BEGIN; SAVEPOINT s; INSERT INTO t(a) VALUES(7); ALTER TABLE t ADD COLUMN c; ROLLBACK TO s; RELEASE s; COMMIT',
      )
      db.exec('DROP TABLE t; VACUUM; ANALYZE')
      db.close()
    },
    `CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a UNIQUE); CREATE TABLE log(a);
    CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO log VALUES(new.a); END`,
  )
})

test('HSQLDB’s statements are told as they are, and what they do is not', () => {
  const heard: unknown[] = []
  const world = new MemoryWorld()
  const db = new Database(`${MEMORY_DIR}/app`, { verbose: (sql) => heard.push(sql) }, world.host)
  db.exec('CREATE MEMORY TABLE t(a)')
  db.exec('CHECKPOINT')
  db.prepare('SET FILES LOG SIZE 5').run()
  db.checkpoint()
  db.flush()
  db.exec('SHUTDOWN')
  assert.equal(heard, ['CREATE  TABLE t(a)', 'CHECKPOINT', 'SET FILES LOG SIZE 5', 'SHUTDOWN'])
})

test('one that throws prevents the statement, and nothing else', () => {
  const tell = (db: BetterSqlite3.Database, fail: (isOn: boolean) => void) => {
    db.exec('CREATE TABLE t(a)')
    const insert = db.prepare('INSERT INTO t VALUES(?) RETURNING a')
    const acts: (() => unknown)[] = [
      () => db.exec('INSERT INTO t VALUES(1)') === db,
      () => db.prepare('INSERT INTO t VALUES(2)').run(),
      () => insert.all(3),
      () => [...insert.iterate(4)],
      () => db.prepare('SELECT * FROM t').all(),
      () => db.pragma('user_version'),
      () => db.transaction(() => db.exec('INSERT INTO t VALUES(5)') === db)(),
      () => db.exec('CREATE TABLE u(a)') === db,
    ]
    const results = acts.map((act) => {
      fail(true)
      const failed = outcome(act)
      fail(false)
      return [failed, db.inTransaction]
    })
    return [results, db.prepare('SELECT name FROM sqlite_schema').all(), db.prepare('SELECT * FROM t').all()]
  }
  let isFailing = false
  const verbose = () => {
    if (isFailing) throw new RangeError('not now')
  }
  const fail = (isOn: boolean) => {
    isFailing = isOn
  }
  const world = new MemoryWorld()
  const ours = new Database(`${MEMORY_DIR}/app`, { writeDelayMillis: 0, verbose }, world.host)
  assert.equal(tell(ours, fail), tell(new BetterSqlite3(':memory:', { verbose }), fail))
  assert.equal(world.killed().open().prepare('SELECT * FROM t').all(), [])
})

test.run()
