// Redo: applies each effect of a record exactly once.
//
// A record holds what triggers and foreign key actions did, so neither may do it again: foreign keys are off, and
// the user's triggers are held back, that is, dropped. DDL must see them (ALTER rewrites their texts, DROP TABLE
// drops them), so for DDL they are created in their old order, and their texts are read back and dropped again.

import type { Database } from 'better-sqlite3'
import { messageOf, ScriptlogError } from '../errors.ts'
import { type OwnKind, type OwnStatement, ownStatements } from '../format/own-statements.ts'
import { quoteName } from '../format/sql-literal.ts'
import { terminated } from '../format/sql-scanner.ts'
import { MissingFunctions } from './missing-functions.ts'
import { ModuleTables } from './module-tables.ts'
import { readSchema, type SchemaObject } from './schema.ts'
import { unsafeModeOf } from './unsafe-mode.ts'
import { defineUserTable, dropUserTable } from './user-tables.ts'

/** What looks at triggers, or is one. */
const NEEDS_TRIGGERS: ReadonlySet<OwnKind> = new Set<OwnKind>(['alter', 'drop', 'create-trigger'])
const REFUSED: ReadonlySet<OwnKind> = new Set<OwnKind>(['begin', 'commit'])
const EXCERPT_LENGTH = 60

/** Applies the statements of records; transactions and PRAGMAs are the caller's business. */
export class EffectApplier {
  readonly #sqlite: Database
  readonly #functions: MissingFunctions
  readonly #moduleTables: ModuleTables
  #heldBack: readonly SchemaObject[] = []

  constructor(sqlite: Database) {
    this.#sqlite = sqlite
    this.#functions = new MissingFunctions(sqlite)
    this.#moduleTables = new ModuleTables(sqlite)
  }

  /** The user's triggers, while they are dropped. */
  get heldBack(): readonly SchemaObject[] {
    return this.#heldBack
  }

  /** The schema is what it was before something was rolled back, when these were held back. */
  undone(heldBack: readonly SchemaObject[]): void {
    this.#heldBack = heldBack
    this.#moduleTables.forget()
  }

  /**
   * Applies the statements of one record. `onMiss` is told of each UPDATE that finds no row.
   * @throws {ScriptlogError} for a statement that scriptlog does not write, or that fails; those before it are done.
   */
  apply(body: string | Uint8Array, onMiss?: (statement: OwnStatement) => void): void {
    for (const statement of ownStatements(body)) {
      this.#apply(statement)
      if (onMiss !== undefined && this.#wasMiss(statement)) onMiss(statement)
    }
  }

  #wasMiss({ kind, text }: OwnStatement): boolean {
    if (!(kind === 'rows' || kind === 'change') || !text.startsWith('UPDATE ')) return false
    return this.#sqlite.prepare('SELECT changes()').pluck().safeIntegers(false).get() === 0
  }

  holdTriggersBack(): void {
    this.#heldBack = [...readSchema(this.#sqlite, 'main').values()].filter(({ type }) => type === 'trigger')
    for (const { name } of this.#heldBack) this.#sqlite.exec(`DROP TRIGGER main.${quoteName(name)}`)
  }

  releaseTriggers(): void {
    for (const { sql } of this.#heldBack) {
      if (sql !== null) this.#sqlite.prepare(terminated(sql)).run()
    }
    this.#heldBack = []
  }

  #apply(statement: OwnStatement): void {
    const { kind, text } = statement
    if (REFUSED.has(kind)) throw failure(statement, 'a record is one transaction')
    const needsTriggers = NEEDS_TRIGGERS.has(kind)
    this.#moduleTables.assertUntouched(statement)
    try {
      if (needsTriggers) this.releaseTriggers()
      // Of the user's text SQLite sees to it that it is a single statement.
      if (kind === 'rows') this.#functions.run(text)
      else if (kind === 'system-rows') this.#sqlite.exec(text)
      else if (kind === 'create-user-table') defineUserTable(this.#sqlite, text)
      else if (needsTriggers) this.#changeSchema(statement)
      else this.#sqlite.prepare(text).run()
      if (needsTriggers) this.holdTriggersBack()
    } catch (cause) {
      throw failure(statement, messageOf(cause), cause)
    }
  }

  /** What drops, renames or watches a table: in unsafe mode it could be one that a module relies on. */
  #changeSchema({ kind, text }: OwnStatement): void {
    if (kind === 'drop' && dropUserTable(this.#sqlite, text)) return
    unsafeModeOf(this.#sqlite).suspend(() => this.#sqlite.prepare(text).run())
  }
}

function failure({ text, offset }: OwnStatement, what: string, cause?: unknown): ScriptlogError {
  const excerpt = JSON.stringify(text.slice(0, EXCERPT_LENGTH))
  return new ScriptlogError('SCRIPTLOG_CANNOT_REDO', `a statement of a record failed: ${what}: ${excerpt}`, {
    reason: 'recovery',
    severity: 'unrecoverable',
    offset,
    cause,
  })
}
