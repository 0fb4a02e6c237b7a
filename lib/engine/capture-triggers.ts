import type { Database } from 'better-sqlite3'
import { quoteName } from '../format/sql-literal.ts'
import type { CapturedTable } from './captured-table.ts'
import type { RowEvent } from './rowid-changes.ts'
import { readSchema, type SchemaObject } from './schema.ts'

/** What the triggers call: `scriptlog_touch(table number, event, key)`. */
export const TOUCH_FUNCTION = 'scriptlog_touch'
/** The second argument of the function is a position in this list. */
export const ROW_EVENTS = ['inserted', 'existing', 'moved-here'] as const satisfies readonly RowEvent[]

/** Begins the names of all TEMP objects that capture makes. */
export const CAPTURE_PREFIX = 'scriptlog:'

export function isCaptureObject({ name }: SchemaObject): boolean {
  return name.startsWith(CAPTURE_PREFIX)
}

/** Integers that a JS number holds exactly; others reach JS as text. */
const SAFE = `BETWEEN ${Number.MIN_SAFE_INTEGER} AND ${Number.MAX_SAFE_INTEGER}`

/** A TEMP trigger of capture. */
export interface CaptureTrigger {
  readonly name: string
  /** The text from the name on. */
  readonly text: string
}

/**
 * The triggers that report which rows of a table are touched. A row is reported as existing before it goes: when
 * the first report says that it was inserted, then it did not exist before, whatever other triggers and foreign key
 * actions do meanwhile. TEMP triggers run before those of the main schema, among themselves in an order that nobody
 * controls (that of a hash table): see {@link refuseHidingTriggers}.
 */
export function touchTriggers(table: CapturedTable): CaptureTrigger[] {
  const { shape, sqlName } = table
  const keySql = (row: 'OLD' | 'NEW') => {
    if (shape.key.kind === 'primary-key') return table.text.keySql(row)
    const rowid = `${row}.${table.rowidSql}`
    return `CASE WHEN ${rowid} ${SAFE} THEN ${rowid} ELSE CAST(${rowid} AS TEXT) END`
  }
  const touch = (event: RowEvent, row: 'OLD' | 'NEW') =>
    `BEGIN SELECT ${TOUCH_FUNCTION}(${table.number},${ROW_EVENTS.indexOf(event)},${keySql(row)}); END`
  // SQLite compares the names that an UPDATE uses, and a rowid has up to four.
  const keyColumns =
    shape.key.kind === 'primary-key' ? shape.key.columns.map(quoteName) : [table.rowidSql, ...ROWID_NAMES]
  const moved =
    shape.key.kind === 'primary-key'
      ? `${keySql('OLD')}<>${keySql('NEW')}`
      : `OLD.${table.rowidSql}<>NEW.${table.rowidSql}`
  return [
    trigger(table, 'insert', `AFTER INSERT ON ${sqlName} ${touch('inserted', 'NEW')}`),
    trigger(table, 'update', `BEFORE UPDATE ON ${sqlName} ${touch('existing', 'OLD')}`),
    trigger(table, 'delete', `BEFORE DELETE ON ${sqlName} ${touch('existing', 'OLD')}`),
    trigger(
      table,
      'move',
      `AFTER UPDATE OF ${keyColumns} ON ${sqlName} WHEN ${moved} ${touch('moved-here', 'NEW')}`,
    ),
  ]
}

const ROWID_NAMES = ['rowid', '_rowid_', 'oid']

export function trigger({ number }: CapturedTable, what: string, rest: string): CaptureTrigger {
  const name = `${CAPTURE_PREFIX}${number}:${what}`
  return { name, text: `${quoteName(name)} ${rest}` }
}

/**
 * Makes the TEMP triggers of capture exactly the given ones, whatever they were before: after the start, after DDL
 * and after a rollback, which brings back TEMP triggers too.
 */
export function installTriggers(sqlite: Database, triggers: Iterable<CaptureTrigger>): void {
  const wanted = new Map([...triggers].map((one) => [one.name, one.text]))
  for (const object of readSchema(sqlite, 'temp').values()) {
    if (object.type !== 'trigger' || !isCaptureObject(object)) continue
    // SQLite keeps the text of a TEMP trigger without the word TEMP.
    if (object.sql === `CREATE TRIGGER ${wanted.get(object.name)}`) wanted.delete(object.name)
    else sqlite.exec(`DROP TRIGGER temp.${quoteName(object.name)}`)
  }
  for (const text of wanted.values()) sqlite.exec(`CREATE TEMP TRIGGER ${text}`)
}
