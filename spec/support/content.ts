// What a user can see of a database, as text that is equal when the databases are: of ours, of better-sqlite3's.

/** As much of a connection as is needed to read everything in it. */
export interface Readable {
  prepare(sql: string): {
    raw(isOn?: boolean): { safeIntegers(isOn?: boolean): { all(...params: unknown[]): unknown[] } }
  }
}

/** Schema, rows with rowids and exact values, `sqlite_sequence`, `user_version` and `application_id` of `main`. */
export function contentOf(db: Readable): string {
  const lines: string[] = []
  // A line comment at the end of a statement must be ended by a newline when it is written to a file.
  const schema = rowsOf(
    db,
    `SELECT type, name, tbl_name, rtrim(sql, char(10)) FROM main.sqlite_schema
     WHERE name NOT LIKE 'sqlite#_s%' ESCAPE '#' ORDER BY type, name`,
  )
  for (const row of schema) lines.push(`schema ${row.map(shown).join(' ')}`)
  const tables = rowsOf(
    db,
    `SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table' ORDER BY name`,
  )
  for (const [name, isWithoutRowid] of tables)
    lines.push(...tableLines(db, String(name), isWithoutRowid === 1n))
  for (const pragma of ['user_version', 'application_id']) {
    lines.push(`${pragma} ${shown(rowsOf(db, `PRAGMA main.${pragma}`)[0]?.[0])}`)
  }
  return lines.join('\n')
}

function tableLines(db: Readable, name: string, isWithoutRowid: boolean): string[] {
  const quoted = `main."${name.replaceAll('"', '""')}"`
  // SQLite's own: their order means nothing, and they may be there without a row. Samples for the query planner
  // (sqlite_stat4) are not kept: the next ANALYZE takes new ones.
  if (name === 'sqlite_schema' || name === 'sqlite_stat4') return []
  const isSystem = name.startsWith('sqlite_')
  const columns = isSystem || isWithoutRowid ? '*' : `${rowidName(db, name)}, *`
  const rows = rowsOf(db, `SELECT ${columns} FROM ${quoted}`).map((row) => row.map(shown).join('|'))
  if (!isSystem) return [`table ${quoted}`, ...(isWithoutRowid ? rows.sort() : rows)]
  return rows.length === 0 ? [] : [`table ${quoted}`, ...rows.sort()]
}

function rowsOf(db: Readable, sql: string, ...params: unknown[]): unknown[][] {
  const rows = db
    .prepare(sql)
    .raw()
    .safeIntegers()
    .all(...params)
  return rows.map((row) => (Array.isArray(row) ? row : [row]))
}

function rowidName(db: Readable, table: string): string {
  const taken = new Set(
    rowsOf(db, 'SELECT lower(name) FROM pragma_table_xinfo(?, ?)', table, 'main').map(([name]) =>
      String(name),
    ),
  )
  const free = ['rowid', 'oid', '_rowid_'].find((name) => !taken.has(name))
  return free ?? 'NULL'
}

function shown(value: unknown): string {
  if (value === null) return 'NULL'
  if (typeof value === 'bigint') return `${value}`
  if (typeof value === 'number') return `real ${Object.is(value, -0) ? '-0' : value}`
  if (value instanceof Uint8Array) return `x'${Buffer.from(value).toString('hex')}'`
  return JSON.stringify(value)
}
