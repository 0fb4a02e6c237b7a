import { quoteName } from '../format/sql-literal.ts'
import { CAPTURE_PREFIX, type CaptureTrigger, trigger } from './capture-triggers.ts'
import type { CapturedTable } from './captured-table.ts'
import type { ShadowRole } from './shadow-tables.ts'

/** The TEMP table into which triggers on shadow tables insert: the table's number, and the row's key or its segment. */
export const REPORTS = `temp.${quoteName(`${CAPTURE_PREFIX}reports`)}`

/** Without any constraint: an INSERT that cannot fail needs no savepoint. */
export const CREATE_REPORTS = `CREATE TEMP TABLE IF NOT EXISTS ${quoteName(`${CAPTURE_PREFIX}reports`)}(number, key)`

/** The triggers that report what a module writes to one of its tables; why they are so few: see shadow-tables.ts. */
export function shadowTriggers(table: CapturedTable, role: ShadowRole): readonly CaptureTrigger[] {
  const report = (what: string, event: string, row: 'OLD' | 'NEW', key: string) =>
    trigger(
      table,
      what,
      `${event} ON ${table.sqlName} BEGIN
        INSERT INTO ${quoteName(`${CAPTURE_PREFIX}reports`)} VALUES(${table.number},${row}.${key}); END`,
    )
  const inserted = (key: string) => report('insert', 'AFTER INSERT', 'NEW', key)
  const deleted = (key: string) => report('delete', 'BEFORE DELETE', 'OLD', key)
  switch (role) {
    case 'rows':
    case 'sizes':
    case 'pages':
      return [
        inserted(table.rowidSql),
        deleted(table.rowidSql),
        report('update', 'BEFORE UPDATE', 'OLD', table.rowidSql),
        report('move', 'AFTER UPDATE', 'NEW', table.rowidSql),
      ]
    case 'segments':
      return [inserted(table.rowidSql), deleted(table.rowidSql)]
    case 'content':
      return [deleted(table.rowidSql)]
    case 'index':
      return [deleted('"segid"')]
    case 'lone-content':
    case 'settings':
      return []
  }
}
