import type { Database } from 'better-sqlite3'
import { InstalledTriggers, isCaptureObject, touchTriggers } from './capture-triggers.ts'
import { CapturedTables } from './captured-tables.ts'
import { isLateTrigger, refuseHidingTriggers } from './refusals.ts'
import { createVersionTable, dropVersionTables, hasVersions, versionTriggers } from './row-versions.ts'
import { readSchema, type Schema, type SchemaObject } from './schema.ts'
import { asksFor } from './statement-kind.ts'

/** The schema as capture last saw it, and the TEMP objects that belong to it. */
export class CapturedSchema {
  readonly tables: CapturedTables
  readonly #sqlite: Database
  readonly #triggers: InstalledTriggers
  #main: Schema = new Map()
  /** The user's objects in the TEMP schema and in attached databases. */
  #others: readonly SchemaObject[] = []
  #lateTriggers: readonly SchemaObject[] = []
  #hasUserTriggers = false
  #mayReplace = false
  #mayFail = false

  constructor(sqlite: Database) {
    this.#sqlite = sqlite
    this.#triggers = new InstalledTriggers(sqlite)
    this.tables = new CapturedTables(sqlite)
  }

  get main(): Schema {
    return this.#main
  }

  /** There are triggers beside those of capture. */
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

  /**
   * Reads the schema anew and makes the TEMP triggers what it needs. `isTempKnown`: nothing has changed in
   * the TEMP schema and in attached databases but by capture itself.
   * @throws {ScriptlogError} when a table cannot be captured or a TEMP trigger could prevent it; everything is as
   * before then.
   */
  refresh(needsVersions: boolean, isTempKnown: boolean): void {
    const main = readSchema(this.#sqlite, 'main')
    const temp = isTempKnown ? undefined : readSchema(this.#sqlite, 'temp')
    const others = temp === undefined ? this.#others : [...this.#attachedObjects(), ...usersOwn(temp)]
    const lateTriggers = temp === undefined ? this.#lateTriggers : usersOwn(temp).filter(isLateTrigger)
    const objects = [...main.values(), ...others]
    refuseHidingTriggers(lateTriggers, objects)
    this.tables.refresh(main)
    this.#main = main
    this.#others = others
    this.#lateTriggers = lateTriggers
    if (temp !== undefined) this.#triggers.read(temp)
    this.#hasUserTriggers = objects.some(({ type }) => type === 'trigger')
    this.#mayReplace = objects.some(({ sql }) => sql !== null && asksFor('REPLACE', sql))
    this.#mayFail = objects.some(({ sql }) => sql !== null && asksFor('FAIL', sql))
    this.installTriggers(needsVersions)
  }

  installTriggers(needsVersions: boolean): void {
    const versioned = needsVersions ? [...this.tables].filter(hasVersions) : []
    for (const table of versioned) createVersionTable(this.#sqlite, table)
    const touch = [...this.tables].flatMap(touchTriggers)
    this.#triggers.set([...touch, ...versioned.flatMap(versionTriggers)])
  }

  removeTriggers(): void {
    this.#triggers.set([])
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
