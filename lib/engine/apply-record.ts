// Redo: applies each effect of a record exactly once.
//
// A record holds what triggers and foreign key actions did, so neither may do it again: foreign keys are off, and
// the user's triggers are held back, that is, dropped. DDL must see them (ALTER rewrites their texts, DROP TABLE
// drops them), so for DDL they are created in their old order, and their texts are read back and dropped again.

import type { Database } from 'better-sqlite3'
import { invariant, messageOf, ScriptlogError } from '../errors.ts'
import { type OwnKind, type OwnStatement, ownStatements } from '../format/own-statements.ts'
import { quoteName } from '../format/sql-literal.ts'
import { terminated } from '../format/sql-scanner.ts'
import { MissingFunctions } from './missing-functions.ts'
import { ModuleTables } from './module-tables.ts'
import { reconnectModules } from './reconnect-modules.ts'
import { readSchema, type SchemaObject } from './schema.ts'
import { unsafeModeOf } from './unsafe-mode.ts'
import { defineUserTable, dropUserTable } from './user-tables.ts'
import { LOADING, type Pragmas } from './with-pragmas.ts'

/** What looks at triggers, or is one. */
const NEEDS_TRIGGERS: ReadonlySet<OwnKind> = new Set<OwnKind>(['alter', 'drop', 'create-trigger'])
const REFUSED: ReadonlySet<OwnKind> = new Set<OwnKind>(['begin', 'commit'])
const EXCERPT_LENGTH = 60

/** Applies records to a connection that nobody else uses meanwhile. */
export class RecordApplier {
  readonly #sqlite: Database
  readonly #pragmas: Pragmas
  readonly #functions: MissingFunctions
  readonly #moduleTables: ModuleTables
  readonly #pragmasBefore = new Map<string, unknown>()
  #heldBack: readonly SchemaObject[] = []

  constructor(sqlite: Database, pragmas: Pragmas = LOADING) {
    this.#sqlite = sqlite
    this.#pragmas = pragmas
    this.#functions = new MissingFunctions(sqlite)
    this.#moduleTables = new ModuleTables(sqlite)
  }

  /** Prepares the connection. Followed by {@link end}, whatever happens between. */
  begin(): void {
    invariant(!this.#sqlite.inTransaction, 'redo begins between transactions')
    for (const [name, value] of Object.entries(this.#pragmas)) {
      this.#pragmasBefore.set(name, this.#sqlite.pragma(name, { simple: true }))
      this.#sqlite.pragma(`${name}=${value}`)
    }
    // Shadow tables are written, which is for their modules alone otherwise.
    unsafeModeOf(this.#sqlite).raise()
    this.#holdTriggersBack()
  }

  /**
   * Applies the statements of one record, whole or not at all.
   * @throws {ScriptlogError} for a statement that scriptlog does not write, or that fails.
   */
  apply(body: string | Uint8Array): void {
    const heldBack = this.#heldBack
    this.#sqlite.exec('BEGIN')
    try {
      for (const statement of ownStatements(body)) this.#apply(statement)
      this.#sqlite.exec('COMMIT')
    } catch (error) {
      if (this.#sqlite.inTransaction) this.#sqlite.exec('ROLLBACK')
      // The schema is as it was before the record: without these, wherever among its statements it failed.
      this.#heldBack = heldBack
      this.#moduleTables.forget()
      throw error
    }
  }

  /** Gives the connection its triggers and settings back. */
  end(): void {
    unsafeModeOf(this.#sqlite).lower()
    this.#releaseTriggers()
    reconnectModules(this.#sqlite)
    for (const [name, value] of this.#pragmasBefore) this.#sqlite.pragma(`${name}=${value}`)
    this.#pragmasBefore.clear()
  }

  #apply(statement: OwnStatement): void {
    const { kind, text } = statement
    if (REFUSED.has(kind)) throw failure(statement, 'a record is one transaction')
    const needsTriggers = NEEDS_TRIGGERS.has(kind)
    this.#moduleTables.assertUntouched(statement)
    try {
      if (needsTriggers) this.#releaseTriggers()
      // Of the user's text SQLite sees to it that it is a single statement.
      if (kind === 'rows') this.#functions.run(text)
      else if (kind === 'system-rows') this.#sqlite.exec(text)
      else if (kind === 'create-user-table') defineUserTable(this.#sqlite, text)
      else if (needsTriggers) this.#changeSchema(statement)
      else this.#sqlite.prepare(text).run()
      if (needsTriggers) this.#holdTriggersBack()
    } catch (cause) {
      throw failure(statement, messageOf(cause), cause)
    }
  }

  /** What drops, renames or watches a table: in unsafe mode it could be one that a module relies on. */
  #changeSchema({ kind, text }: OwnStatement): void {
    if (kind === 'drop' && dropUserTable(this.#sqlite, text)) return
    unsafeModeOf(this.#sqlite).suspend(() => this.#sqlite.prepare(text).run())
  }

  #holdTriggersBack(): void {
    this.#heldBack = [...readSchema(this.#sqlite, 'main').values()].filter(({ type }) => type === 'trigger')
    for (const { name } of this.#heldBack) this.#sqlite.exec(`DROP TRIGGER main.${quoteName(name)}`)
  }

  #releaseTriggers(): void {
    for (const { sql } of this.#heldBack) {
      if (sql !== null) this.#sqlite.prepare(terminated(sql)).run()
    }
    this.#heldBack = []
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
