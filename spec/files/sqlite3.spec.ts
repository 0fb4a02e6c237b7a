// The files are programs: stock sqlite3 runs `.script` and then `.log`, and has the same tables.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type CloseOptions, Database } from '../../lib/database/database.ts'
import { contentOf } from '../support/content.ts'
import { skip } from '../support/skip.ts'
import { inQuickDirectory } from '../support/temp-directory.ts'

const test = suite('stock sqlite3')

/** Version of the installed sqlite3 (`3.40.1`), undefined when there is none. */
function installedVersion(): string | undefined {
  try {
    return execFileSync('sqlite3', ['--version'], { encoding: 'utf8' }).split(' ')[0]
  } catch {
    return undefined
  }
}

const version = installedVersion()

/** Runs the files of DIR/app with stock sqlite3, as the README says it, and tells what is in the result. */
function replayed(dir: string): string {
  const copy = join(dir, 'copy.db')
  const run = (input: string) =>
    execFileSync('sqlite3', ['-bail', '-batch', copy], {
      input,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe'],
    })
  const script = join(dir, 'app.script')
  if (existsSync(script)) assert.is(run(readFileSync(script, 'utf8')), '')
  // What a trigger did stands in the log beside what set it off. The shell confirms the setting.
  const output = run(`.dbconfig enable_trigger off\n${readFileSync(join(dir, 'app.log'), 'utf8')}`)
  assert.match(output, /^\s*enable_trigger off\s*$/)
  const db = new BetterSqlite3(copy, { readonly: true })
  try {
    assert.equal(db.pragma('integrity_check', { simple: true }), 'ok')
    return contentOf(db)
  } finally {
    db.close()
  }
}

/** Fills a database, closes it in this way, requires that stock sqlite3 has the same. */
function assertSame(fill: (db: Database) => void, close: CloseOptions): Promise<void> {
  return inQuickDirectory((dir) => {
    const db = new Database(join(dir, 'app'), { writeDelayMillis: 0 })
    fill(db)
    const before = contentOf(db)
    db.close(close)
    const theirs = replayed(dir)
    const again = new Database(join(dir, 'app'))
    assert.is(theirs, contentOf(again))
    // VACUUM numbers rows anew where no column is the rowid.
    if (close.mode !== 'compact') assert.is(theirs, before)
    again.close()
  })
}

const SCHEMA = `
  CREATE TABLE "all types"(a INTEGER PRIMARY KEY, i INT, r REAL, t TEXT, b BLOB, n NUMERIC, x);
  CREATE TABLE strict_one(id INTEGER PRIMARY KEY, i INT, r REAL, t TEXT, b BLOB, a ANY) STRICT;
  CREATE TABLE by_text(k TEXT COLLATE NOCASE, part INT, v, PRIMARY KEY(k, part DESC)) WITHOUT ROWID;
  CREATE TABLE "select"("from" TEXT, "or""and" TEXT, [group] TEXT, \`order\` TEXT, "semi;colon" TEXT, 'quo''ted' TEXT);
  CREATE TABLE computed(a INT, b INT GENERATED ALWAYS AS (a * 2) VIRTUAL, c TEXT AS (a || '!') STORED);
  CREATE TABLE numbered(id INTEGER PRIMARY KEY AUTOINCREMENT, t TEXT DEFAULT 'it''s', at TEXT DEFAULT (date('2026-11-20')));
  CREATE TABLE rowids(t TEXT);
  CREATE TABLE parent(id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL CHECK(length(name) > 0));
  CREATE TABLE child(id INTEGER PRIMARY KEY, p INT REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE,
    q INT REFERENCES parent(id) ON DELETE SET NULL ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED);
  CREATE TABLE tree(id INTEGER PRIMARY KEY, up INT REFERENCES tree ON DELETE CASCADE);
  CREATE TABLE "таблица"("имя" TEXT, "🙂" INT);
  CREATE TABLE audit(what TEXT, at INT DEFAULT 7);
  CREATE INDEX child_p ON child(p) WHERE p IS NOT NULL;
  CREATE UNIQUE INDEX "odd index" ON "select"(lower("from"), "or""and" DESC);
  CREATE VIEW named(id, label) AS SELECT id, upper(name) /* a comment; with a semicolon */ FROM parent -- and another
    WHERE name <> 'no;one';
  CREATE TRIGGER audit_insert AFTER INSERT ON parent BEGIN
    INSERT INTO audit(what) VALUES('insert ' || new.name);
    UPDATE parent SET name = name || '+' WHERE id = new.id AND name LIKE '%!';
  END;
  CREATE TRIGGER audit_delete BEFORE DELETE ON parent BEGIN INSERT INTO audit(what) VALUES('delete; ' || old.name); END;
  CREATE TRIGGER named_insert INSTEAD OF INSERT ON named BEGIN INSERT INTO parent(name) VALUES(new.label); END;
  PRAGMA user_version = 42;
  PRAGMA application_id = -7;
`

