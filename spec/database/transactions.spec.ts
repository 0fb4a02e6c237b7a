// Transactions in every form that users and ORMs write them, beside plain better-sqlite3, with a kill behind each.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { MemoryWorld } from '../support/memory-world.ts'
import { assertTwins, outcome, outcomes, type SqlDatabase } from './twins.ts'

const TABLE = 'CREATE TABLE t(id INTEGER PRIMARY KEY, v UNIQUE)'

function rows(db: SqlDatabase): unknown {
  return rowsOf(db, 't')
}

function rowsOf(db: SqlDatabase, table: string): unknown {
  return db.prepare(`SELECT * FROM ${table}`).raw().all()
}

test('transaction(): commits, passes arguments, this and the result', () =>
  assertTwins((db) => {
    db.exec(TABLE)
    const insert = db.prepare('INSERT INTO t(v) VALUES(?)')
    const add = db.transaction(function (this: unknown, ...values: unknown[]) {
      for (const value of values) insert.run(value)
      return [this, db.inTransaction, values.length]
    })
    return [add.call('me', 1, 2, 3), add(4), db.inTransaction, rows(db)]
  }))

test('transaction(): an error rolls everything back and is thrown as it is', () =>
  assertTwins((db) => {
    db.exec(TABLE)
    const insert = db.prepare('INSERT INTO t(v) VALUES(?)')
    const fail = db.transaction((error: unknown) => {
      insert.run(1)
      throw error
    })
    return [
      ...outcomes(
        () => fail(new RangeError('mine')),
        () => fail('a text'),
        () => fail(undefined),
        () => db.transaction(() => [insert.run(1), insert.run(1)])(),
      ),
      db.inTransaction,
      rows(db),
    ]
  }))

test('transaction(): nested ones are savepoints; an inner error that is caught undoes the inner part alone', () =>
  assertTwins((db) => {
    db.exec(TABLE)
    const insert = db.prepare('INSERT INTO t(v) VALUES(?)')
    const inner = db.transaction((value: unknown, isFailing: unknown) => {
      insert.run(value)
      if (isFailing === true) throw new Error('inner')
    })
    const outer = db.transaction((isFailing: unknown) => {
      insert.run(`outer ${isFailing}`)
      const seen = [
        outcome(() => inner(`kept ${isFailing}`, false)),
        outcome(() => inner('lost', true)),
        rows(db),
      ]
      if (isFailing === true) throw new Error('outer')
      return seen
    })
    const deep = db.transaction((depth: unknown): unknown => {
      insert.run(`deep ${depth}`)
      return depth === 0 ? 'bottom' : outcome(() => deep(Number(depth) - 1))
    })
    return [outcome(() => outer(true)), outcome(() => outer(false)), deep(5), rows(db)]
  }))

test('transaction(): its variants, also inside another', () =>
  assertTwins((db) => {
    db.exec(TABLE)
    const insert = db.prepare('INSERT INTO t(v) VALUES(?)')
    const add = db.transaction((value: unknown) => insert.run(value))
    return [
      add.deferred(1),
      add.immediate(2),
      add.exclusive(3),
      db.transaction(() => [add.immediate(4), add.exclusive(5), add(6)]).immediate(),
      rows(db),
    ]
  }))

test('transaction(): what is no function, and one that returns a promise', () => {
  const world = new MemoryWorld()
  const db = world.open()
  db.exec(TABLE)
  assert.throws(() => Reflect.apply(db.transaction, db, ['x']), /Expected first argument to be a function/)
  const before = world.image()
  assert.throws(
    () =>
      db.transaction(async () => {
        db.prepare('INSERT INTO t(v) VALUES(1)').run()
      })(),
    /Transaction function cannot return a promise/,
  )
  assert.is(db.inTransaction, false)
  assert.equal(db.prepare('SELECT * FROM t').all(), [])
  assert.equal(world.killed().open().prepare('SELECT * FROM t').all(), [])
  assert.equal([...world.image().files.keys()], [...before.files.keys()])
})

