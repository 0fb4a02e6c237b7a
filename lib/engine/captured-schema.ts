import type { Database, Statement } from 'better-sqlite3'
import { invariant } from '../errors.ts'
import { lowerCase } from '../format/lexis.ts'
import { type CaptureTrigger, InstalledTriggers, isCaptureObject, touchTriggers } from './capture-triggers.ts'
import { CapturedTables } from './captured-tables.ts'
import { asOwnWork } from './own-work.ts'
import { RecordText } from './record-text.ts'
import { isLateTrigger, refuseHidingTriggers } from './refusals.ts'
import { createVersionTable, dropVersionTables, hasVersions, versionTriggers } from './row-versions.ts'
import { missingFrom, readSchema, type Schema, type SchemaObject } from './schema.ts'
import { ShadowChanges } from './shadow-changes.ts'
import { CREATE_REPORTS, REPORTS, shadowTriggers } from './shadow-triggers.ts'
import { asksFor } from './statement-kind.ts'
import { unsafeModeOf } from './unsafe-mode.ts'

/** The schema as capture last saw it, and the TEMP objects that belong to it. */
export class CapturedSchema {
  readonly tables: CapturedTables
  readonly shadows: ShadowChanges
  readonly #sqlite: Database
  readonly #triggers: InstalledTriggers
  #reader: Statement | undefined
  #main: Schema = new Map()
  /** The user's objects in the TEMP schema and in attached databases. */
  #others: readonly SchemaObject[] = []
  #lateTriggers: readonly SchemaObject[] = []
  #hasUserTriggers = false
  /** Tables with triggers of the user's, and names that TEMP tables and views take, in lower case. */
  #touchedByOthers: ReadonlySet<string> = new Set()
  #isWatched = false
  #version = 0
  #mayReplace = false
  #mayFail = false

  constructor(sqlite: Database) {
    this.#sqlite = sqlite
    this.#triggers = new InstalledTriggers(sqlite)
    this.tables = new CapturedTables(sqlite)
    this.shadows = new ShadowChanges(sqlite)
  }

  /** Grows with every change of the schema. */
  get version(): number {
    return this.#version
  }

  /** The triggers of capture are there: any statement may be run. */
  get isWatched(): boolean {
    return this.#isWatched
  }

  get main(): Schema {
    return this.#main
  }

  /**
   * There are triggers beside those of capture, or virtual tables: `recursive_triggers` would be noticed. For what it
   * does to virtual tables see {@link refuseRecursion}.
   */
  get hasUserTriggers(): boolean {
    return this.#hasUserTriggers
  }

  /** There are TEMP triggers of the user's that run after a row was written. */
  get hasLateTriggers(): boolean {
    return this.#lateTriggers.length > 0
  }

  /** Some constraint or trigger resolves conflicts by REPLACE. */
  get mayReplace(): boolean {
    return this.#mayReplace
  }

  /** Some constraint or trigger resolves conflicts by FAIL. */
  get mayFail(): boolean {
    return this.#mayFail
  }

  get hasSequences(): boolean {
    return this.#main.has('table sqlite_sequence')
  }

  /** True when a trigger of the user's is on a table, or something in the TEMP schema hides it; `table` in lower case. */
  isTouchedByOthers(table: string): boolean {
    return this.#touchedByOthers.has(table)
  }

  /** Makes the triggers that report the rows which any statement touches. */
  watch(needsVersions: boolean): void {
    this.#isWatched = true
    try {
      this.installTriggers(needsVersions)
    } catch (error) {
      // A function of the user's may have asked for it, in the middle of a query. Nobody may think they are there.
      this.#isWatched = false
      throw error
    }
  }

  /** From now on only proven statements are run. */
  unwatch(): void {
    this.#isWatched = false
    this.#setTriggers([])
  }

