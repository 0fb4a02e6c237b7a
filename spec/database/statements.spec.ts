// Prepared statements and exec, as a user of better-sqlite3 expects them.

import BetterSqlite3 from 'better-sqlite3'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { MemoryWorld } from '../support/memory-world.ts'
import { assertTwins, outcome, outcomes } from './twins.ts'

const NOTES = 'CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT, score REAL, data BLOB, any_thing)'

test('a read statement is better-sqlite3’s own object', () => {
  const db = new MemoryWorld().open()
  const own = new BetterSqlite3(':memory:').prepare('SELECT 1')
  for (const sql of [
    'SELECT 1',
    'VALUES(1)',
    'WITH x AS (SELECT 1) SELECT * FROM x',
    'EXPLAIN SELECT 1',
    'PRAGMA user_version',
  ]) {
    const statement = db.prepare(sql)
    if (sql.startsWith('PRAGMA')) continue
    assert.is(Object.getPrototypeOf(statement), Object.getPrototypeOf(own), sql)
  }
})

test('run: changes and lastInsertRowid; values of every type by position and by name', () =>
  assertTwins((db) => {
    db.exec(NOTES)
    const insert = db.prepare('INSERT INTO note(body, score, data, any_thing) VALUES(?, ?, ?, ?)')
    const named = db.prepare('INSERT INTO note(id, body) VALUES(@id, :body)')
    return [
      insert.run('a', 1.5, Buffer.from([1, 2]), 3n),
      insert.run(['b', null, null, 0.5]),
      insert.run('', -0, new Uint8Array(0), 2n ** 62n),
      named.run({ id: 10, body: 'ten', more: 'is ignored' }),
      db.prepare('UPDATE note SET body = body || ? WHERE id < ?').run('!', 3),
      db.prepare('DELETE FROM note WHERE id = 99').run(),
      db.prepare('DELETE FROM note WHERE id = 10').run(),
      db.prepare('INSERT INTO note(body) SELECT body FROM note').run(),
      db.prepare('SELECT * FROM note').all(),
    ]
  }))

test('a lastInsertRowid beyond 2^53 with safeIntegers', () =>
  assertTwins((db) => {
    db.exec(NOTES)
    const insert = db.prepare('INSERT INTO note(id) VALUES(?)')
    return [
      insert.run(2n ** 60n),
      insert.safeIntegers().run(2n ** 60n + 1n),
      insert.safeIntegers(false).run(5),
    ]
  }))

test('get, all, iterate, pluck, raw, expand, bind, columns, safeIntegers of reads', () =>
  assertTwins((db) => {
    db.exec(
      `${NOTES}; INSERT INTO note VALUES(1, 'a', 0.5, x'00', 9007199254740993), (2, 'b', NULL, NULL, 'x')`,
    )
    const all = db.prepare('SELECT * FROM note WHERE id >= ?')
    const bound = db.prepare('SELECT body FROM note WHERE id = ?').bind(2)
    return [
      all.get(2),
      all.get(3),
      all.columns(),
      [...all.iterate(1)],
      all.raw().all(1),
      all.raw(false).expand().all(1),
      all.expand(false).safeIntegers().all(1),
      db.prepare('SELECT body FROM note').pluck().all(),
      bound.get(),
      bound.reader,
      bound.readonly,
      bound.source,
      outcomes(
        () => bound.get(1),
        () => bound.run(),
        () => all.get(),
        () => all.get({}),
        () => all.get(1, 2),
        () => all.get(new Date()),
        () => all.get(Symbol('x')),
        () => db.prepare('SELECT 1').pluck().raw().get(),
      ),
    ]
  }))

test('RETURNING through get, all and iterate, with pluck, raw and bind', () =>
  assertTwins((db) => {
    db.exec(NOTES)
    const add = db.prepare("INSERT INTO note(body) VALUES(?), (? || '2') RETURNING id, body")
    const seen: unknown[] = [add.reader, add.readonly, add.columns(), add.get('a', 'a'), add.all('b', 'b')]
    seen.push([...add.iterate('c', 'c')], add.raw().all('d', 'd'), add.raw(false).pluck().get('e', 'e'))
    seen.push(
      outcome(() => add.run('f', 'f')),
      outcome(() => add.get('only one')),
    )
    const bound = db.prepare('UPDATE note SET body = ? WHERE id = 1 RETURNING *').bind('bound')
    seen.push(bound.all(), db.prepare('DELETE FROM note WHERE id > 3 RETURNING id').pluck().all())
    return seen
  }))

