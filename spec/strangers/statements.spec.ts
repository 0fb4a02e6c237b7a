// Opening a database is not running a program: statements planted in a script or a log whose checksums are right.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LOADING_DOORS, lookAround } from './doors.ts'
import { forgedUnendedLog, PLACES, type Place, planted } from './forge.ts'

/** Planted behind tables that they may name. */
const TABLES = 'CREATE TABLE t(a,b);\nCREATE TABLE q(a INTEGER PRIMARY KEY AUTOINCREMENT);\n'
const SEARCH = 'CREATE VIRTUAL TABLE ft USING fts5(x);\n'

interface Case {
  readonly sql: string
  /** Default: in both. */
  readonly places?: readonly Place[]
  /** Default: {@link TABLES}. */
  readonly behind?: string
}

function answers(
  { sql, places = PLACES, behind = TABLES }: Case,
  judge: (text: string | undefined, name: string) => void,
) {
  for (const place of places) {
    const files = planted(behind + sql, place)
    lookAround(files)
    for (const [name, door] of Object.entries(LOADING_DOORS)) {
      judge(door(files)?.message, `${name} of a ${place} with ${sql.slice(0, 100)}`)
    }
  }
}

/** Refused by every door that loads, with the file, and the place in it or the record. */
function refuses(name: string, why: RegExp, cases: readonly (Case | string)[]): void {
  test(`${name}: refused`, () => {
    for (const each of cases) {
      answers(typeof each === 'string' ? { sql: each } : each, (message, door) => {
        assert.ok(message !== undefined, `${door}: opened`)
        assert.match(message, why, door)
        assert.match(message, /\/data\/app\.(?:script, offset \d+|log, LSN 0\/[0-9A-F]{8})\)/, door)
        assert.match(message, /delete none of the files/, door)
      })
    }
  })
}

/** Accepted by every door, because it does nothing outside of the tables. */
function accepts(name: string, cases: readonly (Case | string)[]): void {
  test(`${name}: harmless, and accepted`, () => {
    for (const each of cases) {
      answers(typeof each === 'string' ? { sql: each } : each, (message, door) =>
        assert.is(message, undefined, door),
      )
    }
  })
}

refuses('other files', /the statement (?:ATTACH|DETACH|VACUUM) is refused/, [
  "ATTACH '/tmp/other.db' AS other;",
  "attach database '../x' as y;",
  'DETACH main;',
  'VACUUM;',
  "VACUUM INTO '/tmp/stolen.db';",
])

refuses('settings of the connection', /the statement PRAGMA is refused/, [
  'PRAGMA writable_schema=ON;',
  'PRAGMA journal_mode=OFF;',
  'PRAGMA temp_store=FILE;',
  "PRAGMA temp_store_directory='/tmp';",
  "PRAGMA data_store_directory='/tmp';",
  'PRAGMA mmap_size=1000000000000;',
  'PRAGMA trusted_schema=ON;',
  'PRAGMA query_only=ON;',
  'PRAGMA foreign_keys=ON;',
  'PRAGMA recursive_triggers=ON;',
  'PRAGMA legacy_alter_table=ON;',
  'PRAGMA max_page_count=1;',
  'PRAGMA hard_heap_limit=1;',
  'PRAGMA cell_size_check=OFF;',
  'PRAGMA ignore_check_constraints=OFF;',
  'PRAGMA wal_checkpoint;',
  'PRAGMA integrity_check;',
  'PRAGMA user_version=99999999999;',
  'PRAGMA main.user_version=1;',
])

refuses('questions, and programs', /is refused/, [
  'SELECT 1;',
  "SELECT load_extension('/tmp/x.so');",
  'VALUES(1);',
  'EXPLAIN SELECT 1;',
  'WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x;',
  'INSERT INTO "t"("a") VALUES(1) RETURNING "a";',
  'INSERT INTO "t"("a") VALUES(random());',
  'INSERT INTO "t"("a") VALUES((SELECT 1));',
  'INSERT INTO "t"("a") SELECT 1;',
  'UPDATE "t" SET "a"=load_extension(1);',
  'UPDATE "t" SET "a"=(SELECT 1);',
  'DELETE FROM "t" WHERE "a" IN q;',
])

