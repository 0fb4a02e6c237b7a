import Sqlite from 'better-sqlite3'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadStatements } from '../../lib/engine/load.ts'
import { ScriptlogError } from '../../lib/errors.ts'

const PRAGMAS = ['foreign_keys', 'trusted_schema', 'ignore_check_constraints', 'recursive_triggers']

function pragmasOf(sqlite: Sqlite.Database): unknown[] {
  return PRAGMAS.map((name) => sqlite.pragma(name, { simple: true }))
}

function load(body: string, pieceBytes = 7): Sqlite.Database {
  const sqlite = new Sqlite(':memory:')
  const bytes = Buffer.from(body)
  const pieces = function* () {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
  }
  loadStatements(sqlite, pieces(), { path: '/app.script' })
  return sqlite
}

function failureOf(body: string): ScriptlogError {
  try {
    load(body)
  } catch (error) {
    if (error instanceof ScriptlogError) return error
    throw error
  }
  throw new Error(`loaded: ${body}`)
}

test('pieces that end anywhere load as one text does', () => {
  const body = `BEGIN;\nCREATE TABLE t(a);\nINSERT INTO "t"(rowid,"a") VALUES\n(1,'é''😀'),\n(2,NULL);\nCREATE VIEW v AS SELECT ';';\nCOMMIT;\n`
  for (let pieceBytes = 1; pieceBytes <= body.length; pieceBytes++) {
    const sqlite = load(body, pieceBytes)
    assert.equal(sqlite.prepare('SELECT a FROM t').pluck().all(), ["é'😀", null])
    sqlite.close()
  }
})

test('the PRAGMAs of the connection are as before', () => {
  for (const value of [0, 1]) {
    const sqlite = new Sqlite(':memory:')
    for (const name of PRAGMAS) sqlite.pragma(`${name}=${value}`)
    const before = pragmasOf(sqlite)
    assert.equal(before, [value, value, value, value])
    loadStatements(sqlite, ['PRAGMA foreign_keys=OFF;\nBEGIN;\nCOMMIT;\n'])
    assert.equal(pragmasOf(sqlite), before)
  }
})

test('rows that break constraints, which a database may hold, load', () => {
  const sqlite = load(`BEGIN;
CREATE TABLE t(a CHECK(a > 5), b REFERENCES t(a));
INSERT INTO "t"("a","b") VALUES(1,2);
COMMIT;
`)
  assert.is(sqlite.prepare('SELECT a FROM t').pluck().get(), 1)
})

test('a foreign statement is refused before it runs, with the file and its place in it', () => {
  const error = failureOf("BEGIN;\nCREATE TABLE t(a);\nATTACH '/tmp/other' AS other;\nCOMMIT;\n")
  assert.equal([error.code, error.path, error.offset], ['SCRIPTLOG_REFUSED_STATEMENT', '/app.script', 26])
  assert.match(error.message, /ATTACH/)
})

test('a statement that SQLite refuses is told with its beginning, its place and the reason', () => {
  const error = failureOf('BEGIN;\nCREATE TABLE t(a);\nINSERT INTO "u"("a") VALUES(1);\nCOMMIT;\n')
  assert.equal([error.code, error.path, error.offset], ['SCRIPTLOG_CANNOT_LOAD', '/app.script', 26])
  assert.match(error.message, /no such table: u/)
  assert.match(error.message, /INSERT INTO/)
  assert.instance(error.cause, Sqlite.SqliteError)
})

test('a script in another order is refused, so that its own triggers cannot run while it is loaded', () => {
  const table = 'CREATE TABLE t(a);\n'
  const trigger = 'CREATE TRIGGER x AFTER INSERT ON t BEGIN DELETE FROM t; END;\n'
  const row = 'INSERT INTO t(a) VALUES(1);\n'
  assert.ok(load(`BEGIN;\n${table}${row}${trigger}COMMIT;\n`))
  assert.is(failureOf(`BEGIN;\n${table}${trigger}${row}COMMIT;\n`).offset, 7 + table.length + trigger.length)
  for (const statement of ['ALTER TABLE t RENAME TO u', 'DROP TABLE t', 'REINDEX', 'BEGIN']) {
    assert.match(
      failureOf(`BEGIN;\n${table}${statement};\nCOMMIT;\n`).message,
      /does not hold this kind of statement/,
    )
  }
  assert.ok(failureOf(`BEGIN;\nCOMMIT;\n${table}`))
})

test('a script that is not finished is refused', () => {
  assert.match(failureOf('BEGIN;\nCREATE TABLE t(a);\n').message, /no COMMIT/)
  assert.match(failureOf('BEGIN;\nCREATE TABLE t(a').message, /not finished/)
})

test("a script's expressions may not call the application's functions", () => {
  const sqlite = new Sqlite(':memory:')
  let calls = 0
  sqlite.function('launch', { deterministic: true }, (_value: unknown) => ++calls)
  const script = `BEGIN;
CREATE TABLE t(a, b AS (launch(a)) STORED);
INSERT INTO "t"("a") VALUES('x');
COMMIT;
`
  assert.throws(() => loadStatements(sqlite, [script]), /unsafe use of launch/)
  assert.is(calls, 0)
})

test('a huge statement in small pieces is not read over and over', () => {
  const body = `BEGIN;\nCREATE TABLE t(a);\nINSERT INTO "t"("a") VALUES('${'x'.repeat(20_000_000)}');\nCOMMIT;\n`
  const started = performance.now()
  const sqlite = load(body, 4096)
  assert.is(sqlite.prepare('SELECT length(a) FROM t').pluck().get(), 20_000_000)
  // Each piece anew would be 5,000 times 10 MB.
  assert.ok(performance.now() - started < 5000)
})

test.run()
