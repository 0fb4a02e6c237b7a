// Statements whose effect is known before they run (lib/engine/proofs.ts). The judge is the same as for capture: what
// is redone from the records equals what was done. Whether a statement was watched shows in capture's TEMP triggers.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../lib/format/random.ts'
import { Original, Replica, stateOf } from './replica.ts'

const T = 'CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER, s TEXT, u UNIQUE)'

function isWatched({ sqlite }: Original): boolean {
  const triggers = sqlite
    .prepare<[], number>(
      "SELECT count(*) FROM temp.sqlite_schema WHERE type='trigger' AND name GLOB 'scriptlog:*'",
    )
    .pluck()
    .safeIntegers(false)
  return triggers.get() !== 0
}

function assertSame(original: Original, records = original.records): void {
  assert.is(stateOf(new Replica().apply(records).sqlite), stateOf(original.sqlite))
}

test('a plain statement outside of a transaction is its own record, with its values written out', () => {
  const original = new Original().run(T)
  original.takeSql()
  const recordOf = (sql: string, ...params: unknown[]) =>
    original
      .run(sql, ...params)
      .takeSql()
      .join('')
  assert.is(
    recordOf('INSERT INTO t VALUES(?,?,?,?)', 1, 2, "it's", null),
    `INSERT INTO "t"("id","n","s","u") VALUES(1,2,'it''s',NULL);\n`,
  )
  assert.is(
    recordOf('insert into "T"(s,n) values (:s,@n)', { s: 'a\nb', n: 2.5 }),
    `INSERT INTO "t"("id","s","n") VALUES(2,replace('a\\nb','\\n',char(10)),2.5);\n`,
  )
  assert.is(recordOf('INSERT INTO main.t(id) VALUES(NULL)'), 'INSERT INTO "t"("id") VALUES(3);\n')
  assert.is(
    recordOf('UPDATE t SET n=?, s=$s WHERE t.id = ?', [7, 3], { s: 'x' }),
    `UPDATE "t" SET "n"=7,"s"='x' WHERE "id"=3;\n`,
  )
  assert.is(
    recordOf('UPDATE t SET n = n*2 WHERE n>=? AND u IS NULL', 2n),
    'UPDATE "t" SET "n"="n"*2 WHERE "n">=2 AND "u" IS NULL;\n',
  )
  assert.is(recordOf('DELETE FROM t WHERE rowid IN (?) -- one', 3), 'DELETE FROM "t" WHERE "id" IN (3);\n')
  assert.is(recordOf('DELETE FROM t WHERE n=-1'), '', 'what changes nothing leaves no record')
  assert.is(recordOf('DELETE FROM t;'), 'DELETE FROM "t";\n')
  assert.not(isWatched(original))
})