test('an iterator of a writing statement that is broken off: what it did is done, whole, and survives', () =>
  assertTwins((db) => {
    db.exec(`${NOTES}; INSERT INTO note(id) VALUES(1), (2), (3)`)
    const seen: unknown[] = []
    for (const row of db.prepare('UPDATE note SET score = 1 RETURNING id').iterate()) {
      seen.push(row)
      break
    }
    const unused = db.prepare('DELETE FROM note WHERE id = 1 RETURNING id').iterate()
    seen.push(unused.return?.())
    const thrown = outcome(() => {
      for (const _ of db.prepare('UPDATE note SET body = 1 RETURNING id').iterate()) throw new Error('mine')
    })
    return [seen, thrown, db.prepare('SELECT * FROM note').all()]
  }))

test('while an iterator of a writing statement is open, others are refused as in better-sqlite3', () =>
  assertTwins((db) => {
    db.exec(`${NOTES}; INSERT INTO note(id) VALUES(1), (2), (3)`)
    const read = db.prepare('SELECT count(*) AS n FROM note')
    const other = db.prepare('INSERT INTO note(id) VALUES(9)')
    const updating = db.prepare('UPDATE note SET score = 1 RETURNING id')
    const seen: unknown[] = []
    for (const row of updating.iterate()) {
      seen.push(row, updating.busy)
      seen.push(
        ...outcomes(
          () => read.get(),
          () => other.run(),
          () => db.exec('DELETE FROM note'),
          () => db.prepare('SELECT 2').get(),
          () => updating.get(),
          () => db.pragma('user_version = 5'),
          () => db.transaction(() => undefined)(),
        ),
      )
    }
    return [seen, updating.busy, read.get(), db.prepare('SELECT * FROM note').all()]
  }))

test('while an iterator of a read is open, writes are refused as in better-sqlite3', () =>
  assertTwins((db) => {
    db.exec(`${NOTES}; INSERT INTO note(id) VALUES(1), (2), (3)`)
    const write = db.prepare('UPDATE note SET score = 1')
    const seen: unknown[] = []
    for (const row of db.prepare('SELECT id FROM note').iterate()) {
      seen.push(
        row,
        ...outcomes(
          () => write.run(),
          () => db.exec('DELETE FROM note'),
          () => db.prepare('SELECT 1').get(),
        ),
      )
    }
    return [seen, write.run()]
  }))

test('wrong SQL and wrong values: better-sqlite3’s errors, and nothing is changed', () =>
  assertTwins((db) => {
    db.exec(`${NOTES}; CREATE TABLE u(a UNIQUE NOT NULL CHECK(a <> 'no')); INSERT INTO u VALUES(1)`)
    return outcomes(
      () => db.prepare('SELEC 1'),
      () => db.prepare(''),
      () => db.prepare('  -- nothing'),
      () => db.prepare('SELECT 1; SELECT 2'),
      () => db.prepare('INSERT INTO no_such VALUES(1)'),
      () => void db.exec('SELEC 1'),
      () => void db.exec(''),
      () => db.prepare('INSERT INTO u VALUES(?)').run(),
      () => db.prepare('INSERT INTO u VALUES(?)').run(1, 2),
      () => db.prepare('INSERT INTO u VALUES(?)').run({}),
      () => db.prepare('INSERT INTO u VALUES(@a)').run({ b: 1 }),
      () => db.prepare('INSERT INTO u VALUES(?)').run(true),
      () => db.prepare('INSERT INTO u VALUES(?)').run(undefined),
      () => db.prepare('INSERT INTO u VALUES(?)').run(2n ** 64n),
      () => db.prepare('INSERT INTO u VALUES(?)').run(1),
      () => db.prepare('INSERT INTO u VALUES(?)').run(null),
      () => db.prepare('INSERT INTO u VALUES(?)').run('no'),
      () => db.prepare('INSERT INTO u VALUES(2), (3), (1)').run(),
      () => db.prepare('INSERT INTO u VALUES(?)').get(7),
      () => db.prepare('INSERT INTO u VALUES(?)').all(7),
      () => db.prepare('INSERT INTO u VALUES(?)').iterate(7),
      () => db.prepare('INSERT INTO u VALUES(?)').pluck(),
      () => db.prepare('INSERT INTO u VALUES(?)').raw(),
      () => db.prepare('INSERT INTO u VALUES(?)').columns(),
      () => db.prepare('SELECT * FROM u').run(),
      () => db.prepare('SELECT * FROM u').all(),
    )
  }))

