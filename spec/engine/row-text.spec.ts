import Sqlite from 'better-sqlite3'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type RowChunk, RowText } from '../../lib/engine/row-text.ts'
import type { TableShape } from '../../lib/engine/tables.ts'
import { literalOf, quoteName } from '../../lib/format/sql-literal.ts'

const numbered: TableShape = {
  name: 't',
  columns: ['a', 'b'],
  key: { kind: 'rowid', name: 'rowid', isColumn: false },
  hasSecondaryUnique: false,
  isAutoincrement: false,
}

function tableOf(values: readonly string[]): Sqlite.Database {
  const sqlite = new Sqlite(':memory:')
  sqlite.exec('CREATE TABLE t(a,b)')
  for (const value of values) sqlite.exec(`INSERT INTO t VALUES(${value},${value})`)
  return sqlite
}

function joined(chunks: Iterable<RowChunk>, separator = ',\n'): string {
  return [...chunks].map((chunk) => chunk.text).join(separator)
}

/** Everything of a table, to the byte. */
function content(sqlite: Sqlite.Database, table: string): unknown[] {
  const columns = sqlite
    .prepare(`SELECT * FROM ${table}`)
    .columns()
    .map(({ name }) => quoteName(name))
  const exact = columns.map((column) => `typeof(${column}),hex(${column}),${column}`)
  return sqlite.prepare(`SELECT ${exact.join()} FROM ${table}`).raw().safeIntegers().all()
}

/** The same table built from the text of its rows. */
function rebuilt(schema: string, target: string, tuples: string): Sqlite.Database {
  const sqlite = new Sqlite(':memory:')
  sqlite.exec(schema)
  if (tuples !== '') sqlite.exec(`INSERT INTO ${target} VALUES${tuples}`)
  return sqlite
}

const CURIOUS = [
  'NULL',
  '0',
  '1',
  '-1',
  '9223372036854775807',
  '-9223372036854775808',
  '1.0',
  '-0.0',
  '0.0',
  '9e999',
  '-9e999',
  '5e-324',
  '1e308',
  '0.1',
  "''",
  "'a'",
  "'it''s'",
  "X''",
  "X'00FF'",
  "'a'||char(0)||'b'",
  'char(0)',
  'char(10)',
  "'a'||char(13,10,9)||'b'",
  "'\\n'||char(10)",
  "'('||char(10)||'),'",
  "'),'||char(10)||'('",
  'char(27)',
  'char(127)',
  'char(133)',
  'char(65533)',
  "CAST(X'FF' AS TEXT)",
  "CAST(X'EDA080' AS TEXT)",
  "CAST(X'C0AF27' AS TEXT)",
  "CAST(X'610062' AS TEXT)",
  "'😀'",
  'char(65279)',
  'char(8232)',
]

test('any value comes out as a literal that gives it back, and never with a raw control character', () => {
  const original = tableOf(CURIOUS)
  const text = new RowText(original, numbered)
  assert.is(text.target, '"t"(rowid,"a","b")')
  const tuples = joined(text.all())
  assert.not.match(tuples, /[\0-\x09\x0b-\x1f\x7f-\x9f]/)
  assert.is(tuples.split('\n').length, CURIOUS.length, 'one row is one line')
  assert.equal(content(rebuilt('CREATE TABLE t(a,b)', text.target, tuples), 't'), content(original, 't'))
})

test('a row alone, in a range and among all is the same text', () => {
  for (const value of CURIOUS) {
    const text = new RowText(tableOf([value]), numbered)
    const alone = text.at(1)
    assert.is(joined(text.range(1n, 1n)), alone, value)
    assert.is(joined(text.all()), alone, value)
  }
  const text = new RowText(tableOf(CURIOUS), numbered)
  const oneByOne = CURIOUS.map((_, index) => text.at(index + 1))
  assert.is(joined(text.all()), oneByOne.join(',\n'))
})

test('a negative zero is kept with its sign', () => {
  const text = new RowText(tableOf(['-0.0', '0.0', '0']), numbered)
  assert.is(joined(text.all()), '(1,-0.0,-0.0),\n(2,0.0,0.0),\n(3,0,0)')
})

test('rows that are not there give nothing', () => {
  const text = new RowText(tableOf(['1', '2']), numbered)
  assert.is(text.at(3), undefined)
  assert.is(text.updateAt(3), undefined)
  assert.equal([...text.range(3, 9)], [])
  assert.equal([...new RowText(tableOf([]), numbered).all()], [])
})

