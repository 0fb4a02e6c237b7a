import { lowerCase, upperCase, WORD_PATTERN } from './lexis.ts'
import { skipBlank } from './sql-scanner.ts'

/** What a statement on the schema does, as far as loading and redo care. */
export type SchemaKind =
  | 'create-table'
  | 'create-virtual-table'
  /** A virtual table of a module that the application brings. */
  | 'create-user-table'
  | 'create-index'
  | 'create-view'
  | 'create-trigger'
  | 'alter'
  | 'drop'
  | 'analyze'
  | 'reindex'

/**
 * Modules of SQLite's own whose virtual tables are kept. They hold what they know in shadow tables, and their arguments
 * name columns, tables of the main schema, tokenizers and numbers: nothing in them is run when a file is loaded.
 */
const KEPT_MODULES = ['fts5', 'fts5vocab', 'fts4', 'fts4aux', 'rtree', 'rtree_i32', 'geopoly']
/** Modules of SQLite's own whose virtual tables are not kept; any other name is that of a module of an application. */
const UNKEPT_MODULES = ['fts3', 'fts3tokenize', 'dbstat', 'sqlite_dbpage', 'sqlite_dbdata', 'sqlite_dbptr']
/** Options of FTS4 that name SQL functions, which a search would then call. */
const CALLING_OPTION = /\b(?:un)?compress\s*=/i

/** Why a statement is none that scriptlog writes: a clause for people. */
export interface Refusal {
  readonly refused: string
}

/**
 * Tells what one statement on the schema is, from its first tokens. Whether the rest of it is right, SQLite will
 * say: what begins in these ways can define things in the main schema, and nothing else.
 */
export function schemaKindOf(sql: string): SchemaKind | Refusal {
  const tokens = new Tokens(sql)
  const verb = tokens.word()
  switch (verb) {
    case 'CREATE':
      return creation(tokens)
    case 'ALTER':
      return tokens.word() === 'TABLE'
        ? (refusalOfTarget(tokens) ?? 'alter')
        : refused('an ALTER of no table')
    case 'DROP': {
      const what = tokens.word()
      if (!isOneOf(what, ['TABLE', 'INDEX', 'VIEW', 'TRIGGER'])) return refused(`DROP ${what ?? ''}`)
      tokens.words('IF', 'EXISTS')
      return refusalOfTarget(tokens) ?? 'drop'
    }
    case 'ANALYZE':
      return refusalOfRest(tokens) ?? 'analyze'
    case 'REINDEX':
      return refusalOfRest(tokens) ?? 'reindex'
    default:
      return refused(
        verb === undefined ? 'a statement that begins with no word' : `the statement ${verb.slice(0, 20)}`,
      )
  }
}

function creation(tokens: Tokens): SchemaKind | Refusal {
  const isUnique = tokens.words('UNIQUE')
  const what = tokens.word()
  if (isUnique && what !== 'INDEX') return refused('a CREATE UNIQUE of no index')
  if (what === 'TEMP' || what === 'TEMPORARY') return refused('a temporary object')
  if (what === 'VIRTUAL') return virtualTable(tokens)
  if (!isOneOf(what, ['TABLE', 'INDEX', 'VIEW', 'TRIGGER']))
    return refused(`CREATE ${what?.slice(0, 20) ?? ''}`)
  tokens.words('IF', 'NOT', 'EXISTS')
  const refusal = refusalOfTarget(tokens)
  if (refusal !== undefined) return refusal
  switch (what) {
    case 'TABLE':
      return tokens.symbol('(') ? 'create-table' : refused('a CREATE TABLE without columns')
    case 'INDEX':
      return 'create-index'
    case 'VIEW':
      return 'create-view'
    case 'TRIGGER':
      return 'create-trigger'
  }
}

function virtualTable(tokens: Tokens): SchemaKind | Refusal {
  if (tokens.word() !== 'TABLE') return refused('a CREATE VIRTUAL of no table')
  tokens.words('IF', 'NOT', 'EXISTS')
  const refusal = refusalOfTarget(tokens)
  if (refusal !== undefined) return refusal
  const module = tokens.words('USING') ? tokens.name() : undefined
  if (module === undefined) return refused('a virtual table without a module')
  if (isOneOf(lowerCase(module), UNKEPT_MODULES)) {
    return refused(`a virtual table of module ${module.slice(0, 40)}`)
  }
  if (!isKeptModule(module)) return 'create-user-table'
  if (lowerCase(module) === 'fts4' && CALLING_OPTION.test(tokens.rest)) {
    return refused('an FTS4 table that calls functions (compress, uncompress)')
  }
  return 'create-virtual-table'
}

