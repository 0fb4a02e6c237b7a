// Statements that change rows, as arbitraries. Every table has the columns of COLUMNS when it is made, so that most
// statements mean something in most schemas; those that do not fail alike on both sides.

import fc from 'fast-check'
import { listOf, maybe, oneOf, type Sql, sql, weighted } from './fragment.ts'
import { key, value } from './values.ts'

export const COLUMNS = ['id', 'a', 'b', 'c'] as const
export const VIEWS = ['view1', 'view2'] as const

export const table = weighted([9, 't'], [9, 'u'], [1, oneOf('v', '"w w"', '[it\'s "é"]', '`select`')])
export const column = oneOf('a', 'b', 'c', 'id')
const anyColumn = weighted([30, column], [1, oneOf('rowid', 'oid', 'd', 'e')])
/** What rows are written to: tables, views with INSTEAD OF triggers, TEMP tables. */
const target = weighted(
  [24, table],
  [1, oneOf(...VIEWS)],
  [1, oneOf('main.t', 'history', 'temp.t', 'temp.x')],
)

export const resolution = oneOf('REPLACE', 'IGNORE', 'FAIL', 'ABORT', 'ROLLBACK')
const orResolution = maybe(sql` OR ${resolution}`, 3)

/** Functions that the option `setup` has registered. */
const ownFunction = oneOf('twice', 'boom', 'ticks')

const simpleExpression = weighted(
  [6, value],
  [2, anyColumn],
  [1, sql`${column} + 1`],
  [1, sql`-${column}`],
  [1, sql`upper(${column})`],
  [1, sql`${column} || 'b'`],
)
export const expression: Sql = weighted(
  [14, simpleExpression],
  [1, sql`(SELECT max(${column}) FROM ${table})`],
  [1, sql`CASE WHEN ${column} > ${value} THEN ${value} ELSE ${column} END`],
  [1, sql`${ownFunction}(${simpleExpression})`],
  [1, oneOf('changes()', "json_extract('[1,2]', '$[1]')", "json('{')", 'abs(-9223372036854775808)')],
)

/** Where no row is at hand. */
const constant: Sql = weighted(
  [14, value],
  [1, sql`(SELECT max(${column}) FROM ${table})`],
  [1, sql`${ownFunction}(${value})`],
  [1, oneOf('changes()', "json('{')", 'abs(-9223372036854775808)', "json_extract('[1,2]', '$[1]')")],
)

const comparison = sql`${anyColumn} ${oneOf('=', '<', '>', '<>', 'IS', '>=')} ${value}`
const condition = weighted(
  [4, sql`id = ${key}`],
  [4, comparison],
  [1, sql`${comparison} AND ${comparison}`],
  [1, sql`${column} IN (${listOf(value, 1, 3)})`],
  [1, sql`${column} IN (SELECT ${column} FROM ${table})`],
  [1, sql`${column} LIKE 'a%'`],
  [1, sql`EXISTS (SELECT 1 FROM ${table} AS other WHERE other.id = ${column})`],
)
export const where = weighted([5, sql` WHERE ${condition}`], [1, ''])

// Not in an INSERT of several rows: see excuses.ts on when these are computed.
const assignment = sql`${anyColumn} = ${weighted([20, expression], [1, 'last_insert_rowid()'])}`
const assignments = weighted(
  [6, listOf(assignment, 1, 2)],
  [1, sql`(a, b) = (SELECT ${column}, ${value})`],
  [1, sql`(${column}, c) = (${expression}, ${expression})`],
)

const returned = weighted([2, '*'], [2, listOf(anyColumn, 1, 3)], [1, sql`${expression} AS x, id`])
const returning = sql` RETURNING ${returned}`

/** Columns of an INSERT with rows of values for them: the rows are as wide as the columns whatever is shrunk. */
function columnsAndRows(item: Sql, most: number): Sql {
  // `c` is the column that refers to other rows.
  const found = weighted([3, key], [1, item])
  return fc
    .tuple(
      fc.subarray([...COLUMNS], { minLength: 1 }),
      fc.array(fc.tuple(found, item, item, found), { minLength: 1, maxLength: most }),
    )
    .map(([columns, rows]) => [
      `(${columns.join(', ')}) VALUES `,
      ...rows.flatMap((row, at) => [
        at === 0 ? '(' : ', (',
        ...row.slice(0, columns.length).flatMap((each, index) => (index === 0 ? each : [', ', ...each])),
        ')',
      ]),
    ])
}

