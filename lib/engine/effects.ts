import type { Database } from 'better-sqlite3'
import type { CapturedTables } from './captured-tables.ts'
import { KeyChanges } from './key-changes.ts'
import type { RecordText } from './record-text.ts'
import { hasVersions, writeVersions } from './row-versions.ts'
import { type RowEvent, RowidChanges } from './rowid-changes.ts'

/** Which rows were touched since the last statement that is text already, in all tables. */
export class Effects {
  readonly #changes = new Map<number, RowidChanges | KeyChanges>()
  /** Versions of rows up to this number were written before. */
  readonly #versionsBefore: number
  #isTrusted = true

  constructor(versionsBefore: number) {
    this.#versionsBefore = versionsBefore
  }

  get isEmpty(): boolean {
    return this.#changes.size === 0
  }

  /** False when rows may have been replaced without a trace: then versions of rows are kept and written. */
  get isTrusted(): boolean {
    return this.#isTrusted
  }

  /** From now on rows may be replaced without a trace. */
  distrust(): void {
    this.#isTrusted = false
  }

  touch(tables: CapturedTables, number: number, event: RowEvent, key: number | string): void {
    let changes = this.#changes.get(number)
    if (changes === undefined) {
      changes = tables.get(number)?.shape.key.kind === 'primary-key' ? new KeyChanges() : new RowidChanges()
      this.#changes.set(number, changes)
    }
    changes.touch(event, key)
  }

  /** Adds the statements that bring all this about. `tables` are in the shape in which they were touched. */
  write(sqlite: Database, tables: CapturedTables, record: RecordText): void {
    for (const [number, changes] of this.#changes) {
      const table = tables.get(number)
      // Foreign key actions within DROP TABLE touch rows of the very table that is dropped.
      if (table === undefined) continue
      if (!this.#isTrusted && hasVersions(table)) writeVersions(sqlite, table, this.#versionsBefore, record)
      changes.write(table, record, this.#isTrusted)
    }
  }
}
