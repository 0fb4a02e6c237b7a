import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ScriptlogError } from '../../lib/errors.ts'
import { OwnStatements, ownStatements } from '../../lib/format/own-statements.ts'
import { literalOf, quoteName } from '../../lib/format/sql-literal.ts'

function kindsOf(sql: string): string[] {
  return [...ownStatements(sql)].map(({ kind }) => kind)
}

function isRefused(sql: string, offset?: number): void {
  let found: unknown
  try {
    kindsOf(sql)
  } catch (error) {
    found = error
  }
  assert.ok(found instanceof ScriptlogError, `not refused: ${JSON.stringify(sql.slice(0, 80))}`)
  assert.is(found.code, 'SCRIPTLOG_REFUSED_STATEMENT')
  if (offset !== undefined) assert.is(found.offset, offset, sql)
}

test('the statements of a script and of a log are told apart by kind and place', () => {
  const sql = `--@scriptlog script 1
PRAGMA foreign_keys=OFF;
BEGIN;
CREATE TABLE "a;"(b /* ; */, "c" DEFAULT ';');
INSERT INTO "a;"(rowid,"b") VALUES
(1,'x'),
(2,replace('a\\nb','\\n',char(10)));
UPDATE "a;" SET "b"=NULL,"c"=-1.5e+22 WHERE rowid=2;
DELETE FROM "a;" WHERE "b"=X'00FF' AND "c"=CAST(X'FF' AS TEXT);
create trigger t after insert on "a;" begin select 1; end;
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence(name,seq) VALUES ('a',1);
PRAGMA user_version=-5;
ANALYZE sqlite_schema;
COMMIT;
`
  const statements = [...ownStatements(sql)]
  assert.equal(
    statements.map(({ kind }) => kind),
    [
      'pragma',
      'begin',
      'create-table',
      'rows',
      'rows',
      'rows',
      'create-trigger',
      'system-rows',
      'system-rows',
      'pragma',
      'analyze',
      'commit',
    ],
  )
  for (const { text, offset } of statements) assert.is(sql.slice(offset, offset + text.length), text)
})

test('every form of row statement is taken', () => {
  const forms = [
    `INSERT INTO "t"("a") VALUES(1);`,
    `INSERT INTO t(a,"b""c") VALUES (1,-2),\n(9223372036854775807,-9223372036854775808);`,
    `REPLACE INTO "t"("a","b") VALUES(-0.0,9.0e+999),(-9.0e+999,5e-324);`,
    `REPLACE INTO "new\nline"("a") VALUES(X''),(NULL),(''),('it''s'),('''');`,
    String.raw`INSERT INTO "t"("a") VALUES(replace(replace(replace('\t','\t',char(9)),'\n',char(10)),'\r',char(13)));`,
    `UPDATE "t" SET "a"='x' WHERE "id"=1;`,
    `UPDATE "t" SET "a"='x',"b"=X'00' WHERE "id"='k' AND "l"=2;`,
    `DELETE FROM "t" WHERE rowid=-5;`,
    `DELETE FROM "t" WHERE "k" IN (1,'a',NULL);`,
    `DELETE FROM "t" WHERE "k" BETWEEN -5 AND 5 AND "l"=CAST(X'' AS TEXT);`,
    `DELETE FROM "t";`,
  ]
  for (const form of forms) assert.equal(kindsOf(form), ['rows'], form)
})

test('every form of schema statement is taken, in any case, with comments, in the main schema', () => {
  const forms = [
    ['CREATE TABLE t(a)', 'create-table'],
    [
      'create/**/table -- ;\n if not exists main.[t 1] (a, b generated always as (a+1)) strict, without rowid',
      'create-table',
    ],
    ['CREATE TABLE "main"."t"(a)', 'create-table'],
    ['CREATE INDEX i ON t(a)', 'create-index'],
    ['CREATE UNIQUE INDEX IF NOT EXISTS `i` ON t(a) WHERE a > 5', 'create-index'],
    ['CREATE VIEW v(x) AS WITH w AS (SELECT 1) SELECT * FROM w', 'create-view'],
    ['CREATE TRIGGER x AFTER INSERT ON t BEGIN DELETE FROM t; SELECT 1; END', 'create-trigger'],
    ['ALTER TABLE t RENAME COLUMN a TO b', 'alter'],
    ['alter table main.t add column c default 5', 'alter'],
    ['DROP TABLE IF EXISTS t', 'drop'],
    ['DROP INDEX main.i', 'drop'],
    ['DROP VIEW v', 'drop'],
    ['DROP TRIGGER "x"', 'drop'],
    ['ANALYZE', 'analyze'],
    ['ANALYZE main.t /* all */', 'analyze'],
    ['REINDEX', 'reindex'],
    ['REINDEX "t"', 'reindex'],
  ] as const
  for (const [sql, kind] of forms) assert.equal(kindsOf(`${sql};`), [kind], sql)
})

