import BetterSqlite3, { type Database } from 'better-sqlite3'
import { messageOf } from '../errors.ts'

/**
 * What stands in for functions that an INSERT or REPLACE of a file needs and the connection has not. SQLite compiles the
 * defaults of NOT NULL columns into those that resolve conflicts by REPLACE, although no file has a NULL to be replaced
 * by one; and a default may call a function that the application registers only after the open.
 */
export class MissingFunctions {
  readonly #sqlite: Database
  readonly #names = new Set<string>()

  constructor(sqlite: Database) {
    this.#sqlite = sqlite
  }

  /** Runs the statement; functions that it misses are there from then on, and fail as a missing one does. */
  run(sql: string): void {
    try {
      this.#sqlite.exec(sql)
    } catch (error) {
      const { problem, name } = PROBLEM.exec(messageOf(error))?.groups ?? {}
      if (name === undefined || (problem === UNTRUSTED) !== this.#names.has(name)) throw error
      this.#register(name)
      this.#runTrusting(sql)
    }
  }

  /** A schema that is not trusted calls no function of an application; those registered here do nothing. */
  #runTrusting(sql: string): void {
    const isTrusted = this.#sqlite.pragma('trusted_schema', { simple: true })
    this.#sqlite.pragma('trusted_schema=ON')
    try {
      this.run(sql)
    } finally {
      this.#sqlite.pragma(`trusted_schema=${isTrusted}`)
    }
  }

  #register(name: string): void {
    if (this.#names.has(name)) return
    this.#names.add(name)
    this.#sqlite.function(name, { varargs: true }, () => {
      throw new BetterSqlite3.SqliteError(`unknown function: ${name}()`, 'SQLITE_ERROR')
    })
  }
}

const UNTRUSTED = 'unsafe use of'
const PROBLEM = /^(?<problem>unknown function:|unsafe use of) (?<name>.+)\(\)$/s
