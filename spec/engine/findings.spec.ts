import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { assertMayPrepare } from '../../lib/engine/refusals.ts'
import { describeStatement, kindOf } from '../../lib/engine/statement-kind.ts'
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
    'PRAGMA journal_mode=of',
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
    'PRAGMA optimize(65538)',
    "SELECT 'the table pragma_optimize'",
  ]) {
    assertMayPrepare(describeStatement(sql))
  }
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

test.run()