test('what scriptlog does not write is refused', () => {
  const hostile = [
    "ATTACH 'other.db' AS other",
    "attach database 'x' as y",
    'DETACH other',
    'VACUUM',
    "VACUUM INTO '/tmp/x'",
    'PRAGMA writable_schema=ON',
    'PRAGMA foreign_keys=ON',
    'PRAGMA journal_mode=DELETE',
    "PRAGMA temp_store_directory='/tmp'",
    'PRAGMA user_version',
    'PRAGMA user_version=(SELECT 1)',
    'PRAGMA user_version=12345678901',
    'PRAGMA other.user_version=1',
    'pragma user_version=1',
    'SELECT 1',
    "SELECT load_extension('x')",
    'VALUES(1)',
    'WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x',
    'EXPLAIN SELECT 1',
    'SAVEPOINT a',
    'ROLLBACK',
    'END',
    'BEGIN IMMEDIATE',
    'begin',
    'CREATE TEMP TABLE t(a)',
    'CREATE TEMPORARY VIEW v AS SELECT 1',
    'CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END',
    'CREATE TABLE temp.t(a)',
    'CREATE TABLE "temp" . t(a)',
    'CREATE TABLE other.t(a)',
    'CREATE TABLE t AS SELECT 1',
    'CREATE TABLE t /* ( */ AS SELECT 1',
    'CREATE TABLE IF NOT EXISTS t AS SELECT 1',
    'CREATE UNIQUE TABLE t(a)',
    'CREATE INDEX temp.i ON t(a)',
    'CREATE SOMETHING',
    'CREATE TABLE',
    'ALTER DATABASE x',
    'ALTER TABLE temp.t RENAME TO u',
    'DROP TABLE temp.t',
    'DROP DATABASE x',
    "ANALYZE 'a' 'b'",
    'REINDEX (1)',
    ...'INSERT INTO t VALUES(1)|INSERT INTO t(a) SELECT 1|INSERT INTO t(a) DEFAULT VALUES|INSERT OR FAIL INTO t(a) VALUES(1)'.split(
      '|',
    ),
    'INSERT INTO t(a) VALUES(1) ON CONFLICT DO NOTHING',
    'INSERT INTO t(a) VALUES(1) RETURNING a',
    'INSERT INTO main.t(a) VALUES(1)',
    'insert into t(a) values(1)',
    'INSERT INTO t(a) VALUES(random())',
    'INSERT INTO t(a) VALUES(1+1)',
    'INSERT INTO t(a) VALUES((SELECT 1))',
    "INSERT INTO t(a) VALUES(replace('a','b','c'))",
    "INSERT INTO t(a) VALUES(replace('a','b',char(65)))",
    "INSERT INTO t(a) VALUES(replace('a','b',char(10,10)))",
    "INSERT INTO t(a) VALUES(replace('a','b',zeroblob(100)))",
    `INSERT INTO t(a) VALUES(${'replace('.repeat(4)}'a'${",'a',char(10))".repeat(4)})`,
    "INSERT INTO t(a) VALUES(CAST('1' AS INTEGER))",
    "INSERT INTO t(a) VALUES(X'0')",
    "INSERT INTO t(a) VALUES(X'0g')",
    'INSERT INTO t(a) VALUES(0x10)',
    'INSERT INTO t(a) VALUES(- 1)',
    'INSERT INTO t(a) VALUES(--1\n1)',
    'INSERT INTO t(a) VALUES(1) , (2)',
    'INSERT INTO t(a) VALUES(?)',
    'INSERT INTO t(a) VALUES(a)',
    'INSERT INTO t(a) VALUES("a")',
    "INSERT INTO t(a) VALUES('raw\nline')",
    "INSERT INTO sqlite_schema(type) VALUES('table')",
    'INSERT INTO "SQLITE_MASTER"(type) VALUES(\'table\')',
    'DELETE FROM sqlite_stat4',
    "UPDATE sqlite_schema SET sql='x' WHERE name='t'",
    'UPDATE t SET a=1',
    'UPDATE t SET a=a WHERE b=1',
    'UPDATE t SET a=1 WHERE b=(SELECT 1)',
    'UPDATE t SET a=1 WHERE b>1',
    'DELETE FROM t WHERE 1',
    'DELETE FROM t WHERE a IN (SELECT 1)',
    'DELETE FROM t WHERE a=1 OR 1',
    'DELETE FROM t WHERE a=1 LIMIT 1',
    '"x"',
    '(',
  ]
  for (const sql of hostile) {
    isRefused(`${sql};`)
    isRefused(`BEGIN;\n${sql};\nCOMMIT;`)
  }
})

