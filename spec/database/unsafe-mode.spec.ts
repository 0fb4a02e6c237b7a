// unsafeMode(): the checks of better-sqlite3 are lifted as there; what is written meanwhile is kept all the same.

import BetterSqlite3 from 'better-sqlite3'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { UsageError } from '../../lib/errors.ts'
import { thrownBy } from '../bad-input/refusal.ts'
import { MemoryWorld } from '../support/memory-world.ts'
import { assertTwins, outcome, outcomes } from './twins.ts'

test('writes of every kind while queries are under way', () =>
  assertTwins((db) => {
    db.exec(`CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE); CREATE TABLE log(a);
      CREATE TRIGGER r AFTER DELETE ON t BEGIN INSERT INTO log VALUES(old.a); END;
      INSERT INTO t(a) VALUES(1), (2), (3), (4), (5)`)
    const results: unknown[] = [db.unsafeMode() === db]
    const read = db.prepare('SELECT id, a FROM t ORDER BY id')
    const insert = db.prepare('INSERT INTO log VALUES(?)')
    const update = db.prepare('UPDATE t SET a = a + 100 WHERE id = ?')
    const returning = db.prepare('UPDATE t SET a = a + 1000 WHERE id = ? RETURNING a')
    for (const row of read.raw().iterate()) {
      results.push(row, insert.run(String(row)))
      const [id] = row as unknown[]
      results.push(
        ...outcomes(
          () => update.run(id),
          () => returning.all(id),
          () => [...returning.iterate(id)],
          () => db.transaction(() => insert.run('inner'))(),
          () => db.exec(`REPLACE INTO t VALUES(${id}, ${id}); PRAGMA user_version = ${id}`) === db,
          () => db.pragma('cache_size'),
        ),
      )
    }
    return [results, db.prepare('SELECT * FROM log').all(), db.unsafeMode(false) === db]
  }))

test('a transaction around it, rolled back and committed', () =>
  assertTwins((db) => {
    db.exec('CREATE TABLE t(a); INSERT INTO t VALUES(1), (2)')
    db.unsafeMode()
    for (const end of ['ROLLBACK', 'COMMIT']) {
      db.exec('BEGIN')
      for (const _ of db.prepare('SELECT * FROM t WHERE a < 3').iterate()) db.exec('INSERT INTO t VALUES(9)')
      db.exec(end)
    }
    return db.prepare('SELECT a FROM t').pluck().all()
  }))

test('switched off again, the checks are back', () =>
  assertTwins((db) => {
    db.exec('CREATE TABLE t(a); INSERT INTO t VALUES(1)')
    const acts = () =>
      [...db.prepare('SELECT * FROM t').iterate()].length > 0 &&
      [...db.prepare('SELECT a FROM t LIMIT 1').pluck().iterate()].map(() => 0)
    const inside = () => {
      const results: unknown[] = []
      for (const _ of db.prepare('SELECT a FROM t LIMIT 1').iterate()) {
        results.push(
          outcome(() => db.exec('INSERT INTO t VALUES(2)') === db),
          outcome(() => db.pragma('cache_size')),
        )
        results.push(outcome(() => db.close() === db))
      }
      return results
    }
    return [acts(), inside(), db.unsafeMode(true) === db, inside(), db.unsafeMode(false) === db, inside()]
  }))

test('PRAGMAs that SQLite ignores outside of unsafe mode are ignored, as there', () => {
  const world = new MemoryWorld()
  for (const db of [world.open(), new BetterSqlite3(':memory:')]) {
    db.exec('CREATE TABLE t(a)')
    assert.equal(db.pragma('journal_mode = OFF'), [{ journal_mode: 'memory' }])
    assert.equal(db.pragma('writable_schema = ON'), [])
    assert.match(
      String(thrownBy(() => db.exec("UPDATE sqlite_master SET name = 'u'"))),
      /may not be modified/,
    )
  }
})

test('in unsafe mode those that would make the log untrue are refused, and nothing is changed', () => {
  const world = new MemoryWorld()
  const db = world.open()
  db.exec('CREATE TABLE t(a)')
  db.unsafeMode()
  for (const pragma of ['journal_mode = OFF', 'writable_schema = ON']) {
    assert.instance(
      thrownBy(() => db.pragma(pragma)),
      UsageError,
      pragma,
    )
    assert.instance(
      thrownBy(() => db.prepare(`PRAGMA ${pragma}`)),
      UsageError,
      pragma,
    )
    assert.instance(
      thrownBy(() => db.exec(`PRAGMA ${pragma}`)),
      UsageError,
      pragma,
    )
  }
  assert.throws(() => db.exec("UPDATE sqlite_master SET name = 'u'"))
  db.exec('BEGIN; INSERT INTO t VALUES(1); ROLLBACK; INSERT INTO t VALUES(2)')
  assert.equal(world.killed().open().prepare('SELECT a FROM t').pluck().all(), [2])
})

// A trigger on a shadow table was accepted, and the database could not be opened any more.
test('in unsafe mode the tables that a module relies on are not dropped, renamed or watched', () => {
  const world = new MemoryWorld()
  const db = world.open()
  db.exec('CREATE VIRTUAL TABLE search USING fts5(x); CREATE TABLE t(a)')
  db.unsafeMode()
  for (const sql of [
    'DROP TABLE search_data',
    'DROP TABLE main."SEARCH_config"',
    'ALTER TABLE search_config RENAME TO mine',
    'CREATE TRIGGER g AFTER INSERT ON search_data BEGIN SELECT 1; END',
    'CREATE TRIGGER IF NOT EXISTS g AFTER INSERT ON [search_idx] BEGIN SELECT 1; END',
  ]) {
    assert.instance(
      thrownBy(() => db.exec(sql)),
      UsageError,
      sql,
    )
  }
  db.exec(
    "CREATE TEMP TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END; INSERT INTO search VALUES('a'); DROP TABLE t",
  )
  const reopened = world.killed().open()
  assert.equal(reopened.prepare("SELECT * FROM search('a')").pluck().all(), ['a'])
})

test.run()
