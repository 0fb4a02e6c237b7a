// The option readonly: what is there at one moment, seen without a lock and without writing a file. How a reader moves on
// stands in refresh.spec.ts.

import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import { CorruptionError } from '../../lib/errors.ts'
import { imageOf } from '../../lib/fs/image.ts'
import { filesIn } from '../bad-input/refusal.ts'
import { MEMORY_DIR, MemoryWorld } from '../support/memory-world.ts'
import { inQuickDirectory } from '../support/temp-directory.ts'
import { outcome } from './twins.ts'

const NO_WRITE = {
  thrown: 'SqliteError',
  code: 'SQLITE_READONLY',
  message: 'attempt to write a readonly database',
}

function rows(db: Database): unknown {
  return db.prepare('SELECT * FROM t ORDER BY 1').pluck().all()
}

test('no database: as better-sqlite3 says it, and not a file is made', () =>
  inQuickDirectory((dir) => {
    const path = join(dir, 'app')
    const expected = outcome(() => new BetterSqlite3(path, { readonly: true }))
    assert.equal(
      outcome(() => new Database(path, { readonly: true })),
      expected,
    )
    assert.equal(
      outcome(() => new Database(path, { readonly: true, fileMustExist: true })),
      expected,
    )
    assert.is(filesIn(dir).size, 0)
    for (const name of ['', ':memory:']) {
      assert.equal(
        outcome(() => new Database(name, { readonly: true })),
        outcome(() => new BetterSqlite3(name, { readonly: true })),
      )
    }
  }))

test('one that was closed, one that was killed, one with nothing in it: everything is there, no file is touched', () => {
  for (const end of ['closed', 'killed', 'immediately', 'empty'] as const) {
    const world = new MemoryWorld()
    const db = world.open()
    if (end !== 'empty') {
      db.exec(
        'CREATE TABLE t(a); INSERT INTO t VALUES(1), (2); CHECKPOINT; INSERT INTO t VALUES(3); PRAGMA user_version = 4',
      )
    }
    if (end !== 'killed') db.close(end === 'immediately' ? { mode: 'immediately' } : {})
    const after = world.killed()
    const before = after.image()
    const read = new Database(`${MEMORY_DIR}/app`, { readonly: true }, after.host)
    const { name, readonly, memory, open } = read
    assert.equal(
      { name, readonly, memory, open },
      { name: `${MEMORY_DIR}/app`, readonly: true, memory: false, open: true },
    )
    if (end === 'empty') assert.equal(read.prepare('SELECT * FROM sqlite_schema').all(), [])
    else {
      assert.equal(rows(read), [1, 2, 3])
      assert.is(read.pragma('user_version', { simple: true }), 4)
    }
    read.close()
    assert.equal(after.image(), before, end)
  }
})

