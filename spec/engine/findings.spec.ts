import type { Database } from 'better-sqlite3'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Capture } from '../../lib/engine/capture.ts'
import { openConnection } from '../../lib/engine/connection.ts'
import { dumpStatements } from '../../lib/engine/dump.ts'
import { loadStatements } from '../../lib/engine/load.ts'
import { MemoryTables } from '../../lib/engine/memory-tables.ts'
import { assertMayPrepare } from '../../lib/engine/refusals.ts'
import { describeStatement, kindOf } from '../../lib/engine/statement-kind.ts'
import { readTables } from '../../lib/engine/tables.ts'
import { UsageError } from '../../lib/errors.ts'
import { Original, Replica, stateOf } from './replica.ts'

function assertRedone(original: Original): void {
  assert.is(stateOf(new Replica().apply(original.records).sqlite), stateOf(original.sqlite))
}

function refuses(sql: string): void {
  assert.throws(
    () => assertMayPrepare(describeStatement(sql)),
    (error: unknown) => error instanceof UsageError,
    JSON.stringify(sql),
  )
}

test('what SQLite does while it prepares a statement is refused before', () => {
  for (const sql of [
    'PRAGMA temp_store=FILE',
    '; PRAGMA temp_store=FILE',
    'EXPLAIN PRAGMA temp_store=FILE',
    ';;explain/**/query plan pragma main.recursive_triggers(0)',
    'EXPLAIN PRAGMA user_version=1',
    'PRAGMA temp.application_id=1000',
    'PRAGMA "temp".[application_id](1)',
    'PRAGMA full_column_names=ON',
    'PRAGMA short_column_names=0',
    'SELECT * FROM pragma_optimize(65538)',
    'CREATE VIEW v AS SELECT * FROM "Pragma_Optimize"',
  ]) {
    refuses(sql)
  }
  for (const sql of [
    'SELECT 1',
    'EXPLAIN PRAGMA user_version',
    'EXPLAIN QUERY PLAN PRAGMA table_info(t)',
    'EXPLAIN SELECT pragma = 1 FROM t',
    'PRAGMA temp_store=MEMORY',
    'PRAGMA application_id=3',
    'PRAGMA full_column_names=OFF',
    // SQLite itself does nothing then, unless its user is in unsafe mode.
    'PRAGMA journal_mode=of',
    'PRAGMA optimize(65538)',
    "SELECT 'the table pragma_optimize'",
  ]) {
    assertMayPrepare(describeStatement(sql))
  }
  assert.throws(() => assertMayPrepare(describeStatement('PRAGMA journal_mode=of'), true), /rolled back/)
  assert.throws(() => assertMayPrepare(describeStatement('PRAGMA writable_schema=ON'), true), /logged/)
})

test('a PRAGMA that sets a value is told from one that asks', () => {
  for (const sql of ['PRAGMA recursive_triggers=ON', ';PRAGMA main.x(1)', 'EXPLAIN PRAGMA x=1'])
    assert.ok(describeStatement(sql).setsPragma, sql)
  for (const sql of ['PRAGMA recursive_triggers', 'PRAGMA table_info(t)', 'PRAGMA optimize(1)', 'SELECT 1'])
    assert.not.ok(describeStatement(sql).setsPragma, sql)
})

test('text that SQLite reads in part and halves of surrogate pairs are refused with their place', () => {
  for (const [sql, offset] of [
    ['SELECT 1\0; DROP TABLE t', 8],
    ['CREATE TABLE "a\ud800"(x)', 15],
    ["CREATE TABLE a(x DEFAULT '\udc00')", 26],
  ] as const) {
    assert.throws(
      () => assertMayPrepare(describeStatement(sql)),
      (error: unknown) => error instanceof UsageError && error.offset === offset,
    )
  }
  assertMayPrepare(describeStatement("SELECT '😀 ı'"))
  const original = new Original().run('CREATE TABLE t(a)').run('INSERT INTO t VALUES(?)', 'x\ud800y')
  assertRedone(original)
})

test('white space and letters are what SQLite takes for them', () => {
  const original = new Original()
  original.run(
    ' \vCREATE \v TABLE t(a, autoıncrement TEXT);\f\n\v INSERT INTO t VALUES(1,2);\ufeffDELETE FROM t',
  )
  original.run('CREATE TABLE u(a, \u00a0autoincrement TEXT)').run('INSERT INTO u VALUES(1,2)')
  original.run('; PRAGMA user_version=7')
  assertRedone(original)
  assert.is(kindOf('ınsert into t values(1)'), 'unknown')
  assert.is(kindOf(' \v;\ufeff -- x\n/**/\finsert into t values(1)'), 'write')
})

test('a statement that is not known gets the error of SQLite, or is refused', () => {
  const original = new Original()
  assert.match(original.fails('SELEC 1'), 'near "SELEC": syntax error')
  assert.match(original.fails('\u00a0SELECT 1'), 'syntax error')
})

/** The connection that a snapshot of `original` makes. */
function reloaded(original: Original): Database {
  const copy = openConnection()
  loadStatements(copy, [
    'BEGIN;\n',
    ...dumpStatements(original.sqlite, readTables(original.sqlite)),
    'COMMIT;\n',
  ])
  return copy
}

