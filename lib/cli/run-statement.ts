import type { Database } from '../database/database.ts'
import { ScriptlogError } from '../errors.ts'

/** Runs one statement; the rows that it may return are not wanted. */
export function runForEffect(db: Database, sql: string): void {
  const statement = db.prepare(sql)
  if (!statement.reader) {
    statement.run()
    return
  }
  const rows = statement.raw().iterate()
  while (rows.next().done !== true);
}

/** Errors of a statement that stands in a log or script. */
const FAULTS_OF_RECORDS = ['SCRIPTLOG_CANNOT_REDO', 'SCRIPTLOG_REFUSED_STATEMENT']

/** True when a statement failed by its own fault; false when the database cannot go on. */
export function isStatementFault(db: Database, error: unknown): boolean {
  if (!db.open) return false
  if (!(error instanceof ScriptlogError)) return true
  return error.reason === 'sql' || error.reason === 'usage' || FAULTS_OF_RECORDS.includes(error.code)
}
