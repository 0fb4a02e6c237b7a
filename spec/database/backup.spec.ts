// backup(): the database copied into a SQLite file, with progress.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import { contentOf } from '../support/content.ts'
import { inQuickDirectory } from '../support/temp-directory.ts'

const SCHEMA = `CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a UNIQUE); INSERT INTO t(a) VALUES('x'), (x'00ff'), (2.5);
  CREATE VIEW v AS SELECT * FROM t; CREATE TRIGGER r AFTER INSERT ON t BEGIN UPDATE t SET a = a || '!' WHERE id = new.id; END;
  PRAGMA user_version = 7; PRAGMA application_id = 99`

function kept(dir: string): Database {
  const db = new Database(join(dir, 'app'), { writeDelayMillis: 0 })
  db.exec(`${SCHEMA}; CREATE TEMP TABLE mine(a)`)
  return db
}

/** The same acts on a database of ours and on better-sqlite3's in memory. */
async function assertAlike(
  act: (db: BetterSqlite3.Database, path: string) => Promise<unknown>,
): Promise<void> {
  await inQuickDirectory(async (dir) => {
    const plain = new BetterSqlite3(':memory:')
    plain.exec(SCHEMA)
    const results: unknown[] = []
    for (const [name, db] of [
      ['plain.db', plain],
      ['ours.db', kept(dir)],
    ] as const) {
      const path = join(dir, name)
      const told = act(db, path).then(
        (returned) => ({ returned }),
        (error: unknown) => ({ thrown: String(error).replaceAll(name, 'NAME') }),
      )
      results.push([await told, existsSync(path)])
      db.close()
    }
    assert.equal(results[1], results[0])
  })
}

test('an ordinary SQLite file: rows, schema, numbers of the header, and nothing of ours', () =>
  inQuickDirectory(async (dir) => {
    const db = kept(dir)
    const path = join(dir, 'copy.db')
    const promise = db.backup(path)
    assert.instance(promise, Promise)
    assert.is((await promise).remainingPages, 0)
    const copy = new BetterSqlite3(path, { readonly: true })
    assert.is(contentOf(copy), contentOf(db))
    assert.equal(
      ['user_version', 'application_id', 'integrity_check', 'encoding'].map((name) =>
        copy.pragma(name, { simple: true }),
      ),
      [7, 99, 'ok', 'UTF-8'],
    )
    assert.equal(copy.prepare('SELECT name FROM sqlite_schema ORDER BY 1').pluck().all(), [
      'r',
      'sqlite_autoindex_t_1',
      'sqlite_sequence',
      't',
      'v',
    ])
    copy.close()
    // It goes on as before.
    db.exec("INSERT INTO t(a) VALUES('later')")
    const content = contentOf(db)
    db.close()
    const again = new Database(join(dir, 'app'))
    assert.is(contentOf(again), content)
    again.close()
  }))

test('progress: how often it is called, with what, and how it directs the copying', () =>
  assertAlike(async (db, path) => {
    db.prepare('INSERT INTO t(a) VALUES(?)').run('z'.repeat(4096 * 20))
    const calls: unknown[] = []
    const rates = [0, 3, 1, 0, Infinity]
    const result = await db.backup(path, {
      progress(info) {
        calls.push(info)
        return rates.shift() ?? 100
      },
    })
    return [calls, result]
  }))

test('writes and commits while it is under way are in the copy', () =>
  inQuickDirectory(async (dir) => {
    const db = kept(dir)
    db.prepare('INSERT INTO t(a) VALUES(?)').run('z'.repeat(4096 * 20))
    const path = join(dir, 'copy.db')
    let round = 0
    await db.backup(path, {
      progress: () => {
        if (round < 5) db.prepare('INSERT INTO t(a) VALUES(?)').run(`round ${round++}`)
        if (round === 3) db.checkpoint()
        return 5
      },
    })
    const copy = new BetterSqlite3(path, { readonly: true })
    assert.is(contentOf(copy), contentOf(db))
    copy.close()
    db.close()
  }))

for (const [what, act] of [
  ['no path', (db) => Reflect.apply(db.backup, db, [])],
  ['a path that is no text', (db) => Reflect.apply(db.backup, db, [7])],
  ['an empty path', (db) => db.backup('  ')],
  [':memory:', (db) => db.backup(':memory:')],
  ['options that are none', (db, path) => Reflect.apply(db.backup, db, [path, 7])],
  ['progress that is no function', (db, path) => Reflect.apply(db.backup, db, [path, { progress: 7 }])],
  [
    'an attached database that is none',
    (db, path) => Reflect.apply(db.backup, db, [path, { attached: 'none' }]),
  ],
  [
    'progress that throws',
    (db, path) =>
      db.backup(path, {
        progress: () => {
          throw new SyntaxError('mine')
        },
      }),
  ],
  [
    'progress that returns a text',
    (db, path) => Reflect.apply(db.backup, db, [path, { progress: () => '5' }]),
  ],
  ['a closed database', (db, path) => db.close().backup(path)],
  [
    'one that is closed meanwhile',
    (db, path) => db.backup(path, { progress: () => Number(db.close().open) }),
  ],
] as const satisfies readonly (readonly [
  string,
  (db: BetterSqlite3.Database, path: string) => Promise<unknown>,
])[]) {
  test(`${what}: as better-sqlite3`, () => assertAlike(act))
}

test('a directory that is not there, and a file that is no database: refused, the file as it was', () =>
  inQuickDirectory(async (dir) => {
    const db = kept(dir)
    const told = (path: string) => db.backup(path).then(() => 'done', String)
    assert.match(
      await told(join(dir, 'none', 'copy.db')),
      'Cannot save backup because the directory does not exist',
    )
    writeFileSync(join(dir, 'text'), 'not a database file')
    assert.match(await told(join(dir, 'text')), 'SqliteError')
    assert.is(readFileSync(join(dir, 'text'), 'utf8'), 'not a database file')
    db.close()
  }))

test('{ attached }: the attached database is copied', () =>
  inQuickDirectory(async (dir) => {
    const db = kept(dir)
    db.exec("ATTACH ':memory:' AS other; CREATE TABLE other.o(a); INSERT INTO other.o VALUES('x')")
    await Reflect.apply(db.backup, db, [join(dir, 'copy.db'), { attached: 'other' }])
    const copy = new BetterSqlite3(join(dir, 'copy.db'))
    assert.equal(copy.prepare('SELECT * FROM o').pluck().all(), ['x'])
    copy.close()
    db.close()
  }))

test.run()
