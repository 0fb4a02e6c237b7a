// Attached databases: read and written freely; nothing that is written into them is logged, which is told once.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import { UsageError } from '../../lib/errors.ts'
import { thrownBy } from '../bad-input/refusal.ts'
import { contentOf } from '../support/content.ts'
import { inQuickDirectory } from '../support/temp-directory.ts'

/** A database of ours with a SQLite file attached as `other`; what is told of unlogged writes. */
async function withAttached(
  act: (db: Database, told: readonly string[], path: string, dir: string) => void,
): Promise<void> {
  await inQuickDirectory((dir) => {
    const path = join(dir, 'other.db')
    const made = new BetterSqlite3(path)
    made.exec("CREATE TABLE o(id INTEGER PRIMARY KEY, a); INSERT INTO o(a) VALUES('x'), ('y')")
    made.close()
    const told: string[] = []
    const db = new Database(join(dir, 'app'), {
      writeDelayMillis: 0,
      onEvent: (event) => {
        if (event.kind === 'unloggedWrite') told.push(event.database)
      },
    })
    db.exec('CREATE TABLE t(a)')
    db.prepare('ATTACH ? AS other').run(path)
    act(db, told, path, dir)
    db.close()
  })
}

test('read freely, copied from and joined: no word, and what comes into main is kept', () =>
  withAttached((db, told, _path, dir) => {
    db.exec('INSERT INTO t SELECT a FROM other.o')
    assert.equal(db.prepare('SELECT t.a FROM t JOIN other.o USING (a) ORDER BY 1').pluck().all(), ['x', 'y'])
    db.exec('DETACH other')
    const content = contentOf(db)
    db.close()
    const again = new Database(join(dir, 'app'))
    assert.is(contentOf(again), content)
    again.close()
    assert.equal(told, [])
  }))

for (const [what, sql] of [
  ['by its full name', "INSERT INTO other.o(a) VALUES('new')"],
  ['by a name that only it has', 'DELETE FROM o WHERE id = 1'],
  ['new tables', 'CREATE TABLE other.made(a)'],
  ['with RETURNING', "UPDATE other.o SET a = 'z' RETURNING a"],
  ['in a transaction', "BEGIN; UPDATE o SET a = 'q' WHERE a = 'it''s :x ?'; COMMIT"],
] as const) {
  test(`a write into it, ${what}: done, told once, and not in the log`, () =>
    withAttached((db, told, path, dir) => {
      db.exec('INSERT INTO t VALUES(1)')
      assert.equal(told, [])
      const log = db.status().log.endLsn
      db.exec(sql)
      db.exec(sql.replace('CREATE TABLE', 'CREATE TABLE IF NOT EXISTS'))
      assert.equal(told, ['other'])
      assert.is(db.status().log.endLsn, log)
      db.exec('INSERT INTO t VALUES(2)')
      db.close()
      const plain = new BetterSqlite3(path, { readonly: true })
      assert.not.equal(
        [
          plain.prepare('SELECT * FROM o').all(),
          plain.prepare('SELECT count(*) FROM sqlite_schema').pluck().get(),
        ],
        [
          [
            { id: 1, a: 'x' },
            { id: 2, a: 'y' },
          ],
          what === 'in a transaction' ? 2 : 1,
        ],
      )
      plain.close()
      const again = new Database(join(dir, 'app'))
      assert.equal(again.prepare('SELECT a FROM t').pluck().all(), [1, 2])
      again.close()
    }))
}

test('a write with parameters of every form, and one by a TEMP trigger on a table of main', () =>
  withAttached((db, told) => {
    db.prepare('INSERT INTO other.o(id, a) VALUES($id, ?)').run({ id: 7 }, 'new')
    assert.equal(told, ['other'])
    db.exec("DETACH other; ATTACH ':memory:' AS second; CREATE TABLE second.log(a)")
    assert.equal(told, ['other', 'second'])
    db.exec("ATTACH ':memory:' AS third")
    db.exec('DETACH second')
    db.prepare("CREATE TABLE third.log(a) -- :none '?'").run()
    assert.equal(told, ['other', 'second', 'third'])
    db.exec("DETACH third; ATTACH ':memory:' AS third; CREATE TABLE third.log(a)")
    assert.equal(told, ['other', 'second', 'third', 'third'])
  }))

test('by a TEMP trigger', () =>
  withAttached((db, told) => {
    db.exec('CREATE TEMP TRIGGER r AFTER INSERT ON main.t BEGIN INSERT INTO o(a) VALUES(new.a); END')
    assert.equal(told, [])
    db.prepare('INSERT INTO t VALUES(?)').run(5)
    assert.equal(told, ['other'])
    assert.is(db.prepare('SELECT count(*) FROM other.o').pluck().get(), 3)
  }))

test('the path of the open database: refused, in whatever words, and not attached', () =>
  withAttached((db, _told, _path, dir) => {
    for (const path of [join(dir, 'app'), join(dir, '.', 'x', '..', 'app'), join(dir, 'app.log.next')]) {
      const error = thrownBy(() => db.prepare('ATTACH ? AS own').run(path))
      assert.instance(error, UsageError)
    }
    assert.equal(db.prepare("SELECT name FROM pragma_database_list WHERE name <> 'temp'").pluck().all(), [
      'main',
      'other',
    ])
    db.exec('INSERT INTO t VALUES(1)')
    db.close()
    assert.ok(existsSync(join(dir, 'app.script')))
    const again = new Database(join(dir, 'app'))
    assert.is(again.prepare('SELECT count(*) FROM t').pluck().get(), 1)
    again.close()
  }))

test.run()