test('transaction(): a statement inside that ends it (ROLLBACK, OR ROLLBACK, COMMIT)', () =>
  assertTwins((db) => {
    db.exec(TABLE)
    const insert = db.prepare('INSERT INTO t(v) VALUES(?)')
    return [
      ...outcomes(
        () =>
          db.transaction(() => {
            insert.run(1)
            db.exec('ROLLBACK')
          })(),
        () =>
          db.transaction(() => {
            insert.run(2)
            db.exec('ROLLBACK')
            insert.run(3)
            throw new Error('behind it')
          })(),
        () => db.transaction(() => [insert.run(4), db.exec('INSERT OR ROLLBACK INTO t(v) VALUES(4)')])(),
        () =>
          db.transaction(() => {
            insert.run(5)
            db.exec('COMMIT')
            insert.run(6)
          })(),
      ),
      rows(db),
    ]
  }))

test('as ORMs do it: BEGIN, SAVEPOINT, RELEASE, ROLLBACK TO, COMMIT through prepare().run()', () =>
  assertTwins((db) => {
    db.exec(TABLE)
    const run = (sql: string) => db.prepare(sql).run()
    const seen: unknown[] = [run('BEGIN'), db.inTransaction]
    run('INSERT INTO t(v) VALUES(1)')
    seen.push(run('SAVEPOINT "a b"'))
    run('INSERT INTO t(v) VALUES(2)')
    run('SAVEPOINT inner_one')
    run('INSERT INTO t(v) VALUES(3)')
    seen.push(run('ROLLBACK TO SAVEPOINT inner_one'), run('RELEASE inner_one'))
    run('INSERT INTO t(v) VALUES(4)')
    seen.push(run('RELEASE "a b"'), run('COMMIT'), db.inTransaction)
    run('begin immediate transaction')
    run('DELETE FROM t')
    seen.push(run('ROLLBACK'), rows(db))
    run('/* a comment */ BEGIN -- exclusive?\n EXCLUSIVE')
    run('UPDATE t SET v = v + 100')
    seen.push(run('END TRANSACTION'), rows(db))
    return [
      seen,
      ...outcomes(
        () => run('COMMIT'),
        () => run('ROLLBACK'),
        () => run('RELEASE x'),
        () => run('ROLLBACK TO x'),
      ),
    ]
  }))

test('prepared BEGIN, COMMIT and ROLLBACK that are used again and again', () =>
  assertTwins((db) => {
    db.exec(TABLE)
    const [begin, commit, rollback] = [db.prepare('BEGIN'), db.prepare('COMMIT'), db.prepare('ROLLBACK')]
    const insert = db.prepare('INSERT INTO t(v) VALUES(?)')
    for (let count = 0; count < 20; count++) {
      begin.run()
      insert.run(count)
      ;(count % 3 === 0 ? rollback : commit).run()
    }
    return [
      rows(db),
      ...outcomes(
        () => begin.run(),
        () => begin.run(),
        () => rollback.run(),
      ),
    ]
  }))

test('a savepoint outside of a transaction is one: its outermost release commits', () =>
  assertTwins((db) => {
    db.exec(TABLE)
    db.exec("SAVEPOINT a; INSERT INTO t(v) VALUES('a'); SAVEPOINT b; INSERT INTO t(v) VALUES('b')")
    db.exec("RELEASE b; SAVEPOINT a; INSERT INTO t(v) VALUES('c'); ROLLBACK TO a; RELEASE a")
    const inside = db.inTransaction
    db.exec('RELEASE a')
    db.exec(
      "SAVEPOINT a; INSERT INTO t(v) VALUES('d'); ROLLBACK TO a; INSERT INTO t(v) VALUES('e'); RELEASE a",
    )
    db.exec("SAVEPOINT a; INSERT INTO t(v) VALUES('f'); ROLLBACK")
    return [inside, db.inTransaction, rows(db)]
  }))

test('a savepoint that is rolled back over changes of the schema', () =>
  assertTwins((db) => {
    db.exec(`${TABLE}; INSERT INTO t(v) VALUES(1)`)
    db.exec(`BEGIN; SAVEPOINT s; ALTER TABLE t ADD COLUMN w; UPDATE t SET w = 5; CREATE TABLE u(a); INSERT INTO u VALUES(1);
      ROLLBACK TO s; INSERT INTO t(v) VALUES(2); ALTER TABLE t ADD COLUMN x DEFAULT 'y'; RELEASE s; COMMIT`)
    db.exec('BEGIN; DROP TABLE t; CREATE TABLE t(only_this); INSERT INTO t VALUES(1); ROLLBACK')
    return [db.prepare('SELECT * FROM t').all(), outcome(() => db.prepare('SELECT * FROM u'))]
  }))

