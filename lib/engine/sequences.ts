import type { Database } from 'better-sqlite3'
import { literalOf, type SqlValue } from '../format/sql-literal.ts'

/**
 * The sequences of tables as literals, by the literals of the tables' names. Where someone has written two rows for
 * a table, they are the end of the one tuple and the whole other; the first of them counts for SQLite.
 */
type Sequences = ReadonlyMap<string, string>

/** What redo does to the sequences by itself. */
export interface RedoneSequences {
  /** The highest rowids in tables with AUTOINCREMENT that are written at the end of the record, after everything else. */
  readonly highestWritten: ReadonlyMap<string, bigint>
  /** Such tables that are written before that too: nothing is predicted for them. */
  readonly writtenInParts: ReadonlySet<string>
  /** All tables that DDL created, altered or dropped, and whether they have AUTOINCREMENT now. */
  readonly changedTables: ReadonlyMap<string, boolean>
}

/** Differs from every literal. */
const UNKNOWN = '?'

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
   * Statements that make redo end with the sequences that are there now, after what it does by itself; takes them
   * as known.
   */
  difference(isThere: boolean, redone: RedoneSequences): string {
    const before = this.#known
    const now = this.#read(isThere)
    this.#known = now
    if (!isThere) return ''
    const expected = afterRedo(before, redone)
    for (const [table, isSequenced] of redone.changedTables) {
      const name = literalOf(table)
      // A table that was renamed takes its sequence along.
      if (isSequenced || before.has(name) || now.has(name)) expected.set(name, UNKNOWN)
    }
    const statements: string[] = []
    for (const name of new Set([...now.keys(), ...expected.keys()])) {
      const sequence = now.get(name)
      if (expected.get(name) === sequence) continue
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
      .prepare<[], [SqlValue, SqlValue]>('SELECT name, seq FROM main.sqlite_sequence ORDER BY rowid')
      .raw()
      .safeIntegers()
      .all()
    const sequences = new Map<string, string>()
    for (const [name, sequence] of rows.map((row) => row.map(literalOf))) {
      if (name === undefined || sequence === undefined) continue
      const first = sequences.get(name)
      sequences.set(name, first === undefined ? sequence : `${first}),\n(${name},${sequence}`)
    }
    return sequences
  }
}

/** What INSERT and REPLACE make of the sequences at redo. */
function afterRedo(
  before: Sequences,
  { highestWritten, writtenInParts }: RedoneSequences,
): Map<string, string> {
  const after = new Map(before)
  for (const [table, highest] of highestWritten) {
    const name = literalOf(table)
    const known = before.get(name) ?? '0'
    // SQLite has its own ideas about a sequence that is no integer.
    if (!/^-?\d+$/.test(known)) after.set(name, UNKNOWN)
    else after.set(name, String(highest > BigInt(known) ? highest : BigInt(known)))
  }
  for (const table of writtenInParts) after.set(literalOf(table), UNKNOWN)
  return after
}
