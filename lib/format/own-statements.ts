// Opening a database is not running a program: scripts and logs are read by this acceptor, and what scriptlog does
// not write itself is refused before SQLite sees it.
//
//   statement = rows | change ';' | 'BEGIN;' | 'COMMIT;' | pragma | schema ';'
//   pragma    = 'PRAGMA foreign_keys=OFF;'
//             | 'PRAGMA ' ('user_version' | 'application_id') '=' integer ';'
//
// Rows have a grammar of their own without any expression (row-grammar.ts). A change is an UPDATE or DELETE whose
// expressions call nothing and read nothing but its own table (plain-statement.ts). A statement on the schema is the
// user's text and may contain what SQL allows there; its beginning decides (schema-grammar.ts).

import { constants, isUtf8 } from 'node:buffer'
import { ScriptlogError } from '../errors.ts'
import { isWrittenChange, LONGEST_PLAIN_TEXT } from './plain-statement.ts'
import { RowGrammar } from './row-grammar.ts'
import { type SchemaKind, schemaKindOf } from './schema-grammar.ts'
import { StatementAutomaton } from './statement-automaton.ts'

export type OwnKind = 'begin' | 'commit' | 'pragma' | 'rows' | 'change' | 'system-rows' | SchemaKind

/** A statement that may be run. */
export interface OwnStatement {
  readonly kind: OwnKind
  /** With its semicolon. */
  readonly text: string
  /** Where it begins, in bytes. */
  readonly offset: number
}

/** SQLite's own tables whose rows a script holds. */
const SYSTEM_TABLES = ['sqlite_sequence', 'sqlite_stat1']
const PRAGMA = /^PRAGMA (?:foreign_keys=OFF|(?:user_version|application_id)=-?\d{1,10});$/
const EXCERPT_LENGTH = 60
const BYTES_A_CHARACTER = 3
const NEWLINE = 0x0a
const SPACE = 0x20
const DASH = 0x2d

interface RowVerb {
  readonly words: string
  readonly read: (grammar: RowGrammar) => boolean
}

const ROW_VERBS: readonly RowVerb[] = [
  { words: 'INSERT INTO ', read: (grammar) => grammar.insertion() },
  { words: 'REPLACE INTO ', read: (grammar) => grammar.insertion() },
  { words: 'UPDATE ', read: (grammar) => grammar.update() },
  { words: 'DELETE FROM ', read: (grammar) => grammar.deletion() },
]

/**
 * Takes the statements of a text one by one, as long as they are whole. Each is checked before it is given.
 * Errors are ScriptlogErrors with code `SCRIPTLOG_REFUSED_STATEMENT` and the offset in the file.
 */
export class OwnStatements {
  readonly #bytes: Uint8Array
  readonly #base: number
  readonly #path: string | undefined
  #at = 0

  /** `base` is the offset of the first byte of `bytes` in the file at `path`, for messages. */
  constructor(bytes: Uint8Array, base = 0, path?: string) {
    this.#bytes = bytes
    this.#base = base
    this.#path = path
  }

  /** How many bytes are done with: what follows begins a statement that is not whole. */
  get taken(): number {
    return this.#at
  }