/** Each breaks one rule; `given` comes before, on the table of {@link T} with some rows. */
const UNPROVEN: readonly { readonly rule: string; readonly given?: string; readonly sql: string }[] = [
  {
    rule: 'an internal table',
    given: 'CREATE TABLE a(i INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO a VALUES(9)',
    sql: "UPDATE sqlite_sequence SET seq=20 WHERE name='a'",
  },
  {
    rule: 'a view',
    given:
      'CREATE VIEW w AS SELECT * FROM t; CREATE TRIGGER g INSTEAD OF DELETE ON w BEGIN UPDATE t SET n=-1 WHERE id=OLD.id; END',
    sql: 'DELETE FROM w WHERE id=1',
  },
  {
    rule: 'a TEMP table hides it',
    given: 'CREATE TEMP TABLE t(id, n, s, u)',
    sql: 'INSERT INTO t VALUES(1,1,1,1)',
  },
  {
    rule: 'a trigger is on it',
    given:
      'CREATE TABLE log(a); CREATE TRIGGER g AFTER UPDATE ON t BEGIN INSERT INTO log VALUES(random()); END',
    sql: 'UPDATE t SET n=1 WHERE id=1',
  },
  {
    rule: 'a TEMP trigger is on it',
    given: 'CREATE TEMP TRIGGER g AFTER DELETE ON t BEGIN UPDATE t SET n=99; END',
    sql: 'DELETE FROM t WHERE id=1',
  },
  {
    rule: 'a constraint resolves conflicts',
    given: 'CREATE TABLE c(a PRIMARY KEY ON CONFLICT REPLACE, b); INSERT INTO c VALUES(1,1)',
    sql: 'INSERT INTO c VALUES(1,2)',
  },
  {
    rule: 'a foreign key has an action',
    given:
      'PRAGMA foreign_keys=ON; CREATE TABLE k(p REFERENCES T ON DELETE CASCADE); INSERT INTO k VALUES(1)',
    sql: 'DELETE FROM t WHERE id=1',
  },
  {
    rule: 'a generated column',
    given: 'ALTER TABLE t ADD COLUMN g AS (n+1)',
    sql: 'UPDATE t SET s=g WHERE id=1',
  },
  { rule: 'the key is set', sql: 'UPDATE t SET id=id+100' },
  { rule: 'the rowid is set', sql: 'UPDATE t SET rowid=100 WHERE id=1' },
  { rule: 'a unique column is set in many rows', sql: "UPDATE t SET u=n WHERE s<>''" },
  {
    rule: 'an index with an expression is unique',
    given: 'CREATE UNIQUE INDEX i ON t(abs(n))',
    sql: 'UPDATE t SET s=1',
  },
  { rule: 'a call', sql: 'UPDATE t SET n=random()' },
  { rule: 'a subquery', sql: 'DELETE FROM t WHERE n=(SELECT max(n) FROM t)' },
  {
    rule: 'a table behind IN',
    given: 'CREATE TABLE l(a); INSERT INTO l VALUES(2)',
    sql: 'DELETE FROM t WHERE n IN l',
  },
  { rule: 'conflict resolution', sql: 'INSERT OR IGNORE INTO t(u) VALUES(1)' },
  { rule: 'several rows', sql: 'INSERT INTO t(n) VALUES(1),(2)' },
  { rule: 'RETURNING that computes', sql: 'DELETE FROM t RETURNING abs(id)' },
  { rule: 'text with an affinity of its own', sql: "DELETE FROM t WHERE s='\u0001'" },
]

for (const { rule, given, sql } of UNPROVEN) {
  test(`watched, and redone all the same: ${rule}`, () => {
    for (const [begin, end] of [
      ['', ''],
      ['BEGIN', 'COMMIT'],
    ] as const) {
      const original = new Original().run(T)
      for (let id = 1; id <= 3; id++)
        original.run('INSERT INTO t VALUES(?,?,?,?)', id, id, `s${id}`, `u${id}`)
      original.run(given ?? '').run(begin)
      const before = isWatched(original)
      original.run(sql)
      assert.ok(isWatched(original), `${sql} is watched (before: ${before})`)
      original.run(end)
      assertSame(original)
    }
  })
}

/** What is written of a run, where the text alone would not do: the row as it was stored. */
const READ_BACK: readonly {
  readonly what: string
  readonly table: string
  readonly sql: string
  readonly params?: readonly unknown[]
}[] = [
  {
    what: 'a default that is computed',
    table: 'CREATE TABLE d(a, b DEFAULT (random()))',
    sql: 'INSERT INTO d(a) VALUES(1)',
  },
  {
    what: 'the time by default',
    table: 'CREATE TABLE d(a, b DEFAULT CURRENT_TIMESTAMP)',
    sql: 'INSERT INTO d(a) VALUES(1)',
  },
  {
    what: 'a real number that is stored as text',
    table: 'CREATE TABLE d(a, b TEXT)',
    sql: 'INSERT INTO d(b) VALUES(?)',
    params: [0.1 + 0.2],
  },
  {
    what: 'a real number in the statement that is stored as text',
    table: 'CREATE TABLE d(a, b TEXT)',
    sql: 'INSERT INTO d(b) VALUES(0.30000000000000004)',
  },
  {
    what: 'a computed text of one row',
    table: "CREATE TABLE d(a, b TEXT); INSERT INTO d VALUES(0.1,'x')",
    sql: 'UPDATE d SET b=a+0.2 WHERE rowid=1',
  },
  {
    what: 'a value that is computed',
    table: 'CREATE TABLE d(a, b)',
    sql: 'INSERT INTO d VALUES(1,random())',
  },
  {
    what: 'a row that is named, changed by a call',
    table: 'CREATE TABLE d(a, b); INSERT INTO d VALUES(1,1)',
    sql: 'UPDATE d SET b=random() WHERE rowid=?',
    params: [1],
  },
  {
    what: 'an AUTOINCREMENT',
    table: 'CREATE TABLE d(a INTEGER PRIMARY KEY AUTOINCREMENT, b)',
    sql: 'INSERT INTO d(b) VALUES(1)',
  },
]

