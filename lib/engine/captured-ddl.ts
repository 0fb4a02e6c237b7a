// DDL becomes text, in its place among the other changes. What a CREATE or ALTER makes may turn out to be nothing that
// can be kept: it runs in a savepoint of ours, and is undone then.

import type { Database } from 'better-sqlite3'
import { leadingKeywords } from '../format/sql-scanner.ts'
import type { CapturedSchema } from './captured-schema.ts'
import { ddlText } from './ddl-text.ts'
import type { PendingChanges } from './pending-changes.ts'
import { changedTables, type Schema } from './schema.ts'
import type { SchemaTrust } from './schema-trust.ts'
import { hasUserTables } from './user-tables.ts'
import type { Watching } from './watching.ts'

const SAVEPOINT = '"scriptlog:ddl"'

export interface DdlParts {
  readonly sqlite: Database
  readonly schema: CapturedSchema
  readonly changes: PendingChanges
  readonly trust: SchemaTrust
  readonly watching: Watching
}

export class CapturedDdl {
  readonly #sqlite: Database
  readonly #schema: CapturedSchema
  readonly #changes: PendingChanges
  readonly #trust: SchemaTrust
  readonly #watching: Watching
  /** The DDL under way runs in a savepoint. */
  #hasSavepoint = false

  constructor({ sqlite, schema, changes, trust, watching }: DdlParts) {
    this.#sqlite = sqlite
    this.#schema = schema
    this.#changes = changes
    this.#trust = trust
    this.#watching = watching
  }

  begin(sql: string, lastVersion: number): void {
    const [verb, modifier = ''] = leadingKeywords(sql, 2)
    if (verb === 'ALTER') this.#watching.beforeAlter()
    // DROP makes nothing. When a savepoint begins, modules write what they held back: under the names that their tables
    // have before the DDL.
    this.#hasSavepoint = verb !== 'DROP'
    if (this.#hasSavepoint) this.#sqlite.exec(`SAVEPOINT ${SAVEPOINT}`)
    try {
      this.#changes.beginText(lastVersion, verb === 'ALTER')
    } catch (error) {
      if (this.#hasSavepoint) this.#sqlite.exec(`ROLLBACK TO ${SAVEPOINT}; RELEASE ${SAVEPOINT}`)
      throw error
    }
    // What no redo will repeat may run what only the application can run.
    const isRepeated = !modifier.startsWith('TEMP') && !(verb === 'ALTER' && hasUserTables(this.#schema.main))
    if (this.#hasSavepoint && isRepeated) this.#trust.withdraw()
    // Foreign key actions within DROP TABLE run triggers.
    if (verb === 'DROP' && this.#schema.mayReplace) this.#watching.beginReplacing()
  }

  /**
   * True when no record can repeat it: it needs a checkpoint.
   * @throws {ScriptlogError} when it made something that cannot be kept; it is undone then.
   */
  end(sql: string, outcome: 'done' | 'failed'): boolean {
    this.#trust.restore()
    if (outcome === 'failed') {
      this.#undo()
      return false
    }
    const before = this.#schema.main
    let text: string
    try {
      text = this.#followSchema(sql, before)
    } catch (error) {
      this.#undo()
      throw error
    }
    if (this.#hasSavepoint) this.#sqlite.exec(`RELEASE ${SAVEPOINT}`)
    this.#changes.endText(text, 0, changedTables(before, this.#schema.main))
    // Redo may have to repeat it without the modules that the application registers, and views may name their tables.
    return text.startsWith('ALTER') && hasUserTables(before)
  }

  /** What the DDL did to the main schema, as text. */
  #followSchema(sql: string, before: Schema): string {
    // What creates something in main that is no trigger (those follow their tables) leaves other schemas alone.
    this.#watching.refresh(/^\s*CREATE\b/i.test(sql) && !/\btrigger\b|\btemp|\./i.test(sql))
    const text = ddlText(sql, before, this.#schema.main)
    if (text.startsWith('CREATE VIRTUAL')) return text + this.#schema.contentOfNew(before)
    // CREATE TABLE … AS SELECT fires no triggers.
    for (const table of this.#schema.tables) {
      const { name, key } = table.shape
      if (!text.startsWith('CREATE TABLE') || before.has(`table ${name}`) || key.kind !== 'rowid') continue
      for (const rowid of table.rowidsBetween(1, Number.MAX_SAFE_INTEGER)) {
        this.#changes.touch(table.number, 'inserted', rowid)
      }
    }
    return text
  }

  #undo(): void {
    this.#changes.undoText()
    // An error may have rolled back the whole transaction.
    if (this.#hasSavepoint && this.#sqlite.inTransaction) {
      this.#sqlite.exec(`ROLLBACK TO ${SAVEPOINT}; RELEASE ${SAVEPOINT}`)
    }
    this.#watching.refresh()
  }
}
