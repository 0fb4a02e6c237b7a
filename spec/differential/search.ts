// Virtual tables of SQLite's own modules, as arbitraries: full-text search, ranges. Each kind by itself, with all its
// commands, is in spec/database/search.spec.ts; here they live among everything else.

import { listOf, oneOf, type Sql, sql, weighted } from './fragment.ts'
import { key } from './values.ts'

const words = listOf(oneOf('ash', 'birch', 'elm', "o''ak", 'älm'), 0, 3, ' ')
const text = weighted([6, sql`'${words}'`], [1, oneOf('NULL', '7', "x'00ff'")])
const corner = oneOf('0', '1', '2.5', '-3')

const module = weighted(
  [3, 'fts5(a, b)'],
  [2, "fts5(a, b, content='t', content_rowid='id')"],
  [1, "fts5(a, b, content='')"],
  [1, "fts5(a, b, content='', contentless_delete=1)"],
  [1, "fts5(a, b UNINDEXED, prefix='2 3', tokenize='porter unicode61', detail=column)"],
  [1, 'fts4(a, b)'],
)

export const defineSearch: Sql = weighted(
  [3, sql`CREATE VIRTUAL TABLE f USING ${module}`],
  [
    3,
    sql`CREATE VIRTUAL TABLE r USING ${oneOf('rtree(id, x0, x1)', 'rtree(id, x0, x1, +a)', 'rtree_i32(id, x0, x1)')}`,
  ],
  [1, 'CREATE VIRTUAL TABLE w USING fts5vocab(f, row)'],
  [1, oneOf('DROP TABLE f', 'DROP TABLE r', 'DROP TABLE w')],
  [1, oneOf('ALTER TABLE f RENAME TO g', 'ALTER TABLE g RENAME TO f', 'ALTER TABLE r RENAME TO q')],
  [
    2,
    `CREATE TRIGGER f1 AFTER INSERT ON t BEGIN INSERT INTO f(rowid, a, b) VALUES(NEW.id, NEW.a, NEW.b); END`,
  ],
  [
    1,
    `CREATE TRIGGER f2 AFTER DELETE ON t BEGIN INSERT INTO f(f, rowid, a, b) VALUES('delete', OLD.id, OLD.a, OLD.b); END`,
  ],
)

export const changeSearch: Sql = weighted(
  [4, sql`INSERT INTO f(rowid, a, b) VALUES(${key}, ${text}, ${text})`],
  [2, sql`REPLACE INTO f(rowid, a) VALUES(${key}, ${text})`],
  [2, sql`INSERT INTO f(a) SELECT a FROM t ORDER BY 1 LIMIT 3`],
  [2, sql`UPDATE f SET a = ${text} WHERE rowid = ${key}`],
  [2, sql`DELETE FROM f WHERE rowid = ${key}`],
  [1, sql`INSERT INTO f(f) VALUES(${oneOf("'rebuild'", "'optimize'", "'delete-all'", "'integrity-check'")})`],
  [1, sql`INSERT INTO f(f, rowid, a, b) VALUES('delete', ${key}, ${text}, ${text})`],
  [3, sql`INSERT INTO r(id, x0, x1) VALUES(${key}, ${corner}, ${corner})`],
  [2, sql`REPLACE INTO r(id, x0, x1) VALUES(${key}, ${corner}, 9)`],
  [1, sql`UPDATE r SET x1 = x1 + 1 WHERE id = ${key}`],
  [1, sql`DELETE FROM r WHERE x0 > ${corner}`],
)

export const search: Sql = oneOf(
  sql`SELECT rowid FROM f WHERE f MATCH '${oneOf('ash', 'birch', 'a*', 'elm')}' ORDER BY rowid`,
  'SELECT rowid, * FROM f ORDER BY 1',
  'SELECT * FROM r WHERE x1 > 0 ORDER BY 1',
  'SELECT * FROM w ORDER BY 1',
  'PRAGMA integrity_check',
)