test('writes of every kind are refused with SQLITE_READONLY; TEMP tables are free, as there', () =>
  inQuickDirectory((dir) => {
    const schema = `CREATE TABLE t(a); INSERT INTO t VALUES(1); CREATE INDEX i ON t(a); CREATE VIEW v AS SELECT * FROM t;
      CREATE VIRTUAL TABLE f USING fts4(x); INSERT INTO f VALUES('one')`
    const world = new MemoryWorld()
    world.open().exec(schema)
    const made = new BetterSqlite3(join(dir, 'plain.db'))
    made.exec(schema)
    made.close()
    const theirs = new BetterSqlite3(join(dir, 'plain.db'), { readonly: true })
    const ours = new Database(`${MEMORY_DIR}/app`, { readonly: true }, world.host)
    new BetterSqlite3(join(dir, 'other.db')).exec('CREATE TABLE o(a)').close()
    for (const sql of [
      'INSERT INTO t VALUES(2)',
      'UPDATE t SET a = 2',
      'DELETE FROM t',
      'INSERT INTO main.t VALUES(?1)',
      'CREATE TABLE u(a)',
      'DROP TABLE t',
      'ALTER TABLE t ADD COLUMN b',
      'PRAGMA user_version = 5',
      'PRAGMA main.application_id = 5',
      'VACUUM',
      'ANALYZE',
      'REINDEX',
      "INSERT INTO f VALUES('two')",
      "INSERT INTO f(f) VALUES('optimize')",
      'CREATE TEMP TABLE x(a, b)',
      'INSERT INTO x VALUES(1, 2)',
      'WITH w AS (SELECT a, \'a ? b\' AS "?" FROM t) INSERT INTO x SELECT * FROM w -- ? :no',
      'INSERT INTO x SELECT a, 7 FROM t RETURNING a',
      'SELECT * FROM x',
      'CREATE TEMP TRIGGER r AFTER INSERT ON x BEGIN INSERT INTO t VALUES(new.a); END',
      'INSERT INTO x VALUES(3, 3)',
      'DROP TRIGGER r',
      'CREATE TEMP TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO x VALUES(new.a, 1); END',
      'INSERT INTO t VALUES(3)',
      'CREATE TEMP TRIGGER s INSTEAD OF INSERT ON v BEGIN INSERT INTO x VALUES(new.a, 1); END',
      'INSERT INTO v VALUES(3)',
      'CREATE TEMP VIEW w AS SELECT * FROM t, x',
      'SELECT count(*) FROM w',
      'CREATE VIRTUAL TABLE temp.g USING fts5(x)',
      "INSERT INTO g VALUES('three')",
      "SELECT * FROM g('three')",
      'CREATE INDEX temp.j ON x(a)',
      'ANALYZE temp',
      'ALTER TABLE x RENAME TO y',
      'DELETE FROM y',
      'DROP TABLE y',
      'BEGIN; SELECT * FROM t; COMMIT',
      'BEGIN IMMEDIATE',
      'INSERT INTO t VALUES(3)',
      'ROLLBACK',
      'BEGIN EXCLUSIVE',
      'CREATE TEMP TABLE z(a)',
      'ROLLBACK',
      'SELECT * FROM z',
      'SAVEPOINT p',
      'RELEASE p',
      'PRAGMA query_only',
      'PRAGMA query_only = OFF',
      'INSERT INTO t VALUES(3)',
      'EXPLAIN PRAGMA query_only = OFF',
      'INSERT INTO t VALUES(3)',
      'PRAGMA query_only = ON',
      'PRAGMA query_only',
      'CREATE TEMP TABLE x(a)',
      'PRAGMA query_only(0)',
      'CREATE TEMP TABLE x(a)',
      `ATTACH '${join(dir, 'none.db')}' AS n`,
      `ATTACH '${join(dir, 'other.db')}' AS n`,
      'SELECT * FROM o',
      'INSERT INTO o VALUES(1)',
      'CREATE TABLE n.p(a)',
      'DETACH n',
      "ATTACH ':memory:' AS m",
      'CREATE TABLE m.p(a)',
    ]) {
      const run = (db: BetterSqlite3.Database) =>
        outcome(() => {
          const statement = db.prepare(sql)
          const { readonly, reader, source } = statement
          return { readonly, reader, source, rows: reader ? statement.all() : statement.run().changes }
        })
      assert.equal(run(ours), run(theirs), sql)
      const act = (db: BetterSqlite3.Database) => outcome(() => typeof db.exec(sql))
      assert.equal(act(ours), act(theirs), sql)
    }
    const immediate = (db: BetterSqlite3.Database) =>
      outcome(() => db.transaction(() => db.prepare('SELECT a FROM t').all()).exclusive())
    assert.equal(immediate(ours), immediate(theirs))
    const into = (db: BetterSqlite3.Database, name: string) =>
      outcome(() => db.prepare('VACUUM INTO ?').run(join(dir, name)).changes)
    assert.equal(into(ours, 'ours.db'), into(theirs, 'theirs.db'))
    assert.is(new BetterSqlite3(join(dir, 'ours.db')).prepare('SELECT count(*) FROM t').pluck().get(), 1)
    assert.equal(
      outcome(() => ours.checkpoint()),
      NO_WRITE,
    )
    assert.equal(
      outcome(() => ours.exec('CHECKPOINT')),
      NO_WRITE,
    )
    assert.equal(
      outcome(() => ours.redo([])),
      NO_WRITE,
    )
    ours.flush()
    assert.equal(rows(ours), [1])
  }))

