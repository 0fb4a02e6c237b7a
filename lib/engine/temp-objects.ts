// TEMP objects of a reader while records are redone beside them. The names in a log mean the tables that are kept, and
// SQLite looks among the TEMP ones first; TEMP triggers would fire, and ALTER would look into TEMP views.

import type { Database } from 'better-sqlite3'
import { UsageError } from '../errors.ts'

interface StoredObject {
  readonly type: string
  readonly name: string
  readonly tbl_name: string
  readonly rootpage: number
  readonly sql: string | null
}

const COLUMNS = 'type, name, tbl_name, rootpage, sql'

export class TempObjects {
  readonly #sqlite: Database
  #heldBack: readonly StoredObject[] = []
  /** What stays during the redo. */
  #tables = '[]'

  constructor(sqlite: Database) {
    this.#sqlite = sqlite
  }

  /**
   * Takes views and triggers out of the schema, inside a transaction and in unsafe mode.
   * @throws {UsageError} when a TEMP table hides one of the database.
   */
  holdBack(): void {
    this.#heldBack = this.#read("type IN ('view','trigger')")
    if (this.#heldBack.length > 0) {
      this.#changeSchema(() =>
        this.#sqlite.exec("DELETE FROM temp.sqlite_schema WHERE type IN ('view','trigger')"),
      )
    }
    this.#tables = JSON.stringify(this.#read('1'))
    this.assertApart()
  }

  /**
   * To be called after each record.
   * @throws {UsageError} when a record reached, or may have reached, a TEMP table instead of one that is kept.
   */
  assertApart(): void {
    if (this.#tables === '[]') return
    const hiding = this.#sqlite
      .prepare<[], string>(
        `SELECT t.name FROM temp.sqlite_schema AS t, main.sqlite_schema AS m
        WHERE t.type='table' AND t.name=m.name COLLATE NOCASE`,
      )
      .pluck()
      .get()
    if (hiding === undefined && JSON.stringify(this.#read('1')) === this.#tables) return
    const what = hiding === undefined ? 'a TEMP table' : `the TEMP table ${hiding}`
    throw new UsageError(`what was committed cannot be applied: ${what} hides one of the database`, {
      reason: 'sql',
      hint: 'drop the TEMP table, or give it another name, and refresh again; the state is as it was',
    })
  }

  /** Puts views and triggers back as they were. A trigger whose table is gone fires no more, as in SQLite. */
  release(): void {
    if (this.#heldBack.length === 0) return
    this.#changeSchema(() => {
      const put = this.#sqlite.prepare(
        `INSERT INTO temp.sqlite_schema(${COLUMNS}) VALUES(:type, :name, :tbl_name, :rootpage, :sql)`,
      )
      for (const object of this.#heldBack) put.run(object)
    })
    this.#heldBack = []
  }

  #read(condition: string): StoredObject[] {
    return this.#sqlite
      .prepare<[], StoredObject>(
        `SELECT ${COLUMNS} FROM temp.sqlite_schema WHERE ${condition} ORDER BY rowid`,
      )
      .all()
  }

  #changeSchema(change: () => void): void {
    this.#sqlite.pragma('writable_schema=ON')
    try {
      change()
    } finally {
      this.#sqlite.pragma('writable_schema=RESET')
    }
  }
}
