// Redo, record by record: each is applied whole or not at all, in a transaction of its own.

import type { Database } from 'better-sqlite3'
import { invariant } from '../errors.ts'
import type { OwnStatement } from '../format/own-statements.ts'
import { EffectApplier } from './apply-effects.ts'
import { reconnectModules } from './reconnect-modules.ts'
import { unsafeModeOf } from './unsafe-mode.ts'
import { LOADING, type Pragmas } from './with-pragmas.ts'

/** Applies records to a connection that nobody else uses meanwhile. */
export class RecordApplier {
  readonly #sqlite: Database
  readonly #pragmas: Pragmas
  readonly #effects: EffectApplier
  readonly #pragmasBefore = new Map<string, unknown>()

  constructor(sqlite: Database, pragmas: Pragmas = LOADING) {
    this.#sqlite = sqlite
    this.#pragmas = pragmas
    this.#effects = new EffectApplier(sqlite)
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
    this.#effects.holdTriggersBack()
  }

  /**
   * Applies the statements of one record, whole or not at all. `onMiss` is told of each UPDATE that finds no row, as none
   * does unless rows are missing.
   * @throws {ScriptlogError} for a statement that scriptlog does not write, or that fails.
   */
  apply(body: string | Uint8Array, onMiss?: (statement: OwnStatement) => void): void {
    const heldBack = this.#effects.heldBack
    this.#sqlite.exec('BEGIN')
    try {
      this.#effects.apply(body, onMiss)
      this.#sqlite.exec('COMMIT')
    } catch (error) {
      if (this.#sqlite.inTransaction) this.#sqlite.exec('ROLLBACK')
      // The schema is as it was before the record: without these, wherever among its statements it failed.
      this.#effects.undone(heldBack)
      throw error
    }
  }

  /** Gives the connection its triggers and settings back. */
  end(): void {
    unsafeModeOf(this.#sqlite).lower()
    this.#effects.releaseTriggers()
    reconnectModules(this.#sqlite)
    for (const [name, value] of this.#pragmasBefore) this.#sqlite.pragma(`${name}=${value}`)
    this.#pragmasBefore.clear()
  }
}