test('virtual tables of SQLite’s own modules are accepted, whatever their arguments say; those of applications are told apart', () => {
  for (const sql of [
    'CREATE VIRTUAL TABLE t USING fts5(a)',
    'create virtual table "a""b" using "FTS5"(a, content=\'x"; DROP\', tokenize="unicode61 tokenchars \'-_;\'")',
    'CREATE VIRTUAL TABLE IF NOT EXISTS main.t USING /* fts3 */ fts4(a, tokenize=porter /* ; */ , prefix="2")',
    'CREATE VIRTUAL TABLE [a b] USING rtree_i32(id, -- ;\n a, b, +note)',
    'CREATE VIRTUAL TABLE t USING geopoly',
    "CREATE VIRTUAL TABLE t USING fts5vocab('a', row)",
    'CREATE VIRTUAL TABLE t USING fts4aux(a)',
  ]) {
    assert.equal(kindsOf(`${sql};`), ['create-virtual-table'], sql)
  }
  // They are put into the schema, and nothing of them is run.
  for (const sql of [
    'CREATE VIRTUAL TABLE t USING csv(filename=x)',
    "CREATE VIRTUAL TABLE t USING 'fts5x'(a)",
    'CREATE VIRTUAL TABLE t USING "fts5""x"(a)',
    'CREATE VIRTUAL TABLE t USING /* fts5 */ mine(a)',
  ]) {
    assert.equal(kindsOf(`${sql};`), ['create-user-table'], sql)
  }
  for (const sql of [
    'CREATE VIRTUAL TABLE t USING fts3(a)',
    'CREATE VIRTUAL TABLE t USING dbstat',
    'CREATE VIRTUAL TABLE t USING FTS3(a)',
    'CREATE VIRTUAL TABLE t USING "sqlite_dbpage"',
    'CREATE VIRTUAL TABLE temp.t USING fts5(a)',
    'CREATE VIRTUAL TABLE aux . t USING fts5(a)',
    'CREATE TEMP VIRTUAL TABLE t USING fts5(a)',
    'CREATE UNIQUE VIRTUAL TABLE t USING fts5(a)',
    'CREATE VIRTUAL TABLE t',
    'CREATE VIRTUAL TABLE t fts5(a)',
    'CREATE VIRTUAL TABLE USING fts5(a)',
    'CREATE VIRTUAL TABLE t USING (fts5)',
    'CREATE VIRTUAL VIEW t USING fts5(a)',
    'CREATE VIRTUAL TABLE t USING fts4(a, compress=load_extension, uncompress=mine)',
    'CREATE VIRTUAL TABLE t USING FTS4(a, UnCompress = mine)',
    "CREATE VIRTUAL TABLE t USING fts5(a); ATTACH 'x' AS y",
  ]) {
    isRefused(`${sql};`)
  }
})

test('a statement hidden behind an accepted one is refused with its own place', () => {
  isRefused(`CREATE TABLE t(a);ATTACH 'x' AS y;`, 18)
  isRefused(`INSERT INTO t(a) VALUES(1);ATTACH 'x' AS y;`, 27)
  isRefused(`INSERT INTO t(a) VALUES(1,x);`, 26)
  isRefused(`CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END; ATTACH 'x' AS y;`, 56)
})

