// The judge of everything here: what a connection with capture did, redone from its records on another connection,
// gives the same tables with the same rowids and types, the same schema texts, sequences and versions.

import type { Database } from 'better-sqlite3'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { describeStatement } from '../../lib/engine/statement-kind.ts'
import { ScriptlogError } from '../../lib/errors.ts'
import { Original, Replica, stateOf } from './replica.ts'

/** Runs statements with capture, redoes the records, compares; returns the SQL of the records. */
function same(...statements: string[]): string[] {
  return sameAfter(new Original(), ...statements)
}

function sameAfter(original: Original, ...statements: string[]): string[] {
  for (const sql of statements) {
    try {
      original.run(sql)
    } catch (error) {
      // Statements may fail; what is left of them must be in the log all the same.
      if (!(error instanceof Error && error.name === 'SqliteError')) throw error
    }
  }
  const replica = new Replica().apply(original.records)
  assert.is(stateOf(replica.sqlite), stateOf(original.sqlite))
  return original.takeSql()
}

const last = (records: string[]): string => records.at(-1) ?? ''

const T = 'CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE, v)'

// --- rows ---

test('a row is inserted, updated, deleted: a statement each, for people to read', () => {
  assert.equal(
    same(
      'CREATE TABLE t(id INTEGER PRIMARY KEY, a)',
      "INSERT INTO t VALUES(1,'x'),(2,'y')",
      "UPDATE t SET a='z' WHERE id=2",
      'DELETE FROM t WHERE id=1',
    ).slice(1),
    [
      `INSERT INTO "t"("id","a") VALUES(1,'x'),\n(2,'y');\n`,
      `UPDATE "t" SET "a"='z' WHERE "id"=2;\n`,
      'DELETE FROM "t" WHERE "id"=1;\n',
    ],
  )
})

test('a transaction is one record with its net effect', () => {
  const records = same(
    T,
    'INSERT INTO t VALUES(1,1,1)',
    'BEGIN',
    'INSERT INTO t VALUES(2,2,2),(3,3,3)',
    'DELETE FROM t WHERE id=2',
    'UPDATE t SET v=abs(-9) WHERE id<>1',
    'COMMIT',
  )
  assert.is(records.length, 3)
  assert.is(last(records), 'INSERT INTO "t"("id","u","v") VALUES(3,3,9);\n')
})

test('what changes nothing leaves no record', () => {
  const original = new Original().run(`${T}; INSERT INTO t VALUES(1,1,1)`)
  original.takeSql()
  original.run('UPDATE t SET v=2 WHERE id=7; DELETE FROM t WHERE id=7; BEGIN; COMMIT; SAVEPOINT s; RELEASE s')
  original.run('BEGIN; INSERT INTO t VALUES(2,2,2); DELETE FROM t WHERE id=2; COMMIT')
  original.run('BEGIN; INSERT INTO t VALUES(2,2,2); ROLLBACK; CREATE TABLE IF NOT EXISTS t(x); REINDEX')
  original.run(
    'CREATE TEMP TABLE x(a); INSERT INTO x VALUES(1); DROP TABLE x; PRAGMA user_version; PRAGMA user_version=0',
  )
  original.fails('INSERT INTO t VALUES(2,2,2),(3,1,1)')
  assert.equal(original.takeSql(), [])
})

test('a statement that fails in a transaction takes nothing with it', () => {
  same(
    T,
    'BEGIN',
    'INSERT INTO t VALUES(1,1,1)',
    'INSERT INTO t VALUES(2,2,2),(3,1,1)',
    'UPDATE t SET u=1',
    'COMMIT',
  )
})

test('OR FAIL keeps the rows before the one that failed, in a transaction and outside', () => {
  assert.is(
    last(same(T, 'INSERT OR FAIL INTO t VALUES(1,1,1),(2,2,2),(3,1,3)')),
    'INSERT INTO "t"("id","u","v") VALUES(1,1,1),\n(2,2,2);\n',
  )
  same(T, 'BEGIN', 'INSERT OR FAIL INTO t VALUES(1,1,1),(2,2,2),(3,1,3)', 'COMMIT')
})

test('RAISE(FAIL) and a constraint ON CONFLICT FAIL keep rows without the statement saying so', () => {
  same(
    T,
    "CREATE TRIGGER g AFTER INSERT ON t WHEN NEW.v=3 BEGIN SELECT RAISE(FAIL,'no'); END",
    'INSERT INTO t VALUES(1,1,1),(2,2,3)',
  )
  same(
    'CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE ON CONFLICT FAIL)',
    'INSERT INTO t VALUES(1,1),(2,2),(3,1)',
  )
})

test('OR ROLLBACK and RAISE(ROLLBACK) undo the transaction, and the next one begins from there', () => {
  same(
    T,
    'BEGIN',
    'INSERT INTO t VALUES(1,1,1)',
    'CREATE INDEX i ON t(v)',
    'INSERT OR ROLLBACK INTO t VALUES(2,1,1)',
    'INSERT INTO t VALUES(5,5,5)',
  )
})

test('a COMMIT that a deferred key lets fail leaves the transaction open; it is logged when it commits', () => {
  const records = same(
    'PRAGMA foreign_keys=ON',
    'CREATE TABLE p(id INTEGER PRIMARY KEY)',
    'CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES p DEFERRABLE INITIALLY DEFERRED)',
    'BEGIN',
    'INSERT INTO c VALUES(1,7)',
    'COMMIT',
    'INSERT INTO p VALUES(7)',
    'COMMIT',
  )
  assert.is(records.length, 3)
})

