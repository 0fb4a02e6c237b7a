import { invariant } from '../errors.ts'
import { quoteName } from '../format/sql-literal.ts'
import type { CapturedTable } from './captured-table.ts'
import type { Origin } from './dirty-rowids.ts'
import { type RecordText, TupleStatements } from './record-text.ts'
import type { RowEvent } from './rowid-changes.ts'

const KEYS_AT_A_TIME = 100

/**
 * The rows of one table without rowids that were touched since the last record, by the text of their keys. Rows
 * that are there are always written with REPLACE: two keys with different texts may be the same key (by collation,
 * or 1 and 1.0), so that a row's origin says little.
 */
export class KeyChanges {
  readonly #keys = new Map<string, Origin>()

  /** `key` is what {@link RowText.keySql} gives. */
  touch(event: RowEvent, key: number | string): void {
    invariant(typeof key === 'string', 'a key is a text')
    if (!this.#keys.has(key)) this.#keys.set(key, event === 'existing' ? 'existed' : 'created')
  }

  /** Adds the statements that make the old rows what they are now; see {@link RowidChanges.write}. */
  write(table: CapturedTable, record: RecordText, isTrusted: boolean): void {
    const replaces = new TupleStatements(`REPLACE INTO ${table.text.target}`, (sql, rows) =>
      record.change(sql, rows),
    )
    const keys = [...this.#keys.keys()]
    for (let from = 0; from < keys.length; from += KEYS_AT_A_TIME) {
      const some = keys.slice(from, from + KEYS_AT_A_TIME)
      const found = [...table.text.byKeys(some)]
      for (const { text, rows } of found) replaces.add(text, rows)
      // Of a single key that says whether it is there.
      const present = new Set(some.length > 1 ? table.keysPresent(some) : found.length > 0 ? some : [])
      for (const key of some) {
        if (isTrusted && this.#keys.get(key) === 'created') continue
        // Where `=` is looser than the primary key, the row that is there may be another one with an equal key:
        // then all rows with such keys are deleted, and those that are there are written again.
        if (present.has(key) && !table.hasCollation) continue
        record.delete(`DELETE FROM ${quoteName(table.shape.name)} WHERE ${table.text.conditionOf(key)};\n`, 1)
      }
    }
    replaces.end()
  }
}