for (const { what, table, sql, params = [] } of READ_BACK) {
  test(`the row is read back, and not watched: ${what}`, () => {
    for (const [begin, end] of [
      ['', ''],
      ['BEGIN', 'COMMIT'],
    ] as const) {
      const original = new Original()
        .run(table)
        .run(begin)
        .run(sql, ...params)
        .run(end)
      assert.not(isWatched(original))
      assertSame(original)
      const stored = original.sqlite.prepare('SELECT quote(b) FROM d').pluck().get()
      assert.ok(original.records.at(-1)?.sql.includes(String(stored)), original.records.at(-1)?.sql)
    }
  })
}

test('a unique index on a generated column is an index on what it is made of', () => {
  // In one order of the rows each value makes way for the next, in the other it meets it.
  const original = new Original().run('CREATE TABLE t(id INTEGER PRIMARY KEY, a, g INT AS (a) UNIQUE)')
  for (const [id, a] of [
    [1, 3],
    [2, 2],
    [3, 1],
  ] as const)
    original.run('INSERT INTO t(id,a) VALUES(?,?)', id, a)
  original.run('UPDATE t SET a=a+1')
  assert.ok(isWatched(original))
  assertSame(original)
})

test('a getter among the arguments that runs statements of its own', () => {
  const original = new Original().run(T)
  original.run('INSERT INTO t(s) VALUES(:s)', {
    get s() {
      if (!original.sqlite.inTransaction) original.run('BEGIN; CREATE TEMP TABLE t(s)')
      return 'x'
    },
  })
  original.run('COMMIT')
  assertSame(original)
})

test('a row that is named by numbers and by bigints is one row', () => {
  const original = new Original().run(T)
  original.run('BEGIN')
  for (let id = 1; id <= 3; id++) original.run('INSERT INTO t(n,u) VALUES(?,?)', id, id)
  original
    .run('UPDATE t SET u=9 WHERE id=?', 2n)
    .run('UPDATE t SET u=8 WHERE id=3')
    .run('DELETE FROM t WHERE id=?', 1n)
  original.run('UPDATE t SET u=2 WHERE id=?', 3).run('COMMIT')
  assertSame(original)
})

test('arguments that are not what SQLite expects fail as they do without us, and nothing is recorded', () => {
  const original = new Original().run(T)
  original.takeSql()
  const sql = 'INSERT INTO t(n,s) VALUES(?,:s)'
  for (const params of [
    [1],
    [1, 2, { s: 1 }],
    [1, { other: 1 }],
    [{ s: 1 }],
    [true, { s: 1 }],
    [2n ** 70n, { s: 1 }],
    [new Date(), { s: 1 }],
  ]) {
    const message = original.fails(sql, ...params)
    const plain = new Original().run(T)
    let expected = ''
    try {
      plain.sqlite.prepare(sql).run(...params)
    } catch (error) {
      expected = error instanceof Error ? error.message : ''
    }
    assert.is(message, expected)
  }
  assert.equal(original.takeSql(), [])
})

test('a value is read once: what is stored and what is recorded are the same', () => {
  const original = new Original().run(T)
  let reads = 0
  const fickle = {
    get s() {
      return `read ${++reads}`
    },
  }
  original.run('INSERT INTO t(s) VALUES(:s)', fickle)
  assertSame(original)
})

test('a statement that fails leaves no record, alone and within a transaction', () => {
  const original = new Original().run(T).run("INSERT INTO t(u) VALUES('x')")
  for (const sql of [
    "INSERT INTO t(u) VALUES('x')",
    'UPDATE t SET n=1<<n, s=-9223372036854775808 WHERE id=1 AND 9223372036854775807+n',
  ]) {
    try {
      original.run(sql)
    } catch {}
  }
  original.run('BEGIN').run("INSERT INTO t(u) VALUES('y')")
  original.fails("INSERT INTO t(u) VALUES('y')")
  original.run("UPDATE t SET n=5 WHERE u='y'")
  original.fails("UPDATE t SET u='x' WHERE id=2")
  original.run('COMMIT')
  assertSame(original)
})