test('rowids beyond 2^53, at both ends, negative ones, and the last one', () => {
  const big = [
    '9007199254740991',
    '9007199254740992',
    '9007199254740993',
    '9223372036854775807',
    '-9223372036854775808',
    '-9007199254740993',
    '-1',
    '0',
  ]
  const insert = big.map((rowid) => `INSERT INTO t(rowid,a) VALUES(${rowid},'r')`)
  const changes = [
    "UPDATE t SET a='u'",
    'DELETE FROM t WHERE rowid%2=0',
    'UPDATE t SET rowid=rowid+1 WHERE rowid BETWEEN -5 AND 5',
  ]
  same('CREATE TABLE t(a)', ...insert, ...changes)
  same('CREATE TABLE t(a)', 'BEGIN', ...insert, 'COMMIT', 'BEGIN', ...changes, 'COMMIT')
})

test('an update that moves a row to another key, onto a free one, a deleted one, in a circle', () => {
  for (const table of ['t(id INTEGER PRIMARY KEY, a)', 't(id PRIMARY KEY, a) WITHOUT ROWID', 't(a, id)']) {
    const key = table.includes('PRIMARY') ? 'id' : 'rowid'
    const insert = `INSERT INTO t(${key},a) VALUES(1,'a'),(2,'b'),(3,'c')`
    same(
      `CREATE TABLE ${table}`,
      insert,
      `UPDATE t SET ${key}=9 WHERE ${key}=1`,
      `UPDATE t SET ${key}=${key}+10`,
    )
    same(
      `CREATE TABLE ${table}`,
      insert,
      'BEGIN',
      `DELETE FROM t WHERE ${key}=2`,
      `UPDATE t SET ${key}=2 WHERE ${key}=1`,
      `INSERT INTO t(${key},a) VALUES(1,'new')`,
      'COMMIT',
    )
    same(
      `CREATE TABLE ${table}`,
      insert,
      'BEGIN',
      `UPDATE t SET ${key}=0 WHERE ${key}=1`,
      `UPDATE t SET ${key}=1 WHERE ${key}=2`,
      `UPDATE t SET ${key}=2 WHERE ${key}=0`,
      'COMMIT',
    )
  }
})

test('every name of the rowid moves a row', () => {
  for (const name of ['id', 'rowid', 'oid', '_rowid_', 'ROWID', '"Id"'])
    same(T, 'INSERT INTO t VALUES(1,1,1),(2,2,2)', `UPDATE t SET ${name}=7 WHERE id=1`)
})

test('columns that take names of the rowid', () => {
  same(
    'CREATE TABLE t(rowid, oid)',
    'INSERT INTO t VALUES(1,2),(3,4)',
    'UPDATE t SET rowid=9',
    'UPDATE t SET _rowid_=_rowid_+5',
    'DELETE FROM t WHERE oid=4',
  )
  same(
    'CREATE TABLE t(rowid, oid, _rowid_, id INTEGER PRIMARY KEY)',
    'INSERT INTO t VALUES(1,2,3,4)',
    'UPDATE t SET _rowid_=9, id=5',
  )
  same(
    'CREATE TABLE t(a, b)',
    'INSERT INTO t VALUES(1,2)',
    'ALTER TABLE t RENAME COLUMN a TO rowid',
    'UPDATE t SET rowid=8',
    'INSERT INTO t VALUES(5,6)',
  )
})

test('rows exchange values that a UNIQUE index keeps apart', () => {
  same(
    T,
    "INSERT INTO t VALUES(1,'a',1),(2,'b',2),(3,'c',3)",
    'BEGIN',
    "UPDATE t SET u='x' WHERE id=1",
    "UPDATE t SET u='a' WHERE id=2",
    "UPDATE t SET u='b' WHERE id=1",
    'DELETE FROM t WHERE id=3',
    "INSERT INTO t VALUES(4,'c',4)",
    'COMMIT',
  )
})

test('tables, columns and keys with the most unpleasant names', () => {
  same(
    'CREATE TABLE "a""b; --"("order" INTEGER PRIMARY KEY, "x\'y", [sel ect], "new\nline" UNIQUE)',
    `INSERT INTO "a""b; --" VALUES(1,2,3,4)`,
    `UPDATE "a""b; --" SET "x'y"=5, "new\nline"=7`,
    `REPLACE INTO "a""b; --" VALUES(2,2,3,7)`,
  )
})

test('keys of tables without rowids: any type, collations, several columns', () => {
  const values = [
    "('a',1)",
    "('A',2)",
    '(1,3)',
    "('1',4)",
    '(1.5,5)',
    "(x'61',6)",
    "('it''s',7)",
    '(char(0,10),8)',
    "(CAST(x'ff' AS TEXT),9)",
    '(9223372036854775807,10)',
    '(9e999,11)',
  ]
  for (const key of ['k', 'k COLLATE NOCASE', 'k TEXT', 'k TEXT COLLATE NOCASE']) {
    same(
      `CREATE TABLE t(${key}, v, PRIMARY KEY(k)) WITHOUT ROWID`,
      ...values.map((value) => `REPLACE INTO t VALUES${value}`),
      'UPDATE t SET v=v+1',
      "UPDATE t SET k=lower(k) WHERE k='A'",
      'DELETE FROM t WHERE v%2=0',
      'DELETE FROM t',
    )
    same(
      `CREATE TABLE t(${key}, v, PRIMARY KEY(v, k)) WITHOUT ROWID`,
      ...values.map((value) => `INSERT INTO t VALUES${value}`),
      'UPDATE t SET v=-v',
      'DELETE FROM t WHERE v%2=0',
    )
  }
})

test('a primary key whose collation is not that of its column, in both directions', () => {
  for (const [column, key] of [
    ['BINARY', 'NOCASE'],
    ['NOCASE', 'BINARY'],
  ]) {
    const table = `CREATE TABLE t(k TEXT COLLATE ${column}, v, PRIMARY KEY(k COLLATE ${key})) WITHOUT ROWID`
    same(
      table,
      "INSERT OR IGNORE INTO t VALUES('a',1),('A',2),('b',3)",
      'UPDATE OR IGNORE t SET k=upper(k)',
      "DELETE FROM t WHERE k='A' COLLATE BINARY",
      "INSERT OR IGNORE INTO t VALUES('a',5),('A',6)",
      "UPDATE OR REPLACE t SET k='B' WHERE v=5",
      "REPLACE INTO t VALUES('A',9)",
    )
  }
})