refuses('transactions within one', /a record is one transaction|does not hold this kind|is refused/, [
  'BEGIN;',
  'COMMIT;',
  'COMMIT;\nBEGIN;',
  "COMMIT;\nATTACH 'x' AS y;\nBEGIN;",
  'SAVEPOINT a;',
  'RELEASE a;',
  'ROLLBACK;',
  'END;',
])

refuses(
  'SQLite’s own tables',
  /SQLite's own tables|reserved for internal use|may not be|system table|not hold this kind/,
  [
    `INSERT INTO "sqlite_schema"("type","name","tbl_name","rootpage","sql") VALUES('view','v','v',0,'CREATE VIEW v AS SELECT 1');`,
    'INSERT INTO "SQLITE_MASTER"("type") VALUES(1);',
    'DELETE FROM sqlite_schema;',
    'UPDATE "sqlite_schema" SET "sql"=1 WHERE "name"=2;',
    'INSERT INTO "sqlite_stat4"("tbl") VALUES(1);',
    { sql: 'CREATE TABLE sqlite_x(a);', behind: '' },
    'CREATE TRIGGER g AFTER INSERT ON sqlite_schema BEGIN SELECT 1; END;',
    'DROP TABLE sqlite_schema;',
    'ALTER TABLE sqlite_schema RENAME TO x;',
    'ALTER TABLE t RENAME TO sqlite_t;',
  ],
)

accepts('what ANALYZE and AUTOINCREMENT have noted, however strange', [
  `INSERT INTO "sqlite_sequence"("name","seq") VALUES('q',9223372036854775807);`,
  `INSERT INTO "sqlite_sequence"("name","seq") VALUES(X'00','x'),(NULL,NULL),('../../x',-1);`,
  `ANALYZE sqlite_schema;\nINSERT INTO "sqlite_stat1"("tbl","idx","stat") VALUES('t',NULL,'99999999999999999999 -1 sz=0 unordered'),(X'00',1,X'FF');\nANALYZE sqlite_schema;`,
])

refuses('other schemas', /temporary object|another schema|in database temp/, [
  { sql: 'CREATE TEMP TABLE x(a);', behind: '' },
  { sql: 'CREATE TABLE temp.x(a);', behind: '' },
  { sql: 'CREATE TABLE "other".x(a);', behind: '' },
  'CREATE TEMPORARY TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END;',
  'CREATE TRIGGER g AFTER INSERT ON temp.t BEGIN SELECT 1; END;',
  'CREATE INDEX temp.i ON t(a);',
  'CREATE VIEW temp.v AS SELECT 1;',
])

refuses(
  'functions that are not harmless, where loading would call them',
  /unsafe use of|unknown function|no such function/,
  [
    { sql: "CREATE TABLE u(a CHECK(load_extension('x')));", behind: '' },
    { sql: 'CREATE TABLE u(a, b AS (load_extension(\'x\')));\nINSERT INTO "u"("a") VALUES(1);', behind: '' },
    { sql: 'CREATE TABLE u(a, b DEFAULT (load_extension(1)));\nINSERT INTO "u"("a") VALUES(1);', behind: '' },
    {
      sql: 'CREATE TABLE u(a, b DEFAULT (hex(fts3_tokenizer(\'simple\'))));\nINSERT INTO "u"("a") VALUES(1);',
      behind: '',
    },
    {
      sql: 'CREATE TABLE u(a, b DEFAULT (mine()), c DEFAULT (load_extension(1)));\nINSERT INTO "u"("a") VALUES(1);',
      behind: '',
    },
    { sql: 'CREATE TABLE u(a, b DEFAULT (writefile(1,2)));\nINSERT INTO "u"("a") VALUES(1);', behind: '' },
    'CREATE INDEX i ON t(load_extension(a));',
    'CREATE INDEX i ON t(rtreecheck(a));',
    'CREATE INDEX i ON t(a) WHERE edit(a);',
    { sql: 'ALTER TABLE t ADD COLUMN c CHECK(load_extension(1));', places: ['log'] },
  ],
)

