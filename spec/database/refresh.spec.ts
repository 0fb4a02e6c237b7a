// Readers that move on: what a writer committed is seen after a refresh, in prepared statements too; whatever fails leaves
// the state as it was. Every intermediate state of the files is tried in readers-everywhere.spec.ts.

import BetterSqlite3 from 'better-sqlite3'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import type { DatabaseEvent } from '../../lib/database/events.ts'
import type { DatabaseOptions } from '../../lib/database/options.ts'
import { CorruptionError, OpenError, UsageError } from '../../lib/errors.ts'
import { imageOf } from '../../lib/fs/image.ts'
import { thrownBy } from '../bad-input/refusal.ts'
import { contentOf } from '../crash/content.ts'
import { MEMORY_DIR, MemoryWorld } from '../support/memory-world.ts'
import { outcome } from './twins.ts'

const PATH = `${MEMORY_DIR}/app`
const UNCHANGED = { records: 0, isReloaded: false }

function readerOf(world: MemoryWorld, options: DatabaseOptions = {}): Database {
  return new Database(PATH, { readonly: true, ...options }, world.host)
}

/** What a refresh did, without the place that it reached. */
function refreshed(reader: Database): { readonly records: number; readonly isReloaded: boolean } {
  const { records, isReloaded } = reader.refresh()
  return { records, isReloaded }
}

/** A world in which other bytes lie under some names. */
function changed(world: MemoryWorld, change: (files: Map<string, Uint8Array>) => void): MemoryWorld {
  const files = new Map(world.image().files)
  change(files)
  return new MemoryWorld({ image: imageOf(Object.fromEntries(files), [MEMORY_DIR]) })
}

/** Puts the files of one world in place of another's, at once. */
function replaceFiles(world: MemoryWorld, by: MemoryWorld): void {
  for (const path of world.image().files.keys()) world.files.remove(path)
  const { files, directories } = by.image()
  for (const path of directories) {
    if (world.files.stat(path) === undefined) world.files.makeDir(path)
  }
  for (const [path, bytes] of files) {
    const file = world.files.create(path)
    file.append(bytes)
    file.close()
  }
}

function assertSame(reader: Database, writer: Database, what?: string): void {
  assert.is(contentOf(reader), contentOf(writer), what)
}

test('commits are seen after a refresh and not before, by statements that were prepared before', () => {
  const world = new MemoryWorld()
  const writer = world.open()
  writer.exec('CREATE TABLE t(a INTEGER PRIMARY KEY, b); INSERT INTO t VALUES(1, 1)')
  const events: DatabaseEvent[] = []
  const reader = readerOf(world, { onEvent: (event) => events.push(event) })
  const all = reader.prepare('SELECT * FROM t')
  const own = Object.getPrototypeOf(new BetterSqlite3(':memory:').prepare('SELECT 1'))
  assert.is(Object.getPrototypeOf(all), own)
  writer.exec('UPDATE t SET b = b + 1; INSERT INTO t VALUES(2, 2)')
  assert.equal(all.all(), [{ a: 1, b: 1 }])
  const result = reader.refresh()
  assert.equal(result, {
    ...writer.lastCommit,
    lsn: writer.status().log.endLsn,
    records: 2,
    isReloaded: false,
  })
  assert.equal(all.all(), [
    { a: 1, b: 2 },
    { a: 2, b: 2 },
  ])
  assert.equal(refreshed(reader), UNCHANGED)
  assert.equal(events, [{ kind: 'refreshed', ...result }])
  assert.is(reader.prepare('SELECT changes() + last_insert_rowid()').pluck().get(), 0)
})

