import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ENSURE_TABLE } from '../../lib/cli/replay/position.ts'
import { Database } from '../../lib/database/database.ts'
import { memoryLocks } from '../../lib/fs/memory-locks.ts'
import { systemHost } from '../../lib/host.ts'
import { readLog } from '../../lib/read-log.ts'
import { inQuickDirectory } from '../support/temp-directory.ts'
import { cli, jsonLines, member } from './run-cli.ts'

const TABLES = ['t', 'history', 'sqlite_sequence']

/** DIR/from: three commits in its script, ten more in its log. */
function source(dir: string): Database {
  const host = { ...systemHost(), locks: memoryLocks() }
  const db = new Database(join(dir, 'from'), { writeDelayMillis: 0 }, host)
  db.exec(
    'CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, n INTEGER, body TEXT); CREATE TABLE history(n)',
  )
  db.exec('CREATE TRIGGER tr AFTER UPDATE ON t BEGIN INSERT INTO history VALUES(new.n); END')
  db.exec("INSERT INTO t(n,body) VALUES(0,'first\nline')")
  db.checkpoint()
  for (let round = 0; round < 5; round++) {
    db.exec(
      `UPDATE t SET n=n+1; BEGIN; INSERT INTO t(n,body) VALUES(${round},'x'); DELETE FROM t WHERE n=100; COMMIT`,
    )
  }
  return db
}

function content(db: Database): unknown {
  return TABLES.map((name) => db.prepare(`SELECT rowid, * FROM ${name}`).raw().all())
}

function contentOf(dir: string, name: string): unknown {
  const db = new Database(join(dir, name), { fileMustExist: true })
  try {
    return content(db)
  } finally {
    db.close()
  }
}

test('a script and the log behind it give the database they are of, triggers not running again', () =>
  inQuickDirectory(async (cwd) => {
    const expected = content(source(cwd))
    const run = await cli(['replay', 'app', 'from.script', 'from.log', '--json'], { cwd })
    assert.equal([run.code, run.err], [0, ''])
    const sources = [0, 1].map((index) => member(jsonLines(run.out)[0], 'sources', index))
    assert.equal(
      sources.map((one) => ['kind', 'ended', 'applied'].map((key) => member(one, key))),
      [
        ['script', 'complete', 1],
        ['log', 'complete', 10],
      ],
    )
    assert.equal(contentOf(cwd, 'app'), expected)
    const again = await cli(['replay', 'app', 'from.script', 'from.log'], { cwd })
    assert.is(again.code, 0)
    assert.equal([...again.out.matchAll(/nothing left to replay/g)].length, 2)
    assert.equal(contentOf(cwd, 'app'), expected)
  }))

test('a log goes on where it was: under another name, after more commits, and in the log that follows it', () =>
  inQuickDirectory(async (cwd) => {
    const db = source(cwd)
    copyFileSync(join(cwd, 'from.log'), join(cwd, 'yesterday'))
    assert.is((await cli(['replay', 'app', 'from.script', 'yesterday'], { cwd })).code, 0)
    db.exec("INSERT INTO t(n,body) VALUES(50,'more')")
    const more = await cli(['replay', 'app', '-'], { cwd, input: readFileSync(join(cwd, 'from.log')) })
    assert.match(more.out, /^standard input: 1 transaction replayed, 10 transactions earlier/)
    // What follows is in a log of its own, after an open that found an unclean end.
    const second = new Database(join(cwd, 'from'), {}, { ...systemHost(), locks: memoryLocks() })
    second.exec("INSERT INTO t(n,body) VALUES(51,'next')")
    second.flush()
    assert.ok(existsSync(join(cwd, 'from.log.next')))
    const wrongOrder = await cli(['replay', 'app', 'from.log.next', 'from.log'], { cwd })
    assert.is(wrongOrder.code, 2)
    const next = await cli(['replay', 'app', 'from.log', 'from.log.next'], { cwd })
    assert.equal([next.code, next.err], [0, ''])
    assert.equal(contentOf(cwd, 'app'), content(second))
    // After a checkpoint the log begins later: one that was missed cannot be passed over.
    second.exec("INSERT INTO t(n,body) VALUES(52,'missed')")
    second.checkpoint()
    second.exec("INSERT INTO t(n,body) VALUES(53,'late')")
    second.flush()
    const gap = await cli(['replay', 'app', 'from.log'], { cwd })
    assert.is(gap.code, 1)
    assert.match(gap.err, /the transactions between are missing/)
  }))

