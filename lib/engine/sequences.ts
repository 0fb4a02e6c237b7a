import type { Database } from 'better-sqlite3'
import { literalOf, type SqlValue } from '../format/sql-literal.ts'

/** The sequences of tables as literals, by the literals of the tables' names. */
type Sequences = ReadonlyMap<string, string>

/**
 * The memory of AUTOINCREMENT, `sqlite_sequence`. No trigger sees it change, and it also changes without any row
 * being written: so it is compared with what it was.
 */
export class SequenceWatch {
  readonly #sqlite: Database
  #known: Sequences = new Map()

  constructor(sqlite: Database) {
    this.#sqlite = sqlite
  }

  /** Takes what is there as known. `isThere`: the schema has the table. */
  start(isThere: boolean): void {
    this.#known = this.#read(isThere)
  }

  /**
   * Statements that make redo end with the sequences that are there now, and takes these as known. `tables` are
   * those with AUTOINCREMENT. `written` are the highest rowids that redo itself writes, by table; undefined where
   * nothing can be said about what redo does by itself.
   */
  difference(
    isThere: boolean,
    tables: Iterable<string>,
    written: ReadonlyMap<string, bigint> | undefined,
  ): string {
    const before = this.#known
    const now = this.#read(isThere)
    this.#known = now
    if (!isThere) return ''
    const redone = written === undefined ? undefined : afterRedo(before, written)
    const names = new Set([...before.keys(), ...now.keys(), ...[...tables].map(literalOf)])
    const statements: string[] = []
    for (const name of names) {
      const sequence = now.get(name)
      if (redone !== undefined && redone.get(name) === sequence) continue
      statements.push(`DELETE FROM sqlite_sequence WHERE name=${name};\n`)
      if (sequence !== undefined) {
        statements.push(`INSERT INTO sqlite_sequence(name,seq) VALUES(${name},${sequence});\n`)
      }
    }
    return statements.join('')
  }

  #read(isThere: boolean): Sequences {
    if (!isThere) return new Map()
    const rows = this.#sqlite
      .prepare<[], [SqlValue, SqlValue]>('SELECT name, seq FROM main.sqlite_sequence')
      .raw()
      .safeIntegers()
      .all()
    return new Map(rows.map(([name, sequence]) => [literalOf(name), literalOf(sequence)]))
  }
}

/** What INSERT and REPLACE make of the sequences at redo. */
function afterRedo(before: Sequences, written: ReadonlyMap<string, bigint>): Sequences {
  const after = new Map(before)
  for (const [table, highest] of written) {
    const name = literalOf(table)
    const known = before.get(name) ?? '0'
    // SQLite has its own ideas about a sequence that is no integer: none is predicted then.
    if (!/^-?\d+$/.test(known)) after.delete(name)
    else after.set(name, String(highest > BigInt(known) ? highest : BigInt(known)))
  }
  return after
}
