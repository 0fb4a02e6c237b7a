// pragma(), function(), aggregate(), and schemas that need functions of the user's.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { DatabaseOptions } from '../../lib/database/options.ts'
import { ScriptlogError } from '../../lib/errors.ts'
import { verify } from '../../lib/verify.ts'
import { contentOf } from '../support/content.ts'
import { MEMORY_DIR, MemoryWorld } from '../support/memory-world.ts'
import { assertTwins, outcomes } from './twins.ts'

test('pragma: values as rows or alone, settings of the connection, persistent ones survive', () =>
  assertTwins((db) => {
    db.exec('CREATE TABLE t(a, b)')
    return outcomes(
      () => db.pragma('user_version'),
      () => db.pragma('user_version = 7'),
      () => db.pragma('user_version', { simple: true }),
      () => db.pragma('application_id = 0x10'),
      () => db.pragma('table_info(t)'),
      () => db.pragma('foreign_keys = ON'),
      () => db.pragma('foreign_keys', { simple: true }),
      () => db.pragma('recursive_triggers = ON'),
      () => db.pragma('recursive_triggers', { simple: true }),
      () => db.pragma('recursive_triggers = OFF'),
      () => db.pragma('case_sensitive_like = ON'),
      () => db.prepare("SELECT 'A' LIKE 'a'").pluck().get(),
      () => db.pragma('encoding', { simple: true }),
      () => db.pragma('integrity_check', { simple: true }),
      () => db.pragma('no_such_pragma'),
      () => db.pragma('user_version = 8; DROP TABLE t'),
      () => db.prepare('PRAGMA user_version').get(),
      () => db.prepare('PRAGMA user_version = 12').run(),
      () => void db.exec('BEGIN; PRAGMA user_version = 99; ROLLBACK'),
      () => db.pragma('user_version', { simple: true }),
    )
  }))

test('settings of the connection that the capture itself needs stay the user’s', () =>
  assertTwins((db) => {
    db.pragma('foreign_keys = OFF')
    db.exec(`CREATE TABLE p(id INTEGER PRIMARY KEY, u UNIQUE); CREATE TABLE c(p REFERENCES p ON DELETE CASCADE);
      CREATE TABLE log(what); CREATE TRIGGER d AFTER DELETE ON p BEGIN INSERT INTO log VALUES(old.id); END;
      INSERT INTO p VALUES(1, 'a'), (2, 'b'); INSERT INTO c VALUES(1), (2)`)
    db.exec("REPLACE INTO p VALUES(3, 'a'); DELETE FROM p WHERE id = 2")
    return [
      ...[
        'foreign_keys',
        'recursive_triggers',
        'ignore_check_constraints',
        'defer_foreign_keys',
        'query_only',
      ].map((name) => db.pragma(name, { simple: true })),
      db.prepare('SELECT * FROM c').all(),
      db.prepare('SELECT * FROM log').all(),
      db.prepare('SELECT changes(), total_changes() > 0, last_insert_rowid()').raw().get(),
    ]
  }))

test('function and aggregate: results of the moment are what is kept', () => {
  const world = new MemoryWorld()
  const db = world.open()
  let calls = 0
  db.function('counted', () => {
    calls += 1
    return calls
  })
  db.function('joined', { varargs: true, deterministic: true }, (...parts: unknown[]) => parts.join('-'))
  db.aggregate('total_length', { start: 0, step: (sum: number, text: string) => sum + text.length })
  db.exec(`CREATE TABLE t(a, b, c); INSERT INTO t VALUES(counted(), random(), datetime('now')), (counted(), joined(1, 'x'), NULL);
    UPDATE t SET c = counted() WHERE a = 2; INSERT INTO t SELECT total_length(b), counted(), 'sum' FROM t`)
  const before = contentOf(db)
  assert.is(calls, 4)
  assert.is(contentOf(world.killed().open()), before)
  assert.is(calls, 4, 'a recovery calls nothing')
  assert.throws(
    () => Reflect.apply(db.function, db, ['x', 'no function']),
    /Expected last argument to be a function/,
  )
})