test('targets: the last transaction is the one named, or the last that is not later', () =>
  inQuickDirectory(async (cwd) => {
    const expected = content(source(cwd))
    const logged = [...readLog(join(cwd, 'from'))]
    const at = (index: number) => {
      const transaction = logged.at(index)
      if (transaction === undefined) throw new Error('no such transaction')
      return transaction
    }
    const replay = (name: string, ...until: string[]) =>
      cli(['replay', name, 'from.script', 'from.log', ...until], { cwd })
    const runs = await Promise.all([
      replay('by-lsn', '--until-lsn', at(3).lsn),
      replay('by-xid', '--until-xid', String(at(3).xid)),
      replay('by-time', '--until-time', at(3).time),
      replay('to-the-end', '--until-xid', String(at(-1).xid)),
      replay('script-only', '--until-xid', String(at(0).xid - 1)),
      replay('dry', '--until-xid', String(at(3).xid), '--dry-run'),
    ])
    assert.equal(
      runs.map(({ code }) => code),
      [3, 3, 3, 0, 3, 0],
    )
    assert.match(runs[0]?.out ?? '', /from\.log: 4 transactions replayed.*more follows that was not applied/)
    assert.match(runs[5]?.out ?? '', /from\.log: 4 transactions, /)
    assert.not.ok(existsSync(join(cwd, 'dry.properties')))
    const partial = contentOf(cwd, 'by-lsn')
    assert.equal(contentOf(cwd, 'by-xid'), partial)
    assert.equal(contentOf(cwd, 'by-time'), partial)
    assert.not.equal(partial, expected)
    assert.equal(contentOf(cwd, 'to-the-end'), expected)

    const later = await Promise.all([
      replay('by-lsn', '--until-lsn', at(3).lsn),
      replay('by-xid', '--until-xid', String(at(2).xid)),
      replay('by-time'),
      replay('nothing', '--until-xid', String(at(-1).xid + 1)),
      replay('nothing', '--until-lsn', '0/00000000'),
      replay('nothing', '--until-time', '2999-01-01T00:00:00Z'),
      replay('nothing', '--until-time', '1999-01-01T00:00:00Z'),
      replay('nothing', '--until-time', 'noon'),
      replay('nothing', '--until-lsn', '12'),
      replay('nothing', '--until-xid', '5', '--until-lsn', at(3).lsn),
      replay('nothing', '--until-line', '5'),
    ])
    assert.equal(
      later.map(({ code }) => code),
      [3, 7, 0, 7, 7, 7, 7, 2, 2, 2, 2],
    )
    assert.match(later[0]?.out ?? '', /from\.log: 0 transactions replayed/)
    assert.equal(contentOf(cwd, 'by-time'), expected)
    assert.not.ok(existsSync(join(cwd, 'nothing.properties')))
  }))

test('a log without what precedes it, a script over tables, files of the database itself: refused with what to do', () =>
  inQuickDirectory(async (cwd) => {
    source(cwd)
    const noBase = await cli(['replay', 'app', 'from.log'], { cwd })
    assert.is(noBase.code, 1)
    assert.match(noBase.err, /nothing before it was replayed here.*\nhint: replay its \.script first/)
    const [own, full] = await Promise.all([
      cli(['replay', 'from', 'from.log'], { cwd }),
      cli(['exec', 'full', 'CREATE TABLE t(a)'], { cwd }),
    ])
    assert.equal([own.code, full.code], [2, 0])
    const over = await cli(['replay', 'full', 'from.script'], { cwd })
    assert.is(over.code, 1)
    assert.match(
      over.err,
      /table t already exists.*\n?.*\nhint: nothing of it was applied\. A script is a whole snapshot/,
    )
    const bytes = readFileSync(join(cwd, 'from.script'))
    writeFileSync(join(cwd, 'cut.script'), bytes.subarray(0, -20))
    const cut = await cli(['replay', 'app', 'cut.script'], { cwd })
    assert.is(cut.code, 6)
    assert.match(cut.err, /the script is not whole: its last line is missing/)
  }))

