// Read-only, on a connection that is none for SQLite: the tables must be able to move on. `query_only` refuses every write,
// as a read-only connection does, and TEMP objects, which that allows. So it is lifted for statements that write those alone.

import { WORD_PATTERN } from '../format/lexis.ts'
import type { NativeDatabase } from './native.ts'
import { callsOptimize, hasWord, pragmaOf, type UserStatement } from './statement-kind.ts'
import type { Verbose } from './verbose.ts'

export class ReadonlyGuard {
  readonly #sqlite: NativeDatabase
  readonly #verbose: Verbose
  /** `query_only` as the user set it. */
  #isAsked = false
  #openIterators = 0

  constructor(sqlite: NativeDatabase, verbose: Verbose) {
    this.#sqlite = sqlite
    this.#verbose = verbose
    this.#close()
  }

  /** Whether it must be asked for leave to run the statement: one that only reads needs none. */
  static concerns({ kind, sql }: UserStatement, isRead: boolean): boolean {
    return !isRead || kind === 'write' || isQueryOnly(sql)
  }

  /** Runs a statement of the user's. What writes more than TEMP objects fails as on a read-only connection. */
  run<T>(statement: UserStatement, act: () => T): T {
    if (isQueryOnly(statement.sql)) return this.#asAsked(act)
    this.#set(!this.#isFree(statement))
    try {
      return act()
    } finally {
      this.#close()
    }
  }

  /** The same for a statement whose rows are asked for one by one; true when {@link endIterator} must follow. */
  beginIterator(statement: UserStatement): boolean {
    if (!this.#isFree(statement)) return false
    this.#openIterators++
    this.#close()
    return true
  }

  endIterator(): void {
    this.#openIterators--
    this.#close()
  }

  #close(): void {
    this.#set(this.#openIterators === 0)
  }

  #set(isOn: boolean): void {
    this.#verbose.hush(() => this.#sqlite.pragma(`query_only=${isOn ? 1 : 0}`))
  }

  /** SQLite sets the PRAGMA while it compiles it, and again whenever it compiles it anew. */
  #asAsked<T>(act: () => T): T {
    this.#set(this.#isAsked)
    try {
      return act()
    } finally {
      this.#isAsked = this.#verbose.hush(() => this.#sqlite.pragma('query_only', { simple: true })) === 1
      this.#close()
    }
  }

  #isFree({ kind, sql }: UserStatement): boolean {
    switch (kind) {
      case 'begin':
        // IMMEDIATE, too, means no more than a transaction that reads.
        return true
      case 'vacuum':
        return false
      case 'other':
        // Of these VACUUM INTO writes a file of its own.
        return hasWord('VACUUM', sql) || this.#writesOnlyTemp(sql)
      default:
        return !this.#isAsked && !callsOptimize(sql) && this.#writesOnlyTemp(sql)
    }
  }

  /** As SQLite has compiled it: triggers, views and whatever hides behind a name are seen through. */
  #writesOnlyTemp(sql: string): boolean {
    // EXPLAIN would want values for parameters.
    const explained = sql.replace(PARAMETERS, (_text, other: string | undefined) => other ?? 'NULL')
    const program = this.#sqlite.prepare<[], { opcode: string; p1: number; p2: number }>(
      `EXPLAIN ${explained}`,
    )
    const written = this.#verbose
      .hush(() => program.all())
      .filter(({ opcode, p2 }) => opcode === 'Transaction' && p2 !== 0)
    return written.length > 0 && written.every(({ p1 }) => p1 === TEMP)
  }
}

const TEMP = 1

/** Literals, quoted names, comments, words and numbers as they stand; what is left of the alternatives is a parameter. */
const PARAMETERS = new RegExp(
  `('(?:[^']|'')*'|"(?:[^"]|"")*"|\`(?:[^\`]|\`\`)*\`|\\[[^\\]]*\\]|--[^\\n]*|/\\*.*?(?:\\*/|$)|${WORD_PATTERN}|\\d[\\w.]*)` +
    String.raw`|\?\d*|[:@$][\w$\u0080-\uffff]+(?:::[\w$\u0080-\uffff]+)*(?:\([^)\s]*\))?`,
  'gs',
)

function isQueryOnly(sql: string): boolean {
  return /query_only/i.test(sql) && pragmaOf(sql)?.name === 'query_only'
}