test('the triggers of capture come with the first statement that needs them, and go after a long row of others', () => {
  const original = new Original().run(T)
  assert.not(isWatched(original))
  original.run('INSERT INTO t(n) VALUES(1)')
  assert.not(isWatched(original))
  original.run('INSERT INTO t(n) SELECT 2')
  assert.ok(isWatched(original))
  for (let n = 0; n < 1000; n++) original.run('UPDATE t SET n=n+1 WHERE id=?', 1)
  assert.not(isWatched(original))
  original.run('UPDATE t SET n=abs(n)+1')
  assert.ok(isWatched(original))
  assertSame(original)
})

test('a rollback that takes the triggers of capture with it leaves nothing unseen', () => {
  for (const undo of ['ROLLBACK', 'ROLLBACK TO s']) {
    const original = new Original().run(T).run('BEGIN').run('INSERT INTO t(n) VALUES(1)').run('SAVEPOINT s')
    original.run('INSERT INTO t(n) SELECT 2').run(undo)
    original.run('INSERT INTO t(n) SELECT 3').run('UPDATE t SET s=upper(n)')
    if (original.sqlite.inTransaction) original.run('COMMIT')
    assertSame(original)
  }
})

test('savepoints between rows, texts and watched statements: what is rolled back is in no record', () => {
  const original = new Original().run(T)
  for (let n = 1; n <= 5; n++) original.run('INSERT INTO t(n,u) VALUES(?,?)', n, n)
  original
    .run('BEGIN')
    .run('UPDATE t SET n=n+10')
    .run('INSERT INTO t(n) VALUES(6)')
    .run('SAVEPOINT a')
    .run('UPDATE t SET n=n*2 WHERE n>12')
    .run('SAVEPOINT b')
    .run('DELETE FROM t WHERE n<13')
    .run('ROLLBACK TO b')
    .run('UPDATE t SET s=n')
    .run('ROLLBACK TO a')
    .run('DELETE FROM t WHERE id=3')
    .run('RELEASE a')
    .run('UPDATE t SET s=id')
    .run('INSERT INTO t(n) SELECT 7')
    .run('UPDATE t SET n=n+1')
    .run('COMMIT')
  assertSame(original)
})

test('rowids beyond 2^53 are recorded exactly', () => {
  const original = new Original()
    .run(T)
    .run('INSERT INTO t(id) VALUES(9007199254740993)')
    .run('INSERT INTO t(n) VALUES(1)')
  original
    .run('BEGIN')
    .run('INSERT INTO t(n) VALUES(2)')
    .run('DELETE FROM t WHERE id=?', 9007199254740993n)
    .run('COMMIT')
  assertSame(original)
})

const SEED = Number(process.env.SEED ?? 1)
const CASES = Number(process.env.CASES ?? 60)
const SCHEMAS = [
  T,
  'CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, n NUMERIC, s, u UNIQUE)',
  'CREATE TABLE t(n REAL, s TEXT COLLATE NOCASE, u BLOB UNIQUE, id INT)',
  'CREATE TABLE t(id TEXT PRIMARY KEY, n INT, s ANY, u UNIQUE) STRICT, WITHOUT ROWID'.replace(
    'u UNIQUE',
    'u ANY UNIQUE',
  ),
  'CREATE TABLE t(n, id, s VARCHAR DEFAULT 7, u INTEGER UNIQUE, g AS (n||s) STORED, PRIMARY KEY(id,n)) WITHOUT ROWID',
]
const VALUES: readonly unknown[] = [
  null,
  0,
  1,
  2,
  3,
  -1,
  -0,
  1.5,
  1e300,
  -1e-300,
  Number.POSITIVE_INFINITY,
  Number.NaN,
  2 ** 53,
  -(2 ** 60),
  5n,
  2n ** 63n - 1n,
  -(2n ** 63n),
  '',
  'a',
  'A',
  "it's",
  '5',
  '5.0',
  ' 7',
  '1e3',
  'line\nbreak',
  'tab\t\r',
  'bell\u0007',
  'nul\0inside',
  'ü𝄞',
  Buffer.alloc(0),
  Buffer.from('00ff41', 'hex'),
  new Uint8Array([53]),
]
const LITERALS = ['NULL', '1', '-1', '2.50', '1e2', "'a'", "'5'", "x'41'", '9223372036854775808', '.5', '3.']

