import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ownStatements } from '../../lib/format/own-statements.ts'
import {
  isComputed,
  isWrittenChange,
  parsePlainStatement,
  writeChange,
} from '../../lib/format/plain-statement.ts'
import { quoteName } from '../../lib/format/sql-literal.ts'

/** A change as it is written, with -7 for each of its parameters; undefined when it is not plain. */
function written(sql: string): string | undefined {
  const statement = parsePlainStatement(sql)
  if (statement === undefined || statement.verb === 'INSERT') return undefined
  return writeChange(statement, (piece) => (piece.kind === 'name' ? quoteName(piece.name) : '-7'))
}

test('what is written is read as it was written: the format of changes in a log', () => {
  const samples: readonly (readonly [sql: string, text: string])[] = [
    ['DELETE FROM t', 'DELETE FROM "t"'],
    ['delete from main.[a b] where `x`==1;', 'DELETE FROM "a b" WHERE "x"==1'],
    ['UPDATE t SET a=1, "b" = -?', 'UPDATE "t" SET "a"=1,"b"=- -7'],
    ['UPDATE t SET a = a - - 1 /* c */ WHERE t.b <> -- d\n :p', 'UPDATE "t" SET "a"="a"- -1 WHERE "b"<>-7'],
    [
      'DELETE FROM t WHERE a NOT NULL AND b ISNULL OR NOT c IS NOT d',
      'DELETE FROM "t" WHERE "a" NOTNULL AND "b" ISNULL OR NOT "c" IS NOT "d"',
    ],
    [
      'DELETE FROM t WHERE (a,b) = (1, 2) OR a NOT IN (1,@p,-3)',
      'DELETE FROM "t" WHERE ("a","b")=(1,2) OR "a" NOT IN (1,-7,-3)',
    ],
    ['DELETE FROM t WHERE a NOT BETWEEN 1 AND (2+3)', 'DELETE FROM "t" WHERE "a" NOT BETWEEN 1 AND (2+3)'],
    [
      "UPDATE t SET a=CASE b WHEN 1 THEN 'it''s' ELSE NULL END",
      `UPDATE "t" SET "a"=CASE "b" WHEN 1 THEN 'it''s' ELSE NULL END`,
    ],
    [
      "DELETE FROM t WHERE a='x\ny' OR a=x'0aF0' OR a=.5 OR a=5. OR a=1E+2",
      `DELETE FROM "t" WHERE "a"=replace('x\\ny','\\n',char(10)) OR "a"=X'0AF0' OR "a"=0.5 OR "a"=5.0 OR "a"=1e+2`,
    ],
    ["DELETE FROM t WHERE a='\u0001'", `DELETE FROM "t" WHERE "a"=CAST(X'01' AS TEXT)`],
    ['DELETE FROM t WHERE "select"=~a%2<<1', 'DELETE FROM "t" WHERE "select"=~"a"%2<<1'],
  ]
  for (const [sql, text] of samples) {
    assert.is(written(sql), text)
    assert.ok(isWrittenChange(text), text)
    assert.equal(
      [...ownStatements(`${text};`)].map((statement) => statement.text),
      [`${text};`],
    )
  }
})