test('NUL and text that is not UTF-8 are refused wherever they stand', () => {
  isRefused('CREATE TABLE t(a);\0', 18)
  isRefused('CREATE TABLE t(a DEFAULT "\0");')
  isRefused('CREATE TABLE t(a /* \0 */);')
  isRefused("INSERT INTO t(a) VALUES('\0');", 25)
  isRefused('INSERT INTO "\0"(a) VALUES(1);', 13)
  for (const sql of ["INSERT INTO t(a) VALUES('\xff');", "CREATE TABLE t(a DEFAULT '\xff');"]) {
    assert.throws(() => [...ownStatements(Buffer.from(sql, 'latin1'))], /not UTF-8/)
  }
})

test('a text that ends within a statement is refused, wherever it is cut', () => {
  const statements = [
    String.raw`INSERT INTO "t""u"("a","b") VALUES(1,'it''s'),(-1.5e+3,replace('a\n','\n',char(10)));`,
    `UPDATE "t" SET "a"=CAST(X'00' AS TEXT) WHERE "b"=NULL AND "c" BETWEEN 1 AND 2;`,
    'DELETE FROM t WHERE "a" IN (1,2);',
    'CREATE TABLE t(a);',
    'CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END;',
  ]
  for (const sql of statements) {
    for (let length = 1; length < sql.length; length++) isRefused(sql.slice(0, length), 0)
  }
})

test('statements that arrive in pieces are taken as soon as they are whole, the same as at once', () => {
  const sql = `--@ head\nBEGIN;\nINSERT INTO "t"("a") VALUES\n('it''s; x'),\n(replace('a\\n','\\n',char(10))),\n(CAST(X'00FF' AS TEXT)),(-1.5e+22);\nCREATE VIEW v AS SELECT ';';\nCOMMIT;\n`
  const bytes = Buffer.from(sql)
  const whole = [...ownStatements(bytes)]
  for (let cut = 0; cut <= bytes.length; cut++) {
    const first = new OwnStatements(bytes.subarray(0, cut))
    const found = []
    for (let next = first.take(); next !== undefined; next = first.take()) found.push(next)
    found.push(...ownStatements(bytes.subarray(first.taken), first.taken))
    assert.equal(found, whole, `cut at ${cut}`)
  }
})

test('whatever values and names the writer is given, its statements are taken', () => {
  const name = fc.string({ unit: 'grapheme-ascii', minLength: 1 }).map(quoteName)
  const value = fc.oneof(
    fc.constant(null),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.double(),
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('\n', '\r', '\t', "'", '\\', 'n', '\0', '\ud800') }),
    fc.uint8Array(),
  )
  const literal = value.map(literalOf)
  fc.assert(
    fc.property(name, name, literal, literal, (table, column, one, two) => {
      const sql = `INSERT INTO ${table}(rowid,${column}) VALUES\n(${one},${two}),\n(${two},${one});
UPDATE ${table} SET ${column}=${one} WHERE ${column}=${two};
DELETE FROM ${table} WHERE ${column} IN (${one},${two});\n`
      assert.equal(kindsOf(sql), ['rows', 'rows', 'rows'], sql)
    }),
    { numRuns: 2000 },
  )
})

test('any bytes end in statements or in a clear error, and soon', () => {
  const word = fc.constantFrom(
    'INSERT INTO ',
    'DELETE FROM ',
    'VALUES',
    '(',
    ')',
    ',',
    "'",
    '"',
    ';',
    'CREATE ',
    'TABLE ',
    'TRIGGER ',
    'x',
    '1',
    '--',
    '/*',
    '\n',
    '\0',
    'X',
    'replace(',
    ' WHERE ',
  )
  fc.assert(
    fc.property(fc.array(word, { maxLength: 20 }), (words) => {
      try {
        kindsOf(words.join(''))
      } catch (error) {
        assert.instance(error, ScriptlogError)
      }
    }),
    { numRuns: 3000 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        for (const _ of ownStatements(bytes));
      } catch (error) {
        assert.instance(error, ScriptlogError)
      }
    }),
    { numRuns: 1000 },
  )
  const long = 5_000_000
  isRefused(`INSERT INTO t(a) VALUES('${'x'.repeat(long)}`)
  isRefused(`CREATE TABLE "${'"'.repeat(long)}`)
  isRefused(`CREATE VIEW ${'(/*--'.repeat(long / 5)}`)
})

test.run()