test('a checkpoint: where everything had been seen the reader goes on, where not it loads anew', () => {
  const world = new MemoryWorld()
  const writer = world.open()
  writer.exec('CREATE TABLE t(a); INSERT INTO t VALUES(1)')
  const ahead = readerOf(world)
  const behind = readerOf(world)
  writer.exec('INSERT INTO t VALUES(2)')
  ahead.refresh()
  writer.exec('CHECKPOINT')
  assert.equal(refreshed(ahead), UNCHANGED)
  writer.exec('INSERT INTO t VALUES(3)')
  assert.equal(refreshed(ahead), { records: 1, isReloaded: false })
  assert.equal(refreshed(behind), { records: 1, isReloaded: true })
  for (const reader of [ahead, behind]) assertSame(reader, writer)
  // Two in a row, and one that closes.
  writer.exec('CHECKPOINT; CHECKPOINT')
  assert.equal([ahead, behind].map(refreshed), [UNCHANGED, UNCHANGED])
  writer.close()
  assert.equal([ahead, behind].map(refreshed), [UNCHANGED, UNCHANGED])
  const next = world.open()
  next.exec('DELETE FROM t WHERE a = 1')
  assert.equal(refreshed(ahead), { records: 1, isReloaded: false })
  assertSame(ahead, next)
})

test('everything that a schema can change: tables, columns, views, triggers, indexes, full-text search, PRAGMAs', () => {
  const steps = [
    'CREATE TABLE t(a INTEGER PRIMARY KEY AUTOINCREMENT, b UNIQUE); CREATE TABLE log(a); INSERT INTO t(b) VALUES(1), (2)',
    'CREATE VIEW v AS SELECT b FROM t; CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO log VALUES(new.b); END',
    'INSERT INTO t(b) VALUES(3); ALTER TABLE t ADD COLUMN c DEFAULT 7',
    "CREATE VIRTUAL TABLE f USING fts5(x); INSERT INTO f VALUES('one'), ('two')",
    "INSERT INTO f VALUES('three'); DELETE FROM f WHERE rowid = 1",
    'ALTER TABLE t RENAME COLUMN b TO d; CREATE INDEX i ON t(c); PRAGMA user_version = 5',
    'DROP TRIGGER r; INSERT INTO t(d) VALUES(9); ALTER TABLE log RENAME TO history',
    'CREATE VIRTUAL TABLE g USING fts4(y); CREATE VIRTUAL TABLE b USING rtree(id, x0, x1); INSERT INTO b VALUES(1, 2, 3)',
    "INSERT INTO g VALUES('four'); UPDATE b SET x1 = 9; ANALYZE",
    'DROP VIEW v; DROP TABLE f; DELETE FROM t; CREATE TABLE w(a PRIMARY KEY) WITHOUT ROWID',
    'DROP TABLE t; DROP TABLE g; PRAGMA application_id = 3',
  ]
  const world = new MemoryWorld()
  const writer = world.open()
  const eager = readerOf(world)
  const lazy = readerOf(world)
  // Loads everything anew each time.
  const late = readerOf(world)
  const count = eager.prepare('SELECT count(*) FROM sqlite_schema').pluck()
  for (const [index, step] of steps.entries()) {
    writer.exec(step)
    eager.refresh()
    assert.is(comparable(eager), comparable(writer), step)
    assert.is(count.get(), writer.prepare('SELECT count(*) FROM sqlite_schema').pluck().get())
    if (index % 4 === 3) lazy.refresh()
    writer.checkpoint()
    late.refresh()
    assert.is(comparable(late), comparable(writer), step)
    for (const reader of [eager, late]) {
      const hasSearch = reader.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'f'").get() !== undefined
      const found = hasSearch
        ? reader.prepare("SELECT group_concat(x) FROM f('one OR two OR three')").pluck().get()
        : undefined
      assert.is(found, index < 3 || index > 8 ? undefined : index === 3 ? 'one,two' : 'two,three')
    }
  }
  lazy.refresh()
  assert.is(comparable(lazy), comparable(writer))
  assert.is(late.status().reader?.reloads, steps.length)
})