test('transactions that cannot be applied are skipped when asked for, triggers of the target kept', () =>
  inQuickDirectory(async (cwd) => {
    const db = new Database(join(cwd, 'from'))
    db.exec(
      'CREATE TABLE t(id INTEGER PRIMARY KEY, n); INSERT INTO t VALUES(1,0); ALTER TABLE t ADD COLUMN z',
    )
    db.exec('INSERT INTO t VALUES(2,0,1); CREATE TABLE u(a); INSERT INTO u VALUES(1)')
    db.flush()
    copyFileSync(join(cwd, 'from.log'), join(cwd, 'copy.log'))
    db.close()
    await cli(
      [
        'exec',
        'app',
        'CREATE TABLE v(a); CREATE TABLE w(a); CREATE TABLE t(id INTEGER PRIMARY KEY, n, z); CREATE TRIGGER vt AFTER INSERT ON v BEGIN INSERT INTO w VALUES(new.a); END',
      ],
      { cwd },
    )
    const stopped = await cli(['replay', 'app', 'copy.log'], { cwd })
    assert.is(stopped.code, 1)
    assert.match(stopped.err, /error: xid 1 \(LSN 0\/[0-9A-F]{8}\): .*table t already exists/)
    const run = await cli(['replay', 'app', 'copy.log', '--on-error', 'skip'], { cwd })
    assert.is(run.code, 1)
    assert.equal(
      [...run.err.matchAll(/skipped xid (\d)/g)].map(([, xid]) => xid),
      ['1', '3'],
    )
    assert.match(run.out, /4 transactions replayed, 2 skipped, now at xid 6/)
    const after = await cli(
      ['exec', 'app', 'INSERT INTO v VALUES(7); SELECT * FROM w; SELECT count(*) FROM t'],
      { cwd },
    )
    assert.equal([after.code, after.out], [0, '7\n2\n'])
    assert.is((await cli(['replay', 'app', 'copy.log'], { cwd })).code, 0)
  }))

test('a torn end is told and no error; damage is exit 6, with everything before it applied', () =>
  inQuickDirectory(async (cwd) => {
    source(cwd)
    const bytes = readFileSync(join(cwd, 'from.log'))
    writeFileSync(join(cwd, 'torn.log'), bytes.subarray(0, -9))
    const torn = await cli(['replay', 'app', 'from.script', 'torn.log'], { cwd })
    assert.is(torn.code, 0)
    assert.match(torn.out, /torn\.log: 9 transactions replayed/)
    assert.match(torn.err, /torn\.log ends with a torn record at LSN 0\//)
    assert.match((await cli(['replay', 'app', 'from.log'], { cwd })).out, /from\.log: 1 transaction replayed/)
    const damaged = Buffer.from(bytes)
    damaged.write('X', damaged.indexOf('"n"=3'))
    writeFileSync(join(cwd, 'damaged.log'), damaged)
    const run = await cli(['replay', 'other', 'from.script', 'damaged.log', '--json'], { cwd })
    assert.is(run.code, 6)
    assert.is(member(jsonLines(run.err).at(-1), 'error', 'code'), 'SCRIPTLOG_CORRUPT')
    const applied = await cli(['exec', 'other', 'SELECT n FROM t WHERE id=1'], { cwd })
    assert.is(applied.out, '2\n')
  }))

test('a database that was itself filled by a replay can be replayed into another, as a script and as a log', () =>
  inQuickDirectory(async (cwd) => {
    writeFileSync(join(cwd, 'work.sql'), 'CREATE TABLE c(n);\nINSERT INTO c VALUES(1);\nUPDATE c SET n=n+1;')
    const filled = await cli(['replay', 'from', 'work.sql'], { cwd })
    assert.is(filled.code, 0)
    const db = new Database(join(cwd, 'other'))
    db.exec(`${ENSURE_TABLE} CREATE TABLE d(n); INSERT INTO d VALUES(3)`)
    db.flush()
    copyFileSync(join(cwd, 'other.log'), join(cwd, 'copy.log'))
    db.close()
    const run = await cli(['replay', 'app', 'from.script', 'copy.log'], { cwd })
    assert.equal([run.code, run.err], [0, ''])
    const ask = 'SELECT * FROM c; SELECT * FROM d; SELECT count(*) FROM scriptlog_replay'
    assert.is((await cli(['exec', 'app', ask], { cwd })).out, '2\n3\n3\n')
  }))

test.run()
