// What must be true of a database whose process was killed, by what that process had said.

import BetterSqlite3 from 'better-sqlite3'
import { Database } from '../../lib/database/database.ts'
import { LockHeldError } from '../../lib/errors.ts'
import { begin, contentOf, make, progressOf } from './workload.ts'

/** What a killed process had said, and what its predecessors had. */
export class Said {
  /** Transactions that are known to be durable. */
  acknowledged = 0
  /** Transactions that may be there. */
  begun = 0
  readonly errors: string[] = []
  isOpen = false
  isClosed = false
  #rest = ''

  /** Errors that passed through as the operating system threw them. */
  get withoutClass(): readonly string[] {
    return this.errors.filter((error) => /^(?:Error|TypeError|LogFailure) /.test(error))
  }

  hear(output: string): void {
    const lines = `${this.#rest}${output}`.split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#hearLine(line)
  }

  #hearLine(line: string): void {
    const [word = '', value = ''] = line.split(' ')
    if (word === 'ack') this.acknowledged = Math.max(this.acknowledged, Number(value))
    else if (word === 'begin') this.begun = Math.max(this.begun, Number(value))
    else if (word === 'error') this.errors.push(line.slice(6))
    else if (word === 'open') this.isOpen = true
    else if (word === 'closed') this.isClosed = true
  }
}

/** Content after n transactions, made by plain better-sqlite3 and remembered. */
export class Model {
  readonly #plain = new BetterSqlite3(':memory:')
  readonly #contents = new Map<number, string>()
  #made = 0

  constructor() {
    begin(this.#plain)
    this.#contents.set(0, contentOf(this.#plain))
  }

  after(n: number): string {
    while (this.#made < n) {
      this.#made++
      make(this.#plain, this.#made)
      this.#contents.set(this.#made, contentOf(this.#plain))
      this.#contents.delete(this.#made - 20_000)
    }
    const content = this.#contents.get(n)
    if (content === undefined)
      throw new Error(`the content after ${n} transactions is not remembered any more`)
    return content
  }
}

/** Opens the database, requires a prefix of what was begun with all that was acknowledged; returns its length. */
export function judge(path: string, said: Said, model: Model): number {
  const db = openSoon(path)
  try {
    const n = progressOf(db)
    const story = `${said.acknowledged} acknowledged, ${said.begun} begun, ${n} there (row ${db.status().recovery.row})`
    if (n < said.acknowledged) throw new Error(`an acknowledged commit is lost: ${story}`)
    if (n > said.begun) throw new Error(`a commit is there that was never begun: ${story}`)
    const isEmpty = db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() === 0
    if (!(isEmpty && n === 0) && contentOf(db) !== model.after(n)) {
      throw new Error(`the content is not that after ${n} transactions: ${story}\n${contentOf(db)}`)
    }
    return n
  } finally {
    db.close({ mode: said.begun % 3 === 0 ? 'normal' : 'immediately' })
  }
}

/** The kernel may need a moment to free the lock of a process that was killed. */
function openSoon(path: string): Database {
  const until = performance.now() + 5000
  for (;;) {
    try {
      return new Database(path)
    } catch (error) {
      if (!(error instanceof LockHeldError) || performance.now() > until) throw error
    }
  }
}