test('exec with many statements: all of them, up to the first that fails', () =>
  assertTwins((db) =>
    outcomes(
      () =>
        void db.exec(
          `${NOTES}; INSERT INTO note(body) VALUES('a;b'), ('it''s');; -- and ; a comment\n SELECT 1; `,
        ),
      () =>
        void db.exec(
          "INSERT INTO note(body) VALUES('before'); INSERT INTO no_such VALUES(1); DELETE FROM note",
        ),
      () =>
        void db.exec("BEGIN; INSERT INTO note(body) VALUES('in it'); INSERT INTO no_such VALUES(1); COMMIT"),
      () => db.inTransaction,
      () => void db.exec('COMMIT; BEGIN; DELETE FROM note; ROLLBACK; CREATE TABLE later(a)'),
      () =>
        void db.exec(
          'CREATE TRIGGER t AFTER INSERT ON note BEGIN DELETE FROM later; INSERT INTO later VALUES(new.id); END; INSERT INTO note(id) VALUES(50)',
        ),
      () => db.prepare('SELECT * FROM note').all(),
    ),
  ))

test('statements prepared before the schema changes go on working', () =>
  assertTwins((db) => {
    db.exec(NOTES)
    const insert = db.prepare('INSERT INTO note(body) VALUES(?)')
    const read = db.prepare('SELECT * FROM note')
    insert.run('a')
    db.exec('ALTER TABLE note ADD COLUMN more DEFAULT 5; CREATE INDEX i ON note(body)')
    insert.run('b')
    const seen = [read.all()]
    db.exec('DROP TABLE note')
    return [
      ...seen,
      ...outcomes(
        () => insert.run('c'),
        () => void db.exec(NOTES),
        () => insert.run('d'),
        () => read.all(),
      ),
    ]
  }))

test('one statement run many times, and two interleaved', () =>
  assertTwins((db) => {
    db.exec(`${NOTES}; CREATE TABLE other(a)`)
    const one = db.prepare('INSERT INTO note(body) VALUES(?)')
    const two = db.prepare('INSERT INTO other VALUES(?)')
    for (let count = 0; count < 300; count++) (count % 3 === 0 ? two : one).run(`row ${count}`)
    return db.prepare('SELECT count(*), max(id) FROM note').get()
  }))

test('NUL in SQL: refused where it would hide statements, kept where it is a value', () => {
  const world = new MemoryWorld()
  const db = world.open()
  db.exec('CREATE TABLE t(a); INSERT INTO t VALUES(1)')
  const before = world.image()
  for (const sql of [
    '\0',
    'DELETE FROM t;\0DROP TABLE t',
    'INSERT INTO t VALUES(1)\0',
    "INSERT INTO t VALUES('a\0b')",
    '-- \0\nDROP TABLE t',
  ]) {
    const told = outcome(() => db.exec(sql))
    assert.match(JSON.stringify(told), /NUL/, JSON.stringify(sql))
    assert.match(JSON.stringify(outcome(() => db.prepare(sql).run())), /NUL/, JSON.stringify(sql))
  }
  assert.equal(world.image(), before)
  db.prepare('UPDATE t SET a = ?').run('a\0b')
  assert.is(world.killed().open().prepare('SELECT a FROM t').pluck().get(), 'a\0b')
})

test('SQL that is no text', () =>
  assertTwins((db) =>
    [undefined, null, 5, {}, Buffer.from('SELECT 1')].flatMap((sql) =>
      ['prepare', 'exec', 'pragma'].map((name) => outcome(() => void Reflect.get(db, name).call(db, sql))),
    ),
  ))

test('text that is not well-formed, as better-sqlite3 stores it', () =>
  assertTwins((db) => {
    db.exec(NOTES)
    db.prepare('INSERT INTO note(body) VALUES(?)').run('lone \ud800 surrogate')
    db.exec("INSERT INTO note(data, any_thing) VALUES(CAST(x'ff41' AS TEXT), CAST(x'c0804100' AS TEXT))")
    return db.prepare('SELECT hex(body), hex(data), hex(any_thing), typeof(data) FROM note').all()
  }))

test('a closed database refuses every call, and is closed twice without harm', () => {
  const db = new MemoryWorld().open()
  db.exec('CREATE TABLE t(a)')
  const read = db.prepare('SELECT * FROM t')
  const write = db.prepare('INSERT INTO t VALUES(1)')
  db.close()
  db.close()
  assert.is(db.open, false)
  assert.is(db.inTransaction, false)
  const acts = {
    prepare: () => db.prepare('SELECT 1'),
    exec: () => db.exec('SELECT 1'),
    pragma: () => db.pragma('user_version'),
    read: () => read.all(),
    write: () => write.run(),
    checkpoint: () => db.checkpoint(),
    flush: () => db.flush(),
    status: () => db.status(),
    resume: () => db.resume(),
    transaction: () => db.transaction(() => 1)(),
  }
  for (const [name, act] of Object.entries(acts))
    assert.throws(act, /The database connection is not open/, name)
})

test.run()