/** Without the samples of ANALYZE, which are not kept, and `sqlite_sequence`, which SQLite keeps when nobody needs it. */
function comparable(db: Database): string {
  return contentOf(db).replace(/^(schema "table" "sqlite_sequence"|row sqlite_stat).*\n/gm, '')
}

test('a commit that no record can say, saved by a checkpoint where the log had ended: it is seen', () => {
  const world = new MemoryWorld()
  const writer = world.open()
  writer.table('mine', () => ({
    columns: ['a'],
    *rows() {
      yield [1]
    },
  }))
  writer.exec('CREATE TABLE t(a); CREATE VIRTUAL TABLE m USING mine')
  const reader = readerOf(world)
  const { lastXid, log } = writer.status()
  writer.exec('ALTER TABLE t ADD COLUMN b')
  assert.is(writer.status().lastCheckpoint.lsn, log.endLsn)
  assert.is(writer.status().lastXid, lastXid + 1)
  assert.equal(refreshed(reader), { records: 0, isReloaded: true })
  assert.equal(
    reader
      .prepare('SELECT * FROM t')
      .columns()
      .map(({ name }) => name),
    ['a', 'b'],
  )
})

test('SELECT * has new columns, a table that is gone is missed, as in better-sqlite3', () => {
  const world = new MemoryWorld()
  const writer = world.open()
  writer.exec('CREATE TABLE t(a); INSERT INTO t VALUES(1)')
  const reader = readerOf(world)
  const all = reader.prepare('SELECT * FROM t')
  assert.equal(all.all(), [{ a: 1 }])
  writer.exec('ALTER TABLE t ADD COLUMN b DEFAULT 2')
  reader.refresh()
  assert.equal(all.all(), [{ a: 1, b: 2 }])
  writer.exec('DROP TABLE t')
  reader.refresh()
  assert.throws(() => all.all(), /no such table: t/)
})

test('functions and modules of setup, safe integers, verbose: as before the refresh', () => {
  const world = new MemoryWorld()
  const setup: DatabaseOptions['setup'] = (registrar) => {
    registrar.function('twice', { deterministic: true }, (a: number) => a * 2)
  }
  const writer = world.open({ setup })
  writer.exec('CREATE TABLE t(a, b AS (twice(a)), CHECK(twice(a) < 100)); CREATE INDEX i ON t(twice(a))')
  const heard: unknown[] = []
  const reader = readerOf(world, { setup, verbose: (sql) => heard.push(sql) })
  reader.function('mine', () => 5)
  reader.defaultSafeIntegers()
  const all = reader.prepare('SELECT a, b, mine() AS c FROM t')
  writer.exec('INSERT INTO t VALUES(4)')
  reader.refresh()
  assert.equal(all.all(), [{ a: 4n, b: 8, c: 5 }])
  reader.exec('CREATE TEMP TABLE x(a)')
  assert.equal(heard, ['SELECT a, b, mine() AS c FROM t', 'CREATE TEMP TABLE x(a)'])
})

test('inside a transaction and while an iterator is open: an error, and the state that the transaction began with', () => {
  const world = new MemoryWorld()
  const writer = world.open()
  writer.exec('CREATE TABLE t(a); INSERT INTO t VALUES(1), (2)')
  const reader = readerOf(world)
  writer.exec('INSERT INTO t VALUES(3)')
  const rows = () => reader.prepare('SELECT count(*) FROM t').pluck().get()
  reader.transaction(() => {
    assert.instance(
      thrownBy(() => reader.refresh()),
      UsageError,
    )
    assert.is(rows(), 2)
  })()
  for (const isUnsafe of [false, true]) {
    reader.unsafeMode(isUnsafe)
    const iterator = reader.prepare('SELECT a FROM t').pluck().iterate()
    iterator.next()
    assert.equal(
      outcome(() => reader.refresh()),
      { thrown: 'TypeError', message: 'This database connection is busy executing a query', code: undefined },
    )
    assert.equal([...iterator], [2])
  }
  reader.refresh()
  assert.is(rows(), 3)
})

