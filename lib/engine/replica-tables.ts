// The tables of a reader: the user queries them, and from time to time they move on to a later state, in one step. The
// connection is the user's own, under `query_only`, which is lifted for the step alone.

import { UsageError } from '../errors.ts'
import { EffectApplier } from './apply-effects.ts'
import { clearTables } from './clear-tables.ts'
import { forgetWrites } from './connection.ts'
import { loadWithin } from './load.ts'
import type { NativeDatabase } from './native.ts'
import { reconnectModules } from './reconnect-modules.ts'
import { TempObjects } from './temp-objects.ts'
import { unsafeModeOf } from './unsafe-mode.ts'
import { LOADING, LOADING_TRUSTED, type Pragmas, withPragmas } from './with-pragmas.ts'

/** What the user may have set for his own statements, and must not hold for ours. */
const OURS: Pragmas = { query_only: 0, legacy_alter_table: 0, full_column_names: 0 }

const RECORD = '"scriptlog:record"'

export class ReplicaTables {
  readonly #sqlite: NativeDatabase
  readonly #pragmas: Pragmas
  readonly #effects: EffectApplier
  readonly #tempObjects: TempObjects

  /** `trustsSchema`: the application has registered functions that the schema may call. */
  constructor(sqlite: NativeDatabase, { trustsSchema }: { readonly trustsSchema: boolean }) {
    this.#sqlite = sqlite
    this.#pragmas = { ...OURS, ...(trustsSchema ? LOADING_TRUSTED : LOADING) }
    this.#effects = new EffectApplier(sqlite)
    this.#tempObjects = new TempObjects(sqlite)
  }

  /**
   * Nothing of the user's is under way that would see two states.
   * @throws {UsageError} inside a transaction.
   * @throws {TypeError} as better-sqlite3 does, while an iterator is open or a function of the user's runs.
   */
  assertIdle(): void {
    unsafeModeOf(this.#sqlite).assertIdle()
    if (!this.#sqlite.inTransaction) return
    throw new UsageError('it is not possible to refresh inside a transaction', {
      hint: 'commit or roll back first',
    })
  }

  /** Everything that `act` does to the tables is there when it returns, and nothing of it when it throws. */
  inOneStep<T>(act: () => T): T {
    this.assertIdle()
    const mode = unsafeModeOf(this.#sqlite)
    const { isAsked } = mode
    mode.ask(false)
    try {
      return withPragmas(this.#sqlite, this.#pragmas, () => {
        const result = mode.lift(() => this.#whole(act))
        forgetWrites(this.#sqlite)
        return result
      })
    } finally {
      mode.ask(isAsked)
    }
  }

  /** Empties the tables; inside of {@link inOneStep}, as all that follow. */
  clear(): void {
    clearTables(this.#sqlite)
  }

  /** Runs the bytes of a script, cut anywhere, on empty tables. */
  load(pieces: Iterable<Uint8Array>): void {
    this.#apart(() => loadWithin(this.#sqlite, pieces))
  }

  beginRedo(): void {
    this.#effects.holdTriggersBack()
  }

  /** Applies the statements of one record, whole or not at all: behind damage that is accepted, it may be passed over. */
  redo(body: Uint8Array): void {
    const { heldBack } = this.#effects
    this.#sqlite.exec(`SAVEPOINT ${RECORD}`)
    try {
      this.#apart(() => this.#effects.apply(body))
    } catch (error) {
      if (this.#sqlite.inTransaction) this.#sqlite.exec(`ROLLBACK TO ${RECORD}`)
      this.#effects.undone(heldBack)
      throw error
    } finally {
      if (this.#sqlite.inTransaction) this.#sqlite.exec(`RELEASE ${RECORD}`)
    }
  }

  endRedo(): void {
    // In safe mode: none may stand on the tables of a module.
    unsafeModeOf(this.#sqlite).suspend(() => this.#effects.releaseTriggers())
  }

  /** A TEMP table in the way may have been the cause of a failure, or have taken what was meant for another. */
  #apart(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.#tempObjects.assertApart()
      throw error
    }
    this.#tempObjects.assertApart()
  }

  #whole<T>(act: () => T): T {
    // Shadow tables and the schema are written, in unsafe mode alone.
    this.#sqlite.exec('BEGIN')
    try {
      this.#tempObjects.holdBack()
      const result = act()
      this.#tempObjects.release()
      // Here, where a schema that cannot be read is no more than a failure.
      reconnectModules(this.#sqlite)
      this.#sqlite.exec('COMMIT')
      return result
    } catch (error) {
      if (this.#sqlite.inTransaction) this.#sqlite.exec('ROLLBACK')
      this.#effects.undone([])
      throw error
    }
  }
}