const TEXTS = [
  '',
  "it's",
  'a "quoted" word',
  'line\nbreak',
  'carriage\r\nreturn\ttab',
  'many\n'.repeat(600),
  'COMMIT; --@ lsn=0/00000000 xid=1\nBEGIN;',
  '.quit\n.tables\n;;--/*',
  'Ünïcödé – 日本語 🙂 \u{10FFFF}',
  'control \u0001\u001f\u007f\u0085\u2028',
  'bell\u0007 escape\u001b[31m',
  'NUL \0 inside',
  'null',
  'x'.repeat(100_000),
  ' white space ',
  '%s {} $1 \\n \\',
]

const NUMBERS = [
  0,
  -0,
  1,
  -1,
  0.1,
  1 / 3,
  1e15,
  1e16,
  2 ** 53,
  1.5e300,
  -1e-300,
  1e100,
  123456789.123,
  Math.PI,
  5e-324,
  Number.MAX_VALUE,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
]

const INTEGERS = [0n, -1n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)]

function fillWithEverything(db: Database): void {
  db.pragma('foreign_keys = ON')
  db.exec(SCHEMA)
  const typed = db.prepare('INSERT INTO "all types"(i, r, t, b, n, x) VALUES(?, ?, ?, ?, ?, ?)')
  for (const text of TEXTS) typed.run(null, null, text, Buffer.from(text), text, text)
  for (const number of NUMBERS) typed.run(number, number, number, null, number, number)
  for (const integer of INTEGERS) typed.run(integer, integer, integer, null, integer, integer)
  typed.run('not a number', '12', 12, Buffer.alloc(0), '1e3', Buffer.from([0, 255, 39, 10]))
  const strict = db.prepare('INSERT INTO strict_one VALUES(?, ?, ?, ?, ?, ?)')
  strict.run(-5, 2n ** 62n, 0.5, 'text', Buffer.from('blob'), '12')
  strict.run(9, null, null, null, null, 12.5)
  const keyed = db.prepare('INSERT INTO by_text VALUES(?, ?, ?)')
  for (const key of ['b', 'A', 'c\n', '🙂', ''])
    for (const part of [1n, 2n]) keyed.run(key, part, `${key}${part}`)
  db.exec(
    `INSERT INTO "select" VALUES('From', 'x', 'group', 'order', ';', ''''), ('from', 'X', NULL, NULL, NULL, NULL)`,
  )
  db.exec('INSERT INTO computed(a) VALUES(1), (2), (NULL)')
  db.exec("INSERT INTO numbered(t) VALUES('a'), ('b'), ('c'); DELETE FROM numbered WHERE t = 'c'")
  db.exec("INSERT INTO rowids(rowid, t) VALUES(10, 'ten'), (-3, 'minus'), (9223372036854775807, 'last')")
  db.exec(`INSERT INTO "таблица" VALUES('Ж', 1), ('中', 2)`)
  db.exec("INSERT INTO parent(id, name) VALUES(1, 'one'), (2, 'two!'), (3, 'three'), (4, 'four')")
  db.exec('INSERT INTO child VALUES(1, 1, 2), (2, 1, 3), (3, 2, 4), (4, 3, NULL)')
  db.exec('INSERT INTO tree VALUES(1, NULL), (2, 1), (3, 2), (4, 2), (5, NULL)')
}

function changeEverything(db: Database): void {
  db.exec(
    `UPDATE "all types" SET t = t || '!', n = NULL WHERE a % 3 = 0; DELETE FROM "all types" WHERE a % 7 = 0`,
  )
  db.exec(
    "UPDATE by_text SET k = upper(k), v = NULL WHERE part = 1; DELETE FROM by_text WHERE k = 'A' AND part = 2",
  )
  db.exec('UPDATE parent SET id = 20 WHERE id = 2; DELETE FROM parent WHERE id IN (1, 4)')
  db.exec('DELETE FROM tree WHERE id = 1')
  db.exec("INSERT INTO named VALUES(0, 'through the view')")
  db.exec("REPLACE INTO parent(id, name) VALUES(30, 'three')")
  db.exec("INSERT INTO parent(name) VALUES('three') ON CONFLICT(name) DO UPDATE SET name = name || ' again'")
  db.exec(
    "INSERT OR IGNORE INTO numbered(id, t) VALUES(1, 'ignored'), (100, 'far'); DELETE FROM numbered WHERE id = 100",
  )
  db.exec(`BEGIN; UPDATE computed SET a = a + 1; SAVEPOINT s; DELETE FROM computed; ROLLBACK TO s; COMMIT`)
  db.exec(
    `ALTER TABLE rowids ADD COLUMN added TEXT DEFAULT 'later'; UPDATE rowids SET added = 'now' WHERE rowid = 10`,
  )
  db.exec('ALTER TABLE child RENAME COLUMN q TO question; ALTER TABLE audit RENAME TO audited')
  db.exec(`CREATE TABLE made_later AS SELECT id, name FROM parent; CREATE INDEX later ON made_later(name)`)
  db.exec(
    'BEGIN; INSERT INTO made_later VALUES(99, 0.5); ALTER TABLE made_later DROP COLUMN id; DROP VIEW named; COMMIT',
  )
  db.exec('DROP TABLE strict_one; CREATE TABLE strict_one(id INT) STRICT; INSERT INTO strict_one VALUES(1)')
  db.exec(
    "DROP TRIGGER audit_delete; DELETE FROM parent WHERE id = 20; INSERT INTO parent(name) VALUES('last!')",
  )
  db.exec('PRAGMA user_version = 43')
}

