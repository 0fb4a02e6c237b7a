import type { Database } from 'better-sqlite3'
import { invariant } from '../errors.ts'
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
const CREATE_TRIGGER = 'CREATE TRIGGER '

/** A TEMP trigger of capture. */
export interface CaptureTrigger {
  readonly name: string
  /** The table in its schema, as `sqlite_schema` has it. */
  readonly tableName: string
  /** The text from the name on. */
  readonly text: string
}

/**
 * The triggers that report which rows of a table are touched.
 *
 * A row is reported as existing before it goes, and as inserted as soon as it is there: whatever other triggers
 * and foreign key actions do meanwhile, the first report about a row tells whether it existed before. AFTER
 * triggers run oldest first, and one that is older could end the statement's triggers with RAISE(IGNORE): these must
 * be older than the user's TEMP triggers (those of the main schema always run later).
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

export function trigger({ number, shape }: CapturedTable, what: string, rest: string): CaptureTrigger {
  const name = `${CAPTURE_PREFIX}${number}:${what}`
  return { name, tableName: shape.name, text: `${quoteName(name)} ${rest}` }
}

/**
 * Makes the TEMP triggers of capture exactly the given ones, whatever they were before: after the start, after DDL
 * and after a rollback, which brings back TEMP triggers too.
 */
export function installTriggers(sqlite: Database, triggers: Iterable<CaptureTrigger>): void {
  const wanted = new Map([...triggers].map((one) => [one.name, one]))
  const users: SchemaObject[] = []
  for (const object of readSchema(sqlite, 'temp').values()) {
    if (object.type !== 'trigger') continue
    if (!isCaptureObject(object)) users.push(object)
    else if (textOf(object) === wanted.get(object.name)?.text) wanted.delete(object.name)
    else sqlite.exec(`DROP TRIGGER temp.${quoteName(object.name)}`)
  }
  const renewed = new Set<string>()
  for (const { text, tableName } of wanted.values()) {
    sqlite.exec(`CREATE TEMP TRIGGER ${text}`)
    renewed.add(tableName.toLowerCase())
  }
  for (const object of users) {
    if (!renewed.has(object.tableName.toLowerCase())) continue
    sqlite.exec(`DROP TRIGGER temp.${quoteName(object.name)}; CREATE TEMP TRIGGER ${textOf(object)}`)
  }
}

/** SQLite keeps the text of a TEMP trigger without the word TEMP. */
function textOf({ sql, name }: SchemaObject): string {
  const text = sql ?? ''
  invariant(text.startsWith(CREATE_TRIGGER), `the text of trigger ${name} is known`)
  return text.slice(CREATE_TRIGGER.length)
}
