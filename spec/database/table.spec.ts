// table(), and the virtual tables that are made of it: their definitions are kept, their modules are the application's.

import BetterSqlite3 from 'better-sqlite3'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Database } from '../../lib/database/database.ts'
import { readLog } from '../../lib/read-log.ts'
import { verify } from '../../lib/verify.ts'
import { thrownBy } from '../bad-input/refusal.ts'
import { MEMORY_DIR, MemoryWorld } from '../support/memory-world.ts'
import { outcome, outcomes } from './twins.ts'

/** Registers a module whose tables repeat their arguments, and one that is a table by itself. */
function register<D extends Database | BetterSqlite3.Database>(db: D): D {
  // The views that read them are the application's own: files might be a stranger's, so that has to be said.
  db.pragma('trusted_schema = ON')
  Reflect.apply(db.table, db, [
    'words',
    function (this: object, ...args: string[]) {
      if (args[0] === 'fail') throw new RangeError('mine')
      const { database, table } = this as { database: string; table: string }
      return {
        columns: ['word', 'place'],
        *rows() {
          for (const word of args) yield [word, `${database}.${table}`]
        },
      }
    },
  ])
  db.table('numbers', {
    columns: ['n'],
    parameters: ['most'],
    *rows(most: unknown) {
      for (let n = 1; n <= Number(most); n++) yield { n }
    },
  })
  return db
}

test('queried, created, dropped and refused, as in better-sqlite3', () => {
  const tell = (db: BetterSqlite3.Database) => {
    register(db)
    return outcomes(
      () => db.prepare('SELECT n FROM numbers(3)').pluck().all(),
      () => db.prepare('SELECT n FROM numbers WHERE most = ? ORDER BY n DESC').pluck().all(2),
      () => db.exec('CREATE TABLE kept AS SELECT n FROM numbers(4)') === db,
      () => db.prepare('INSERT INTO kept SELECT n + 10 FROM numbers(2)').run(),
      () => db.prepare('SELECT n FROM kept').pluck().all(),
      () => db.exec('CREATE VIRTUAL TABLE w USING words(a b, c)') === db,
      () => db.exec('CREATE VIRTUAL TABLE IF NOT EXISTS main."it""s" USING "words"(\'x\')') === db,
      () => db.prepare('SELECT * FROM w').all(),
      () => db.prepare('SELECT * FROM "it""s"').all(),
      () => db.exec('CREATE VIRTUAL TABLE w USING words(again)'),
      () => db.exec('CREATE VIRTUAL TABLE f USING words(fail)'),
      () => db.exec('CREATE VIRTUAL TABLE n USING numbers(5)'),
      () => db.exec('CREATE VIRTUAL TABLE n USING missing'),
      () => db.prepare("INSERT INTO w VALUES('x', 'y')"),
      () => db.exec('ALTER TABLE w RENAME TO v; ALTER TABLE v RENAME TO w') === db,
      () => db.exec('CREATE VIEW seen AS SELECT word FROM w; ALTER TABLE kept RENAME TO renamed') === db,
      () => db.prepare('SELECT * FROM seen').all(),
      () => db.exec('BEGIN; CREATE VIRTUAL TABLE gone USING words(x); ROLLBACK; DROP TABLE "it""s"') === db,
      () => db.prepare('SELECT type, name, sql FROM sqlite_schema').all(),
      () => db.table('', { columns: ['a'], *rows() {} }),
      () => db.table('bad', { columns: [], *rows() {} }),
    )
  }
  assert.equal(tell(new MemoryWorld().open()), tell(new BetterSqlite3(':memory:')))
})

