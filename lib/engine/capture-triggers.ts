import type { Database } from 'better-sqlite3'
import { quoteName } from '../format/sql-literal.ts'
import type { CapturedTable } from './captured-table.ts'
import type { RowEvent } from './rowid-changes.ts'
import type { Schema, SchemaObject } from './schema.ts'

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
export function touchTriggers(table: CapturedTable): readonly CaptureTrigger[] {
  const known = triggersOf.get(table)
  if (known !== undefined) return known
  const triggers = makeTouchTriggers(table)
  triggersOf.set(table, triggers)
  return triggers
}

const triggersOf = new WeakMap<CapturedTable, readonly CaptureTrigger[]>()

function makeTouchTriggers(table: CapturedTable): CaptureTrigger[] {
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

/** The TEMP triggers of capture as they are in the TEMP schema. */
export class InstalledTriggers {
  readonly #sqlite: Database
  /** Texts by name. */
  #there = new Map<string, string>()

  constructor(sqlite: Database) {
    this.#sqlite = sqlite
  }

  /** Takes over what the TEMP schema holds: a rollback may have brought triggers back, ALTER rewritten them. */
  read(temp: Schema): void {
    const triggers = [...temp.values()].filter(
      (object) => object.type === 'trigger' && isCaptureObject(object),
    )
    // SQLite keeps the text of a TEMP trigger without the word TEMP.
    this.#there = new Map(
      triggers.map(({ name, sql }) => [name, (sql ?? '').replace(/^CREATE TRIGGER /, '')]),
    )
  }

  /** Makes them exactly the given ones. */
  set(triggers: readonly CaptureTrigger[]): void {
    const wanted = new Map(triggers.map(({ name, text }) => [name, text]))
    for (const [name, text] of this.#there) {
      if (wanted.get(name) === text) continue
      // DROP TABLE has dropped those of its table.
      this.#sqlite.exec(`DROP TRIGGER IF EXISTS temp.${quoteName(name)}`)
      this.#there.delete(name)
    }
    for (const [name, text] of wanted) {
      if (this.#there.has(name)) continue
      this.#sqlite.exec(`CREATE TEMP TRIGGER ${text}`)
      this.#there.set(name, text)
    }
  }
}