const SITUATIONS: readonly (readonly [name: string, fill: (db: Database) => void])[] = [
  ['nothing at all', () => undefined],
  ['everything in the log', fillWithEverything],
  [
    'everything, then changes of everything, in the log',
    (db) => {
      fillWithEverything(db)
      changeEverything(db)
    },
  ],
  [
    'everything in the snapshot, changes of everything in the log',
    (db) => {
      fillWithEverything(db)
      db.checkpoint()
      changeEverything(db)
    },
  ],
]

if (version === undefined) skip(test, 'stock sqlite3 has the same tables', 'sqlite3 is not installed')
else {
  for (const [name, fill] of SITUATIONS) {
    for (const mode of ['immediately', 'normal', 'compact'] as const) {
      test(`${name}, closed in mode ${mode}: sqlite3 ${version} has the same tables`, () =>
        assertSame(fill, { mode }))
    }
  }

  test('after a kill, more work and an immediate close: the two logs have become one program', () =>
    inQuickDirectory((dir) => {
      const elsewhere = new Database(join(dir, 'was'), { writeDelayMillis: 0 })
      fillWithEverything(elsewhere)
      for (const file of ['was.log', 'was.properties']) {
        execFileSync('cp', [join(dir, file), join(dir, file.replace('was', 'app'))])
      }
      elsewhere.close()
      const db = new Database(join(dir, 'app'), { writeDelayMillis: 0 })
      db.pragma('foreign_keys = ON')
      changeEverything(db)
      const expected = contentOf(db)
      db.close({ mode: 'immediately' })
      assert.is(replayed(dir), expected)
    }))
}

for (const mode of version === undefined ? [] : (['normal', 'immediately'] as const)) {
  test(`full-text and spatial search, closed ${mode}: the same is found`, () =>
    inQuickDirectory((dir) => {
      const db = new Database(join(dir, 'app'), { writeDelayMillis: 0 })
      db.exec(`CREATE TABLE doc(id INTEGER PRIMARY KEY, t); CREATE VIRTUAL TABLE f USING fts5(t, content=doc, content_rowid=id);
        CREATE TRIGGER doc_ai AFTER INSERT ON doc BEGIN INSERT INTO f(rowid, t) VALUES(new.id, new.t); END;
        CREATE VIRTUAL TABLE p USING fts5(x, prefix='2'); CREATE VIRTUAL TABLE g USING fts4(x, y);
        CREATE VIRTUAL TABLE w USING fts5vocab(f, row); CREATE VIRTUAL TABLE "box""es" USING rtree(id, x0, x1, +note);
        INSERT INTO doc(t) VALUES('hello world'), ('good night'); INSERT INTO p VALUES('held back');
        INSERT INTO g VALUES('a b', 'c'), ('d', 'e'); INSERT INTO "box""es" VALUES(1, 2, 3, 'x'), (2, 5, 6, 'y');
        ALTER TABLE p RENAME TO q; UPDATE q SET x='hello again'; DELETE FROM g WHERE x='d';
        INSERT INTO f(f) VALUES('optimize')`)
      db.close({ mode })
      replayed(dir)
      const found = `SELECT group_concat(rowid) FROM f('hello OR night'); SELECT rowid FROM q('he*'); SELECT docid FROM g WHERE g MATCH 'b';
        SELECT group_concat(term) FROM w; SELECT id, note FROM "box""es" WHERE x0>4;
        INSERT INTO f(f, rank) VALUES('integrity-check', 1); INSERT INTO g(g) VALUES('integrity-check')`
      const run = execFileSync('sqlite3', ['-bail', '-batch', join(dir, 'copy.db'), found], {
        encoding: 'utf8',
      })
      assert.is(run, '1,2\n1\n1\ngood,hello,night,world\n2|y\n')
    }))
}

test.run()
