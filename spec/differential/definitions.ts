// Statements that change the schema, as arbitraries.

import {
  COLUMNS,
  changeInTrigger,
  column,
  expression,
  read,
  resolution,
  table,
  VIEWS,
  where,
} from './changes.ts'
import { listOf, maybe, oneOf, type Part, type Sql, sql, weighted, written } from './fragment.ts'
import { value } from './values.ts'

const index = oneOf('i1', 'i2', 'i3')
const trigger = oneOf('g1', 'g2', 'g3', 'g4')
const view = oneOf(...VIEWS)
const onConflict = maybe(sql` ON CONFLICT ${resolution}`, 4)
const collation = maybe(sql` COLLATE ${oneOf('NOCASE', 'RTRIM', 'BINARY')}`, 4)

const defaultValue = weighted(
  [5, sql`DEFAULT (${value})`],
  [
    1,
    oneOf(
      'DEFAULT 7',
      'DEFAULT CURRENT_DATE',
      "DEFAULT (1 || 'x')",
      'DEFAULT (twice(4))',
      'DEFAULT (ticks())',
    ),
  ],
)
const action = oneOf('CASCADE', 'SET NULL', 'SET DEFAULT', 'RESTRICT', 'NO ACTION')
const reference = sql`REFERENCES ${weighted([3, 't'], [3, 'u'], [1, table])}${weighted([12, '(id)'], [6, ''], [1, '(a)'])}${maybe(sql` ON DELETE ${action}`)}${maybe(sql` ON UPDATE ${action}`)}${maybe(' DEFERRABLE INITIALLY DEFERRED')}`

const columnRule = weighted(
  [3, ''],
  [2, sql` UNIQUE${onConflict}`],
  [2, sql` NOT NULL${onConflict} ${defaultValue}`],
  [1, sql` NOT NULL${onConflict}`],
  [1, sql` ${defaultValue}`],
  [1, sql` CHECK(${column} IS NOT ${value})${onConflict}`],
  [
    1,
    oneOf(
      ' CHECK(c < 6)',
      " CHECK(a <> 'b')",
      ' CHECK(boom(b) IS NOT 5)',
      " CHECK(typeof(a) IN ('integer', 'text', 'null', 'real'))",
    ),
  ],
)
const type = oneOf('', 'INTEGER', 'TEXT', 'REAL', 'NUMERIC', 'BLOB')
const strictType = oneOf('ANY', 'INTEGER', 'TEXT', 'REAL', 'INT', 'BLOB')
const columnOf = (name: string, of: Sql) => sql`${name} ${of}${collation}${columnRule}`
const columnsOf = (of: Sql) =>
  sql`${columnOf('a', of)}, ${columnOf('b', of)}, c ${of}${weighted([1, columnRule], [1, sql` ${reference}`])}`
const generated = maybe(
  sql`, d GENERATED ALWAYS AS (${oneOf('a || b', 'a', 'twice(b)', 'b + 1', 'coalesce(c, a)')})${oneOf('', ' STORED', ' VIRTUAL')}${maybe(' UNIQUE', 4)}`,
  4,
)
const strictGenerated = maybe(sql`, d ANY AS (${oneOf('a', 'a || b')})${oneOf('', ' STORED')}`, 4)
const tableRule = maybe(
  oneOf(
    sql`, UNIQUE(a, b)${onConflict}`,
    sql`, CHECK(a IS NOT b)${onConflict}`,
    sql`, FOREIGN KEY(a, b) REFERENCES ${table}(a, b) ON DELETE ${action} ON UPDATE ${action}`,
    sql`, FOREIGN KEY(a) REFERENCES ${table} ON DELETE ${action}`,
  ),
  8,
)
const comment = maybe(oneOf(' -- a comment; with a semicolon', ' /* another */', ' -- ends the text\n'), 8)
const rowidKey = weighted(
  [6, 'id INTEGER PRIMARY KEY'],
  [3, 'id INTEGER PRIMARY KEY AUTOINCREMENT'],
  [1, sql`id INTEGER PRIMARY KEY${onConflict}`],
  [1, sql`id PRIMARY KEY${onConflict}`],
  [2, oneOf('id INTEGER PRIMARY KEY DESC', 'id INT UNIQUE', 'id')],
)
const singleKey = sql`id ${oneOf('', 'INTEGER', 'TEXT COLLATE NOCASE', 'INT')} PRIMARY KEY${oneOf('', ' DESC')}${onConflict}`
const doubleKey = oneOf(
  'PRIMARY KEY(id, a)',
  'PRIMARY KEY(id COLLATE NOCASE, b DESC)',
  'PRIMARY KEY(b, id)',
  'PRIMARY KEY(id, a, b, c)',
)