test('generated columns, STRICT tables, CHECK constraints that are switched off', () => {
  same(
    'CREATE TABLE t(id INTEGER PRIMARY KEY, a, b AS (a*2), c AS (a+1) STORED UNIQUE)',
    'INSERT INTO t(a) VALUES(1),(2)',
    'UPDATE t SET a=a+5',
    'DELETE FROM t WHERE b=12',
  )
  same(
    'CREATE TABLE t(id INTEGER PRIMARY KEY, a INT, b TEXT, c ANY, d REAL, e BLOB) STRICT',
    "INSERT INTO t VALUES(1,2,'x',1.0,1,x'00'),(2,NULL,NULL,'1',NULL,NULL)",
    "UPDATE t SET c='2'",
  )
  same('CREATE TABLE t(a CHECK(a>0))', 'PRAGMA ignore_check_constraints=ON', 'INSERT INTO t VALUES(-1)')
})

test('defaults, an empty INSERT, UPSERT, RETURNING, WITH, VALUES of many rows', () => {
  same(
    'CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE, v DEFAULT (random()))',
    'INSERT INTO t DEFAULT VALUES',
    "INSERT INTO t(u) VALUES('a') RETURNING *",
    "INSERT INTO t(u) VALUES('a'),('b') ON CONFLICT(u) DO UPDATE SET v=7",
    'WITH x(n) AS (VALUES(1),(2)) INSERT INTO t(u) SELECT n FROM x',
    "WITH x AS (SELECT 1) DELETE FROM t WHERE u='a'",
    'UPDATE t SET v=y.n FROM (SELECT 1 AS n) AS y',
  )
})

test('a mass of rows: inserted, updated and deleted in runs and out of order', () => {
  const many =
    'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<3000) INSERT INTO t SELECT (i*7919)%3001, i, i FROM n'
  const records = same(
    T,
    many,
    'UPDATE t SET v=abs(v)+1',
    'DELETE FROM t WHERE abs(v)%3=0',
    'BEGIN',
    'UPDATE t SET v=0 WHERE abs(id)%5=0',
    'DELETE FROM t WHERE abs(id) BETWEEN 100 AND 200',
    'INSERT INTO t VALUES(5000,-1,-1)',
    'COMMIT',
    'DELETE FROM t',
  )
  assert.ok(
    (records[2] ?? '').startsWith('REPLACE INTO "t"'),
    'many changed rows are replaced by a few statements',
  )
})

// --- what SQLite does by itself ---

test('foreign key actions of every kind, chains of them, and on a table that refers to itself', () => {
  for (const action of ['CASCADE', 'SET NULL', 'SET DEFAULT', 'NO ACTION']) {
    same(
      'PRAGMA foreign_keys=ON',
      'CREATE TABLE p(id INTEGER PRIMARY KEY, u UNIQUE)',
      `CREATE TABLE c(id INTEGER PRIMARY KEY, p DEFAULT 0 REFERENCES p ON DELETE ${action} ON UPDATE ${action}, q REFERENCES p(u) ON UPDATE ${action})`,
      `CREATE TABLE d(c PRIMARY KEY REFERENCES c ON DELETE ${action} ON UPDATE ${action}) WITHOUT ROWID`,
      `CREATE TABLE s(id INTEGER PRIMARY KEY, up REFERENCES s ON DELETE ${action} ON UPDATE ${action})`,
      'INSERT INTO p VALUES(0,0),(1,10),(2,20),(3,30)',
      'INSERT INTO c VALUES(1,1,10),(2,2,20),(3,3,30)',
      'INSERT INTO d VALUES(1),(2),(3)',
      'INSERT INTO s VALUES(1,NULL),(2,1),(3,2),(4,4)',
      'UPDATE p SET id=id+100 WHERE id>0',
      'UPDATE p SET u=u+1',
      'UPDATE s SET id=id+10',
      'DELETE FROM p WHERE id>101',
      'DELETE FROM s WHERE up IS NULL OR up=14',
      'UPDATE c SET id=-id',
      'DROP TABLE p',
    )
  }
})

test('triggers that write other tables, their own, and each other; redo does not run them again', () => {
  same(
    'CREATE TABLE t(id INTEGER PRIMARY KEY, v)',
    'CREATE TABLE audit(id INTEGER PRIMARY KEY AUTOINCREMENT, what, t)',
    "CREATE TRIGGER a AFTER INSERT ON t BEGIN INSERT INTO audit(what,t) VALUES('i',NEW.id); UPDATE t SET v=v+1 WHERE id=NEW.id; END",
    "CREATE TRIGGER b BEFORE UPDATE ON t BEGIN INSERT INTO audit(what,t) VALUES('u',OLD.id); END",
    "CREATE TRIGGER c AFTER DELETE ON t BEGIN INSERT INTO audit(what,t) VALUES('d',OLD.id); DELETE FROM audit WHERE t=OLD.id-1; END",
    'CREATE VIEW w AS SELECT * FROM t',
    'CREATE TRIGGER d INSTEAD OF INSERT ON w BEGIN INSERT INTO t VALUES(NEW.id, NEW.v*2); END',
    'INSERT INTO t VALUES(1,1),(2,2),(3,3)',
    'UPDATE t SET v=0 WHERE id<3',
    'INSERT INTO w VALUES(7,7)',
    'DELETE FROM t WHERE id<3',
  )
})