/** Whether virtual tables of this module are kept. */
export function isKeptModule(name: string): boolean {
  return isOneOf(lowerCase(name), KEPT_MODULES)
}

/** Name and module of a virtual table, from its text in `sqlite_schema`; undefined for anything else. */
export function virtualTableOf(sql: string): { readonly name: string; readonly module: string } | undefined {
  const tokens = new Tokens(sql)
  const name = tokens.words('CREATE', 'VIRTUAL', 'TABLE') ? tokens.name() : undefined
  const module = tokens.words('USING') ? tokens.name() : undefined
  return name === undefined || module === undefined ? undefined : { name, module }
}

/** The module that the user's text of a CREATE VIRTUAL TABLE names. */
export function moduleNamedBy(sql: string): string | undefined {
  const tokens = new Tokens(sql)
  tokens.words('CREATE', 'VIRTUAL', 'TABLE')
  tokens.words('IF', 'NOT', 'EXISTS')
  refusalOfTarget(tokens)
  return tokens.words('USING') ? tokens.name() : undefined
}

/** The module of a virtual table, in lower case, from its text in `sqlite_schema`; undefined for anything else. */
export function moduleOf(sql: string): string | undefined {
  const tokens = new Tokens(sql)
  if (!tokens.words('CREATE', 'VIRTUAL', 'TABLE') || tokens.name() === undefined) return undefined
  const module = tokens.words('USING') ? tokens.name() : undefined
  return module === undefined ? undefined : lowerCase(module)
}

/** Takes the name of what a statement works on; refuses every schema but the main one. */
function refusalOfTarget(tokens: Tokens): Refusal | undefined {
  const name = tokens.name()
  if (name === undefined) return refused('a statement without a name')
  if (!tokens.symbol('.')) return undefined
  if (lowerCase(name) !== 'main') return refused('a statement on another schema')
  return tokens.name() === undefined ? refused('a statement without a name') : undefined
}

/** Of a statement that consists of at most a name. */
function refusalOfRest(tokens: Tokens): Refusal | undefined {
  if (tokens.isAtEnd) return undefined
  return refusalOfTarget(tokens) ?? (tokens.isAtEnd ? undefined : refused('an argument that is no name'))
}

function refused(what: string): Refusal {
  return { refused: what }
}

function isOneOf<T extends string>(word: string | undefined, words: readonly T[]): word is T {
  return words.some((one) => one === word)
}

const CLOSING_QUOTE: Readonly<Record<string, string>> = { '"': '"', '`': '`', "'": "'", '[': ']' }

/** Reads tokens from the beginning of a statement. What it does not find, it leaves where it is. */
class Tokens {
  readonly #sql: string
  #at = 0

  constructor(sql: string) {
    this.#sql = sql
    this.#at = skipBlank(sql, 0)
  }

  get isAtEnd(): boolean {
    return this.#at === this.#sql.length
  }

  /** What has not been read yet. */
  get rest(): string {
    return this.#sql.slice(this.#at)
  }

  /** A bare word, in upper case. */
  word(): string | undefined {
    const word = this.#bareWord()
    return word === undefined ? undefined : upperCase(word)
  }

  /** These words and no others; all of them or none. */
  words(...expected: readonly string[]): boolean {
    const start = this.#at
    if (expected.every((word) => this.word() === word)) return true
    this.#at = start
    return false
  }

  symbol(expected: string): boolean {
    if (!this.#sql.startsWith(expected, this.#at)) return false
    this.#moveTo(this.#at + expected.length)
    return true
  }

  /** A name, bare or in any quotes that SQLite knows, without them. */
  name(): string | undefined {
    const open = this.#sql.charAt(this.#at)
    const close = CLOSING_QUOTE[open]
    if (close === undefined) return this.#bareWord()
    let end = this.#sql.indexOf(close, this.#at + 1)
    while (end >= 0 && close === open && this.#sql.charAt(end + 1) === close) {
      end = this.#sql.indexOf(close, end + 2)
    }
    if (end < 0) return undefined
    const name = this.#sql.slice(this.#at + 1, end)
    this.#moveTo(end + 1)
    return close === open ? name.replaceAll(close + close, close) : name
  }

  #bareWord(): string | undefined {
    const pattern = new RegExp(WORD_PATTERN, 'y')
    pattern.lastIndex = this.#at
    const word = pattern.exec(this.#sql)?.[0]
    if (word !== undefined) this.#moveTo(this.#at + word.length)
    return word
  }

  #moveTo(at: number): void {
    this.#at = skipBlank(this.#sql, at)
  }
}