test('rowids beyond 2^53, negative ones and the two extremes are exact', () => {
  const sqlite = tableOf([])
  const rowids = [-(2n ** 63n), -(2n ** 53n) - 1n, -1n, 0n, 7n, 2n ** 53n + 1n, 2n ** 63n - 1n]
  for (const rowid of rowids) sqlite.prepare('INSERT INTO t(rowid,a,b) VALUES(?,1,2)').run(rowid)
  const text = new RowText(sqlite, numbered)
  assert.is(
    joined(text.all()),
    rowids
      .map((rowid) => `(${rowid},1.0,2.0)`)
      .join(',\n')
      .replaceAll('.0', ''),
  )
  for (const rowid of rowids) assert.is(text.at(rowid), `(${rowid},1,2)`)
  assert.is(
    joined(text.range(2n ** 53n, 2n ** 63n - 1n)),
    `(${2n ** 53n + 1n},1,2),\n(${2n ** 63n - 1n},1,2)`,
  )
})

test('the key stands first, also when it is declared last', () => {
  const sqlite = new Sqlite(':memory:')
  sqlite.exec(`CREATE TABLE t(a, "it's" INTEGER PRIMARY KEY); INSERT INTO t VALUES('x',5),('y',4)`)
  const key = { kind: 'rowid', name: "it's", isColumn: true } as const
  const text = new RowText(sqlite, { ...numbered, columns: ['a', "it's"], key })
  assert.is(text.target, `"t"("it's","a")`)
  assert.is(joined(text.all()), `(4,'y'),\n(5,'x')`)
  assert.is(
    joined(text.updates(1, 9), '\n'),
    `UPDATE "t" SET "a"='y' WHERE "it's"=4;\nUPDATE "t" SET "a"='x' WHERE "it's"=5;`,
  )
})

test('updates give curious values back too, in a table and columns of any name', () => {
  const name = 'a"b\n; --'
  const quoted = '"a""b\n; --"'
  const schema = `CREATE TABLE ${quoted}("x'y",${quoted})`
  const original = new Sqlite(':memory:')
  original.exec(schema)
  for (const value of CURIOUS) original.exec(`INSERT INTO ${quoted} VALUES(${value},${value})`)
  const text = new RowText(original, { ...numbered, name, columns: ["x'y", name] })
  const copy = new Sqlite(':memory:')
  copy.exec(schema)
  copy.exec(`INSERT INTO ${quoted}(rowid) VALUES${CURIOUS.map((_, index) => `(${index + 1})`).join()}`)
  copy.exec(joined(text.updates(1, CURIOUS.length), '\n'))
  assert.equal(content(copy, quoted), content(original, quoted))
  assert.is(text.updateAt(2), `UPDATE ${quoted} SET "x'y"=0,${quoted}=0 WHERE rowid=2;`)
})

test('a row that is only its key can be updated', () => {
  const sqlite = new Sqlite(':memory:')
  sqlite.exec('CREATE TABLE t(a INTEGER PRIMARY KEY); INSERT INTO t VALUES(5)')
  const text = new RowText(sqlite, {
    ...numbered,
    columns: ['a'],
    key: { kind: 'rowid', name: 'a', isColumn: true },
  })
  assert.is(text.updateAt(5), 'UPDATE "t" SET "a"=5 WHERE "a"=5;')
})

test('columns named like the words that the queries use change nothing', () => {
  const sqlite = new Sqlite(':memory:')
  const schema = 'CREATE TABLE t(line, number INTEGER PRIMARY KEY, rows)'
  sqlite.exec(`${schema}; INSERT INTO t VALUES('z',1,'a'),('y',2,'b'),('x',10,'c')`)
  const key = { kind: 'rowid', name: 'number', isColumn: true } as const
  const text = new RowText(sqlite, { ...numbered, columns: ['line', 'number', 'rows'], key })
  assert.is(joined(text.all()), `(1,'z','a'),\n(2,'y','b'),\n(10,'x','c')`)
})

test('rows larger than a chunk may be come one by one', () => {
  const sqlite = tableOf(["'small'"])
  sqlite.exec(`INSERT INTO t VALUES(hex(zeroblob(200000)),char(10)||hex(zeroblob(100000))),('small','small')`)
  const text = new RowText(sqlite, numbered)
  const chunks = [...text.all()]
  assert.equal(
    chunks.map((chunk) => chunk.rows),
    [1, 1, 1],
  )
  assert.equal(
    content(rebuilt('CREATE TABLE t(a,b)', text.target, joined(chunks)), 't'),
    content(sqlite, 't'),
  )
})

test('a table as wide as SQLite allows has rows too', () => {
  const columns = Array.from({ length: 1999 }, (_, index) => `c${index}`)
  const sqlite = new Sqlite(':memory:')
  sqlite.exec(`CREATE TABLE t(${columns.join()}); INSERT INTO t(c0,c1998) VALUES(1,'\n')`)
  const text = new RowText(sqlite, { ...numbered, columns })
  assert.is(joined(text.all()), text.at(1))
  assert.match(text.at(1) ?? '', /^\(1,1,NULL,.*,NULL,replace\('\\n','\\n',char\(10\)\)\)$/)
})

