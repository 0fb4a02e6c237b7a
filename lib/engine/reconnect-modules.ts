import type { Database } from 'better-sqlite3'
import { readSchema } from './schema.ts'
import { virtualTablesIn } from './shadow-tables.ts'
import { unsafeModeOf } from './unsafe-mode.ts'

/**
 * Makes the modules of virtual tables read their shadow tables anew: they keep parts of them in memory, and load and redo
 * write past them. Called between transactions.
 */
export function reconnectModules(sqlite: Database): void {
  if (virtualTablesIn(readSchema(sqlite, 'main')).length === 0) return
  // The schema is read anew, and with it TEMP triggers on shadow tables.
  unsafeModeOf(sqlite).lift(() => {
    sqlite.pragma('writable_schema=RESET')
    sqlite.prepare('SELECT 1 FROM temp.sqlite_schema').get()
  })
}