test('after a kill, a close and a checkpoint the definition is there, and works once the module is', () => {
  for (const end of ['kill', 'close', 'checkpoint', 'immediately'] as const) {
    const world = new MemoryWorld()
    const db = register(world.open())
    db.exec(`CREATE TABLE t(a); INSERT INTO t VALUES(1); CREATE VIRTUAL TABLE gone USING words(x)`)
    if (end === 'checkpoint') db.checkpoint()
    db.exec(`CREATE VIRTUAL TABLE w USING words(a, b); DROP TABLE gone; CREATE VIEW v AS SELECT word FROM w;
      CREATE TRIGGER r AFTER INSERT ON t BEGIN UPDATE t SET a = (SELECT count(*) FROM w) WHERE a = 0; END; INSERT INTO t VALUES(2)`)
    if (end === 'close') db.close()
    if (end === 'immediately') db.close({ mode: 'immediately' })
    const after = world.killed()
    assert.equal(verify(`${MEMORY_DIR}/app`, {}, after.host).problems, [])
    const again = after.open()
    assert.match(String(thrownBy(() => again.prepare('SELECT * FROM w'))), 'no such module: words')
    assert.equal(again.prepare('SELECT a FROM t').pluck().all(), [1, 2])
    again.exec('CREATE TABLE other(b); CREATE INDEX i ON other(b)')
    again.checkpoint()
    register(again)
    assert.equal(again.prepare('SELECT * FROM v').pluck().all(), ['a', 'b'])
    again.exec('INSERT INTO t VALUES(0)')
    assert.equal(again.prepare('SELECT a FROM t').pluck().all(), [1, 2, 2])
    again.close()
    const last = register(after.open())
    assert.equal(last.prepare('SELECT word FROM w').pluck().all(), ['a', 'b'])
    last.exec('DROP TABLE w')
    assert.equal(after.killed().open().prepare("SELECT name FROM sqlite_schema WHERE name = 'w'").all(), [])
  }
})

test('ALTER where views name such tables: no record says it, as redo would lack the module; a snapshot does', () => {
  const world = new MemoryWorld()
  const db = register(world.open())
  db.exec('CREATE TABLE t(a); CREATE VIRTUAL TABLE w USING words(a); CREATE VIEW v AS SELECT * FROM w JOIN t')
  const records = () => [...readLog(`${MEMORY_DIR}/app`, world.host)].map(({ sql }) => sql).join('')
  db.exec('ALTER TABLE t RENAME TO u; ALTER TABLE u ADD COLUMN b; INSERT INTO u VALUES(1, 2)')
  assert.not.match(records(), 'ALTER')
  const again = register(world.killed().open())
  assert.equal(again.prepare('SELECT * FROM u').all(), [{ a: 1, b: 2 }])
  assert.equal(
    outcome(() => again.prepare('SELECT word FROM v').pluck().all()),
    outcome(() => db.prepare('SELECT word FROM v').pluck().all()),
  )
})

test('a definition in a file from elsewhere runs nothing; a malformed or doubled one is refused', () => {
  const world = new MemoryWorld()
  const db = register(world.open())
  db.exec('CREATE VIRTUAL TABLE w USING words(hello); CREATE TABLE t(a)')
  db.flush()
  let calls = 0
  const setup = (registrar: { table(name: string, factory: () => never): unknown }) => {
    registrar.table('words', () => {
      calls++
      throw new Error('called')
    })
  }
  world.killed().open({ setup }).close()
  assert.is(calls, 0)
  const log = `${MEMORY_DIR}/app.log`
  const bytes = Buffer.from(world.image().files.get(log) ?? [])
  assert.ok(bytes.includes('CREATE VIRTUAL TABLE w USING words(hello);'))
  const scripts = [
    'CREATE TABLE w(a);\nCREATE VIRTUAL TABLE w USING words(hello);',
    'CREATE VIRTUAL TABLE w USING words(hello) garbage;',
    'CREATE VIRTUAL TABLE sqlite_w USING words(hello);',
    'CREATE VIRTUAL TABLE IF NOT EXISTS w USING words(hello);',
    'CREATE VIRTUAL TABLE main.w USING words(hello);',
  ]
  for (const text of scripts) {
    const target = new MemoryWorld().open()
    assert.throws(() => target.redo([`${text}\n`]), undefined, text)
    target.exec('CREATE TABLE t(a); INSERT INTO t VALUES(1)')
    assert.equal(target.prepare('SELECT name FROM sqlite_schema').pluck().all(), ['t'], text)
  }
})

test.run()