test('TEMP objects of the reader survive, with views and triggers on tables that change', () => {
  const world = new MemoryWorld()
  const writer = world.open()
  writer.exec('CREATE TABLE t(a, b); INSERT INTO t VALUES(1, 1); CREATE TABLE u(a)')
  const reader = readerOf(world)
  reader.exec(`CREATE TEMP TABLE mine(id INTEGER PRIMARY KEY, a UNIQUE); INSERT INTO mine(a) VALUES('kept');
    CREATE TEMP VIEW both AS SELECT t.a, mine.a AS m FROM t, mine; CREATE TEMP VIEW "on u" AS SELECT * FROM u;
    CREATE TEMP TRIGGER r AFTER INSERT ON mine BEGIN UPDATE mine SET a = 'by trigger' WHERE id = new.id; END;
    CREATE TEMP TRIGGER never AFTER UPDATE ON main.t BEGIN DELETE FROM mine; END;
    CREATE VIRTUAL TABLE temp.f USING fts5(x); INSERT INTO f VALUES('find me')`)
  const schema = () => reader.prepare('SELECT type, name, sql FROM temp.sqlite_schema ORDER BY name').all()
  const before = schema()
  const both = reader.prepare('SELECT * FROM both ORDER BY a')
  writer.exec(
    'UPDATE t SET a = 2; ALTER TABLE t RENAME COLUMN b TO c; DROP TABLE u; INSERT INTO t VALUES(3, 3)',
  )
  reader.refresh()
  writer.exec('CHECKPOINT; INSERT INTO t VALUES(4, 4)')
  reader.refresh()
  writer.exec('CHECKPOINT; INSERT INTO t VALUES(5, 5); CHECKPOINT')
  assert.ok(reader.refresh().isReloaded)
  assert.equal(
    both.all(),
    [2, 3, 4, 5].map((a) => ({ a, m: 'kept' })),
  )
  assert.equal(schema(), before)
  reader.exec("INSERT INTO mine(a) VALUES('x')")
  assert.equal(reader.prepare('SELECT a FROM mine').pluck().all(), ['kept', 'by trigger'])
  assert.is(reader.prepare("SELECT count(*) FROM f('find')").pluck().get(), 1)
  assert.throws(() => reader.prepare('SELECT * FROM "on u"'), /no such table/)
})

test('a TEMP table that hides one of the database: refused, whenever it comes to light, and nothing is touched', () => {
  for (const committed of [
    'INSERT INTO t VALUES(2)',
    'CREATE TABLE later(a); INSERT INTO later VALUES(2)',
    'BEGIN; CREATE TABLE later(a); INSERT INTO later VALUES(2); DROP TABLE later; COMMIT',
    'BEGIN; CREATE TABLE later(a); ALTER TABLE later RENAME TO other; COMMIT',
    'CREATE INDEX j ON t(a); DROP INDEX j',
  ]) {
    const world = new MemoryWorld()
    const writer = world.open()
    writer.exec('CREATE TABLE t(a); INSERT INTO t VALUES(1)')
    const reader = readerOf(world)
    const name = committed.includes('later') ? 'later' : 'T'
    reader.exec(
      `CREATE TEMP TABLE ${name}(a); INSERT INTO temp.${name} VALUES('mine'); CREATE INDEX temp.j ON ${name}(a)`,
    )
    const before = reader.prepare('SELECT name, sql FROM temp.sqlite_schema').all()
    writer.exec(committed)
    for (const begin of ['', 'CHECKPOINT']) {
      writer.exec(begin)
      const isOver = /DROP TABLE|RENAME/.test(committed) && begin !== ''
      if (isOver) break
      assert.instance(
        thrownBy(() => reader.refresh()),
        UsageError,
        committed,
      )
      assert.equal(reader.prepare('SELECT a FROM main.t').pluck().all(), [1])
      assert.equal(reader.prepare(`SELECT a FROM temp.${name}`).pluck().all(), ['mine'])
      assert.equal(reader.prepare('SELECT name, sql FROM temp.sqlite_schema').all(), before)
      assert.is(reader.pragma('foreign_keys', { simple: true }), 1)
    }
    reader.exec(`DROP TABLE temp.${name}`)
    reader.refresh()
    assertSame(reader, writer)
  }
})

