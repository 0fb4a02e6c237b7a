// Everything that changes rows in a way of its own, beside plain better-sqlite3, with a kill behind each.

import { test } from 'uvu'
import { assertTwins, outcome, outcomes } from './twins.ts'

const UNIQUE = `CREATE TABLE u(id INTEGER PRIMARY KEY, a UNIQUE, b, c TEXT COLLATE NOCASE, UNIQUE(b, c));
  INSERT INTO u VALUES(1, 'a', 1, 'x'), (2, 'b', 2, 'y'), (3, 'c', 3, 'z')`

test('OR ABORT, OR FAIL, OR IGNORE, OR REPLACE, OR ROLLBACK of an INSERT of several rows', () =>
  assertTwins((db) => {
    db.exec(UNIQUE)
    const seen: unknown[] = []
    for (const clause of ['', 'OR ABORT', 'OR FAIL', 'OR IGNORE', 'OR REPLACE', 'OR ROLLBACK']) {
      const sql = `INSERT ${clause} INTO u(a, b, c) VALUES('n ${clause}', 10, '${clause}'), ('b', 2, 'Y'), ('m ${clause}', 11, '${clause}')`
      seen.push(
        outcome(() => db.prepare(sql).run()),
        db.prepare('SELECT * FROM u').raw().all(),
      )
    }
    return seen
  }))

test('the same inside a transaction that goes on', () =>
  assertTwins((db) => {
    db.exec(UNIQUE)
    const seen: unknown[] = []
    for (const clause of ['OR ABORT', 'OR FAIL', 'OR IGNORE', 'OR REPLACE', 'OR ROLLBACK']) {
      db.exec(`BEGIN; INSERT INTO u(a) VALUES('before ${clause}')`)
      seen.push(
        outcome(() => db.prepare(`UPDATE ${clause} u SET a = 'c', b = b + 1 WHERE id <= 3`).run()),
        db.inTransaction,
      )
      if (db.inTransaction) db.exec(`INSERT INTO u(a) VALUES('after ${clause}'); COMMIT`)
    }
    return [seen, db.prepare('SELECT * FROM u').raw().all()]
  }))

test('REPLACE over the primary key and two unique keys at once: up to three rows go for one', () =>
  assertTwins((db) => {
    db.exec(
      `${UNIQUE}; CREATE TABLE log(what); CREATE TRIGGER gone AFTER DELETE ON u BEGIN INSERT INTO log VALUES(old.a); END`,
    )
    const seen: unknown[] = [db.prepare("REPLACE INTO u VALUES(1, 'b', 3, 'Z')").run()]
    db.pragma('recursive_triggers = ON')
    db.exec("INSERT INTO u VALUES(7, 'q', 7, 'q'), (8, 'r', 8, 'r')")
    seen.push(
      db.prepare("REPLACE INTO u VALUES(1, 'q', 8, 'R'), (9, 'new', 1, 'x'), (9, 'newer', 1, 'x')").run(),
    )
    return [
      seen,
      db.prepare('SELECT * FROM u').all(),
      db.prepare('SELECT * FROM log').all(),
      db.pragma('recursive_triggers'),
    ]
  }))

test('UPSERT in all its forms', () =>
  assertTwins((db) => {
    db.exec(UNIQUE)
    return [
      db
        .prepare("INSERT INTO u(a, b) VALUES('a', 9) ON CONFLICT(a) DO UPDATE SET b = excluded.b + u.b")
        .run(),
      db.prepare("INSERT INTO u(a, b) VALUES('a', 9), ('new', 9) ON CONFLICT DO NOTHING").run(),
      db
        .prepare(
          "INSERT INTO u(id, a) VALUES(2, 'z') ON CONFLICT(id) DO UPDATE SET id = 20, a = 'moved' WHERE b = 2",
        )
        .run(),
      db
        .prepare("INSERT INTO u(id, a) VALUES(3, 'z') ON CONFLICT(id) DO UPDATE SET a = 'not' WHERE b = 99")
        .run(),
      db
        .prepare(
          "INSERT INTO u(a, b, c) VALUES('c', 1, 'X') ON CONFLICT(a) DO NOTHING ON CONFLICT(b, c) DO UPDATE SET a = 'both' RETURNING *",
        )
        .all(),
      outcome(() => db.prepare("INSERT INTO u(a) VALUES('new') ON CONFLICT(a) DO UPDATE SET a = 'c'").run()),
      db.prepare('SELECT * FROM u').all(),
    ]
  }))