refuses('modules that show pages, tokens or other things', /a virtual table of module|calls functions/, [
  ...['dbstat', 'sqlite_dbpage', 'sqlite_dbdata', 'fts3tokenize', 'fts3(x)'].map((module) => ({
    sql: `CREATE VIRTUAL TABLE x USING ${module};`,
    behind: '',
  })),
  { sql: 'CREATE VIRTUAL TABLE x USING fts4(a, compress=load_extension, uncompress=edit);', behind: '' },
])

accepts('modules that are not there: a definition, and nothing is run', [
  { sql: "CREATE VIRTUAL TABLE x USING csv(filename='/etc/passwd');", behind: '' },
  { sql: "CREATE VIRTUAL TABLE x USING zipfile('/etc/x.zip');", behind: '' },
  { sql: 'CREATE VIRTUAL TABLE x USING pragma_table_info;', behind: '' },
])

refuses('tokenizers that are not there', /tokeniz/, [
  { sql: "CREATE VIRTUAL TABLE x USING fts5(a, tokenize='mine /etc/passwd');", behind: '' },
  { sql: 'CREATE VIRTUAL TABLE x USING fts4(a, tokenize=icu tr_TR);', behind: '' },
])

const BOMB = 'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT x FROM c'

refuses('calls of a module in the guise of a row', /a row for a virtual table is refused/, [
  // Would read the view to its end, which never comes.
  {
    sql: `CREATE VIEW bomb(x) AS ${BOMB};\nCREATE VIRTUAL TABLE fu USING fts5(x, content='bomb', content_rowid='x');\nINSERT INTO "fu"("fu") VALUES('rebuild');`,
    places: ['log'],
  },
  { sql: `INSERT INTO "ft"("ft") VALUES('integrity-check');`, behind: SEARCH },
  { sql: `INSERT INTO ft(x) VALUES('a');`, behind: SEARCH },
  { sql: `REPLACE INTO "FT"("x") VALUES('a');`, behind: SEARCH },
  { sql: `UPDATE "ft" SET "x"=1 WHERE rowid=1;`, behind: SEARCH },
  { sql: `UPDATE "ft" SET "x"="x"+1;`, behind: SEARCH, places: ['log'] },
  { sql: 'DELETE FROM "ft";', behind: SEARCH },
  {
    sql: `ALTER TABLE ft RENAME TO "f""u";\nINSERT INTO "f""u"("x") VALUES(1);`,
    behind: SEARCH,
    places: ['log'],
  },
])

refuses(
  'another thing in the place of a table that a module relies on',
  /may not be|shadow tables|not hold this kind/,
  [
    { sql: `DROP TABLE ft_config;\nCREATE VIEW ft_config(k,v) AS ${BOMB};`, behind: SEARCH },
    { sql: `ALTER TABLE ft_config RENAME TO x;\nCREATE VIEW ft_config(k,v) AS ${BOMB};`, behind: SEARCH },
    { sql: 'CREATE TRIGGER g AFTER INSERT ON ft_data BEGIN SELECT 1; END;', behind: SEARCH },
  ],
)

accepts('views and triggers, whatever they would do: nobody asks them', [
  `CREATE VIEW v AS ${BOMB};`,
  "CREATE VIEW v AS SELECT load_extension('x');",
  `CREATE VIEW v AS ${BOMB};\nCREATE TRIGGER g INSTEAD OF INSERT ON v BEGIN DELETE FROM t; END;`,
  `CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO t ${BOMB.replace(' SELECT x FROM c', ' SELECT x, x FROM c')}; END;`,
  {
    sql: `CREATE VIEW v(x) AS ${BOMB};\nCREATE VIRTUAL TABLE fu USING fts5(x, content='v');`,
    places: ['log'],
  },
  {
    sql: `CREATE VIEW v(x) AS ${BOMB};\nCREATE VIRTUAL TABLE fu USING fts4(x, content='v');`,
    places: ['log'],
  },
])