test('beside a writer: no lock is taken, what was committed before is seen and what comes later is not', () => {
  const world = new MemoryWorld()
  const writer = world.open()
  writer.exec('CREATE TABLE t(a); INSERT INTO t VALUES(1); BEGIN; INSERT INTO t VALUES(99)')
  const open = () => new Database(`${MEMORY_DIR}/app`, { readonly: true }, world.host)
  const first = open()
  writer.exec('COMMIT; INSERT INTO t VALUES(2)')
  const second = open()
  writer.checkpoint()
  const third = open()
  assert.equal([first, second, third].map(rows), [[1], [1, 2, 99], [1, 2, 99]])
  writer.exec('DELETE FROM t')
  assert.equal(rows(third), [1, 2, 99])
})

test('a checkpoint in the middle of the reading: it is read again, and is whole', () => {
  // Between any two reads of the reader the writer commits and makes a checkpoint, a number of times.
  for (let at = 1; at <= 40; at++) {
    let reads = 0
    let writer: Database | undefined
    let isBusy = false
    const world = new MemoryWorld({
      onOperation: ({ kind }) => {
        if (kind !== 'read' || writer === undefined || isBusy) return undefined
        if (++reads % at !== 0 || reads > at * 3) return undefined
        isBusy = true
        writer.exec(
          'INSERT INTO t SELECT count(*) + 1 FROM t; CHECKPOINT; INSERT INTO t SELECT count(*) + 1 FROM t',
        )
        isBusy = false
        return undefined
      },
    })
    const made = world.open()
    made.exec('CREATE TABLE t(a); INSERT INTO t VALUES(1)')
    writer = made
    const reader = new Database(`${MEMORY_DIR}/app`, { readonly: true }, world.host)
    const seen = reader.prepare<[], number>('SELECT a FROM t ORDER BY a').pluck().all()
    assert.equal(
      seen,
      [...seen.keys()].map((index) => index + 1),
      `at read ${at}`,
    )
    writer = undefined
  }
})

test('files that are damaged: the error of an open, and nothing is set aside', () => {
  const world = new MemoryWorld()
  const db = world.open()
  db.exec("CREATE TABLE t(a); INSERT INTO t VALUES('first'); INSERT INTO t VALUES('second')")
  db.flush()
  const image = world.image()
  const path = `${MEMORY_DIR}/app.log`
  const bytes = Buffer.from(image.files.get(path) ?? [])
  bytes[bytes.indexOf('first')] = 0x58
  const damaged = new MemoryWorld({
    image: imageOf({ ...Object.fromEntries(image.files), [path]: bytes }, [MEMORY_DIR]),
  })
  const before = damaged.image()
  assert.throws(
    () => new Database(`${MEMORY_DIR}/app`, { readonly: true }, damaged.host),
    (error: unknown) => error instanceof CorruptionError,
  )
  assert.equal(damaged.image(), before)
})

test('a torn tail is left where it is; functions of setup are there for the schema and for queries', () => {
  const world = new MemoryWorld()
  const setup = (registrar: { function(name: string, act: (a: number) => number): unknown }) => {
    registrar.function('twice', (a) => a * 2)
  }
  const db = world.open({ setup })
  db.exec('CREATE TABLE t(a, b AS (a + 0), CHECK(twice(a) < 100)); INSERT INTO t VALUES(1)')
  const after = world.killed()
  const file = after.files.openAppend(`${MEMORY_DIR}/app.log`)
  file.append(Buffer.from('BEGIN;\nINSERT'))
  file.close()
  const before = after.image()
  const read = new Database(`${MEMORY_DIR}/app`, { readonly: true, setup }, after.host)
  assert.equal(read.prepare('SELECT a, twice(a) AS c FROM t').all(), [{ a: 1, c: 2 }])
  assert.equal(after.image(), before)
})

test.run()
