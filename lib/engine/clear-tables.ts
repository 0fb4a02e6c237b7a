import type { Database } from 'better-sqlite3'
import { quoteName } from '../format/sql-literal.ts'
import { readSchema, type SchemaObject } from './schema.ts'
import { virtualTablesIn } from './shadow-tables.ts'
import { dropUserTable } from './user-tables.ts'

/**
 * Empties the main schema, as a part of a transaction of the caller's, with `foreign_keys` off and in unsafe mode. What
 * is left is a table `sqlite_sequence` without rows, where there was one: SQLite never drops it.
 */
export function clearTables(sqlite: Database): void {
  const drop = (type: SchemaObject['type']) => {
    for (const object of readSchema(sqlite, 'main').values()) {
      if (object.type !== type || isKept(object.name)) continue
      sqlite.exec(`DROP ${type} main.${quoteName(object.name)}`)
    }
  }
  // What looks at tables goes before them; the tables of a virtual table go with it.
  drop('trigger')
  drop('view')
  for (const { name } of virtualTablesIn(readSchema(sqlite, 'main'))) {
    if (dropUserTable(sqlite, `DROP TABLE ${quoteName(name)};`)) continue
    sqlite.exec(`DROP TABLE main.${quoteName(name)}`)
  }
  drop('table')
  if (sqlite.prepare("SELECT 1 FROM main.sqlite_schema WHERE name='sqlite_sequence'").get() !== undefined) {
    sqlite.exec('DELETE FROM main.sqlite_sequence')
  }
  sqlite.exec('PRAGMA main.user_version=0; PRAGMA main.application_id=0')
}

/** SQLite's own, of which only what ANALYZE found can be dropped. */
function isKept(name: string): boolean {
  return name.startsWith('sqlite_') && !name.startsWith('sqlite_stat')
}