  /** Throws unless everything was taken. */
  assertEnd(): void {
    if (this.#at < this.#bytes.length) this.#refuse('a statement that is not finished', this.#at)
  }

  /** The next statement; undefined when the rest is no whole one. */
  take(): OwnStatement | undefined {
    this.#skipBlank()
    if (this.#at === this.#bytes.length) return undefined
    const verb = ROW_VERBS.find(({ words }) => this.#startsWith(words))
    return verb === undefined ? this.#takeOther() : this.#takeRows(verb)
  }

  #takeRows({ words, read }: RowVerb): OwnStatement | undefined {
    const grammar = new RowGrammar(this.#bytes, this.#at + words.length)
    if (!read(grammar)) {
      if (grammar.at === this.#bytes.length) return undefined
      return this.#takeChange(grammar.at)
    }
    const text = this.#textTo(grammar.at)
    const systemTable = /^[A-Z ]+"?(sqlite_\w*)/i.exec(text.slice(0, EXCERPT_LENGTH))?.[1]
    if (systemTable !== undefined && !SYSTEM_TABLES.includes(systemTable)) {
      this.#refuse("a change of SQLite's own tables", this.#at)
    }
    return this.#give(systemTable === undefined ? 'rows' : 'system-rows', text, grammar.at)
  }

  /** An UPDATE or DELETE with an expression; `misfit` is what keeps it from being one without. */
  #takeChange(misfit: number): OwnStatement | undefined {
    const mostBytes = LONGEST_PLAIN_TEXT * BYTES_A_CHARACTER
    const end = this.#endOfStatement(this.#at + mostBytes)
    if (end === undefined && this.#bytes.length - this.#at < mostBytes) return undefined
    const text = end === undefined ? '' : this.#textTo(end)
    const isSystemTable = /^[A-Z ]+"?sqlite_/i.test(text.slice(0, EXCERPT_LENGTH))
    if (end === undefined || isSystemTable || !isWrittenChange(text.slice(0, -1))) {
      this.#refuse('a statement on rows that scriptlog does not write', misfit)
    }
    return this.#give('change', text, end)
  }

  #takeOther(): OwnStatement | undefined {
    const end = this.#endOfStatement(this.#bytes.length)
    if (end === undefined) return undefined
    const text = this.#textTo(end)
    return this.#give(this.#kindOf(text), text, end)
  }

  /** Behind the semicolon of the statement that begins here, if that stands before `limit`. */
  #endOfStatement(limit: number): number | undefined {
    const bytes = this.#bytes
    const automaton = new StatementAutomaton()
    for (let at = this.#at; at < Math.min(bytes.length, limit); at++) {
      const byte = bytes[at] ?? 0
      if (byte === 0) this.#refuse('a NUL character', at)
      if (automaton.step(byte, at)) return at + 1
    }
    return undefined
  }

  #kindOf(text: string): OwnKind {
    if (text === 'BEGIN;') return 'begin'
    if (text === 'COMMIT;') return 'commit'
    if (PRAGMA.test(text)) return 'pragma'
    const kind = schemaKindOf(text.slice(0, -1))
    return typeof kind === 'string' ? kind : this.#refuse(kind.refused, this.#at)
  }

  #give(kind: OwnKind, text: string, end: number): OwnStatement {
    const offset = this.#base + this.#at
    this.#at = end
    return { kind, text, offset }
  }

  #textTo(end: number): string {
    const bytes = this.#bytes.subarray(this.#at, end)
    if (bytes.length > constants.MAX_STRING_LENGTH) this.#refuse('a statement larger than 512 MiB', this.#at)
    if (!isUtf8(bytes)) this.#refuse('text that is not UTF-8', this.#at)
    return asBuffer(bytes).toString('utf8')
  }

  #startsWith(words: string): boolean {
    for (let index = 0; index < words.length; index++) {
      if (this.#bytes[this.#at + index] !== words.charCodeAt(index)) return false
    }
    return true
  }

  /** Goes past line ends, spaces and comment lines, as far as they are whole. */
  #skipBlank(): void {
    const bytes = this.#bytes
    for (;;) {
      const byte = bytes[this.#at]
      if (byte === NEWLINE || byte === SPACE) {
        this.#at++
      } else if (byte === DASH && bytes[this.#at + 1] === DASH) {
        const newline = bytes.indexOf(NEWLINE, this.#at)
        if (newline < 0) return
        this.#at = newline + 1
      } else {
        return
      }
    }
  }

  #refuse(what: string, at: number): never {
    const excerpt = asBuffer(this.#bytes.subarray(this.#at, this.#at + EXCERPT_LENGTH)).toString('latin1')
    throw new ScriptlogError(
      'SCRIPTLOG_REFUSED_STATEMENT',
      `${what} is refused: ${JSON.stringify(excerpt)}`,
      {
        reason: 'script',
        severity: 'unrecoverable',
        path: this.#path,
        offset: this.#base + at,
        hint: 'scriptlog runs only what it writes itself; to run other SQL, replay the file into a database',
      },
    )
  }
}

/** The table that a statement of kind `rows` or `change` writes to. */
export function rowTargetOf(text: string): string {
  const at = ROW_VERBS.find(({ words }) => text.startsWith(words))?.words.length ?? 0
  if (text[at] !== '"') {
    const bare = /[a-z_][a-z0-9_]*/y
    bare.lastIndex = at
    return bare.exec(text)?.[0] ?? ''
  }
  let end = text.indexOf('"', at + 1)
  while (text[end + 1] === '"') end = text.indexOf('"', end + 2)
  return text.slice(at + 1, end).replaceAll('""', '"')
}

/**
 * All statements of a text that must consist of whole ones. Throws as {@link OwnStatements} does, also when the text
 * ends in the middle of a statement.
 */
export function* ownStatements(text: string | Uint8Array, base = 0, path?: string): Generator<OwnStatement> {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'utf8') : text
  const statements = new OwnStatements(bytes, base, path)
  for (let next = statements.take(); next !== undefined; next = statements.take()) yield next
  statements.assertEnd()
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