test('thousands of rows, some of them curious, come in the order of their rowids', () => {
  const sqlite = tableOf([])
  const insert = sqlite.prepare(
    "INSERT INTO t(rowid,a,b) VALUES(?,?,iif(?%997=0,char(10)||CAST(X'FF' AS TEXT),'plain'))",
  )
  sqlite.exec('BEGIN')
  for (let index = 5000; index > 0; index--) insert.run(BigInt(index * 3 - 7000), `row ${index}`, index)
  sqlite.exec('COMMIT')
  const text = new RowText(sqlite, numbered)
  const all = joined(text.all())
  const rowids = [...all.matchAll(/^\((-?\d+),/gm)].map((match) => Number(match[1]))
  assert.equal(
    rowids,
    Array.from({ length: 5000 }, (_, index) => (index + 1) * 3 - 7000),
  )
  assert.equal(content(rebuilt('CREATE TABLE t(a,b)', text.target, all), 't'), content(sqlite, 't'))
})

const keyed: TableShape = {
  ...numbered,
  columns: ['a', 'b', 'c'],
  key: { kind: 'primary-key', columns: ['c', 'a'] },
}
const KEYED_SCHEMA =
  'CREATE TABLE t(a COLLATE NOCASE,b,c,PRIMARY KEY(c DESC,a)) WITHOUT ROWID; CREATE UNIQUE INDEX x ON t(b,c,a)'

test('a table without rowids comes in the order of its primary key', () => {
  const sqlite = new Sqlite(':memory:')
  sqlite.exec(`${KEYED_SCHEMA}; INSERT INTO t VALUES('b',1,1),('A',2,1),('a',3,2),('B',4,2)`)
  const text = new RowText(sqlite, keyed)
  assert.is(text.target, '"t"("c","a","b")')
  assert.is(text.keyLength, 2)
  assert.is(joined(text.all()), `(2,'a',3),\n(2,'B',4),\n(1,'A',2),\n(1,'b',1)`)
})

test('keys of any value find their rows again', () => {
  const sqlite = new Sqlite(':memory:')
  sqlite.exec(KEYED_SCHEMA)
  const keys: string[] = []
  sqlite.function('note', (key: unknown) => void keys.push(String(key)))
  const text = new RowText(sqlite, keyed)
  sqlite.exec(`CREATE TEMP TRIGGER note AFTER INSERT ON t BEGIN SELECT note(${text.keySql('NEW')}); END`)
  const values = CURIOUS.filter((value) => value !== 'NULL')
  for (const value of values) {
    sqlite.exec(`INSERT OR IGNORE INTO t VALUES(${value},${literalOf(value)},${value})`)
  }
  const rows = sqlite.prepare('SELECT count(*) FROM t').pluck().get()
  assert.is(keys.length, rows)
  const tuples = joined(text.byKeys(keys))
  assert.equal(content(rebuilt(KEYED_SCHEMA, text.target, tuples), 't'), content(sqlite, 't'))
  for (const key of keys) {
    assert.is(
      sqlite
        .prepare(`SELECT count(*) FROM t WHERE ${text.conditionOf(key)}`)
        .pluck()
        .get(),
      1,
      key,
    )
  }
  assert.equal([...text.byKeys([`(12345,'not there')`])], [])
})

test('a key is shown as people would write it', () => {
  const sqlite = new Sqlite(':memory:')
  sqlite.exec(KEYED_SCHEMA)
  const text = new RowText(sqlite, keyed)
  assert.is(text.conditionOf(`(1,CAST(X'69742773' AS TEXT))`), `"c"=1 AND "a"='it''s'`)
})

test('leaving the rows half way leaves nothing running on the connection', () => {
  const sqlite = new Sqlite(':memory:')
  sqlite.exec(
    `${KEYED_SCHEMA}; INSERT INTO t SELECT value,value,value FROM json_each('[${[...Array(3000).keys()].join()}]')`,
  )
  for (const _ of new RowText(sqlite, keyed).all()) break
  sqlite.exec('DELETE FROM t')
  const other = tableOf(['1', '2'])
  for (const _ of new RowText(other, numbered).all()) other.exec('DELETE FROM t')
})

test('random rows of all types come back to the byte', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', "'", '\\', 'n', '\n', '\t', '\r', '\0', '\x1b', 'é', '\ud800', '😀', '\ufffd'),
  })
  const blob = fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes))
  const value = fc.oneof(
    fc.constant(null),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.double({ noNaN: true }),
    text,
    blob,
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(value, value), { maxLength: 20 }), (rows) => {
      const sqlite = tableOf([])
      const insert = sqlite.prepare('INSERT INTO t VALUES(?,?)')
      for (const row of rows) insert.run(row)
      const rowText = new RowText(sqlite, numbered)
      const copy = rebuilt('CREATE TABLE t(a,b)', rowText.target, joined(rowText.all()))
      assert.equal(content(copy, 't'), content(sqlite, 't'))
      copy.close()
      sqlite.close()
    }),
    { numRuns: 400 },
  )
})

test.run()
