// What attacks on the write path have found, each reduced to its core.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { contentOf } from '../support/content.ts'
import { MemoryWorld } from '../support/memory-world.ts'
import { assertTwins, outcome, outcomes, type SqlDatabase } from './twins.ts'

test('a generated column that is called rowid is not the rowid', () =>
  assertTwins((db) => {
    db.exec('CREATE TABLE t(id INTEGER PRIMARY KEY, a, rowid AS (a * 2))')
    for (let id = 1; id <= 8; id++) db.prepare('INSERT INTO t VALUES(?, ?)').run(id, id)
    db.prepare('DELETE FROM t WHERE rowid = ?').run(4)
    db.exec('BEGIN')
    db.prepare('UPDATE t SET a = 50 WHERE rowid = ?').run(6)
    db.exec('COMMIT')
  }))

test('a write that a function of the user tries in vain: what is written later is captured', () =>
  assertTwins((db) => {
    db.exec('CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE)')
    const insert = db.prepare('INSERT INTO t(a) SELECT ?')
    db.function('f', () => insert.run(1))
    return outcomes(
      () => db.prepare('SELECT f()').get(),
      () => insert.run(2),
    )
  }))

test('signs without end: a literal in place of a parameter would make the expression too deep to be read again', () =>
  assertTwins((db) => {
    db.exec('CREATE TABLE t(a)')
    const prefixes = ['~', 'NOT ', '- ', '+']
    for (const prefix of prefixes) {
      for (const value of [-5, 'x\ny\tz\r']) {
        for (const depth of [1, 2, 3, 4, 5, 995, 996, 997, 998, 999]) {
          db.exec('INSERT INTO t VALUES(1), (2)')
          outcome(() => db.prepare(`DELETE FROM t WHERE ${prefix.repeat(depth)}?`).run(value))
        }
      }
    }
  }))

test('a ROLLBACK beside a writing iterator: what was text is forgotten, and what comes later is captured', () => {
  const rollBackBesideIterator = (db: SqlDatabase, end: (rows: IterableIterator<unknown>) => void) => {
    db.exec('CREATE TABLE t(a); CREATE TABLE u(a); INSERT INTO u VALUES(1)')
    db.unsafeMode(true)
    db.exec('BEGIN; UPDATE u SET a = a + 1; CREATE TABLE x(a)')
    const rows = db.prepare('INSERT INTO t SELECT 1 UNION SELECT 2 RETURNING a').iterate()
    rows.next()
    db.exec('ROLLBACK; INSERT INTO u SELECT 7')
    end(rows)
    db.exec('INSERT INTO u SELECT 8')
  }
  assertTwins((db) => rollBackBesideIterator(db, (rows) => rows.return?.()))
  assertTwins((db) => rollBackBesideIterator(db, (rows) => outcome(() => [...rows])))
})

test('OR ROLLBACK beside a writing iterator, outside of any BEGIN: what was made for capture is made anew', () => {
  assertTwins((db) => {
    db.exec(
      'CREATE TABLE t(a UNIQUE); CREATE TABLE k(a PRIMARY KEY, b) WITHOUT ROWID; INSERT INTO t VALUES(1), (2)',
    )
    db.exec('CREATE TEMP TRIGGER g BEFORE DELETE ON t BEGIN SELECT 1; END')
    db.unsafeMode(true)
    const rows = db.prepare('UPDATE t SET a = a WHERE a > 0 RETURNING a').iterate()
    rows.next()
    const results = outcomes(
      () => void db.exec('INSERT OR REPLACE INTO k VALUES(1, 1)'),
      () => void db.exec('INSERT OR ROLLBACK INTO t VALUES(2)'),
      () => void db.exec('INSERT INTO k SELECT 2, 2; DROP TRIGGER g; INSERT INTO k SELECT 3, 3'),
    )
    rows.return?.()
    db.exec('INSERT INTO k SELECT 4, 4')
    return results
  })
  assertTwins((db) => {
    db.exec('CREATE TABLE t(a UNIQUE); CREATE TABLE k(a); INSERT INTO t VALUES(1), (2)')
    db.unsafeMode(true)
    const rows = db.prepare('UPDATE t SET a = a WHERE a > 0 RETURNING a').iterate()
    rows.next()
    const results = outcomes(
      () => void db.exec('DROP TABLE k'),
      () => void db.exec('INSERT OR ROLLBACK INTO t VALUES(2)'),
    )
    rows.return?.()
    return results
  })
})

test('what fails beside a writing iterator fails as it does without us, whatever capture has to make anew', () =>
  assertTwins((db) => {
    db.exec('CREATE VIRTUAL TABLE f USING fts5(a); CREATE TABLE t(a UNIQUE); INSERT INTO t VALUES(1), (2)')
    db.exec('CREATE TRIGGER g AFTER DELETE ON t BEGIN SELECT 1; END')
    const results: unknown[] = []
    for (const _ of db.prepare('UPDATE t SET a = a WHERE a > 0 RETURNING a').iterate()) {
      for (const sql of [
        'REPLACE INTO t VALUES(7)',
        'INSERT INTO t SELECT 1',
        'INSERT OR ROLLBACK INTO t VALUES(1)',
      ]) {
        results.push(outcome(() => db.prepare(`${sql} RETURNING a`).all()))
      }
    }
    return results
  }))

