// Databases that the user attaches: the first write into each is told, and the open database itself is kept apart from
// SQLite, which would create an empty file under a name of ours.

import { AttachedDatabases } from '../engine/attached.ts'
import type { NativeDatabase } from '../engine/native.ts'
import type { UserStatement } from '../engine/statement-kind.ts'
import { UsageError } from '../errors.ts'
import type { Store } from '../store.ts'
import type { Listeners } from './listeners.ts'

export class Attachments {
  readonly #attached: AttachedDatabases
  readonly #store: Store
  readonly #listeners: Listeners
  /** Files of ours that were not there before the ATTACH under way. */
  #missing: readonly string[] = []

  constructor(sqlite: NativeDatabase, store: Store, listeners: Listeners) {
    this.#attached = new AttachedDatabases(sqlite)
    this.#store = store
    this.#listeners = listeners
  }

  /** Called before each statement that is no read. */
  before(statement: UserStatement): void {
    if (statement.kind === 'attach') {
      const { files } = this.#store.environment
      this.#missing = this.#ownPaths.filter((path) => files.stat(path) === undefined)
    } else if (statement.mayChange) {
      for (const database of this.#attached.newlyWrittenBy(statement.sql)) {
        this.#listeners.tell({ kind: 'unloggedWrite', database })
      }
    }
  }

  /**
   * Called after each.
   * @throws {UsageError} when files of the open database were attached; they are detached again.
   */
  after(statement: UserStatement): void {
    if (statement.kind !== 'attach') return
    this.#attached.refresh()
    const own = this.#attached.among(this.#ownPaths)
    if (own === undefined) return
    this.#attached.detach(own.name)
    const { files } = this.#store.environment
    if (this.#missing.includes(own.file) && files.stat(own.file)?.sizeBytes === 0) files.remove(own.file)
    throw new UsageError('this is a path of the open database, and no SQLite file', {
      path: own.file,
      reason: 'sql',
      hint: 'attach SQLite files, under paths of their own',
    })
  }

  get #ownPaths(): readonly string[] {
    return Object.values(this.#store.names)
  }
}
