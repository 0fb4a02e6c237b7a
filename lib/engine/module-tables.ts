import type { Database } from 'better-sqlite3'
import { ScriptlogError } from '../errors.ts'
import { lowerCase } from '../format/lexis.ts'
import { type OwnKind, type OwnStatement, rowTargetOf } from '../format/own-statements.ts'
import { readSchema } from './schema.ts'
import { virtualTablesIn } from './shadow-tables.ts'

/** What makes, renames or drops a virtual table. */
const CHANGING: ReadonlySet<OwnKind> = new Set<OwnKind>([
  'create-virtual-table',
  'create-user-table',
  'alter',
  'drop',
])

const EXCERPT_LENGTH = 60

/**
 * Keeps the rows of files away from virtual tables. Writers write to the shadow tables alone; a row for a virtual table
 * itself is a call of its module, and a module may be told to read a view of the file's own (`rebuild`), which may be a
 * program without end.
 */
export class ModuleTables {
  readonly #sqlite: Database
  /** In lower case; undefined when they must be read. */
  #names: ReadonlySet<string> | undefined

  constructor(sqlite: Database) {
    this.#sqlite = sqlite
  }

  /** The schema is no longer what the statements have made of it: they were rolled back. */
  forget(): void {
    this.#names = undefined
  }

  /**
   * Called before each statement is run.
   * @throws {ScriptlogError} for a row of a virtual table.
   */
  assertUntouched({ kind, text, offset }: OwnStatement): void {
    if (CHANGING.has(kind)) this.#names = undefined
    if (kind !== 'rows' && kind !== 'change') return
    this.#names ??= this.#read()
    if (this.#names.size === 0 || !this.#names.has(lowerCase(rowTargetOf(text)))) return
    const excerpt = JSON.stringify(text.slice(0, EXCERPT_LENGTH))
    throw new ScriptlogError(
      'SCRIPTLOG_REFUSED_STATEMENT',
      `a row for a virtual table is refused: ${excerpt}`,
      {
        reason: 'script',
        severity: 'unrecoverable',
        offset,
        hint: 'scriptlog writes the tables beneath it; to run other SQL, replay the file into a database',
      },
    )
  }

  #read(): ReadonlySet<string> {
    return new Set(virtualTablesIn(readSchema(this.#sqlite, 'main')).map(({ name }) => lowerCase(name)))
  }
}