test('a row that a trigger brings back while its deletion is under way', () => {
  same(
    'PRAGMA foreign_keys=ON',
    'CREATE TABLE p(id INTEGER PRIMARY KEY, v)',
    'CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES p ON DELETE SET NULL ON UPDATE CASCADE)',
    "CREATE TRIGGER g AFTER UPDATE ON c WHEN NEW.p IS NULL BEGIN INSERT INTO p VALUES(OLD.p,'back'); END",
    "CREATE TRIGGER h AFTER UPDATE ON c WHEN NEW.p>100 BEGIN UPDATE p SET v='moved' WHERE id=NEW.p; INSERT INTO p VALUES(OLD.p,'again'); END",
    "INSERT INTO p VALUES(1,'x'),(2,'y')",
    'INSERT INTO c VALUES(1,1),(2,2)',
    'DELETE FROM p WHERE id=1',
    'UPDATE p SET id=102 WHERE id=2',
    'DELETE FROM p',
  )
})

test('the memory of AUTOINCREMENT: moved by rows, by rows that were ignored, by hand, by nothing', () => {
  const table = 'CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, u UNIQUE)'
  same(
    table,
    'INSERT INTO t(u) VALUES(1),(2)',
    'DELETE FROM t WHERE id=2',
    'INSERT INTO t VALUES(-5,5)',
    'INSERT OR IGNORE INTO t(u) VALUES(5),(6)',
    'INSERT INTO t(u) VALUES(6) ON CONFLICT DO UPDATE SET u=7',
    'INSERT OR FAIL INTO t(u) VALUES(8),(7)',
  )
  same(
    table,
    'INSERT INTO t VALUES(5,5)',
    'UPDATE sqlite_sequence SET seq=2',
    'UPDATE t SET u=6',
    'DELETE FROM sqlite_sequence',
    'INSERT OR REPLACE INTO t VALUES(1,6)',
    "INSERT INTO sqlite_sequence VALUES('none',3)",
    "UPDATE sqlite_sequence SET seq='x'",
    'INSERT INTO t(u) VALUES(77)',
  )
  same(
    table,
    'BEGIN',
    'INSERT INTO t(u) VALUES(1)',
    'ALTER TABLE t RENAME TO s',
    'INSERT INTO s(u) VALUES(2)',
    'DELETE FROM s',
    'COMMIT',
    'BEGIN',
    'INSERT INTO s(u) VALUES(2)',
    'DROP TABLE s',
    table,
    'COMMIT',
  )
  assert.is(last(same(table, 'INSERT INTO t(u) VALUES(1)')), 'INSERT INTO "t"("id","u") VALUES(1,1);\n')
})

test('user_version, application_id, what ANALYZE found: in the record, and gone with a rollback', () => {
  assert.equal(
    same(
      'CREATE TABLE t(a)',
      'BEGIN',
      'PRAGMA user_version=7',
      'PRAGMA main.application_id(9)',
      'COMMIT',
      'BEGIN',
      'PRAGMA user_version=8',
      'ROLLBACK',
    ).slice(1),
    ['PRAGMA user_version=7;\nPRAGMA application_id=9;\n'],
  )
  same(
    'CREATE TABLE t(a)',
    'CREATE INDEX i ON t(a)',
    'INSERT INTO t VALUES(1),(1),(2)',
    'ANALYZE',
    'ANALYZE',
    'BEGIN',
    'DELETE FROM t',
    'ANALYZE t',
    'ROLLBACK',
    "UPDATE sqlite_stat1 SET stat='5 2'",
    'DROP INDEX i',
    'DROP TABLE sqlite_stat1',
    'PRAGMA optimize',
  )
})

// --- REPLACE ---

/** With triggers of the user's, without them, and with recursive_triggers: three ways to find replaced rows. */
function sameInAllWays(table: string, ...statements: string[]): void {
  const trigger = 'CREATE TABLE x(a); CREATE TRIGGER anywhere AFTER INSERT ON x BEGIN SELECT 1; END'
  for (const way of [[], [trigger], ['PRAGMA recursive_triggers=ON', trigger]]) {
    same(...way, ...table.split(';'), ...statements)
    same(...way, ...table.split(';'), 'BEGIN', ...statements, 'COMMIT')
  }
}

test('REPLACE: a row with the same key, with a value of its own, both, several at once', () => {
  const rows = "INSERT INTO t VALUES(1,'a',1),(2,'b',2),(3,'c',3)"
  for (const sql of [
    "REPLACE INTO t VALUES(1,'z',9)",
    "REPLACE INTO t VALUES(9,'a',9)",
    "REPLACE INTO t VALUES(2,'a',9)",
    "REPLACE INTO t(u) VALUES('a'),('b')",
    'INSERT OR REPLACE INTO t SELECT id+10, u, v FROM t',
    "UPDATE OR REPLACE t SET u='b' WHERE id=1",
    'UPDATE OR REPLACE t SET id=2 WHERE id=1',
    "UPDATE OR REPLACE t SET id=2, u='c' WHERE id=1",
    "UPDATE OR REPLACE t SET u='same'",
  ]) {
    sameInAllWays(T, rows, sql)
    sameInAllWays(
      T,
      rows,
      sql,
      "UPDATE t SET u=u||'!', id=id+20",
      'INSERT INTO t VALUES(1,1,1)',
      'DELETE FROM t WHERE id=1',
    )
  }
})

test('a row replaces another and is then itself replaced or changed, all in one statement', () => {
  const table = 'CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE, w UNIQUE)'
  const rows = "INSERT INTO t VALUES(1,'a','p'),(2,'b','q')"
  sameInAllWays(table, rows, "REPLACE INTO t VALUES(5,'a','x'),(5,'y','z')")
  sameInAllWays(table, rows, "REPLACE INTO t VALUES(5,'x','p'),(6,'x','y')", 'DELETE FROM t WHERE id=6')
  sameInAllWays(table, rows, "REPLACE INTO t VALUES(5,'a','q'),(6,'a','w'),(7,'v','w')")
})