/** What follows `CREATE TABLE`: a table with all of {@link COLUMNS}. */
function tableText(name: Part): Sql {
  return weighted(
    [16, sql`${name}(${rowidKey}, ${columnsOf(type)}${generated}${tableRule})`],
    [1, sql`${name}(id, ${columnsOf(type)}, ${doubleKey}${tableRule})`],
    [2, sql`${name}(id INTEGER PRIMARY KEY, ${columnsOf(strictType)}${strictGenerated}${tableRule}) STRICT`],
    [4, sql`${name}(${singleKey}, ${columnsOf(type)}${generated}${tableRule}) WITHOUT ROWID`],
    [1, sql`${name}(id${oneOf('', ' TEXT')}, ${columnsOf(type)}, ${doubleKey}) WITHOUT ROWID`],
    [1, sql`${name}(id ${strictType}, ${columnsOf(strictType)}, ${doubleKey}) STRICT, WITHOUT ROWID`],
  )
}
export const createTable: Sql = written(
  sql`CREATE TABLE ${maybe('IF NOT EXISTS ', 4)}${tableText(table)}${comment}`,
)

/** The tables that nearly every story begins with, and which trace is left by triggers: see {@link triggerBody}. */
export const firstTables: readonly Sql[] = [
  written(sql`CREATE TABLE history(what, who)`),
  written(sql`CREATE TABLE t${tableText('')}`),
  written(sql`CREATE TABLE u${tableText('')}`),
]

const term = weighted(
  [4, sql`${column}${collation}${oneOf('', ' DESC')}`],
  [1, oneOf('lower(a)', 'b + 1', 'twice(c)', "a || '-'")],
)
export const createIndex: Sql = written(
  sql`CREATE ${oneOf('UNIQUE ', '')}INDEX ${maybe('IF NOT EXISTS ', 4)}${index} ON ${table}(${listOf(term, 1, 2)})${maybe(sql` WHERE ${column} ${oneOf('> 1', 'IS NOT NULL', "= 'a'")}`, 4)}${comment}`,
)

export const createView: Sql = written(
  sql`CREATE VIEW ${view} AS SELECT id, a, b, c FROM ${oneOf(table, sql`${table} JOIN ${table} USING (id, a, b, c)`)}${where}`,
)

/**
 * A trigger that writes leaves a trace, and none writes when there are many: whatever calls whatever ends soon.
 * `history` is made with the first schema.
 */
function triggerBody(name: Sql, row: Sql): Sql {
  return sql`BEGIN INSERT INTO history VALUES(${row}, ${name}); ${listOf(changeInTrigger(row), 1, 2, '; ')}; END`
}
const MAY_WRITE = '(SELECT count(*) FROM history) < 25'
const raise = oneOf(
  'RAISE(IGNORE)',
  "RAISE(ABORT, 'no')",
  "RAISE(FAIL, 'no')",
  "RAISE(ROLLBACK, 'no')",
  "RAISE(ABORT, 'no' || NEW.a)",
)

function triggerOn(prefix: string, event: Sql, row: 'NEW' | 'OLD'): Sql {
  const ofRow = sql`${row}.${column}`
  const time = oneOf('AFTER', 'BEFORE')
  const when = weighted(
    [1, MAY_WRITE],
    [1, sql`${ofRow} ${oneOf('>', '<', 'IS NOT')} ${value} AND ${MAY_WRITE}`],
  )
  return weighted(
    [
      4,
      sql`CREATE ${prefix}TRIGGER ${trigger} ${time} ${event} ON ${prefix === '' ? '' : 'main.'}${table} WHEN ${when} ${triggerBody(sql`'g'`, ofRow)}`,
    ],
    [
      2,
      sql`CREATE ${prefix}TRIGGER ${trigger} ${time} ${event} ON ${prefix === '' ? '' : 'main.'}${table} BEGIN SELECT ${raise} WHERE ${ofRow} = ${value}; END`,
    ],
    [
      1,
      sql`CREATE ${prefix}TRIGGER ${trigger} INSTEAD OF ${event} ON ${view} WHEN ${when} ${triggerBody(sql`'v'`, ofRow)}`,
    ],
  )
}
const triggersWith = (prefix: string) =>
  oneOf(
    triggerOn(prefix, oneOf('INSERT'), 'NEW'),
    triggerOn(prefix, oneOf('UPDATE', sql`UPDATE OF ${column}`, 'UPDATE OF a, b'), 'NEW'),
    triggerOn(prefix, oneOf('UPDATE'), 'OLD'),
    triggerOn(prefix, oneOf('DELETE'), 'OLD'),
  )