const conflictTarget = weighted(
  [6, '(id)'],
  [1, sql`(${column})`],
  [1, oneOf('(a, b)', '(a COLLATE NOCASE)', '(a) WHERE b > 1')],
)
const update = sql`UPDATE SET ${listOf(oneOf(assignment, sql`${column} = excluded.${column}`), 1, 2)}${maybe(sql` WHERE ${condition}`, 4)}`
const upsertAction = oneOf('NOTHING', update)
const upsert = sql`${maybe(sql` ON CONFLICT${conflictTarget} DO ${upsertAction}`, 3)} ON CONFLICT${oneOf('', conflictTarget)} DO ${upsertAction}`

const insertVerb = weighted([5, 'INSERT'], [2, sql`INSERT OR ${resolution}`], [1, 'REPLACE'])

function insertInto(into: Sql, item: Sql): Sql {
  return weighted(
    [6, sql`${insertVerb} INTO ${into}${columnsAndRows(item, 3)}`],
    [2, sql`INSERT INTO ${into}${columnsAndRows(item, 2)}${upsert}`],
    [1, sql`${insertVerb} INTO ${into} DEFAULT VALUES`],
    [1, sql`${insertVerb} INTO ${into} SELECT * FROM ${table}`],
    [
      1,
      sql`${insertVerb} INTO ${into}(id, a, b) SELECT ${expression}, ${expression}, ${expression} FROM ${table}${where} ORDER BY 1, 2, 3 LIMIT 3`,
    ],
    [
      1,
      sql`INSERT INTO ${into}(a, b) SELECT ${expression}, ${column} FROM ${table} WHERE true ORDER BY 1, 2 LIMIT 3${upsert}`,
    ],
  )
}

/** Of a trigger: as they may stand in its body, with rows that are not found by chance. */
export function changeInTrigger(row: Sql): Sql {
  const item = weighted([2, value], [2, row], [1, sql`${row} + 1`], [1, sql`${ownFunction}(${row})`])
  return weighted(
    [3, insertInto(table, item)],
    [3, sql`UPDATE${orResolution} ${table} SET ${column} = ${item} WHERE ${column} = ${item}`],
    [2, sql`DELETE FROM ${table} WHERE ${column} = ${item}`],
    [1, sql`UPDATE sqlite_sequence SET seq = seq + 3`],
  )
}

const insertion = insertInto(target, constant)
const deletion = sql`DELETE FROM ${target}${where}`
const updating = weighted(
  [5, sql`UPDATE${orResolution} ${target} SET ${assignments}${where}`],
  [
    1,
    sql`UPDATE${orResolution} ${oneOf('t', 'u')} AS changed SET a = source.b FROM ${table} AS source WHERE changed.id = source.id`,
  ],
)
const withTable = sql`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3)`
const withCte = weighted(
  [2, sql`${withTable} ${insertVerb} INTO ${target}(id, a, b) SELECT i, ${value}, i FROM n`],
  [1, sql`${withTable} UPDATE${orResolution} ${target} SET ${assignment} WHERE id IN (SELECT i FROM n)`],
  [
    1,
    sql`WITH old AS MATERIALIZED (SELECT * FROM ${table}) DELETE FROM ${target} WHERE id IN (SELECT id FROM old)`,
  ],
)
const sequence = oneOf(
  sql`UPDATE sqlite_sequence SET seq = ${value}`,
  'DELETE FROM sqlite_sequence',
  sql`INSERT INTO sqlite_sequence SELECT name, ${value} FROM sqlite_schema WHERE name = 't' AND sql LIKE '%AUTOINC%'`,
)

const change = weighted([8, insertion], [5, updating], [3, deletion], [1, withCte], [1, sequence])

/** A statement that changes rows. */
export const write: Sql = weighted([4, change], [1, sql`${change}${returning}`])
/** One that returns some of them. */
export const writeReturning: Sql = sql`${change}${returning}`

/** A statement that only reads. */
export const read: Sql = weighted(
  [3, sql`SELECT * FROM ${target}${where} ORDER BY 1, 2, 3, 4`],
  [1, sql`SELECT ${expression} AS x, count(*) FROM ${table} GROUP BY 1 ORDER BY 1`],
  [1, 'SELECT changes(), last_insert_rowid()'],
  [1, 'SELECT * FROM sqlite_sequence ORDER BY 1, 2'],
  [
    1,
    "SELECT type, name, rtrim(sql, char(10)) FROM sqlite_schema WHERE name NOT LIKE 'sqlite%' ORDER BY 1, 2",
  ],
  [
    1,
    sql`PRAGMA ${oneOf('foreign_key_check', 'integrity_check', 'user_version', 'application_id', 'foreign_keys', 'recursive_triggers', 'defer_foreign_keys', 'table_info(t)', 'table_xinfo(u)', 'index_list(t)', 'foreign_key_list(t)')}`,
  ],
)