test('REPLACE with every kind of UNIQUE index: collation, expression, partial, several columns, NULLs, defaults', () => {
  for (const index of [
    'u COLLATE NOCASE',
    'lower(u)',
    'u) WHERE v>1 AND (u IS NOT NULL',
    'u, v DESC',
    'abs(v)',
    'v',
  ]) {
    sameInAllWays(
      `CREATE TABLE t(id INTEGER PRIMARY KEY, u, v NOT NULL DEFAULT 7); CREATE UNIQUE INDEX i ON t(${index})`,
      "INSERT OR IGNORE INTO t VALUES(1,'a',7),(2,'B',2),(3,NULL,3),(4,NULL,4)",
      "REPLACE INTO t VALUES(11,'A',2),(12,'b',2),(13,NULL,3),(14,'a',NULL)",
      "UPDATE OR REPLACE t SET u='A', v=NULL WHERE id>11",
      'UPDATE t SET u=id, v=id',
    )
  }
})

test('REPLACE in the schema and in triggers, where the statement does not say so', () => {
  sameInAllWays(
    'CREATE TABLE t(id INTEGER PRIMARY KEY ON CONFLICT REPLACE, u UNIQUE ON CONFLICT REPLACE, v NOT NULL ON CONFLICT REPLACE DEFAULT 5)',
    "INSERT INTO t VALUES(1,'a',1),(2,'b',2)",
    "INSERT INTO t VALUES(1,'b',NULL)",
    "UPDATE t SET u='x', id=id+1",
  )
  same(
    'CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE)',
    'CREATE TABLE s(id INTEGER PRIMARY KEY, u UNIQUE)',
    "CREATE TRIGGER g AFTER INSERT ON s BEGIN REPLACE INTO t(u) VALUES(NEW.u); UPDATE OR REPLACE t SET u=NEW.u||'!' WHERE u='c'; END",
    "INSERT INTO s(u) VALUES('a'),('b')",
    "INSERT INTO t VALUES(50,'c')",
    "INSERT INTO s(u) VALUES('c')",
    'DELETE FROM s',
    "INSERT INTO s(u) VALUES('a'),('b')",
  )
})

test('the conflict clause of a statement also holds in the triggers that it runs', () => {
  same(
    'CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE)',
    'CREATE TABLE s(id INTEGER PRIMARY KEY)',
    'CREATE TRIGGER g AFTER INSERT ON s BEGIN INSERT INTO t(u) VALUES(NEW.id%2); END',
    'INSERT INTO s VALUES(1)',
    'REPLACE INTO s VALUES(3),(5)',
    'BEGIN',
    'INSERT OR REPLACE INTO s VALUES(7)',
    'UPDATE t SET u=99',
    'COMMIT',
  )
})

test('foreign key actions of rows that were replaced', () => {
  for (const action of ['CASCADE', 'SET NULL']) {
    sameInAllWays(
      `PRAGMA foreign_keys=ON; ${T}; CREATE TABLE c(id INTEGER PRIMARY KEY, t REFERENCES t ON DELETE ${action})`,
      "INSERT INTO t VALUES(1,'a',1),(2,'b',2)",
      'INSERT INTO c VALUES(1,1),(2,2)',
      "REPLACE INTO t VALUES(3,'a',3)",
      "UPDATE OR REPLACE t SET u='b' WHERE id=3",
    )
  }
})

test('a REPLACE that fails, or is rolled back to a savepoint, brings back what it replaced', () => {
  sameInAllWays(
    T,
    "INSERT INTO t VALUES(1,'a',1),(2,'b',2)",
    'SAVEPOINT s',
    "REPLACE INTO t VALUES(5,'a',5)",
    'ROLLBACK TO s',
    "REPLACE INTO t VALUES(6,'b',6)",
    'RELEASE s',
  )
  sameInAllWays(
    `${T}; CREATE TABLE n(t NOT NULL)`,
    "INSERT INTO t VALUES(1,'a',1)",
    "INSERT OR REPLACE INTO t SELECT 2,'a',abs(-9223372036854775807-1)",
  )
})

test('recursive_triggers stays what the user made it', () => {
  const original = new Original().run(`${T}; INSERT INTO t VALUES(1,1,1); REPLACE INTO t VALUES(2,1,1)`)
  const seen = () => {
    original.run('PRAGMA recursive_triggers')
    return original.sqlite.pragma('recursive_triggers', { simple: true })
  }
  assert.is(seen(), 0)
  // A DELETE trigger must not fire for a replaced row, and a trigger must not call itself.
  original.run(
    'CREATE TABLE log(a); CREATE TRIGGER g AFTER DELETE ON t BEGIN INSERT INTO log VALUES(OLD.id); END',
  )
  original.run('REPLACE INTO t VALUES(3,1,1); REPLACE INTO t VALUES(3,2,2)')
  assert.equal(original.sqlite.prepare('SELECT * FROM log').all(), [])
  original.run('PRAGMA recursive_triggers=ON; REPLACE INTO t VALUES(3,2,2)')
  assert.is(seen(), 1)
  assert.equal(original.sqlite.prepare('SELECT a FROM log').pluck().all(), [3])
  assert.is(stateOf(new Replica().apply(original.records).sqlite), stateOf(original.sqlite))
})

test('thousands of replaced rows leave no versions behind in memory', () => {
  const original = new Original().run(`${T}; CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END`)
  original.run(
    'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<12000) REPLACE INTO t SELECT i, i%9000, i FROM n',
  )
  const temp = original.sqlite.prepare("SELECT name FROM temp.sqlite_schema WHERE type='table'").all()
  assert.equal(temp, [])
  assert.is(stateOf(new Replica().apply(original.records).sqlite), stateOf(original.sqlite))
})

// --- DDL and transactions ---

test('DDL in the middle of a transaction: rows before it in the old shape, rows after it in the new', () => {
  const [record] = sameAfter(
    new Original(),
    'BEGIN',
    'CREATE TABLE t(id INTEGER PRIMARY KEY, a) -- a comment',
    'INSERT INTO t VALUES(1,1)',
    'ALTER TABLE t ADD COLUMN b DEFAULT 5 -- another',
    'INSERT INTO t VALUES(2,2,2)',
    'ALTER TABLE t DROP COLUMN a /* and one without an end',
    'UPDATE t SET b=6 WHERE id=1',
    'COMMIT',
  )
  assert.is(
    record,
    [
      'CREATE TABLE t(id INTEGER PRIMARY KEY, a);',
      'INSERT INTO "t"("id","a") VALUES(1,1);',
      'ALTER TABLE t ADD COLUMN b DEFAULT 5;',
      'INSERT INTO "t"("id","a","b") VALUES(2,2,2);',
      'ALTER TABLE t DROP COLUMN a;',
      'UPDATE "t" SET "b"=6 WHERE "id"=1;\n',
    ].join('\n'),
  )
})