accepts('names that look like something else', [
  { sql: 'CREATE TABLE "../../etc/passwd"(a);\nINSERT INTO "../../etc/passwd"("a") VALUES(1);', behind: '' },
  {
    sql: 'CREATE TABLE "main.sqlite_schema"(a);\nINSERT INTO "main.sqlite_schema"("a") VALUES(1);',
    behind: '',
  },
  { sql: 'CREATE TABLE "new\nline;"(a);\nINSERT INTO "new\nline;"("a") VALUES(1);', behind: '' },
  { sql: 'CREATE TABLE "COMMIT; --@ lsn="(a);', behind: '' },
  { sql: 'CREATE TABLE "scriptlog:zero"(a);\nINSERT INTO "scriptlog:zero"("a") VALUES(1);', behind: '' },
  { sql: 'CREATE TABLE "temp"(a);\nINSERT INTO "temp"("a") VALUES(1);', behind: '' },
  {
    sql: 'CREATE TABLE "__proto__"("constructor");\nINSERT INTO "__proto__"("constructor") VALUES(1);',
    behind: '',
  },
  { sql: `CREATE TABLE "${'n'.repeat(100_000)}"(a);`, behind: '' },
])

refuses('tricks of the text', /is refused|syntax error/, [
  "CREATE INDEX i ON t(a);ATTACH 'x' AS y;",
  "CREATE INDEX i ON t(a); /* ; */ ATTACH 'x' AS y;",
  "CREATE INDEX i ON t(a);\n--\rATTACH 'x' AS y;\nSELECT 1;",
  "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END; ATTACH 'x' AS y;",
  "CREATE TRIGGER g AFTER INSERT ON t BEGIN ATTACH 'x' AS y; END;",
  '\uff33ELECT 1;',
  'АTTACH 1;',
  { sql: '\ufeffATTACH 1;', behind: '' },
  { sql: 'CREATE TABLE u(a) AS SELECT 1;', behind: '' },
  { sql: 'CREATE TABLE u AS SELECT 1;', behind: '' },
  'INSERT INTO "t"("a") VALUES(1)\n;',
  'CREATE INDEX i ON t(a\0);',
])

refuses(
  'depth and size',
  /Recursion limit|too large|too many|values for|scriptlog does not write|parser stack/,
  [
    { sql: `CREATE TABLE u(a DEFAULT ${'('.repeat(1e6)}1${')'.repeat(1e6)});`, behind: '' },
    `CREATE VIEW v AS SELECT 1${'+1'.repeat(1e6)};`,
    `CREATE VIEW v AS SELECT ${'-'.repeat(1)}${'NOT '.repeat(1e5)}1;`,
    { sql: `CREATE TABLE u(${Array.from({ length: 1e5 }, (_, index) => `c${index}`).join()});`, behind: '' },
    `INSERT INTO "t"("a") VALUES(${'1,'.repeat(1e6)}1);`,
    { sql: `UPDATE "t" SET "a"=${'('.repeat(1e6)}1${')'.repeat(1e6)};`, places: ['log'] },
    { sql: `DELETE FROM "t" WHERE ${'"a"=1 OR '.repeat(1e5)}"a"=1;`, places: ['log'] },
  ],
)

// A reader, which loads within a transaction of its own, passed over what SQLite refuses.
test('a second BEGIN or COMMIT in a script: refused in the same words by every door', () => {
  for (const sql of ['BEGIN;\nCREATE TABLE t(a);\n', 'CREATE TABLE t(a);\nCOMMIT;\n']) {
    for (const [name, door] of Object.entries(LOADING_DOORS)) {
      assert.match(
        door(planted(sql, 'script'))?.message ?? 'opened',
        /does not hold this kind of statement/,
        name,
      )
    }
  }
})

// The open copied the record into a new log, where its last line must stand alone, and failed on that.
test('a record that ends in a comment or a blank: refused', () => {
  for (const ending of ['-- a comment\n', '\n', ' \n']) {
    const files = { '.log': forgedUnendedLog('CREATE TABLE t(a);\n', ending) }
    lookAround(files)
    for (const [name, door] of Object.entries(LOADING_DOORS)) {
      assert.match(door(files)?.message ?? 'opened', /does not end with a statement.*app\.log, LSN/s, name)
    }
  }
})

test.run()