test('a record that cannot be applied, behind one that can: neither is seen, and it is told where', () => {
  const world = new MemoryWorld()
  const setup: DatabaseOptions['setup'] = (registrar) => {
    registrar.function('twice', { deterministic: true }, (a: number) => a * 2)
  }
  const writer = world.open({ setup })
  writer.exec(
    'CREATE TABLE t(a); CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END; INSERT INTO t VALUES(1)',
  )
  const reader = readerOf(world)
  const before = contentOf(reader)
  writer.exec('INSERT INTO t VALUES(2); CREATE INDEX i ON t(twice(a))')
  const error = thrownBy(() => reader.refresh())
  assert.instance(error, OpenError)
  assert.match(String(error), /a record of the log cannot be applied.*twice.*setup/s)
  assert.is(contentOf(reader), before)
  assert.is(reader.status().reader?.failure, undefined)
  writer.exec('DROP INDEX i')
  writer.checkpoint()
  reader.refresh()
  assertSame(reader, writer)
})

test('a record that is not whole yet is not there yet; one that was damaged is told, and the state stays', () => {
  const world = new MemoryWorld()
  const writer = world.open()
  writer.exec("CREATE TABLE t(a); INSERT INTO t VALUES('first')")
  const reader = readerOf(world)
  const log = `${PATH}.log`
  const sizeBefore = world.image().files.get(log)?.length ?? 0
  writer.exec("INSERT INTO t VALUES('second'); INSERT INTO t VALUES('third')")
  const whole = world.image().files.get(log) ?? new Uint8Array()
  const cut = (lengthBytes: number) =>
    changed(world, (files) => files.set(log, whole.subarray(0, lengthBytes)))
  const seen = new Set<unknown>()
  for (let length = sizeBefore; length <= whole.length; length++) {
    replaceFiles(world, cut(length))
    reader.refresh()
    seen.add(reader.prepare('SELECT group_concat(a) FROM t').pluck().get())
  }
  assert.equal([...seen], ['first', 'first,second', 'first,second,third'])

  const late = readerOf(changed(world, (files) => files.set(log, whole.subarray(0, sizeBefore))))
  assert.is(late.prepare('SELECT count(*) FROM t').pluck().get(), 1)
  const damaged = Buffer.from(whole)
  damaged[damaged.indexOf('second')] = 0x58
  const other = new MemoryWorld({ image: cut(sizeBefore).image() })
  const beside = readerOf(other)
  replaceFiles(
    other,
    changed(world, (files) => files.set(log, damaged)),
  )
  assert.instance(
    thrownBy(() => beside.refresh()),
    CorruptionError,
  )
  assert.equal(beside.prepare('SELECT a FROM t').pluck().all(), ['first'])
  replaceFiles(
    other,
    changed(world, () => undefined),
  )
  assert.equal(refreshed(beside), { records: 2, isReloaded: false })
})