// What capture had made for the REPLACE went with the savepoint, and the next DDL looked for it in vain.
test('a REPLACE, DDL that fails, and a savepoint that is rolled back over both: further DDL and rows are as ever', () =>
  assertTwins((db) => {
    db.exec(`CREATE TABLE account(id INTEGER PRIMARY KEY, owner UNIQUE); CREATE TABLE h(w);
      CREATE TRIGGER g AFTER DELETE ON account BEGIN INSERT INTO h VALUES(old.owner); END;
      SAVEPOINT s; INSERT OR REPLACE INTO account(owner) VALUES('x')`)
    const failed = outcome(() => void db.exec('ALTER TABLE no_such RENAME TO more'))
    db.exec("ROLLBACK TO s; CREATE TABLE fine(a); INSERT INTO account VALUES(1, 'a'), (2, 'b')")
    db.exec("REPLACE INTO account VALUES(3, 'a'); COMMIT; REPLACE INTO account VALUES(4, 'b')")
    return [failed, rowsOf(db, 'account')]
  }))

test('a COMMIT that fails for a deferred key: the transaction stays open, nothing is durable, it can be mended', () =>
  assertTwins((db) => {
    db.pragma('foreign_keys = ON')
    db.exec(
      'CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p REFERENCES p DEFERRABLE INITIALLY DEFERRED)',
    )
    db.exec('BEGIN; INSERT INTO c VALUES(7)')
    const seen = [outcome(() => void db.exec('COMMIT')), db.inTransaction]
    db.exec('INSERT INTO p VALUES(7); COMMIT')
    db.exec('BEGIN; INSERT INTO c VALUES(8)')
    return [seen, outcome(() => void db.exec('COMMIT')), db.inTransaction]
  }))

test('a transaction that is open when the database is closed is rolled back', () => {
  const world = new MemoryWorld()
  const db = world.open()
  db.exec(`${TABLE}; INSERT INTO t(v) VALUES('kept'); BEGIN; INSERT INTO t(v) VALUES('lost')`)
  db.close()
  assert.equal(world.open().prepare('SELECT v FROM t').pluck().all(), ['kept'])
})

test('a transaction that is open when the process is killed leaves nothing, however much it did', () => {
  const world = new MemoryWorld()
  const db = world.open()
  db.exec(`${TABLE}; INSERT INTO t(v) VALUES('kept')`)
  const before = world.image()
  db.exec('BEGIN')
  const insert = db.prepare('INSERT INTO t(v) VALUES(?)')
  for (let count = 0; count < 5000; count++) insert.run(`${count} ${'x'.repeat(100)}`)
  db.exec('CREATE TABLE u(a); DELETE FROM t WHERE id < 10')
  assert.equal(world.image(), before, 'uncommitted work never reaches a file')
  assert.equal(world.killed().open().prepare('SELECT v FROM t').pluck().all(), ['kept'])
})

test('transactions that changed nothing leave no record', () => {
  const world = new MemoryWorld()
  const db = world.open()
  db.exec(`${TABLE}; INSERT INTO t(v) VALUES('kept')`)
  const before = world.image()
  db.exec('BEGIN; COMMIT; BEGIN; SELECT * FROM t; COMMIT; SAVEPOINT a; RELEASE a')
  db.exec(
    "UPDATE t SET v = 1 WHERE id = 99; DELETE FROM t WHERE v = 'none'; INSERT OR IGNORE INTO t VALUES(1, 'other')",
  )
  db.exec('BEGIN; INSERT INTO t(v) VALUES(5); DELETE FROM t WHERE id = 2; COMMIT')
  db.exec(
    'CREATE TABLE IF NOT EXISTS t(a); DROP TABLE IF EXISTS no_such; CREATE TEMP TABLE x(a); INSERT INTO x VALUES(1)',
  )
  db.transaction(() => undefined)()
  assert.throws(() => db.exec("INSERT INTO t(v) VALUES('more'), ('kept')"))
  assert.equal(world.image(), before)
})

test.run()
