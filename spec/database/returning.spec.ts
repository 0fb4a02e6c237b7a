// Statements with RETURNING through get(), all(), iterate() and exec(), in and outside of transactions: their rows are
// better-sqlite3's, and what they did is there after a kill.

import BetterSqlite3 from 'better-sqlite3'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { MemoryWorld } from '../support/memory-world.ts'

const SCHEMA = 'CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT UNIQUE, n DEFAULT 7)'
const ROWS = 'SELECT id, a, n FROM t ORDER BY id'

const STATEMENTS: readonly (readonly [sql: string, ...params: unknown[]])[] = [
  ['INSERT INTO t(a) VALUES(?) RETURNING id', 'x'],
  ['insert into "t" ("id", "a") values (?, :a) returning "t"."id" AS "key", a, n', null, { a: 'y' }],
  ['INSERT INTO t(a) VALUES(?) RETURNING *', 'x'],
  ['UPDATE t SET n=n+? WHERE id>=? RETURNING *', 1, 1],
  ['UPDATE t SET n=? WHERE id=? RETURNING n', 5, 99],
  ["INSERT INTO t(a,n) VALUES(lower('Z'),random()) RETURNING a"],
  ['DELETE FROM t WHERE id=? RETURNING a', 1],
  ['DELETE FROM t WHERE n IS NULL RETURNING a'],
]

interface Connection {
  exec(sql: string): unknown
  prepare(sql: string): BetterSqlite3.Statement<unknown[]>
}

function outcome(act: () => unknown): unknown {
  try {
    return act()
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : error
  }
}

const WAYS: Readonly<
  Record<string, (statement: BetterSqlite3.Statement<unknown[]>, params: readonly unknown[]) => unknown>
> = {
  get: (statement, params) => statement.get(...params),
  all: (statement, params) => statement.all(...params),
  run: (statement, params) => statement.run(...params),
  iterate: (statement, params) => [...statement.iterate(...params)],
  'iterate, broken off': (statement, params) => {
    for (const row of statement.iterate(...params)) return row
    return undefined
  },
}

for (const [way, act] of Object.entries(WAYS)) {
  for (const isOpen of [false, true]) {
    test(`${way}${isOpen ? ', within a transaction' : ''}`, () => {
      const world = new MemoryWorld()
      const database = world.open()
      const peer = new BetterSqlite3(':memory:')
      const steps = (connection: Connection) => {
        connection.exec(SCHEMA)
        if (isOpen) connection.exec('BEGIN')
        const outcomes = STATEMENTS.map(([sql, ...params]) =>
          outcome(() => act(connection.prepare(sql), params)),
        )
        if (isOpen) connection.exec('COMMIT')
        return outcomes
      }
      assert.equal(steps(database), steps(peer))
      const reopened = world.killed().open()
      assert.equal(reopened.prepare(ROWS).all(), database.prepare(ROWS).all())
      // random() is another on each side.
      const stable = 'SELECT id, a FROM t ORDER BY id'
      assert.equal(reopened.prepare(stable).all(), peer.prepare(stable).all())
    })
  }
}

test('a deferred foreign key that fails at the commit of get(), of which nobody hears, leaves no record', () => {
  for (const sql of [
    'INSERT INTO t VALUES(5,99) RETURNING *',
    'UPDATE t SET p=99 WHERE id=1 RETURNING *',
    'UPDATE t SET p=99 RETURNING *',
    'DELETE FROM t WHERE id=1 RETURNING *',
  ]) {
    const world = new MemoryWorld()
    const database = world.open()
    const peer = new BetterSqlite3(':memory:')
    for (const connection of [database, peer]) {
      connection.pragma('foreign_keys=ON')
      connection.exec('CREATE TABLE t(id INTEGER PRIMARY KEY, p REFERENCES t DEFERRABLE INITIALLY DEFERRED)')
      connection.exec('INSERT INTO t VALUES(1,1); INSERT INTO t VALUES(2,1)')
    }
    const row = outcome(() => peer.prepare(sql).get())
    assert.equal(
      outcome(() => database.prepare(sql).get()),
      row,
    )
    const left = peer.prepare('SELECT * FROM t').all()
    assert.equal(database.prepare('SELECT * FROM t').all(), left)
    assert.equal(world.killed().open().prepare('SELECT * FROM t').all(), left, sql)
  }
})

test('exec() runs a statement that returns rows', () => {
  const world = new MemoryWorld()
  world
    .open()
    .exec(
      `${SCHEMA}; INSERT INTO t(a) VALUES('x') RETURNING *; DELETE FROM t WHERE id=5 RETURNING id; INSERT INTO t(a) VALUES(?)`,
    )
  assert.equal(world.killed().open().prepare('SELECT a FROM t ORDER BY id').pluck().all(), ['x', null])
})

test.run()