test(`random plain statements, transactions and savepoints, seeds ${SEED} to ${SEED + CASES - 1}`, () => {
  for (let seed = SEED; seed < SEED + CASES; seed++) {
    const random = seededRandom(seed)
    const pick = <V>(list: readonly V[]): V => {
      const value = list[Math.floor(random() * list.length)]
      if (value === undefined) throw new Error('nothing to pick')
      return value
    }
    const history: string[] = []
    const original = new Original().run(pick(SCHEMAS))
    const columns = ['n', 's', 'u', 'id', 'rowid']
    const params: unknown[] = []
    const value = (): string => {
      if (random() < 0.4) return pick(LITERALS)
      params.push(pick(VALUES))
      return '?'
    }
    const operand = (): string => (random() < 0.5 ? pick(columns) : value())
    const expression = (): string =>
      random() < 0.5
        ? operand()
        : `${pick(['', '-', '~', '+'])}${operand()} ${pick(['+', '-', '*', '/', '%', '&', '<<'])} ${operand()}`
    const condition = (): string => {
      const one = pick([
        () => `id=${value()}`,
        () => `id IN (${value()}) AND ${pick(columns)} IS NOT ${value()}`,
        () => `rowid = ${value()}`,
        () => `${expression()} ${pick(['=', '<', '>=', '<>', 'IS', 'IS NOT'])} ${expression()}`,
        () => `${pick(columns)} ${pick(['', 'NOT '])}BETWEEN ${value()} AND ${value()}`,
        () => `${pick(columns)} ${pick(['', 'NOT '])}IN (${value()},${value()})`,
        () =>
          `NOT ${pick(columns)} ISNULL AND (${pick(columns)}=${value()} OR CASE WHEN ${pick(columns)} THEN ${value()} END)`,
      ])()
      return one
    }
    const statement = (): string => {
      const verb = random()
      if (verb < 0.45) {
        const some = columns.slice(0, 4).filter(() => random() < 0.7)
        const names = some.length === 0 ? ['id'] : some
        return `INSERT INTO t(${names.join()}) VALUES(${names.map(() => (random() < 0.1 ? 'abs(random()%9)' : value())).join()})`
      }
      if (verb < 0.75)
        return `UPDATE t SET ${pick(['n', 's', 'u'])}=${random() < 0.2 ? `(SELECT count(*)+${value()} FROM t)` : expression()}, s=${value()}${random() < 0.9 ? ` WHERE ${condition()}` : ''}`
      if (verb < 0.85) return `DELETE FROM t WHERE ${condition()}`
      if (verb < 0.88) return 'DELETE FROM t'
      return pick([
        'BEGIN',
        'COMMIT',
        'SAVEPOINT a',
        'SAVEPOINT b',
        'ROLLBACK TO a',
        'RELEASE b',
        'ROLLBACK',
        'UPDATE t SET n=abs(n)',
        'INSERT INTO t(id,n) SELECT 40,41',
        'CREATE TABLE IF NOT EXISTS other(a)',
      ])
    }
    for (let count = 0; count < 60; count++) {
      params.length = 0
      const plain = statement()
      const sql =
        /^(?:INSERT|UPDATE|DELETE)/.test(plain) && random() < 0.2
          ? `${plain} RETURNING n AS id, t.s, *`
              .replace(', *', random() < 0.5 ? '' : ', u x')
              .replace(' x', ' AS x')
          : plain
      history.push(
        `${sql} <- ${params.map((each) => (each instanceof Uint8Array ? `x${each}` : typeof each === 'bigint' ? `${each}n` : (JSON.stringify(each) ?? 'undefined'))).join()}`,
      )
      try {
        original.run(sql, ...params)
      } catch (error) {
        history.push(`-- ${error}`)
        if (!(error instanceof Error && error.name === 'SqliteError'))
          throw new Error(history.join('\n'), { cause: error })
      }
    }
    if (original.sqlite.inTransaction) original.run('COMMIT')
    let redone = ''
    try {
      redone = stateOf(new Replica().apply(original.records).sqlite)
    } catch (error) {
      throw new Error(`seed ${seed}: ${error}\n${history.join('\n')}\n${original.takeSql().join('--\n')}`)
    }
    if (redone !== stateOf(original.sqlite)) {
      throw new Error(
        `seed ${seed} differs:\n${history.join('\n')}\n${original.takeSql().join('--\n')}\n${stateOf(original.sqlite)}\n--- redone\n${redone}`,
      )
    }
  }
})

test.run()
