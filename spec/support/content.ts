// What a user can see of a database, as text that is equal when the databases are: of ours, of better-sqlite3's.

/** As much of a connection as is needed to read everything in it. */
export interface Readable {
  prepare(sql: string): {
    raw(isOn?: boolean): { safeIntegers(isOn?: boolean): { all(...params: unknown[]): unknown[] } }
  }
}

/** Schema, rows with rowids and exact values, `sqlite_sequence`, `user_version` and `application_id`. */
export function contentOf(db: Readable): string {
  const lines: string[] = []
  const schema = rowsOf(db, `SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name`)
  for (const row of schema) lines.push(`schema ${row.map(shown).join(' ')}`)
  const tables = rowsOf(
    db,
    `SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name <> 'sqlite_schema' ORDER BY name`,
  )
  for (const [name, isWithoutRowid] of tables) {
    const quoted = `"${String(name).replaceAll('"', '""')}"`
    lines.push(`table ${quoted}`)
    // Samples for the query planner are not kept: the next ANALYZE takes new ones.
    if (name === 'sqlite_stat4') continue
    const columns = isWithoutRowid === 1n ? '*' : `${rowidName(db, String(name))}, *`
    const rows = rowsOf(db, `SELECT ${columns} FROM ${quoted}`).map((row) => row.map(shown).join('|'))
    lines.push(...(isWithoutRowid === 1n || name === 'sqlite_sequence' ? rows.sort() : rows))
  }
  for (const pragma of ['user_version', 'application_id']) {
    lines.push(`${pragma} ${shown(rowsOf(db, `PRAGMA ${pragma}`)[0]?.[0])}`)
  }
  return lines.join('\n')
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
    rowsOf(db, 'SELECT lower(name) FROM pragma_table_xinfo(?)', table).map(([name]) => String(name)),
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