test('killed and recovered: nothing is applied twice, and what a power cut took is gone', () => {
  const world = new MemoryWorld()
  world
    .open({ writeDelayMillis: 0 })
    .exec('CREATE TABLE t(a); INSERT INTO t VALUES(1); UPDATE t SET a = a + 1')
  const reader = readerOf(world)
  // The next process finds the files of the first, and goes on in .log.next with copies of records.
  const second = world.killed()
  const beside = readerOf(second)
  assertSame(beside, reader)
  const next = second.open()
  next.exec('UPDATE t SET a = a + 1')
  beside.refresh()
  assertSame(beside, next)
  next.exec('UPDATE t SET a = a + 1')
  assert.equal(refreshed(beside), { records: 1, isReloaded: false })

  // The power fails: the last record was never synced.
  const log = `${PATH}.log`
  const before = world.killed()
  const writer = before.open()
  writer.close({ mode: 'immediately' })
  const cutShort = before.killed()
  const again = before.killed()
  again.open().exec('UPDATE t SET a = 99')
  const sees = readerOf(again)
  assert.is(sees.prepare('SELECT a FROM t').pluck().get(), 99)
  replaceFiles(again, cutShort)
  assert.ok(sees.refresh().isReloaded)
  assert.is(sees.prepare('SELECT a FROM t').pluck().get(), 2)
  assert.ok(before.files.stat(log) !== undefined)
})

test('files of another database under the name: refused, the state stays; a timeline that recovery began: loaded', () => {
  const world = new MemoryWorld()
  const writer = world.open()
  writer.exec("CREATE TABLE t(a); INSERT INTO t VALUES('first'); INSERT INTO t VALUES('second')")
  writer.flush()
  const reader = readerOf(world)
  const stranger = new MemoryWorld()
  stranger.open().exec("CREATE TABLE t(a); INSERT INTO t VALUES('strange')")
  const own = world.killed()
  replaceFiles(world, stranger)
  assert.match(String(thrownBy(() => reader.refresh())), /other files lie under this name now/)
  replaceFiles(world, new MemoryWorld())
  assert.match(String(thrownBy(() => reader.refresh())), /there is no such database/)
  assert.equal(reader.prepare('SELECT a FROM t').pluck().all(), ['first', 'second'])

  const damaged = changed(own, (files) => {
    const bytes = Buffer.from(files.get(`${PATH}.log`) ?? [])
    bytes[bytes.indexOf('second')] = 0x58
    // Something behind it, so that it is no torn tail.
    files.set(`${PATH}.log`, bytes)
  })
  damaged.open({ recoveryMode: 'stop_at_damage' }).close()
  replaceFiles(world, damaged)
  assert.ok(reader.refresh().isReloaded)
  assert.equal(reader.prepare('SELECT a FROM t').pluck().all(), ['first'])
})

test('on the interval: later, while something is under way; a failure is told once, and it goes on when it is over', async () => {
  const world = new MemoryWorld()
  const writer = world.open()
  writer.exec('CREATE TABLE t(a); INSERT INTO t VALUES(1)')
  const events: DatabaseEvent[] = []
  let hear: (event: DatabaseEvent) => void = () => undefined
  const next = () =>
    new Promise<DatabaseEvent>((resolve) => {
      hear = resolve
    })
  const reader = readerOf(world, {
    refreshIntervalMillis: 1,
    onEvent: (event) => {
      events.push(event)
      hear(event)
    },
  })
  // The interval keeps no process alive.
  const alive = setInterval(() => undefined, 1000)
  const turns = () => new Promise((resolve) => setTimeout(resolve, 10))
  try {
    const rows = reader.prepare('SELECT count(*) FROM t').pluck()
    const told = next()
    writer.exec('INSERT INTO t VALUES(2)')
    assert.is((await told).kind, 'refreshed')
    assert.is(rows.get(), 2)

    reader.exec('BEGIN')
    writer.exec('INSERT INTO t VALUES(3)')
    await turns()
    assert.is(rows.get(), 2)
    const after = next()
    reader.exec('COMMIT')
    assert.is((await after).kind, 'refreshed')
    assert.is(rows.get(), 3)

    const failed = next()
    reader.exec('CREATE TEMP TABLE t(a)')
    writer.exec('INSERT INTO t VALUES(4)')
    assert.is((await failed).kind, 'refreshFailed')
    await turns()
    assert.equal(
      events.map(({ kind }) => kind),
      ['refreshed', 'refreshed', 'refreshFailed'],
    )
    assert.match(reader.status().reader?.failure?.message ?? '', /hides one of the database/)
    const mended = next()
    reader.exec('DROP TABLE temp.t')
    assert.is((await mended).kind, 'refreshed')
    assert.is(reader.status().reader?.failure, undefined)
    assert.is(rows.get(), 4)

    reader.close()
    writer.exec('INSERT INTO t VALUES(5)')
    await turns()
    assert.is(events.length, 4)
  } finally {
    clearInterval(alive)
  }
})