test('TEMP tables with AUTOINCREMENT and TEMP statistics do not stand in for those that are kept', () => {
  const original = new Original().run(
    `CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a); CREATE INDEX i ON t(a);
    INSERT INTO t VALUES(100,1); ANALYZE main.t; DELETE FROM t;
    CREATE TEMP TABLE x(id INTEGER PRIMARY KEY AUTOINCREMENT, a); CREATE INDEX temp.xi ON x(a);
    INSERT INTO x VALUES(5,5); ANALYZE temp.x`,
  )
  const sequences = 'SELECT name, seq FROM main.sqlite_sequence'
  const statistics = 'SELECT tbl, idx, stat FROM main.sqlite_stat1'
  const copy = reloaded(original)
  assert.equal(copy.prepare(sequences).raw().all(), [['t', 100]])
  assert.equal(copy.prepare(statistics).raw().all(), [['t', 'i', '1 1']])
  assertRedone(original)
})

test("an application's own like() and glob() change no file", () => {
  for (const answer of [0, 1]) {
    const original = new Original((sqlite) => {
      sqlite.function('like', { varargs: true }, () => answer)
      sqlite.function('glob', { varargs: true }, () => answer)
    })
    original.run(
      `CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a UNIQUE); CREATE TABLE u(a);
      CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO u VALUES(NEW.a); END;
      INSERT INTO t(a) VALUES(1); REPLACE INTO t(a) VALUES(1)`,
    )
    assertRedone(original)
    assert.is(stateOf(reloaded(original)), stateOf(original.sqlite))
    assert.is(new MemoryTables(original.sqlite).hasTempObjects(), false)
    original.run('CREATE TEMP TABLE x(a)')
    assert.is(new MemoryTables(original.sqlite).hasTempObjects(), true)
  }
})

test('two rows of sqlite_sequence for one table are both kept, in their order', () => {
  const original = new Original().run(
    `CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO t VALUES(9);
    INSERT INTO sqlite_sequence VALUES('t',5)`,
  )
  assertRedone(original)
  original.run('INSERT INTO t DEFAULT VALUES')
  assertRedone(original)
  const rows = 'SELECT seq FROM sqlite_sequence'
  assert.equal(reloaded(original).prepare(rows).pluck().all(), [10, 5])
  original.run('DELETE FROM sqlite_sequence WHERE seq=5; INSERT INTO sqlite_sequence VALUES(NULL,1)')
  assert.equal(reloaded(original).prepare(rows).pluck().all().sort(), [1, 10])
})

test('DDL that loading or redo would refuse fails when it runs; the setting of the user stays', () => {
  const original = new Original()
  original.run(
    `CREATE TABLE t(a); CREATE TABLE u(a); CREATE VIEW v AS SELECT name FROM pragma_table_info('t')`,
  )
  assert.match(original.fails('ALTER TABLE u RENAME TO w'), 'unsafe use of virtual table')
  assert.match(
    original.fails('CREATE TABLE x(a, CHECK(rtreedepth(a) IS NOT 1))'),
    'unsafe use of rtreedepth()',
  )
  original.sqlite.function('mine', () => 1)
  assert.match(original.fails('CREATE TABLE x(a, CHECK(mine()))'), 'unsafe use of mine()')
  original.run('CREATE TEMP TABLE x(a, CHECK(mine())); INSERT INTO temp.x VALUES(1)')
  original.run('CREATE TABLE y AS SELECT mine() AS a')
  assert.is(original.sqlite.pragma('trusted_schema', { simple: true }), 1)
  original.run('PRAGMA trusted_schema=OFF; CREATE TABLE z(a)')
  assert.is(original.sqlite.pragma('trusted_schema', { simple: true }), 0)
  assertRedone(original)
})

test('DDL prepared before, while the schema was trusted, is held to the same', () => {
  const sqlite = openConnection()
  const capture = new Capture(sqlite)
  capture.start()
  const statement = describeStatement('CREATE TABLE x(a, CHECK(rtreedepth(a) IS NOT 1))')
  const native = sqlite.prepare(statement.sql)
  capture.beforeStatement(statement)
  assert.throws(() => native.run(), /unsafe use of rtreedepth/)
  capture.afterStatement(statement, 'failed')
  assert.is(capture.takeCommitted(), undefined)
})

test('a key WITHOUT ROWID of so many columns that no condition can hold them is refused when it is made', () => {
  const wide = (columns: number) => {
    const names = Array.from({ length: columns }, (_, index) => `c${index}`)
    return `CREATE TABLE t${columns}(${names}, a UNIQUE, PRIMARY KEY(${names})) WITHOUT ROWID`
  }
  const original = new Original()
  for (const columns of [251, 500]) {
    assert.match(original.fails(wide(columns)), `the key of table t${columns} has ${columns} columns`)
  }
  original.run(`${wide(250)}; CREATE TABLE u(a); CREATE TRIGGER g AFTER DELETE ON u BEGIN SELECT 1; END`)
  const row = (number: number) => [...Array.from({ length: 249 }, () => 1), number]
  original.run(`INSERT INTO t250 VALUES(${row(1)},1),(${row(2)},2),(${row(3)},3)`)
  original.run(`BEGIN; REPLACE INTO t250 VALUES(${row(4)},1); DELETE FROM t250 WHERE a=2; COMMIT`)
  assertRedone(original)
})

test.run()