test('a function that throws, or calls the database, while a statement runs: that statement fails alone', () => {
  const world = new MemoryWorld()
  const db = world.open()
  db.exec("CREATE TABLE t(a); INSERT INTO t VALUES('kept')")
  db.function('failing', (value: unknown) => {
    if (value === 2) throw new RangeError('mine')
    return value
  })
  db.function('meddling', () => {
    db.exec("INSERT INTO t VALUES('from within')")
    return 1
  })
  db.function('closing', () => {
    db.close()
    return 1
  })
  db.function('saving', () => {
    db.checkpoint()
    return 1
  })
  const before = contentOf(db)
  assert.throws(() => db.exec('INSERT INTO t VALUES(failing(1)), (failing(2))'), /mine/)
  for (const name of ['meddling', 'closing', 'saving']) {
    assert.throws(() => db.prepare(`INSERT INTO t VALUES(${name}())`).run(), undefined, name)
    assert.is(contentOf(db), before, name)
    assert.is(contentOf(world.killed().open()), before, name)
  }
  db.exec("INSERT INTO t VALUES('after')")
  assert.equal(world.killed().open().prepare('SELECT a FROM t').pluck().all(), ['kept', 'after'])
})

const setup: DatabaseOptions['setup'] = (sqlite) => {
  sqlite.function('is_even', { deterministic: true }, (value: unknown) => (Number(value) % 2 === 0 ? 1 : 0))
  sqlite.function('label_of', { deterministic: true }, (value: unknown) => `<${String(value)}>`)
  sqlite.function('next_code', () => 'code')
}

const NEEDS_FUNCTIONS = `
  CREATE TABLE t(a INTEGER PRIMARY KEY, n INT CHECK(is_even(n)), l TEXT AS (label_of(n)) STORED, d TEXT DEFAULT (next_code()));
  CREATE INDEX labelled ON t(label_of(n)) WHERE is_even(n);
  CREATE VIEW labels AS SELECT label_of(a) AS label FROM t;
  CREATE TRIGGER tr AFTER INSERT ON t BEGIN UPDATE t SET d = label_of(d) WHERE a = new.a; END;
  INSERT INTO t(n) VALUES(2), (4);
  UPDATE t SET n = n + 2 WHERE a = 1`

test('a schema that needs functions opens with the option setup, after a kill and after a close', () =>
  assertTwins((db) => {
    db.exec(NEEDS_FUNCTIONS)
    return outcomes(
      () => db.prepare('INSERT INTO t(n) VALUES(3)').run(),
      () => db.prepare('SELECT * FROM t').all(),
      () => db.prepare('SELECT * FROM labels').all(),
    )
  }, setup))

for (const ending of ['killed', 'closed'] as const) {
  test(`without the option setup, ${ending}: told which function is missing and what to do; nothing is changed`, () => {
    const first = new MemoryWorld()
    const db = first.open(setup === undefined ? {} : { setup })
    db.exec(NEEDS_FUNCTIONS)
    const content = contentOf(db)
    if (ending === 'closed') db.close()
    const world = first.killed()
    const before = world.image().files
    let seen: unknown
    try {
      world.open()
    } catch (error) {
      seen = error
    }
    assert.instance(seen, ScriptlogError)
    assert.match(String(seen), /is_even|label_of|next_code/)
    assert.match(String(seen), /register it with the option setup/)
    assert.match(String(seen), ending === 'closed' ? /app\.script/ : /app\.log/)
    assert.equal(world.image().files, before)
    const found = verify(`${MEMORY_DIR}/app`, {}, world.host)
    assert.not(found.isSound)
    assert.match(found.problems.join(), /is_even|label_of|next_code/)
    assert.ok(verify(`${MEMORY_DIR}/app`, { setup }, world.host).isSound)
    assert.is(contentOf(world.open({ setup })), content)
  })
}

test('a setup that throws: its error, the lock is free again, nothing is changed', () => {
  const world = new MemoryWorld()
  const failing = () => {
    throw new RangeError('mine')
  }
  assert.throws(() => world.open({ setup: failing }), /mine/)
  assert.equal([...world.image().files.keys()], [])
  world.open({ setup }).close()
})

test.run()