test('comments stay where SQLite keeps them', () => {
  const [record] = same('CREATE TABLE t( -- first\n  a, /* second; */\n  b\n)')
  assert.is(record, 'CREATE TABLE t( -- first\n  a, /* second; */\n  b\n);\n')
  same(
    'CREATE TABLE t(a)',
    'CREATE VIEW v AS SELECT a FROM t -- why',
    'CREATE INDEX i ON t(a) -- for speed; really',
    "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 'a;b'; /* ; */ END",
  )
})

test('every ALTER TABLE, with indexes, views, triggers and keys that follow it', () => {
  same(
    'PRAGMA foreign_keys=ON',
    'CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE, b)',
    'CREATE TABLE c(t REFERENCES t ON DELETE CASCADE)',
    'CREATE INDEX i ON t(b)',
    'CREATE VIEW v AS SELECT a, b FROM t',
    'CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO c VALUES(NEW.id); END',
    'CREATE TRIGGER h AFTER UPDATE OF b ON t BEGIN UPDATE c SET t=t; END',
    "INSERT INTO t VALUES(1,'x',1)",
    'ALTER TABLE t RENAME TO "new t"',
    'INSERT INTO "new t" VALUES(2,\'y\',2)',
    'ALTER TABLE "new t" RENAME COLUMN id TO "k e y"',
    'UPDATE "new t" SET "k e y"=7 WHERE a=\'y\'',
    'ALTER TABLE "new t" RENAME b TO c',
    'ALTER TABLE "new t" ADD COLUMN d NOT NULL DEFAULT 9',
    'UPDATE "new t" SET c=d',
    'ALTER TABLE "new t" DROP COLUMN d',
    'REPLACE INTO "new t" VALUES(7,\'x\',5)',
    'DROP TABLE "new t"',
  )
})

test('ALTER between REPLACEs in a schema with triggers, in one transaction and by itself', () => {
  const trigger = 'CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END'
  const steps = [
    "INSERT INTO t VALUES(1,'a',1),(2,'b',2)",
    "REPLACE INTO t VALUES(3,'a',3)",
    'ALTER TABLE t DROP COLUMN v',
    "REPLACE INTO t VALUES(4,'b')",
    'ALTER TABLE t ADD COLUMN w',
    "REPLACE INTO t VALUES(5,'a',5)",
    'ALTER TABLE t RENAME TO s',
    "REPLACE INTO s VALUES(6,'b',6)",
  ]
  same(T, trigger, ...steps)
  same(T, trigger, 'BEGIN', ...steps, 'COMMIT')
  same(
    T,
    trigger,
    'BEGIN',
    ...steps.slice(0, 2),
    'SAVEPOINT s',
    ...steps.slice(2),
    'ROLLBACK TO s',
    "REPLACE INTO t VALUES(9,'b',9)",
    'COMMIT',
  )
})

test('a rollback to a savepoint before the first REPLACE of a transaction that went on with ALTER', () => {
  same(
    T,
    'CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END',
    "INSERT INTO t VALUES(1,'a',1),(2,'b',2)",
    'BEGIN',
    'UPDATE t SET v=5',
    'SAVEPOINT s',
    "REPLACE INTO t VALUES(3,'a',3)",
    'CREATE TABLE n(a)',
    'ALTER TABLE n ADD COLUMN b',
    'ROLLBACK TO s',
    'DELETE FROM t WHERE id=2',
    'COMMIT',
  )
})

test('CREATE TABLE … AS SELECT is a table and rows, also an empty one', () => {
  const records = same(
    T,
    "INSERT INTO t VALUES(1,'a',1.5),(5,NULL,x'00')",
    'CREATE TABLE s AS SELECT *, id*2 AS "d o" FROM t',
    'CREATE TABLE e AS SELECT * FROM t WHERE 0',
    'BEGIN',
    'CREATE TABLE IF NOT EXISTS f AS SELECT u FROM t',
    'DELETE FROM f WHERE rowid=1',
    'COMMIT',
  )
  assert.not.match(records.join(''), /SELECT/)
})

test('DROP TABLE: rows of children that foreign keys take along, and of the table itself', () => {
  same(
    'PRAGMA foreign_keys=ON',
    'CREATE TABLE p(id INTEGER PRIMARY KEY, up REFERENCES p ON DELETE CASCADE)',
    'CREATE TABLE c(p REFERENCES p ON DELETE CASCADE)',
    'CREATE TABLE d(p REFERENCES p ON DELETE SET NULL)',
    'INSERT INTO p VALUES(1,NULL),(2,1)',
    'INSERT INTO c VALUES(1),(2)',
    'INSERT INTO d VALUES(1),(2)',
    'BEGIN',
    'INSERT INTO d VALUES(2)',
    'DROP TABLE p',
    'COMMIT',
  )
})

test('a rollback to a savepoint takes DDL back, and rows after it; rows before it stay', () => {
  same(
    'CREATE TABLE t(id INTEGER PRIMARY KEY, a)',
    'BEGIN',
    'INSERT INTO t VALUES(1,1)',
    'SAVEPOINT s',
    'INSERT INTO t VALUES(2,2)',
    'ALTER TABLE t ADD COLUMN b',
    'UPDATE t SET b=1',
    'CREATE TABLE u(x)',
    'INSERT INTO u VALUES(1)',
    'SAVEPOINT r',
    'DROP TABLE t',
    'ROLLBACK TO r',
    'INSERT INTO t VALUES(3,3,3)',
    'ROLLBACK TO s',
    'INSERT INTO t VALUES(4,4)',
    'CREATE TABLE u(y)',
    'RELEASE s',
    'INSERT INTO u VALUES(2)',
    'COMMIT',
    'INSERT INTO t VALUES(5,5)',
  )
})

