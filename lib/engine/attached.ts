import { WORD_PATTERN } from '../format/lexis.ts'
import type { NativeDatabase } from './native.ts'

/** The first number that SQLite gives to an attached database; before it come main and temp. */
const FIRST_ATTACHED = 2

export interface Attached {
  readonly seq: number
  readonly name: string
  readonly file: string
}

/** The databases that the user has attached to a connection. Nothing that is written into them is logged. */
export class AttachedDatabases {
  readonly #sqlite: NativeDatabase
  #list: readonly Attached[] = []
  /** Names of databases that were reported as written. */
  readonly #reported = new Set<string>()

  constructor(sqlite: NativeDatabase) {
    this.#sqlite = sqlite
  }

  /** Called after each ATTACH and DETACH. */
  refresh(): void {
    this.#list = this.#sqlite
      .prepare<[], Attached>('SELECT seq, name, file FROM pragma_database_list')
      .safeIntegers(false)
      .all()
      .filter(({ seq }) => seq >= FIRST_ATTACHED)
    for (const name of this.#reported) {
      if (!this.#list.some((attached) => attached.name === name)) this.#reported.delete(name)
    }
  }

  /** The one whose file is among `paths`. */
  among(paths: readonly string[]): Attached | undefined {
    return this.#list.find(({ file }) => paths.includes(file))
  }

  detach(name: string): void {
    this.#sqlite.prepare('DETACH ?').run(name)
    this.refresh()
  }

  /** Attached databases that a statement will write and none before it wrote: each is named once. */
  newlyWrittenBy(sql: string): string[] {
    const quiet = this.#list.filter(({ name }) => !this.#reported.has(name))
    if (quiet.length === 0) return []
    const written = writtenNumbers(this.#sqlite, sql)
    const names = quiet.filter(({ seq }) => written.includes(seq)).map(({ name }) => name)
    for (const name of names) this.#reported.add(name)
    return names
  }
}

/** The numbers of the databases on which the program of a statement begins a write, its triggers included. */
function writtenNumbers(sqlite: NativeDatabase, sql: string): number[] {
  try {
    return sqlite
      .prepare<[], { opcode: string; p1: number; p2: number }>(`EXPLAIN ${withoutParameters(sql)}`)
      .safeIntegers(false)
      .all()
      .filter(({ opcode, p2 }) => opcode === 'Transaction' && p2 !== 0)
      .map(({ p1 }) => p1)
  } catch {
    // It cannot be compiled, and will fail when it is run.
    return []
  }
}

/** What may look like a parameter and is none comes first. */
const PARAMETER = new RegExp(
  String.raw`'[^']*'|"[^"]*"|${'`[^`]*`'}|\[[^\]]*\]|--[^\n]*|/\*[\s\S]*?\*/|${WORD_PATTERN}|` +
    String.raw`\?\d*|[:@$#][\w$\u0080-\uffff]+(?:::[\w$\u0080-\uffff]+)*(?:\([^)]*\))?`,
  'g',
)

/** The text with NULL for each parameter: an EXPLAIN wants values for them, and does not look at these. */
function withoutParameters(sql: string): string {
  return sql.replace(PARAMETER, (token) => (/^[?:@$#]/.test(token) ? 'NULL' : token))
}
