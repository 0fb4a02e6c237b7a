import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openConnection } from '../../lib/engine/connection.ts'
import { readTables, type TableShape } from '../../lib/engine/tables.ts'
import { ScriptlogError } from '../../lib/errors.ts'

function shapes(sql: string): TableShape[] {
  const sqlite = openConnection()
  sqlite.exec(sql)
  return readTables(sqlite)
}

function shape(sql: string): TableShape {
  const [only, ...others] = shapes(sql)
  assert.is(others.length, 0)
  if (only === undefined) throw new Error('no table')
  return only
}

test('ordinary tables of main in the order of their creation, shadow tables among them, and nothing else', () => {
  const names =
    shapes(`CREATE TABLE z(a); CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT); CREATE VIEW v AS SELECT 1;
    CREATE VIRTUAL TABLE f USING fts5(x); CREATE TEMP TABLE t(a); CREATE TEMP TABLE z(a,b); ANALYZE;
    CREATE TABLE "sqlit""e"(a); ATTACH ':memory:' AS o; CREATE TABLE o.p(a)`).map(({ name }) => name)
  assert.equal(names, ['z', 'a', 'f_data', 'f_idx', 'f_content', 'f_docsize', 'f_config', 'sqlit"e'])
})

test('generated columns are left out', () => {
  assert.equal(shape('CREATE TABLE t(a, b AS (a) STORED, c AS (a), d)').columns, ['a', 'd'])
})

test('an INTEGER PRIMARY KEY is the rowid, in every way to declare it, and in none of those that only look like it', () => {
  for (const sql of [
    'id INTEGER PRIMARY KEY',
    'id integer, PRIMARY KEY(id)',
    'id INTEGER PRIMARY KEY ASC',
    'id INTEGER, PRIMARY KEY(id DESC)',
    '"id" "INTEGER" PRIMARY KEY',
  ]) {
    assert.equal(shape(`CREATE TABLE t(a, ${sql})`).key, { kind: 'rowid', name: 'id', isColumn: true }, sql)
  }
  for (const sql of [
    'id INTEGER PRIMARY KEY DESC',
    'id INT PRIMARY KEY',
    'id INTEGER, b, PRIMARY KEY(id, b)',
    'id INTEGER UNIQUE',
  ]) {
    assert.equal(
      shape(`CREATE TABLE t(a, ${sql})`).key,
      { kind: 'rowid', name: 'rowid', isColumn: false },
      sql,
    )
  }
})

test('a rowid has the first name that no column takes; none left is an error with the table’s name', () => {
  assert.equal(shape('CREATE TABLE t(ROWID)').key, { kind: 'rowid', name: '_rowid_', isColumn: false })
  assert.equal(shape('CREATE TABLE t(rowid, g AS (1), _rowid_ AS (2))').key, {
    kind: 'rowid',
    name: 'oid',
    isColumn: false,
  })
  try {
    shape('CREATE TABLE hidden(rowid, Oid, _rowid_)')
    assert.unreachable()
  } catch (error) {
    assert.is(error instanceof ScriptlogError && error.code, 'SCRIPTLOG_ROWID_HIDDEN')
    assert.match(error instanceof Error ? error.message : '', /hidden/)
  }
})

test('the key of a table without rowids, in the order of the key', () => {
  assert.equal(shape('CREATE TABLE t(a, b, c, PRIMARY KEY(c, a)) WITHOUT ROWID').key, {
    kind: 'primary-key',
    columns: ['c', 'a'],
  })
})

test('UNIQUE beside the key, in every form', () => {
  for (const sql of [
    'CREATE TABLE t(a UNIQUE)',
    'CREATE TABLE t(a PRIMARY KEY)',
    'CREATE TABLE t(id INTEGER PRIMARY KEY, a, UNIQUE(a, id))',
    'CREATE TABLE t(a); CREATE UNIQUE INDEX i ON t(lower(a)) WHERE a>1',
    'CREATE TABLE t(a PRIMARY KEY, b UNIQUE) WITHOUT ROWID',
  ]) {
    assert.is(shape(sql).hasSecondaryUnique, true, sql)
  }
  for (const sql of [
    'CREATE TABLE t(a); CREATE INDEX i ON t(a)',
    'CREATE TABLE t(id INTEGER PRIMARY KEY)',
    'CREATE TABLE t(a PRIMARY KEY, b) WITHOUT ROWID',
  ]) {
    assert.is(shape(sql).hasSecondaryUnique, false, sql)
  }
})

test('AUTOINCREMENT is told from a word in a comment or a name', () => {
  assert.is(shape('CREATE TABLE t(id INTEGER PRIMARY KEY /**/ autoincrement)').isAutoincrement, true)
  assert.is(
    shape(
      'CREATE TABLE t(id INTEGER PRIMARY KEY, "autoincrement" DEFAULT \'AUTOINCREMENT\') -- AUTOINCREMENT',
    ).isAutoincrement,
    false,
  )
})

test.run()
