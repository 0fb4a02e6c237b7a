import { spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import { skip } from '../support/skip.ts'
import { inQuickDirectory } from '../support/temp-directory.ts'
import { cli, jsonLines, member } from './run-cli.ts'

/** Looks into a database that no process has open. */
function look<T>(dir: string, act: (db: Database) => T): T {
  const db = new Database(join(dir, 'app'), { fileMustExist: true })
  try {
    return act(db)
  } finally {
    db.close()
  }
}

function counter(dir: string): unknown {
  return look(dir, (db) => db.prepare('SELECT n FROM c').pluck().get())
}

const COUNTING = [
  'CREATE TABLE c(n INTEGER);',
  'INSERT INTO c VALUES(0);',
  'UPDATE c SET n=n+1;',
  'BEGIN;',
  'UPDATE c SET n=n+1; UPDATE c SET n=n+1;',
  'COMMIT;',
  'UPDATE c SET n=n+1;',
  '',
].join('\n')

test('a replay that is complete applies nothing again; what is appended later is applied once', () =>
  inQuickDirectory(async (cwd) => {
    const file = join(cwd, 'work.sql')
    writeFileSync(file, COUNTING)
    const first = await cli(['replay', 'app', 'work.sql'], { cwd })
    assert.equal([first.code, first.err], [0, ''])
    assert.match(first.out, /^work\.sql: 8 statements replayed, now at line 7, /)
    assert.is(counter(cwd), 4)
    const again = await cli(['replay', 'app', './work.sql'], { cwd })
    assert.equal([again.code, counter(cwd)], [0, 4])
    assert.match(again.out, /nothing left to replay, it is complete already/)
    appendFileSync(file, '-- a comment\nUPDATE c SET n=n+10;')
    const more = await cli(['replay', 'app', 'work.sql', '--json'], { cwd })
    assert.equal([more.code, counter(cwd)], [0, 14])
    const [source] = [member(jsonLines(more.out)[0], 'sources', 0)]
    assert.equal(
      ['kind', 'ended', 'applied', 'appliedBefore', 'skipped', 'at'].map((key) => member(source, key)),
      ['sql', 'complete', 1, 8, 0, 'line 9'],
    )
  }))

test('another content under the same name is refused until --restart; so is a file that became shorter', () =>
  inQuickDirectory(async (cwd) => {
    const file = join(cwd, 'work.sql')
    writeFileSync(file, COUNTING)
    await cli(['replay', 'app', 'work.sql'], { cwd })
    for (const changed of [COUNTING.replace('VALUES(0)', 'VALUES(5)'), COUNTING.slice(0, -30)]) {
      writeFileSync(file, changed)
      const refused = await cli(['replay', 'app', 'work.sql'], { cwd })
      assert.equal([refused.code, counter(cwd)], [1, 4])
      assert.match(
        refused.err,
        /work\.sql is not what was replayed before.*\nhint: nothing was applied\. With --restart/,
      )
    }
    writeFileSync(file, 'UPDATE c SET n=n+100;')
    const anew = await cli(['replay', 'app', 'work.sql', '--restart'], { cwd })
    assert.equal([anew.code, counter(cwd)], [0, 104])
    assert.match((await cli(['replay', 'app', 'work.sql'], { cwd })).out, /complete already/)
  }))

test('a statement that fails stops the replay; the mended file goes on from there', () =>
  inQuickDirectory(async (cwd) => {
    const file = join(cwd, 'work.sql')
    const broken = `${COUNTING}BEGIN;\nUPDATE c SET n=n+1;\nUPDATE c SET m=1;\nCOMMIT;\nUPDATE c SET n=n+1;\n`
    writeFileSync(file, broken)
    const stopped = await cli(['replay', 'app', 'work.sql'], { cwd })
    assert.is(stopped.code, 1)
    assert.match(
      stopped.err,
      /line 10: no such column: m \(offset \d+\)\nhint: the transaction that begins on line 8 is rolled back/,
    )
    assert.is(counter(cwd), 4)
    writeFileSync(file, broken.replace('SET m=1', 'SET n=n+1'))
    assert.is((await cli(['replay', 'app', 'work.sql'], { cwd })).code, 0)
    assert.is(counter(cwd), 7)
  }))

test('--on-error skip lists what it passed over, twenty at most, and exits with 1', () =>
  inQuickDirectory(async (cwd) => {
    const bad = Array.from({ length: 23 }, (_, at) => `INSERT INTO nowhere VALUES(${at});\n`).join('')
    writeFileSync(join(cwd, 'work.sql'), `${COUNTING}${bad}UPDATE c SET n=n+1;\n`)
    const run = await cli(['replay', 'app', 'work.sql', '--on-error', 'skip'], { cwd })
    assert.is(run.code, 1)
    assert.equal(
      [...run.err.matchAll(/^skipped line (\d+): no such table: nowhere$/gm)].map(([, line]) => Number(line)),
      Array.from({ length: 20 }, (_, at) => 8 + at),
    )
    assert.match(run.err, /… and 3 more were skipped/)
    assert.match(run.out, /9 statements replayed, 23 skipped, now at line 31/)
    const again = await cli(['replay', 'app', 'work.sql', '--on-error', 'skip'], { cwd })
    assert.equal([again.code, again.err, counter(cwd)], [0, '', 5])
  }))

test('a failure that ends its transaction takes the rest of it along when failures are skipped', () =>
  inQuickDirectory(async (cwd) => {
    writeFileSync(
      join(cwd, 'work.sql'),
      [
        'CREATE TABLE c(n INTEGER UNIQUE); INSERT INTO c VALUES(1);',
        'BEGIN; INSERT INTO c VALUES(2);',
        'INSERT OR ROLLBACK INTO c VALUES(1);',
        'INSERT INTO c VALUES(3);',
        'COMMIT;',
        'INSERT INTO c VALUES(4);',
      ].join('\n'),
    )
    const run = await cli(['replay', 'app', 'work.sql', '--on-error', 'skip'], { cwd })
    assert.is(run.code, 1)
    assert.equal(
      [...run.err.matchAll(/skipped line (\d)/g)].map(([, line]) => line),
      ['3', '4', '5'],
    )
    assert.equal(
      look(cwd, (db) => db.prepare('SELECT n FROM c ORDER BY n').pluck().all()),
      [1, 4],
    )
  }))

test('--until-line stops behind the statement that begins there; a target that is passed or missing is told', () =>
  inQuickDirectory(async (cwd) => {
    writeFileSync(join(cwd, 'work.sql'), COUNTING)
    const until = (line: number) => cli(['replay', 'app', 'work.sql', '--until-line', String(line)], { cwd })
    assert.equal([(await until(70)).code, existsSync(join(cwd, 'app.properties'))], [7, false])
    assert.equal([(await until(3)).code, counter(cwd)], [3, 1])
    const within = await until(5)
    assert.equal([within.code, counter(cwd)], [3, 1])
    assert.match(within.err, /the transaction that begins on line 4 was open and is rolled back/)
    assert.equal([(await until(6)).code, counter(cwd)], [3, 3])
    const passed = await until(2)
    assert.is(passed.code, 7)
    assert.match(passed.err, /replayed up to line 6 already, past line 2/)
    assert.equal([(await until(7)).code, counter(cwd)], [0, 4])
  }))

test('--dry-run counts and creates nothing; a file that cannot be replayed is told', () =>
  inQuickDirectory(async (cwd) => {
    writeFileSync(join(cwd, 'work.sql'), COUNTING)
    writeFileSync(join(cwd, 'cut.sql'), COUNTING.slice(0, -5))
    const [counted, until, cut] = await Promise.all([
      cli(['replay', 'app', 'work.sql', '--dry-run', '--json'], { cwd }),
      cli(['replay', 'app', 'work.sql', '--dry-run', '--until-line', '4'], { cwd }),
      cli(['replay', 'app', 'cut.sql', '--dry-run'], { cwd }),
    ])
    const [source] = [member(jsonLines(counted.out)[0], 'sources', 0)]
    assert.equal([member(source, 'count'), member(source, 'sizeBytes')], [8, Buffer.byteLength(COUNTING)])
    assert.match(until.out, /^work\.sql: 4 statements of SQL, .*\nnothing was changed\n$/)
    assert.is(cut.code, 1)
    assert.not.ok(existsSync(join(cwd, 'app.properties')) || existsSync(join(cwd, 'app.lck')))
  }))

test('a file cut within a statement or a transaction: what is whole is applied, the completed file goes on', () =>
  inQuickDirectory(async (cwd) => {
    const file = join(cwd, 'work.sql')
    // Without its end, `UPDATE c SET n=n+1` would be a whole statement with another meaning.
    const whole = `${COUNTING}UPDATE c SET n=n+1 WHERE n=0;\nUPDATE c SET n=n+1;\n`
    writeFileSync(file, whole.slice(0, whole.indexOf(' WHERE n=0')))
    const cut = await cli(['replay', 'app', 'work.sql'], { cwd })
    assert.equal([cut.code, counter(cwd)], [1, 4])
    assert.match(
      cut.err,
      /line 8: work\.sql ends within a statement, which was not run: UPDATE c SET n=n\+1 \(offset/,
    )
    writeFileSync(file, `${whole}BEGIN; UPDATE c SET n=n+1;\n`)
    const open = await cli(['replay', 'app', 'work.sql'], { cwd })
    assert.equal([open.code, counter(cwd)], [1, 5])
    assert.match(open.err, /line 10: work\.sql ends within the transaction that begins here/)
    writeFileSync(file, `${whole}BEGIN; UPDATE c SET n=n+1;\nCOMMIT;`)
    assert.equal([(await cli(['replay', 'app', 'work.sql'], { cwd })).code, counter(cwd)], [0, 6])
  }))

test('byte order mark, carriage returns and standard input; a NUL is refused where it stands', () =>
  inQuickDirectory(async (cwd) => {
    const input = `\u{feff}${COUNTING.replaceAll('\n', '\r\n')}`
    const run = await cli(['replay', 'app', '-'], { cwd, input })
    assert.equal([run.code, counter(cwd)], [0, 4])
    const more = await cli(['replay', 'app', '-'], { cwd, input: `${input}UPDATE c SET n=n+1;\0\0\0` })
    assert.equal([more.code, counter(cwd)], [1, 5])
    assert.match(more.err, /line 8: .* NUL character/)
    const refused = await cli(['replay', 'app', '-'], { cwd, input: 'UPDATE c SET n=0;' })
    assert.equal([refused.code, counter(cwd)], [1, 5])
    const beyond = await cli(['replay', 'other', '-', '--until-line', '70'], { cwd, input })
    assert.is(beyond.code, 7)
  }))

test('what a file sets holds for the whole of it, also when it goes on later, and not for the next file', () =>
  inQuickDirectory(async (cwd) => {
    const orphans =
      'PRAGMA foreign_keys=OFF;\nCREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE k(p REFERENCES p);\nINSERT INTO k VALUES(1);\n'
    writeFileSync(join(cwd, 'a.sql'), orphans)
    writeFileSync(join(cwd, 'b.sql'), 'INSERT INTO k VALUES(3);')
    assert.is((await cli(['replay', 'app', 'a.sql'], { cwd })).code, 0)
    appendFileSync(join(cwd, 'a.sql'), 'INSERT INTO k VALUES(2);\n')
    const run = await cli(['replay', 'app', 'a.sql', 'b.sql'], { cwd })
    assert.is(run.code, 1)
    assert.match(run.out, /^a\.sql: 1 statement replayed/)
    assert.match(run.err, /FOREIGN KEY constraint failed/)
    assert.equal(
      look(cwd, (db) => db.prepare('SELECT p FROM k').pluck().all()),
      [1, 2],
    )
  }))

test('the position does not disturb last_insert_rowid()', () =>
  inQuickDirectory(async (cwd) => {
    writeFileSync(
      join(cwd, 'work.sql'),
      'CREATE TABLE a(id INTEGER PRIMARY KEY); CREATE TABLE b(a);\nINSERT INTO a VALUES(42);\nINSERT INTO b VALUES(last_insert_rowid());\nBEGIN; INSERT INTO a VALUES(77); COMMIT;\nINSERT INTO b VALUES(last_insert_rowid());',
    )
    assert.is((await cli(['replay', 'app', 'work.sql'], { cwd })).code, 0)
    assert.equal(
      look(cwd, (db) => db.prepare('SELECT a FROM b').pluck().all()),
      [42, 77],
    )
  }))

test('files that are no SQL are refused with what to do', () =>
  inQuickDirectory(async (cwd) => {
    writeFileSync(join(cwd, 'a.db'), 'SQLite format 3\0...')
    writeFileSync(join(cwd, 'a.gz'), Buffer.from([0x1f, 0x8b, 8, 0]))
    writeFileSync(join(cwd, 'a.utf16'), Buffer.from('\u{feff}SELECT 1;', 'utf16le'))
    const runs = await Promise.all(
      ['a.db', 'a.gz', 'a.utf16', 'missing', '.'].map((name) => cli(['replay', 'app', name], { cwd })),
    )
    assert.equal(
      runs.map(({ code }) => code),
      [1, 1, 1, 1, 1],
    )
    const says = [/\.dump \| scriptlog replay/, /gunzip -c/, /iconv/, /no such file/, /no ordinary file/]
    for (const [index, pattern] of says.entries()) assert.match(runs[index]?.err ?? '', pattern)
    assert.not.ok(existsSync(join(cwd, 'app.properties')))
  }))

const sqlite3 = spawnSync('sqlite3', ['--version']).status === 0
if (!sqlite3) skip(test, 'a dump of stock sqlite3 is replayed', 'sqlite3 is not installed')
else
  test('a dump of stock sqlite3 is replayed', () =>
    inQuickDirectory(async (cwd) => {
      const made = spawnSync('sqlite3', [join(cwd, 'stock.db')], {
        input: `CREATE TABLE p(id INTEGER PRIMARY KEY AUTOINCREMENT, t TEXT, r REAL, b BLOB, UNIQUE(t));
          CREATE TABLE w(k TEXT PRIMARY KEY, v) WITHOUT ROWID;
          CREATE TABLE k(p REFERENCES p(id));
          CREATE INDEX i ON k(p); CREATE VIEW v AS SELECT t FROM p WHERE t<>';';
          CREATE TRIGGER tr AFTER INSERT ON k BEGIN UPDATE p SET r=r+1 WHERE id=new.p; INSERT INTO w VALUES('x;'||new.p, 1); END;
          INSERT INTO p(t,r,b) VALUES('a''b'||char(10)||'c', 1.5, x'00ff'), ('日本;', -1e300, NULL);
          INSERT INTO k VALUES(1),(2);
          DELETE FROM p WHERE id=2;`,
      })
      assert.is(made.status, 0)
      const dump = spawnSync('sqlite3', [join(cwd, 'stock.db'), '.dump']).stdout
      writeFileSync(join(cwd, 'dump.sql'), dump)
      const run = await cli(['replay', 'app', 'dump.sql'], { cwd })
      assert.equal([run.code, run.err], [0, ''])
      const script = readFileSync(join(cwd, 'app.script'))
      const ask =
        "SELECT id,quote(replace(t,char(10),'~')),quote(r),quote(b) FROM p; SELECT * FROM w; SELECT * FROM k; SELECT replace(t,char(10),'~') FROM v; SELECT name,type FROM sqlite_schema WHERE name<>'scriptlog_replay' AND name NOT LIKE 'sqlite%' ORDER BY 1; SELECT seq FROM sqlite_sequence;"
      const expected = spawnSync('sqlite3', [join(cwd, 'stock.db'), ask]).stdout.toString()
      const back = spawnSync('sqlite3', [join(cwd, 'back.db')], { input: script })
      assert.equal([back.status, back.stderr.toString()], [0, ''])
      assert.is(spawnSync('sqlite3', [join(cwd, 'back.db'), ask]).stdout.toString(), expected)
      assert.is((await cli(['exec', 'app', ask], { cwd })).out.replaceAll('\t', '|'), expected)
    }))

test.run()