test('keys that change: rowids, text keys, a swap through a third value', () =>
  assertTwins((db) => {
    db.exec(
      `${UNIQUE}; CREATE TABLE w(k TEXT COLLATE NOCASE PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO w VALUES('a', 1), ('B', 2)`,
    )
    db.exec('UPDATE u SET id = id + 100; UPDATE u SET id = -id; UPDATE u SET id = id + 1')
    db.exec(
      "UPDATE w SET k = upper(k); UPDATE w SET k = 'c' WHERE k = 'b'; REPLACE INTO w VALUES('A', 3), ('C', 4)",
    )
    db.exec(
      "BEGIN; UPDATE u SET a = 'tmp' WHERE a = 'a'; UPDATE u SET a = 'a' WHERE a = 'b'; UPDATE u SET a = 'b' WHERE a = 'tmp'; COMMIT",
    )
    db.exec(
      'CREATE TABLE r(v); INSERT INTO r VALUES(1), (2), (3); UPDATE r SET rowid = rowid * 10; DELETE FROM r WHERE v = 2; INSERT INTO r VALUES(4)',
    )
    return [
      db.prepare('SELECT * FROM u').all(),
      db.prepare('SELECT * FROM w').all(),
      db.prepare('SELECT rowid, v FROM r').all(),
    ]
  }))

test('foreign keys with every action', () =>
  assertTwins((db) => {
    db.pragma('foreign_keys = ON')
    const actions = ['CASCADE', 'SET NULL', 'SET DEFAULT', 'RESTRICT', 'NO ACTION']
    db.exec("CREATE TABLE p(id INTEGER PRIMARY KEY, name UNIQUE); INSERT INTO p VALUES(0, 'default')")
    const seen: unknown[] = []
    actions.forEach((action, at) => {
      const id = at + 1
      db.exec(
        `CREATE TABLE c${id}(id INTEGER PRIMARY KEY, p INT DEFAULT 0 REFERENCES p ON DELETE ${action} ON UPDATE ${action})`,
      )
      db.exec(
        `INSERT INTO p VALUES(${id}, '${action}'), (${id + 50}, '${action} 2'); INSERT INTO c${id}(p) VALUES(${id}), (${id + 50}), (${id})`,
      )
      seen.push(
        outcome(() => db.prepare('DELETE FROM p WHERE id = ?').run(id)),
        outcome(() => db.prepare('UPDATE p SET id = id + 100 WHERE id = ?').run(id + 50)),
        db.prepare(`SELECT * FROM c${id}`).raw().all(),
      )
    })
    db.exec(
      'CREATE TABLE tree(id INTEGER PRIMARY KEY, up INT REFERENCES tree ON DELETE CASCADE ON UPDATE CASCADE)',
    )
    db.exec('INSERT INTO tree VALUES(1, 1), (2, 1), (3, 2), (4, NULL); UPDATE tree SET id = 10 WHERE id = 1')
    seen.push(
      db.prepare('SELECT * FROM tree').raw().all(),
      db.prepare('DELETE FROM tree WHERE id = 10').run(),
    )
    seen.push(
      outcome(() => void db.exec('DROP TABLE p')),
      db.pragma('foreign_key_check'),
    )
    return seen
  }))

test('triggers that change other tables, their own, or refuse', () =>
  assertTwins((db) => {
    db.exec(`CREATE TABLE t(id INTEGER PRIMARY KEY, n INT); CREATE TABLE log(id INTEGER PRIMARY KEY AUTOINCREMENT, what);
      CREATE TRIGGER a BEFORE INSERT ON t WHEN new.n < 0 BEGIN SELECT RAISE(ABORT, 'negative'); END;
      CREATE TRIGGER b AFTER INSERT ON t BEGIN INSERT INTO log(what) VALUES('in ' || new.n); UPDATE t SET n = n * 2 WHERE id = new.id; END;
      CREATE TRIGGER c AFTER UPDATE OF n ON t WHEN new.n > 100 BEGIN DELETE FROM t WHERE id = new.id; END;
      CREATE TRIGGER d AFTER DELETE ON t BEGIN INSERT INTO log(what) VALUES('out ' || old.n); END;
      CREATE TRIGGER e BEFORE UPDATE ON t WHEN new.n = 13 BEGIN SELECT RAISE(IGNORE); END;
      CREATE TRIGGER f BEFORE INSERT ON t WHEN new.n = 7 BEGIN SELECT RAISE(FAIL, 'seven'); END;
      CREATE TRIGGER g BEFORE INSERT ON t WHEN new.n = 8 BEGIN SELECT RAISE(ROLLBACK, 'eight'); END`)
    const insert = db.prepare('INSERT INTO t(n) VALUES(?), (?), (?)')
    return [
      ...outcomes(
        () => insert.run(1, 2, 60),
        () => insert.run(3, -1, 4),
        () => insert.run(5, 7, 6),
        () => insert.run(9, 8, 9),
        () => db.prepare('UPDATE t SET n = 13').run(),
        () => db.prepare('DELETE FROM t WHERE n < 5').run(),
      ),
      db.prepare('SELECT * FROM t').all(),
      db.prepare('SELECT * FROM log').all(),
    ]
  }))

