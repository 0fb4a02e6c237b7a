import type { Database } from 'better-sqlite3'
import { installTriggers, isCaptureObject, touchTriggers } from './capture-triggers.ts'
import { CapturedTables } from './captured-tables.ts'
import { isLateTrigger, refuseHidingTriggers } from './refusals.ts'
import { createVersionTable, dropVersionTables, hasVersions, versionTriggers } from './row-versions.ts'
import { readSchema, type Schema } from './schema.ts'
import { asksFor } from './statement-kind.ts'

/** The schema as capture last saw it, and the TEMP objects that belong to it. */
export class CapturedSchema {
  readonly tables: CapturedTables
  readonly #sqlite: Database
  #main: Schema = new Map()
  #hasUserTriggers = false
  #hasLateTriggers = false
  #mayReplace = false
  #mayFail = false

  constructor(sqlite: Database) {
    this.#sqlite = sqlite
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
    return this.#hasLateTriggers
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
   * Reads the schema anew and makes the TEMP triggers what it needs.
   * @throws {ScriptlogError} when a table cannot be captured or a TEMP trigger could prevent it; everything is as before
   * then.
   */
  refresh(needsVersions: boolean): void {
    const main = readSchema(this.#sqlite, 'main')
    const users = [...readSchema(this.#sqlite, 'temp').values()].filter((object) => !isCaptureObject(object))
    refuseHidingTriggers(users, main.values())
    this.tables.refresh(main)
    this.#main = main
    const objects = [...main.values(), ...users]
    // Triggers in an attached database are not looked at: that any are there is assumed.
    this.#hasLateTriggers = users.some(isLateTrigger)
    this.#hasUserTriggers = objects.some(({ type }) => type === 'trigger') || this.#hasAttached()
    this.#mayReplace = objects.some(({ sql }) => sql !== null && asksFor('REPLACE', sql))
    this.#mayFail = objects.some(({ sql }) => sql !== null && asksFor('FAIL', sql))
    this.installTriggers(needsVersions)
  }

  installTriggers(needsVersions: boolean): void {
    const versioned = needsVersions ? [...this.tables].filter(hasVersions) : []
    for (const table of versioned) createVersionTable(this.#sqlite, table)
    const touch = [...this.tables].flatMap(touchTriggers)
    installTriggers(this.#sqlite, [...touch, ...versioned.flatMap(versionTriggers)])
  }

  removeTriggers(): void {
    installTriggers(this.#sqlite, [])
  }

  dropVersions(): void {
    this.installTriggers(false)
    dropVersionTables(this.#sqlite)
  }

  #hasAttached(): boolean {
    const names = this.#sqlite.prepare<[], string>('SELECT name FROM pragma_database_list').pluck().all()
    return names.some((name) => name !== 'main' && name !== 'temp')
  }
}
