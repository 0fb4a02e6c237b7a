import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  asksFor,
  describeStatement,
  kindOf,
  pragmaOf,
  type StatementKind,
  tokensOf,
} from '../../lib/engine/statement-kind.ts'

const KINDS: Readonly<Record<StatementKind, readonly string[]>> = {
  read: [
    'SELECT 1',
    ' -- INSERT\n select 1',
    'VALUES(1)',
    'EXPLAIN INSERT INTO t VALUES(1)',
    'explain query plan delete from t',
    'WITH a AS (SELECT 1) SELECT * FROM a',
    'WITH RECURSIVE a(n) AS (VALUES(1) UNION SELECT n+1 FROM a) SELECT n FROM a',
    'WITH a AS (SELECT \'INSERT\') SELECT "UPDATE" FROM a',
    'WITH replace AS (SELECT 1) SELECT * FROM replace',
    'WITH replace(a) AS (SELECT 1) VALUES(1)',
  ],
  write: [
    'insert into t values(1)',
    '/* SELECT */ UPDATE t SET a=1',
    'DELETE FROM t',
    'REPLACE INTO t VALUES(1)',
    'WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a',
    'WITH a(x) AS (SELECT (1)), b AS NOT MATERIALIZED (SELECT 2) DELETE FROM t',
    'WITH replace AS (SELECT 1) REPLACE INTO t SELECT * FROM replace',
  ],
  begin: ['BEGIN', 'begin immediate transaction;'],
  commit: ['COMMIT', 'END TRANSACTION', 'end'],
  rollback: ['ROLLBACK', 'ROLLBACK;', 'rollback transaction', 'ROLLBACK -- TO'],
  savepoint: ['SAVEPOINT a'],
  release: ['RELEASE a', 'RELEASE SAVEPOINT a'],
  'rollback-to': ['ROLLBACK TO a', 'rollback transaction to savepoint "b"', 'ROLLBACK TRANSACTION "x" TO y'],
  ddl: [
    'CREATE TABLE t(a)',
    'create temp trigger x after insert on t begin select 1; end',
    'ALTER TABLE t ADD b',
    'DROP VIEW v',
  ],
  analyze: ['ANALYZE', 'analyze main.t', 'PRAGMA optimize', 'PRAGMA main.optimize(0xfffe)'],
  pragma: ['PRAGMA user_version', 'pragma temp_store=2'],
  vacuum: ['VACUUM', 'VACUUM main', 'VACUUM -- INTO'],
  attach: ["ATTACH 'x' AS y", 'DETACH y'],
  other: ['', '  -- nothing', 'REINDEX', "VACUUM INTO 'x'", "VACUUM main INTO 'x'"],
  unknown: ['CHECKPOINT', '"SELECT" 1', '\u00a0SELECT 1', '(SELECT 1)'],
}

for (const [kind, statements] of Object.entries(KINDS)) {
  test(`${kind} is told from the text alone`, () => {
    for (const sql of statements) assert.is(kindOf(sql), kind, sql)
  })
}

test('REPLACE and FAIL are found where they resolve conflicts, not in names, strings, comments and functions', () => {
  for (const sql of [
    'REPLACE INTO t VALUES(1)',
    'insert or /*x*/ replace into t values(1)',
    'UPDATE OR REPLACE t SET a=1',
    'CREATE TABLE t(a UNIQUE ON CONFLICT REPLACE)',
    'CREATE TABLE t(a UNIQUE ON CONFLICT replace, b)',
  ]) {
    assert.ok(asksFor('REPLACE', sql), sql)
  }
  for (const sql of [
    "SELECT replace(a,'b','c')",
    "UPDATE t SET a=replace (a,'x','OR REPLACE')",
    'SELECT "REPLACE"',
    'DELETE FROM t -- OR REPLACE',
    'SELECT 1 OR replace(a,1,2)',
    'WITH replace AS (SELECT 1) SELECT 1',
  ]) {
    assert.not.ok(asksFor('REPLACE', sql), sql)
  }
  for (const sql of [
    'INSERT OR FAIL INTO t VALUES(1)',
    'CREATE TABLE t(a UNIQUE ON CONFLICT fail)',
    "SELECT RAISE(FAIL,'x')",
    "select raise ( fail , 'x')",
  ]) {
    assert.ok(asksFor('FAIL', sql), sql)
  }
  for (const sql of ['CREATE TABLE t(fail, fail2)', "SELECT 'OR FAIL'", 'SELECT fail FROM t'])
    assert.not.ok(asksFor('FAIL', sql), sql)
})

test('what may change the files: rows, schema, statistics, and the PRAGMAs that are part of them', () => {
  for (const sql of [
    'INSERT INTO t VALUES(1)',
    'CREATE TABLE t(a)',
    'ANALYZE',
    'VACUUM',
    'PRAGMA user_version=1',
    'PRAGMA main.application_id(1)',
  ]) {
    assert.ok(describeStatement(sql).mayChange, sql)
  }
  for (const sql of ['SELECT 1', 'COMMIT', 'PRAGMA user_version', 'PRAGMA foreign_keys=ON', 'REINDEX'])
    assert.not.ok(describeStatement(sql).mayChange, sql)
})

test('PRAGMAs in all their spellings', () => {
  assert.equal(pragmaOf('PRAGMA Temp_Store = MEMORY;'), {
    schema: undefined,
    name: 'temp_store',
    value: 'memory',
  })
  assert.equal(pragmaOf('pragma /*x*/ main . "user_version"(-5)'), {
    schema: 'main',
    name: 'user_version',
    value: '-5',
  })
  assert.equal(pragmaOf("PRAGMA [encoding]='UTF-8'"), {
    schema: undefined,
    name: 'encoding',
    value: 'utf-8',
  })
  assert.equal(pragmaOf('PRAGMA foreign_keys'), {
    schema: undefined,
    name: 'foreign_keys',
    value: undefined,
  })
  assert.is(pragmaOf('PRAGMA'), undefined)
  assert.is(pragmaOf('SELECT 1'), undefined)
})

test('tokens end with the text, comments that do not end included', () => {
  const texts = (sql: string) => [...tokensOf(sql)].map(({ text }) => text)
  assert.equal(texts('a \'b;c\' "d" [e f] `g` 1.5e3 -- x'), ['A', "'b;c'", '"d"', '[e f]', '`g`', '1.5e3'])
  assert.equal(texts('a /* b'), ['A'])
  assert.equal(texts("a 'b"), ['A', "'b"])
  assert.equal(texts(' '), [])
})

test.run()
