// The judge: plain better-sqlite3 in memory runs the same transactions, and every table is compared row by row.

import { inspect, isDeepStrictEqual } from 'node:util'
import BetterSqlite3 from 'better-sqlite3'
import type { Database } from '../../lib/index.ts'
import { readSqlLog } from './sql-log.ts'

export interface Comparison {
  readonly tables: number
  readonly rows: number
  /** Empty when both are equal; the first few otherwise. */
  readonly differences: readonly string[]
}

const MOST_DIFFERENCES = 5
const SHOWN_CHARACTERS = 120
const SCHEMA = 'SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name'

/** Plain better-sqlite3, which runs the SQL log up to the transaction asked for. */
export class Reference {
  readonly #sqlite = new BetterSqlite3(':memory:')
  readonly #transactions: AsyncGenerator<string>
  #reached = 0

  constructor(sqlLog: string) {
    this.#transactions = readSqlLog(sqlLog)
  }

  /** Runs on until `transactions` have been run; only forward. `onProgress` hears how many have been. */
  async advanceTo(transactions: number, onProgress: (done: number) => void): Promise<void> {
    for (; this.#reached < transactions; this.#reached++) {
      const next = await this.#transactions.next()
      if (next.done === true) throw new Error(`the SQL log ends after transaction ${this.#reached}`)
      this.#sqlite.exec(next.value)
      onProgress(this.#reached)
    }
  }

  /** Compares the schema and all rows, with their rowids and the storage class of each value. */
  compare(database: Database): Comparison {
    const differences = differencesOf(
      'the schema',
      rowsOf(database, SCHEMA),
      rowsOf(this.#sqlite, SCHEMA),
    ).found
    const queries = this.#tableQueries()
    let rows = 0
    for (const { name, sql } of queries) {
      const compared = differencesOf(name, rowsOf(database, sql), rowsOf(this.#sqlite, sql))
      rows += compared.rows
      differences.push(...compared.found)
    }
    return { tables: queries.length, rows, differences: differences.slice(0, MOST_DIFFERENCES) }
  }

  close(): void {
    this.#sqlite.close()
  }

  /** A query for each table, SQLite's own sqlite_sequence included; ordered by the key, which has two columns at most. */
  #tableQueries(): { readonly name: string; readonly sql: string }[] {
    return this.#sqlite
      .prepare<[], { name: string; wr: number }>(
        "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name <> 'sqlite_schema'",
      )
      .all()
      .map(({ name, wr }) => ({
        name,
        sql: `SELECT ${wr === 1 ? '*' : 'rowid, *'} FROM "${name}" ORDER BY 1, 2`,
      }))
  }
}

type Rows = Iterator<unknown>

/** What scriptlog and better-sqlite3 have in common, as far as it is needed here. */
interface Source {
  prepare(sql: string): {
    raw(): { safeIntegers(): { iterate(): IterableIterator<unknown> } }
  }
}

function rowsOf(source: Source, sql: string): Rows {
  return source.prepare(sql).raw().safeIntegers().iterate()
}

function differencesOf(name: string, actual: Rows, expected: Rows): { rows: number; found: string[] } {
  const found: string[] = []
  for (let rows = 0; ; rows++) {
    const is = actual.next()
    const shouldBe = expected.next()
    if (is.done === true && shouldBe.done === true) return { rows, found }
    // Not ===: blobs are equal when their bytes are, and 0.0 is not -0.0.
    if (isDeepStrictEqual(is, shouldBe) || found.length >= MOST_DIFFERENCES) continue
    found.push(`${name}, row ${rows + 1}: ${shown(is)} and not ${shown(shouldBe)}`)
  }
}

/** Values as JavaScript writes them: control characters in a text must not reach a terminal. */
function shown({ done, value }: IteratorResult<unknown>): string {
  if (done === true) return 'nothing'
  const text = inspect(value, { breakLength: Number.POSITIVE_INFINITY })
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text
}