export const createTrigger: Sql = written(triggersWith(''))

/** The user's own TEMP objects: never kept, and never in the way. */
export const temporary: Sql = written(
  weighted(
    [2, sql`CREATE TEMP TABLE ${oneOf('x', table)}(id INTEGER PRIMARY KEY, a, b, c)`],
    [1, sql`CREATE TEMP TABLE ${oneOf('x', table)} AS SELECT * FROM main.${table} LIMIT 3`],
    [1, 'CREATE TEMP TABLE x(id INTEGER PRIMARY KEY AUTOINCREMENT, a UNIQUE, b, c)'],
    [1, sql`CREATE INDEX temp.i9 ON x(${column})`],
    [1, sql`CREATE TEMP VIEW ${oneOf('view1', 'y')} AS SELECT id, a, b, c FROM ${table}`],
    [1, 'DROP TABLE temp.x'],
    [1, sql`DROP TABLE temp.${table}`],
    [4, triggersWith('TEMP ')],
    [1, sql`DROP TRIGGER temp.${trigger}`],
    [1, 'DROP VIEW temp.view1'],
  ),
)

export const alter: Sql = written(
  sql`ALTER TABLE ${table} ${weighted(
    [2, sql`RENAME TO ${table}`],
    [
      2,
      sql`RENAME COLUMN ${oneOf(...COLUMNS, 'e', 'f')} TO ${oneOf('e', 'f', 'a', 'b', '"odd name"', 'rowid', 'oid')}`,
    ],
    [
      2,
      sql`ADD COLUMN ${oneOf('e', 'f')}${oneOf('', ' TEXT', ' INTEGER', ' ANY')}${oneOf('', ' DEFAULT 5', ' NOT NULL DEFAULT 6', sql` CHECK(e IS NOT ${value})`, sql` ${reference}`, ' AS (a)', ' COLLATE NOCASE')}`,
    ],
    [2, sql`DROP COLUMN ${oneOf('e', 'f', 'c', 'd', 'b')}`],
  )}`,
)

export const drop: Sql = oneOf(
  sql`DROP TABLE ${maybe('IF EXISTS ')}${table}`,
  sql`DROP INDEX ${maybe('IF EXISTS ')}${index}`,
  sql`DROP VIEW ${maybe('IF EXISTS ')}${view}`,
  sql`DROP TRIGGER ${maybe('IF EXISTS ')}${trigger}`,
)

export const createAs: Sql = written(
  sql`CREATE TABLE ${table} AS SELECT id, a, b, ${expression} AS c FROM ${table}${where} ORDER BY 1, 2, 3, 4`,
)

export const upkeep: Sql = weighted(
  [2, 'ANALYZE'],
  [1, sql`ANALYZE ${table}`],
  [1, 'REINDEX'],
  [1, sql`REINDEX ${oneOf(table, index, 'NOCASE')}`],
  [2, 'VACUUM'],
  [1, 'PRAGMA optimize'],
)

const onOff = oneOf('ON', 'OFF')
export const setting: Sql = weighted(
  [2, sql`PRAGMA user_version = ${oneOf('1', '2', '-3', '2147483647')}`],
  [2, sql`PRAGMA application_id = ${oneOf('1', '2', '-3')}`],
  [3, sql`PRAGMA foreign_keys = ${onOff}`],
  [3, sql`PRAGMA recursive_triggers = ${onOff}`],
  [2, sql`PRAGMA defer_foreign_keys = ${onOff}`],
  [1, sql`PRAGMA ignore_check_constraints = ${onOff}`],
  [1, sql`PRAGMA reverse_unordered_selects = ${onOff}`],
  [1, sql`PRAGMA case_sensitive_like = ${onOff}`],
  [1, sql`PRAGMA count_changes = ${onOff}`],
  [1, sql`PRAGMA automatic_index = ${onOff}`],
  [1, sql`PRAGMA query_only = ${onOff}`],
  [1, sql`PRAGMA trusted_schema = ${onOff}`],
)

export { read }