test('changes of the schema in every form', () =>
  assertTwins((db) => {
    db.exec(`CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c); INSERT INTO t VALUES(1, 'one', 0.5), (2, 'two', NULL);
      CREATE INDEX i ON t(b); CREATE VIEW v AS SELECT b FROM t;
      CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET c = 'g' WHERE a = new.a; END`)
    const seen: unknown[] = []
    for (const sql of [
      'ALTER TABLE t RENAME COLUMN b TO "b b"',
      "ALTER TABLE t ADD COLUMN d TEXT NOT NULL DEFAULT 'd'",
      'ALTER TABLE t ADD COLUMN e INT GENERATED ALWAYS AS (a * 2)',
      'INSERT INTO t("b b") VALUES(\'three\')',
      'ALTER TABLE t DROP COLUMN c',
      'DROP TRIGGER g',
      'ALTER TABLE t DROP COLUMN c',
      'ALTER TABLE t RENAME TO "t 2"',
      'INSERT INTO "t 2"("b b") VALUES(\'four\')',
      'CREATE TABLE copy AS SELECT * FROM "t 2" WHERE a > 1',
      'CREATE UNIQUE INDEX j ON copy("b b")',
      'DROP INDEX i',
      'REINDEX',
      'ANALYZE',
      'DROP VIEW v',
      'DROP TABLE "t 2"',
      'CREATE TABLE "t 2"(z)',
      'INSERT INTO "t 2" SELECT a FROM copy',
      'DROP TABLE no_such',
      'PRAGMA user_version = 9',
      'PRAGMA application_id = 11',
    ]) {
      seen.push([sql, outcome(() => void db.exec(sql))])
    }
    return [seen, db.prepare('SELECT * FROM copy').all()]
  }))

test('AUTOINCREMENT: no number is given twice, not after deleting, not after a kill', () =>
  assertTwins((db) => {
    db.exec(
      "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v UNIQUE); INSERT INTO t(v) VALUES('a'), ('b'), ('c')",
    )
    db.exec("DELETE FROM t; INSERT OR IGNORE INTO t(v) VALUES('d'), ('d'); DELETE FROM t")
    db.exec(
      "BEGIN; INSERT INTO t(v) VALUES('x'); ROLLBACK; INSERT INTO t(id, v) VALUES(1000, 'far'); DELETE FROM t WHERE id = 1000",
    )
    db.exec("UPDATE sqlite_sequence SET seq = 2000 WHERE name = 't'; INSERT INTO t(v) VALUES('next')")
    db.exec(
      "CREATE TABLE s(id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO s DEFAULT VALUES; DELETE FROM sqlite_sequence WHERE name = 's'",
    )
    return [db.prepare('SELECT * FROM t').all(), db.prepare('SELECT * FROM sqlite_sequence').all()]
  }))

test('TEMP tables, views and triggers live as long as the connection, and are in no file', () =>
  assertTwins((db) => {
    db.exec(
      'CREATE TABLE t(a); CREATE TEMP TABLE x(a); CREATE TEMP VIEW y AS SELECT a FROM t; CREATE TEMP TRIGGER z AFTER INSERT ON t BEGIN INSERT INTO x VALUES(new.a); INSERT INTO t SELECT new.a * 10 WHERE new.a < 10; END',
    )
    db.exec('INSERT INTO t VALUES(1), (2); INSERT INTO x VALUES(9)')
    const seen = [
      db.prepare('SELECT * FROM x').all(),
      db.prepare('SELECT * FROM y').all(),
      db.prepare('SELECT * FROM t').all(),
    ]
    db.exec('DROP TABLE x; DROP VIEW y; DROP TRIGGER z; INSERT INTO t VALUES(5)')
    return seen
  }))

test('rows of many columns, many rows in a statement, values of a megabyte', () =>
  assertTwins((db) => {
    const columns = Array.from({ length: 200 }, (_, at) => `c${at}`)
    db.exec(`CREATE TABLE wide(${columns.join(', ')})`)
    db.prepare(`INSERT INTO wide VALUES(${columns.map(() => '?').join(', ')})`).run(
      columns.map((_, at) => at),
    )
    db.exec('CREATE TABLE long(a, b)')
    db.prepare(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO long SELECT i, 'row ' || i FROM n",
    ).run()
    db.prepare('INSERT INTO long VALUES(?, ?)').run('x'.repeat(1 << 20), Buffer.alloc(1 << 20, 0xab))
    db.prepare("UPDATE long SET b = b || '!' WHERE a % 2 = 0").run()
    db.prepare('DELETE FROM long WHERE a % 5 = 0').run()
    return db.prepare('SELECT count(*), sum(length(b)) FROM long').get()
  }))

test.run()
