import type { Database } from 'better-sqlite3'
import { literalOf, type SqlValue } from '../format/sql-literal.ts'

/**
 * What ANALYZE found, as statements that bring it about anywhere: rows rather than `ANALYZE`, which would take its
 * time at each redo. Empty when there is nothing. The first statement creates the table, the last makes SQLite
 * read it. `sqlite_stat4` is left out, as in snapshots.
 */
export function statisticsText(sqlite: Database): string {
  const isThere = sqlite.prepare("SELECT 1 FROM main.sqlite_schema WHERE name='sqlite_stat1'").get()
  if (isThere === undefined) return ''
  const rows = sqlite
    .prepare<[], SqlValue[]>('SELECT tbl, idx, stat FROM main.sqlite_stat1 ORDER BY tbl, idx, rowid')
    .raw()
    .safeIntegers()
    .all()
  const tuples = rows.map((values) => `(${values.map(literalOf)})`)
  const insert = `INSERT INTO sqlite_stat1(tbl,idx,stat) VALUES${tuples.join(',\n')};\n`
  return `ANALYZE sqlite_schema;\nDELETE FROM sqlite_stat1;\n${tuples.length > 0 ? insert : ''}ANALYZE sqlite_schema;\n`
}