test('what calls, looks elsewhere, resolves conflicts or could mean something else is not plain', () => {
  for (const sql of [
    "DELETE FROM t WHERE a LIKE 'x'",
    "DELETE FROM t WHERE a->'x'=1",
    'DELETE FROM t WHERE a=(SELECT 1)',
    'DELETE FROM t WHERE EXISTS (SELECT 1)',
    'DELETE FROM t WHERE a IN b',
    'DELETE FROM t WHERE a IN ()',
    "DELETE FROM t WHERE a='x' COLLATE nocase",
    'DELETE FROM t WHERE a=CAST(1 AS TEXT)',
    'DELETE FROM t WHERE a IS DISTINCT FROM b',
    'DELETE FROM t WHERE a=TRUE',
    'DELETE FROM t WHERE a=current_timestamp',
    'DELETE FROM t WHERE a=0x10',
    'DELETE FROM t WHERE a=1_000',
    'DELETE FROM t WHERE a=?1',
    'DELETE FROM t WHERE a=$a::b',
    'DELETE FROM t WHERE a=$a(b)',
    'DELETE FROM t WHERE a=1 LIMIT 1',
    'DELETE FROM t WHERE a=1 ORDER BY a',
    'DELETE FROM t WHERE a=1 RETURNING a+1',
    'DELETE FROM t WHERE a=1 RETURNING (SELECT 1)',
    'DELETE FROM t RETURNING abs(a)',
    'DELETE FROM t RETURNING other.a',
    'DELETE FROM t RETURNING *, a',
    'DELETE FROM t INDEXED BY i WHERE a=1',
    'DELETE FROM t AS u WHERE a=1',
    'DELETE FROM other.t',
    'DELETE FROM t WHERE other.a=1',
    'DELETE FROM t WHERE main.t.a=1',
    'DELETE FROM t WHERE a=1; DELETE FROM t',
    'DELETE FROM t WHERE (a=1',
    'DELETE FROM t WHERE a=1)',
    'UPDATE t SET a=1 FROM b',
    'UPDATE OR IGNORE t SET a=1',
    'UPDATE t SET (a,b)=(1,2)',
    "UPDATE t SET 'a'=1",
    'WITH x AS (SELECT 1) DELETE FROM t',
    'INSERT INTO t DEFAULT VALUES',
    'INSERT INTO t VALUES(1),(2)',
    'INSERT INTO t SELECT 1',
    'INSERT INTO t VALUES(1) ON CONFLICT DO NOTHING',
    'INSERT OR REPLACE INTO t VALUES(1)',
    'REPLACE INTO t VALUES(1)',
    'INSERT INTO t AS u VALUES(1)',
    `DELETE FROM t WHERE ${'a=1 OR '.repeat(300)}a=2`,
    `DELETE FROM t WHERE ${'('.repeat(100_000)}`,
    `DELETE FROM t WHERE a IN (${'1,'.repeat(300)}1)`,
  ]) {
    assert.is(parsePlainStatement(sql), undefined, sql.slice(0, 80))
  }
})

test('what is assigned or inserted may be computed by anything: it is not looked into, and has no text', () => {
  for (const [sql, parameters] of [
    ['UPDATE t SET a=random()', 0],
    ['UPDATE t SET a=a||?, b=:x WHERE id=? RETURNING *', 3],
    ["UPDATE t SET a=(SELECT max(a), 5 FROM t WHERE ')'<>b LIMIT 1), b=1", 0],
    ["UPDATE t SET a=CASE WHEN b LIKE 'x%' THEN ? ELSE lower(c) END, b=2 WHERE id=5", 1],
    ["INSERT INTO t(a,b) VALUES(datetime('now','-' || ? || ' days'), ?)", 2],
    ['INSERT INTO t VALUES(1+1, a, "b" COLLATE nocase, current_timestamp)', 0],
  ] as const) {
    const statement = parsePlainStatement(sql)
    assert.ok(statement !== undefined && isComputed(statement), sql)
    assert.is(statement.parameters.length, parameters, sql)
    assert.not.ok(isWrittenChange(sql), sql)
  }
  for (const sql of [
    'UPDATE t SET a=random() FROM b',
    'UPDATE t SET a=random() WHERE b=random()',
    'UPDATE t SET a=random() ORDER BY a LIMIT 1',
    'UPDATE t SET a=',
    'UPDATE t SET a=(1',
    'UPDATE t SET a=1)',
    'UPDATE t SET a=lower(b) c WHERE d=1, e=2',
    'INSERT INTO t VALUES()',
    'INSERT INTO t VALUES(lower(a),)',
    'INSERT INTO t VALUES(lower(a)),(1)',
    'INSERT INTO t VALUES(?1+1)',
  ]) {
    assert.is(parsePlainStatement(sql), undefined, sql)
  }
})

test('a file has changes only as they are written here', () => {
  for (const sql of [
    'DELETE FROM "t" WHERE "a" = 1',
    'DELETE FROM "t" WHERE a>1',
    'UPDATE "t" SET "a"="a"+1 where 1',
    'UPDATE t SET "a"="a"+1',
    'UPDATE "t" SET "a"=?+1',
    'UPDATE "t" SET "a"=:a+1',
    'DELETE FROM "main"."t" WHERE 1>0',
    'UPDATE "t" SET "a"=abs("a")',
    'DELETE FROM "t" WHERE "a">1 RETURNING *',
    'UPDATE "sqlite_sequence" SET "seq"="seq"+1',
    'UPDATE "SQLITE_STAT1" SET "idx"=1+1',
    'DELETE FROM "sqlite_schema" WHERE "name"<>1',
  ]) {
    assert.throws(() => [...ownStatements(`${sql};`)], /does not write/, sql)
  }
})

test('an unfinished change of a file is waited for, and not for ever', () => {
  assert.throws(() => [...ownStatements('UPDATE "t" SET "a"=1+')], /not finished/)
  assert.throws(() => [...ownStatements(`UPDATE "t" SET "a"=1+${'('.repeat(1 << 22)}`)], /does not write/)
})

test.run()