test('in unsafe mode a query with several parts is read to its end, whatever is written beside it', () => {
  for (const begin of ['SELECT 1', 'BEGIN; SAVEPOINT s']) {
    assertTwins((db) => {
      db.exec(`CREATE TABLE t(a); CREATE TABLE u(a); INSERT INTO t VALUES(1), (2)`)
      const query = db.prepare('SELECT a FROM t UNION ALL SELECT a + 10 FROM t').pluck()
      db.unsafeMode(true)
      db.exec(begin)
      const seen: unknown[] = []
      for (const a of query.iterate()) {
        seen.push(a)
        db.prepare('INSERT INTO u VALUES(?)').run(a)
        db.prepare('UPDATE u SET a = a + 1').run()
        db.prepare('INSERT INTO u SELECT ?').run(a)
        for (let more = 0; more < 2000 && !db.inTransaction; more++)
          db.prepare('DELETE FROM u WHERE rowid = 99').run()
      }
      if (db.inTransaction) db.exec('COMMIT')
      return seen
    })
  }
})

test('values are read once, before anything else, and only where better-sqlite3 looks', () =>
  assertTwins((db) => {
    db.exec('CREATE TABLE t(a)')
    let reads = 0
    const counting = {
      get a() {
        return ++reads
      },
    }
    const listed: unknown[] = [0]
    Object.defineProperty(listed, 0, { get: () => ++reads })
    const hidden = Object.create(null, { a: { value: 'not enumerable' } })
    const named = [
      'INSERT INTO t VALUES(:a)',
      'INSERT INTO t SELECT :a',
      'INSERT INTO t VALUES(abs(:a)) RETURNING a',
    ]
    const results: unknown[] = []
    for (const sql of named) {
      const statement = db.prepare(sql)
      for (const values of [counting, hidden, JSON.parse('{"a": 1, "__proto__": 2}')]) {
        results.push(
          outcome(() => (statement.reader ? statement.get(values) : statement.run(values))),
          reads,
        )
      }
    }
    for (const sql of ['INSERT INTO t VALUES(?)', 'INSERT INTO t SELECT ?', 'INSERT INTO t VALUES(?, ?)']) {
      results.push(
        outcome(() => db.prepare(sql).run(listed)),
        reads,
      )
    }
    db.exec('BEGIN')
    const ending = {
      get a() {
        if (db.inTransaction) db.exec('INSERT INTO t VALUES(-1); UPDATE t SET a = a + 1 WHERE a > 5; COMMIT')
        return 1
      },
    }
    results.push(outcome(() => db.prepare('INSERT INTO t SELECT :a').run(ending)))
    db.exec('BEGIN')
    const failing = {
      get a() {
        db.exec('INSERT INTO t VALUES(-2); COMMIT')
        throw new Error('mine')
      },
    }
    results.push(outcome(() => db.prepare('INSERT INTO t SELECT :a').run(failing)))
    return results
  }))

test('what stands in a list of values is a value', () =>
  assertTwins((db) => {
    db.exec('CREATE TABLE t(a)')
    const results: unknown[] = []
    for (const sql of [
      'INSERT INTO t VALUES(?)',
      'INSERT INTO t VALUES(:a)',
      'INSERT INTO t VALUES(:__proto__)',
    ]) {
      const statement = db.prepare(sql)
      for (const value of [[1], { a: 1 }, [], [null], JSON.parse('{"__proto__": 5}')]) {
        results.push(
          outcome(() => statement.run([value])),
          outcome(() => statement.run(value)),
        )
      }
    }
    return results
  }))

test('many rows replaced beside a query: tables of capture that cannot be dropped then are dropped later', () => {
  for (const sql of [
    `CREATE TABLE t(a PRIMARY KEY); CREATE TABLE l(a); CREATE TRIGGER g AFTER INSERT ON l BEGIN SELECT 1; END;
    WITH RECURSIVE c(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM c WHERE x < 10050) REPLACE INTO t SELECT x FROM c`,
    `CREATE VIRTUAL TABLE t USING fts5(a);
    WITH RECURSIVE c(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM c WHERE x < 10050) INSERT INTO t SELECT x FROM c`,
  ]) {
    const [schema = '', write = ''] = sql.split(/(?=WITH)/)
    const told: string[] = []
    const db = new MemoryWorld().open({ onEvent: ({ kind }) => told.push(kind) })
    db.exec(`${schema}; CREATE TABLE u(a); INSERT INTO u VALUES(1), (2)`)
    db.unsafeMode(true)
    const query = db.prepare('SELECT a FROM u UNION ALL SELECT a FROM u')
    for (const _ of db.prepare('SELECT a FROM u').iterate()) db.exec(`${write}; DELETE FROM t`)
    // Their tables are there by now, and nothing needs to be made.
    for (const _ of query.iterate()) db.exec(`${write}; DELETE FROM t`)
    db.exec(`${write}; INSERT INTO u VALUES(3)`)
    assert.not.ok(told.includes('backgroundError'))
    assert.not.ok(told.includes('checkpoint'))
    db.close()
  }
})

test('queries that are asked row by row: a PRAGMA holds no commit up, and what FTS4 writes in a SELECT is captured', () => {
  const world = new MemoryWorld()
  const db = world.open()
  db.exec('CREATE TABLE t(a); CREATE VIRTUAL TABLE f USING fts4(a)')
  db.unsafeMode(true)
  for (const word of 'abcdefgh') db.prepare('INSERT INTO f VALUES(?)').run(word)
  const columns = db.prepare('PRAGMA table_info(t)').iterate()
  columns.next()
  db.exec('INSERT INTO t SELECT 1')
  assert.is(contentOf(world.killed().open()), contentOf(db))
  assert.is([...columns].length, 0)
  db.unsafeMode(false)
  for (const _ of db.prepare('SELECT optimize(f) FROM f').iterate()) break
  assert.is(db.prepare('SELECT count(*) FROM f_segdir').pluck().get(), 1)
  assert.is(world.killed().open().prepare('SELECT count(*) FROM f_segdir').pluck().get(), 1)
  db.close()
})

test.run()