  /**
   * Reads the schema anew and makes the TEMP triggers what it needs. `isTempKnown`: nothing has changed in
   * the TEMP schema and in attached databases but by capture itself.
   * @throws {ScriptlogError} when a table cannot be captured or a TEMP trigger could prevent it; everything is as
   * before then.
   */
  refresh(needsVersions: boolean, isTempKnown: boolean): void {
    this.keepTriggersAlive()
    const main = readSchema(this.#sqlite, 'main')
    const temp = isTempKnown ? undefined : readSchema(this.#sqlite, 'temp')
    const others = temp === undefined ? this.#others : [...this.#attachedObjects(), ...usersOwn(temp)]
    const lateTriggers = temp === undefined ? this.#lateTriggers : usersOwn(temp).filter(isLateTrigger)
    const objects = [...main.values(), ...others]
    refuseHidingTriggers(lateTriggers, objects)
    this.tables.refresh(main)
    this.shadows.refresh(main, this.tables)
    // Modules may write to their tables in a SELECT.
    this.#isWatched ||= this.shadows.areThere
    if (this.shadows.areThere) this.#sqlite.exec(CREATE_REPORTS)
    this.#main = main
    this.#others = others
    this.#lateTriggers = lateTriggers
    if (temp !== undefined) this.#triggers.read(temp)
    this.#version++
    const triggered = objects.filter(({ type }) => type === 'trigger').map(({ tableName }) => tableName)
    const hiding = others.filter(({ type }) => type === 'table' || type === 'view').map(({ name }) => name)
    this.#touchedByOthers = new Set([...triggered, ...hiding].map(lowerCase))
    this.#hasUserTriggers = this.shadows.areThere || objects.some(({ type }) => type === 'trigger')
    this.#mayReplace = objects.some(({ sql }) => sql !== null && asksFor('REPLACE', sql))
    this.#mayFail = objects.some(({ sql }) => sql !== null && asksFor('FAIL', sql))
    this.installTriggers(needsVersions)
  }

  installTriggers(needsVersions: boolean): void {
    if (!this.#isWatched) {
      this.#setTriggers([])
      return
    }
    const ordinary = [...this.tables].filter((table) => !this.shadows.has(table))
    const versioned = needsVersions ? ordinary.filter(hasVersions) : []
    asOwnWork(this.#sqlite, () => {
      for (const table of versioned) createVersionTable(this.#sqlite, table)
    })
    const touch = ordinary.flatMap(touchTriggers)
    const shadow = [...this.shadows].flatMap(({ table, role }) => shadowTriggers(table, role))
    const wanted = [...touch, ...shadow, ...versioned.flatMap(versionTriggers)]
    this.#setTriggers(wanted)
  }

  #setTriggers(wanted: readonly CaptureTrigger[]): void {
    asOwnWork(this.#sqlite, () => this.#triggers.set(wanted))
  }

  /** What new virtual tables hold from the beginning, as statements that follow their CREATE. */
  contentOfNew(before: Schema): string {
    const record = new RecordText()
    const created = missingFrom(before, this.#main).map(({ name }) => name)
    this.shadows.contentOf(new Set(created), record)
    const text = record.sql()
    invariant(text !== undefined, 'an empty table is small')
    return text
  }

  /** Frees the memory of what was reported of shadow tables, between transactions. */
  dropReports(): void {
    this.#sqlite.exec(`DROP TABLE ${REPORTS}; ${CREATE_REPORTS}`)
    this.shadows.forgetReports()
  }

  /**
   * Called after whatever may have made SQLite forget the schema. It reads it anew with the next statement, and leaves
   * out triggers on shadow tables without a word unless it may write those.
   */
  keepTriggersAlive(): void {
    // It costs: SQLite compiles all statements anew.
    if (!this.shadows.mayBeThere) return
    this.#reader ??= this.#sqlite.prepare('SELECT 1 FROM temp.sqlite_schema')
    const reader = this.#reader
    unsafeModeOf(this.#sqlite).lift(() => reader.get())
  }

  dropVersions(): void {
    this.installTriggers(false)
    dropVersionTables(this.#sqlite)
  }

  #attachedObjects(): SchemaObject[] {
    const schemas = this.#sqlite.prepare<[], string>('SELECT name FROM pragma_database_list').pluck().all()
    return schemas
      .filter((schema) => schema !== 'main' && schema !== 'temp')
      .flatMap((schema) => [...readSchema(this.#sqlite, schema).values()])
  }
}

function usersOwn(temp: Schema): SchemaObject[] {
  return [...temp.values()].filter((object) => !isCaptureObject(object))
}