test('status: the place of the reader, what it has done, and that it is none of the writer', () => {
  const world = new MemoryWorld()
  const writer = world.open()
  writer.exec('CREATE TABLE t(a); CHECKPOINT; INSERT INTO t VALUES(1)')
  const reader = readerOf(world)
  writer.exec('INSERT INTO t VALUES(2)')
  reader.refresh()
  const {
    lastXid,
    lastCommitTime,
    log,
    isWritable,
    failure,
    recovery,
    lastCheckpoint,
    reader: own,
    databaseId,
  } = reader.status()
  const theirs = writer.status()
  assert.equal(
    { lastXid, lastCommitTime, end: log.endLsn, start: log.startLsn, lastCheckpoint, databaseId },
    {
      lastXid: theirs.lastXid,
      lastCommitTime: theirs.lastCommitTime,
      end: theirs.log.endLsn,
      start: theirs.log.startLsn,
      lastCheckpoint: theirs.lastCheckpoint,
      databaseId: theirs.databaseId,
    },
  )
  assert.equal(
    { isWritable, failure, own, wentOn: recovery.wentOn, redone: recovery.redoneRecords },
    {
      isWritable: false,
      failure: undefined,
      own: { refreshes: 1, reloads: 0, failure: undefined },
      wentOn: 'read-only',
      redone: 1,
    },
  )
  assert.is(theirs.reader, undefined)
})

// A writer was killed when it had created an empty .log.new, and the recovery removed it: of an empty file the first lines
// tell nothing, so that nothing seemed to have changed.
test('a file that was there when it was looked for and gone when it was opened: looked at again', () => {
  const world = new MemoryWorld()
  world.open().exec('CREATE TABLE t(a); INSERT INTO t VALUES(1)').close()
  const logNew = `${PATH}.log.new`
  for (let at = 0; at < 12; at++) {
    const image = imageOf({ ...Object.fromEntries(world.image().files), [logNew]: '' }, [MEMORY_DIR])
    let seen = 0
    const racing: MemoryWorld = new MemoryWorld({
      image,
      onOperation: ({ kind, path }) => {
        if (kind === 'openRead' && path === logNew && seen++ === at) racing.files.remove(logNew)
        return undefined
      },
    })
    assert.equal(readerOf(racing).prepare('SELECT a FROM t').pluck().all(), [1])
  }
})

test('a writable database and one in memory are up to date; an interval is for readers', () => {
  const world = new MemoryWorld()
  const writer = world.open()
  writer.exec('CREATE TABLE t(a)')
  const { xid, endLsn } = { xid: writer.lastCommit?.xid, endLsn: writer.status().log.endLsn }
  assert.equal(writer.refresh(), { lsn: endLsn, xid, ...UNCHANGED })
  assert.equal(new Database(':memory:').refresh(), { lsn: '0/00000000', xid: 0, ...UNCHANGED })
  for (const [path, options] of [
    [PATH, { refreshIntervalMillis: 5 }],
    [PATH, { readonly: true, refreshIntervalMillis: -1 }],
    [PATH, { readonly: true, refreshIntervalMillis: 1.5 }],
    [new Database(':memory:').serialize(), { readonly: true, refreshIntervalMillis: 5 }],
  ] as const) {
    assert.instance(
      thrownBy(() => new Database(path, options, world.host)),
      UsageError,
    )
  }
  const reader = readerOf(world).close()
  assert.throws(() => reader.refresh(), /not open/)
})

test.run()