test('a rollback of everything, DDL included, and the same DDL again', () => {
  same(
    'CREATE TABLE t(a)',
    'BEGIN',
    'ALTER TABLE t RENAME TO s',
    'CREATE TABLE t(b, c)',
    'INSERT INTO t VALUES(1,2)',
    'ROLLBACK',
    'INSERT INTO t VALUES(1)',
    'ALTER TABLE t RENAME TO s',
    'CREATE TABLE t(b, c)',
    'INSERT INTO t VALUES(1,2)',
    'INSERT INTO s VALUES(1)',
  )
})

test('tables of the same name in other schemas are none of our business', () => {
  const original = new Original().run(`${T}; INSERT INTO t VALUES(1,1,1)`)
  original.run(
    "ATTACH ':memory:' AS other; CREATE TABLE other.t(id INTEGER PRIMARY KEY, u, v); CREATE TEMP TABLE t(id INTEGER PRIMARY KEY, u, v)",
  )
  original.takeSql()
  original.run('INSERT INTO t VALUES(7,7,7); INSERT INTO other.t VALUES(8,8,8); DROP TABLE other.t')
  assert.equal(original.takeSql(), [])
  // ALTER would resolve names in triggers to the TEMP table, and redo to the other one.
  assert.match(original.fails('ALTER TABLE main.t ADD COLUMN w'), /hides/)
  original.run('UPDATE main.t SET v=5')
  assert.equal(original.takeSql(), ['UPDATE "t" SET "u"=1,"v"=5 WHERE "id"=1;\n'])
  sameAfter(
    new Original(),
    T,
    'INSERT INTO t VALUES(1,1,1)',
    "ATTACH ':memory:' AS other",
    'REPLACE INTO t VALUES(2,1,1)',
    'DETACH other',
    'REPLACE INTO t VALUES(3,1,1)',
  )
})

// --- TEMP triggers ---

test('TEMP triggers of the user, older and younger than those of capture, also many of them', () => {
  const temp = Array.from(
    { length: 12 },
    (_, n) =>
      `CREATE TEMP TRIGGER x${n} ${n % 2 ? 'AFTER' : 'BEFORE'} INSERT ON t WHEN NEW.id<50 BEGIN INSERT OR IGNORE INTO t VALUES(NEW.id*10+${n},NEW.id*10+${n},0); UPDATE t SET v=v+1 WHERE id=NEW.id; DELETE FROM t WHERE id=NEW.id-1; END`,
  )
  same(
    T,
    ...temp.slice(0, 6),
    'ALTER TABLE t RENAME COLUMN id TO key',
    'ALTER TABLE t RENAME COLUMN key TO id',
    ...temp.slice(6),
    'INSERT INTO t VALUES(1,1,1),(2,2,2)',
    'UPDATE t SET id=id+100',
    'DELETE FROM t WHERE id%2',
  )
})

test('a TEMP trigger that could hide a row from capture is refused, and so is FAIL beside one that runs late', () => {
  const original = new Original().run(T)
  const ignoring = 'CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT RAISE(IGNORE); END'
  assert.match(original.fails(ignoring), /RAISE\(IGNORE\)/)
  assert.match(original.fails(ignoring.replace('IGNORE', "FAIL,'no'")), /FAIL/)
  original.run(ignoring.replace('AFTER', 'BEFORE')).run('DROP TRIGGER x')
  original.run('CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END')
  assert.match(original.fails('INSERT OR FAIL INTO t VALUES(1,1,1)'), /FAIL/)
  assert.match(original.fails('CREATE TABLE f(a UNIQUE ON CONFLICT FAIL)'), /FAIL/)
  original.run('DROP TRIGGER x; INSERT OR FAIL INTO t VALUES(1,1,1)')
  assert.is(stateOf(new Replica().apply(original.records).sqlite), stateOf(original.sqlite))
})

// --- what would switch capture off ---

test('PRAGMAs that would switch capture off are refused; asking, and what is so already, are not', () => {
  const original = new Original().run(T)
  for (const pragma of ['temp_store=FILE', 'temp_store=0', 'main.temp_store(1)', "encoding='UTF-16'"]) {
    assert.match(original.fails(`PRAGMA ${pragma}`), /refused/, pragma)
  }
  for (const pragma of [
    'temp_store',
    'temp_store=2',
    'temp_store=MEMORY',
    'writable_schema=ON',
    'writable_schema=RESET',
    'writable_schema=OFF',
    "encoding='UTF-8'",
    'journal_mode',
    // Outside of unsafe mode SQLite ignores it.
    'journal_mode=OFF',
  ])
    original.run(`PRAGMA ${pragma}`)
  original.run('PRAGMA trusted_schema=OFF; PRAGMA temp_store_directory; INSERT INTO t VALUES(1,1,1)')
  assert.is(original.takeSql().length, 2)
})

test('triggers of capture that are dropped by hand are there again before anything can happen', () => {
  const original = new Original().run(T).run('UPDATE t SET v=abs(v)')
  const names = original.sqlite.prepare<[], string>('SELECT name FROM temp.sqlite_schema').pluck().all()
  assert.ok(names.length > 0)
  for (const name of names) original.run(`DROP TRIGGER temp."${name}"`)
  original.run('INSERT INTO t VALUES(1,1,1)')
  assert.is(original.takeSql().length, 2)
})

