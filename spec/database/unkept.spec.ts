// Databases that are never saved: in memory, and images that serialize() gave.

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import { UsageError } from '../../lib/errors.ts'
import { thrownBy } from '../bad-input/refusal.ts'
import { MemoryWorld } from '../support/memory-world.ts'
import { inQuickDirectory } from '../support/temp-directory.ts'
import { outcome, outcomes } from './twins.ts'

/** What can be told of a database in memory. */
function told(db: BetterSqlite3.Database): unknown {
  const { name, memory, readonly, open, inTransaction } = db
  db.exec("CREATE TABLE t(a UNIQUE); INSERT INTO t VALUES(1), ('x')")
  const insert = db.prepare('INSERT INTO t VALUES(?)')
  return [
    { name, memory, readonly, open, inTransaction },
    insert.run(5),
    ...outcomes(
      () => insert.run(5),
      () => db.transaction(() => insert.run(6))(),
      () => db.prepare('SELECT * FROM t').all(),
      () => db.pragma('journal_mode', { simple: true }),
      () => db.pragma('temp_store = FILE'),
      () => db.exec('CREATE VIRTUAL TABLE f USING fts5(a)') === db,
      () => db.prepare('INSERT INTO t VALUES(9) RETURNING a').all(),
      () => db.unsafeMode().exec('SELECT 1') === db,
      () => db.defaultSafeIntegers().prepare('SELECT count(*) FROM t').pluck().get(),
      () => db.close().open,
      () => db.prepare('SELECT 1'),
      () => insert.run(7),
    ),
  ]
}

test('in memory by whatever word: as better-sqlite3, and not a file anywhere', () =>
  inQuickDirectory((dir) => {
    const before = process.cwd()
    process.chdir(dir)
    try {
      for (const args of [
        [],
        [''],
        [null],
        [undefined],
        [' '],
        [':memory:'],
        [' :memory: '],
        ['', { timeout: 5 }],
        [':memory:', null],
      ]) {
        const ours = Reflect.construct(Database, args)
        const theirs = Reflect.construct(BetterSqlite3, args)
        assert.equal(told(ours), told(theirs), JSON.stringify(args))
      }
      assert.equal(readdirSync(dir), [])
      assert.not.ok(existsSync(':memory:'))
    } finally {
      process.chdir(before)
    }
  }))

test('all of its statements are better-sqlite3’s own objects, and name it as theirs', () => {
  const db = new Database(':memory:')
  const own = Object.getPrototypeOf(new BetterSqlite3(':memory:').prepare('SELECT 1'))
  db.exec('CREATE TABLE t(a)')
  for (const sql of ['SELECT 1', 'INSERT INTO t VALUES(1)', 'CREATE TABLE u(a)']) {
    assert.is(Object.getPrototypeOf(db.prepare(sql)), own)
    assert.is(db.prepare(sql).database, db)
  }
})

test('what is there to make things durable does nothing, what needs files says so', async () => {
  const events: string[] = []
  const db = new Database(':memory:', { onEvent: ({ kind }) => events.push(kind) })
  db.exec(
    'CREATE MEMORY TABLE t(a); INSERT INTO t VALUES(1); CHECKPOINT; SET FILES WRITE DELAY 5; SET FILES LOG SIZE 1',
  )
  db.flush()
  await db.flushed()
  assert.equal(db.checkpoint(), { lsn: '0/00000000', scriptBytes: 0, rows: 0, durationMillis: 0 })
  assert.is(db.resume(), db)
  assert.is(db.lastCommit, undefined)
  assert.instance(
    thrownBy(() => db.status()),
    UsageError,
  )
  assert.instance(
    thrownBy(() => db.redo([])),
    UsageError,
  )
  assert.is(db.prepare('SELECT count(*) FROM t').pluck().get(), 1)
  db.prepare('SHUTDOWN').run()
  assert.is(db.open, false)
  assert.equal(events, [])
})

test('setup registers functions here too', () => {
  const db = new Database(':memory:', { setup: (registrar) => void registrar.function('two', () => 2) })
  assert.is(db.prepare('SELECT two()').pluck().get(), 2)
})

test('an image: of a database of ours, of better-sqlite3’s, opened by either, read-only, and changed', () => {
  const db = new MemoryWorld().open()
  db.exec(`CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE); INSERT INTO t(a) VALUES('x'), (2.5); CREATE INDEX i ON t(a DESC);
    CREATE TRIGGER r AFTER INSERT ON t BEGIN UPDATE t SET a = 'new' WHERE id = new.id; END;
    PRAGMA user_version = 7; PRAGMA application_id = 99; CREATE TEMP TABLE x(a)`)
  const image = db.serialize()
  const rows = db.prepare('SELECT * FROM t').all()
  const schema = db.prepare('SELECT type, name, sql FROM sqlite_schema').all()
  for (const open of [
    (options?: object): BetterSqlite3.Database => new Database(image, options),
    (options?: object): BetterSqlite3.Database => new BetterSqlite3(image, options),
  ]) {
    const copy = open()
    assert.equal([copy.name, copy.memory, copy.readonly], [':memory:', true, false])
    assert.equal(copy.prepare('SELECT * FROM t').all(), rows)
    assert.equal(copy.prepare('SELECT type, name, sql FROM sqlite_schema').all(), schema)
    assert.equal(
      ['user_version', 'application_id', 'integrity_check'].map((name) =>
        copy.pragma(name, { simple: true }),
      ),
      [7, 99, 'ok'],
    )
    assert.equal(copy.serialize(), image)
    copy.exec('INSERT INTO t(a) VALUES(3)')
    assert.is(copy.prepare("SELECT count(*) FROM t WHERE a = 'new'").pluck().get(), 1)
    const readonly = open({ readonly: true })
    assert.is(readonly.readonly, true)
    assert.equal(readonly.prepare('SELECT * FROM t').all(), rows)
    assert.equal(
      outcome(() => readonly.exec('DELETE FROM t')),
      { thrown: 'SqliteError', code: 'SQLITE_READONLY', message: 'attempt to write a readonly database' },
    )
    assert.equal(readonly.serialize(), image)
  }
  db.exec('INSERT INTO t(a) VALUES(4)')
  assert.is(new Database(image).prepare('SELECT count(*) FROM t').pluck().get(), 2)
  assert.equal(
    outcome(() =>
      new Database(Buffer.from('no database'.repeat(100))).prepare('SELECT * FROM sqlite_schema').all(),
    ),
    outcome(() =>
      new BetterSqlite3(Buffer.from('no database'.repeat(100))).prepare('SELECT * FROM sqlite_schema').all(),
    ),
  )
})

test('serialize({ attached }): an attached database, and an empty one of ours', () =>
  inQuickDirectory((dir) => {
    const path = join(dir, 'other.db')
    const other = new BetterSqlite3(path)
    other.exec("CREATE TABLE o(a); INSERT INTO o VALUES('kept')")
    const expected = other.serialize()
    other.close()
    const db = new MemoryWorld().open()
    const empty = new Database(db.serialize())
    assert.equal(empty.prepare('SELECT * FROM sqlite_schema').all(), [])
    db.prepare('ATTACH ? AS other').run(path)
    assert.equal(db.serialize({ attached: 'other' }), expected)
  }))

test.run()