test('virtual tables of other modules, ALTER under legacy_alter_table, a table that hides its rowid: refused, nothing is changed', () => {
  const original = new Original().run(`${T}; CREATE TABLE r(rowid, oid)`)
  const before = stateOf(original.sqlite)
  for (const sql of [
    'CREATE VIRTUAL TABLE f USING dbstat',
    'CREATE VIRTUAL TABLE IF NOT EXISTS main.f USING fts3(a)',
    'CREATE TABLE h(rowid, OID, _Rowid_)',
    'ALTER TABLE r ADD COLUMN _rowid_',
    'CREATE TABLE h AS SELECT 1 AS rowid, 2 AS oid, 3 AS _rowid_',
  ]) {
    original.fails(sql)
    assert.is(stateOf(original.sqlite), before, sql)
    original.run('BEGIN')
    original.fails(sql)
    original.run('COMMIT')
    assert.is(stateOf(original.sqlite), before, sql)
  }
  original.run('PRAGMA legacy_alter_table=ON')
  assert.match(original.fails('ALTER TABLE t RENAME TO s'), /legacy_alter_table/)
  original.run(
    'PRAGMA legacy_alter_table=OFF; CREATE VIRTUAL TABLE temp.f USING fts5(a); INSERT INTO f VALUES(1)',
  )
  original.takeSql()
  original.run('INSERT INTO r VALUES(1,1)')
  assert.is(original.takeSql().length, 1)
})

test('VACUUM renumbers rowids, which no record can say: it asks for a checkpoint', () => {
  const original = new Original().run(
    'CREATE TABLE t(a); INSERT INTO t VALUES(1),(2); DELETE FROM t WHERE a=1',
  )
  original.records.splice(0)
  original.run('VACUUM')
  assert.equal(original.records.splice(0), [{ sql: '', rows: 0, needsCheckpoint: true }])
})

// --- what must not be seen ---

test('changes(), last_insert_rowid() and total_changes() are the user’s own', () => {
  const plain = (sqlite: Database, run: (sql: string) => unknown) => {
    const seen: unknown[] = []
    for (const sql of [
      'CREATE TABLE p(a)',
      'INSERT INTO p VALUES(1),(2)',
      T,
      'INSERT INTO t VALUES(7,7,7)',
      'BEGIN',
      'UPDATE t SET v=1',
      'CREATE INDEX i ON t(v)',
      'SAVEPOINT s',
      'ROLLBACK TO s',
      'COMMIT',
      'REPLACE INTO t VALUES(8,7,7)',
      'CREATE TABLE z(a)',
      'ANALYZE',
      'PRAGMA user_version=3',
      'DELETE FROM p',
      'ALTER TABLE z ADD COLUMN b',
    ]) {
      run(sql)
      seen.push([
        sql,
        ...(sqlite
          .prepare('SELECT changes(), last_insert_rowid(), total_changes()')
          .raw()
          .get() as unknown[]),
      ])
    }
    return seen
  }
  const original = new Original()
  const bare = new Original().sqlite
  assert.equal(
    plain(original.sqlite, (sql) => original.run(sql)),
    plain(bare, (sql) => bare.exec(sql)),
  )
})

test('a write that fails while an iterator of another is open takes nothing of that one', () => {
  const original = new Original().run(T)
  original.takeSql()
  const { capture, sqlite } = original
  const insert = describeStatement('INSERT INTO t VALUES(1,1,1),(2,2,2) RETURNING id')
  capture.beforeStatement(insert)
  const rows = sqlite.prepare(insert.sql).iterate()
  rows.next()
  assert.match(original.fails('DELETE FROM t'), /busy/)
  assert.equal(original.takeSql(), [])
  rows.return?.()
  capture.afterStatement(insert, 'done')
  assert.is(capture.takeCommitted()?.sql, 'INSERT INTO "t"("id","u","v") VALUES(1,1,1),\n(2,2,2);\n')
})

test('DDL while an iterator is open fails as it does in better-sqlite3, and leaves nothing behind', () => {
  const original = new Original().run(`${T}; INSERT INTO t VALUES(1,1,1),(2,2,2)`)
  original.run('BEGIN; UPDATE t SET v=7 WHERE id=1')
  const rows = original.sqlite.prepare('SELECT * FROM t').iterate()
  rows.next()
  for (const sql of ['CREATE TABLE s(a)', 'DROP TABLE t', 'REPLACE INTO t VALUES(3,1,1)']) {
    assert.match(original.fails(sql), /busy/, sql)
  }
  rows.return?.()
  original.run('CREATE TABLE s(a); COMMIT')
  assert.is(stateOf(new Replica().apply(original.records).sqlite), stateOf(original.sqlite))
})

test('safe integers by default do not change what is captured', () => {
  const original = new Original()
  original.sqlite.defaultSafeIntegers(true)
  sameAfter(
    original,
    'CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, u UNIQUE)',
    'INSERT INTO t(u) VALUES(1),(2)',
    'REPLACE INTO t(u) VALUES(1)',
    'BEGIN',
    'CREATE INDEX i ON t(u)',
    'SAVEPOINT s',
    'DROP INDEX i',
    'ROLLBACK TO s',
    'DELETE FROM t WHERE u=2',
    'COMMIT',
    'PRAGMA user_version=4',
    'ANALYZE',
  )
})

test('capture that was stopped for redo on the same connection starts anew', () => {
  const original = new Original().run(`${T}; INSERT INTO t VALUES(1,1,1); REPLACE INTO t VALUES(2,1,1)`)
  original.capture.stop()
  original.sqlite.exec('INSERT INTO t VALUES(9,9,9)')
  original.capture.start()
  original.takeSql()
  original.run('UPDATE t SET v=abs(-5) WHERE id=9')
  assert.equal(original.takeSql(), ['UPDATE "t" SET "u"=9,"v"=5 WHERE "id"=9;\n'])
})

test('errors of refusal are ScriptlogErrors with a reason', () => {
  const original = new Original()
  try {
    original.run('PRAGMA temp_store=FILE')
    assert.unreachable()
  } catch (error) {
    assert.instance(error, ScriptlogError)
    assert.is(error instanceof ScriptlogError && error.reason, 'sql')
  }
})

test.run()
