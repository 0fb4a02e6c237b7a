// The tokens of plain statements, taken one by one: each method tells whether what it is named after stands next.

import { upperCase, WORD_PATTERN } from './lexis.ts'
import { textLiteral } from './sql-literal.ts'
import { skipBlank } from './sql-scanner.ts'

/** A parameter: the `index`-th `?`, or `:name`, `@name`, `$name`. */
export type Parameter =
  | { readonly kind: 'positional'; readonly index: number }
  | { readonly kind: 'named'; readonly name: string }

export interface Name {
  readonly kind: 'name'
  readonly name: string
  /** Written without quotes. */
  readonly isBare: boolean
}

const WORD = new RegExp(WORD_PATTERN, 'y')
const BLOB = /[xX]'((?:[0-9a-fA-F]{2})*)'/y
const NUMBER = /(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?/y
const NAMED_PARAMETER = /[:@$]([A-Za-z_]\w*)/y
/** Text with control characters, as {@link textLiteral} writes it. */
const CAST_TEXT = /CAST\(X'(?:[0-9A-F]{2})*' AS TEXT\)/y
const REPLACE_TEXT =
  /(?:replace\(){1,3}'[^']*(?:''[^']*)*'(?:,'\\[tnr](?:\d+\.)?',char\((?:9|10|13)\)\)){1,3}/y
const SYMBOL = /\|\||<<|>>|<=|>=|<>|!=|==|->|[-+*/%&|~<>=(),.;]/y
/** Words that are no names where an operand stands; a column that is called so has to be quoted. */
const NO_NAMES = new Set([
  'AND',
  'BETWEEN',
  'CASE',
  'CAST',
  'CURRENT_DATE',
  'CURRENT_TIME',
  'CURRENT_TIMESTAMP',
  'DEFAULT',
  'DISTINCT',
  'ELSE',
  'END',
  'EXISTS',
  'FALSE',
  'FROM',
  'IN',
  'INDEXED',
  'IS',
  'ISNULL',
  'LIMIT',
  'NOT',
  'NOTNULL',
  'NULL',
  'OR',
  'ORDER',
  'RAISE',
  'RETURNING',
  'SELECT',
  'SET',
  'THEN',
  'TRUE',
  'VALUES',
  'WHEN',
  'WHERE',
  'WITH',
])

export class Tokens {
  readonly #sql: string
  /** Those that have been read. */
  readonly parameters: Parameter[] = []
  #at: number
  #positional = 0

  constructor(sql: string) {
    this.#sql = sql
    this.#at = skipBlank(sql, 0, true)
  }

  get isAtEnd(): boolean {
    return this.#at === this.#sql.length
  }

  /** What one reading finds, or, from the same place, another. */
  either<A, B>(read: () => A | undefined, readOtherwise: () => B | undefined): A | B | undefined {
    const [at, positional, count] = [this.#at, this.#positional, this.parameters.length]
    const found = read()
    if (found !== undefined) return found
    this.#at = at
    this.#positional = positional
    this.parameters.length = count
    return readOtherwise()
  }

  /** One of these symbols and words, in upper case, stands here. */
  isAt(tokens: readonly string[]): boolean {
    const found = this.#match(SYMBOL)?.[0] ?? this.#match(WORD)?.[0]
    return found !== undefined && tokens.includes(upperCase(found))
  }

  /** Takes one token of any kind; false where none stands that is known here. */
  skip(): boolean {
    if (this.literal() !== undefined || this.parameter() !== undefined) return true
    const start = this.#sql[this.#at] ?? ''
    if (start === '"' || start === '`' || start === '[') return this.name() !== undefined
    const token = this.#match(WORD)?.[0] ?? this.#match(SYMBOL)?.[0]
    if (token === undefined) return false
    this.#advance(token.length)
    return true
  }

  /** The bare word that stands here, in upper case. */
  word(): string | undefined {
    const word = this.#match(WORD)?.[0]
    if (word === undefined) return undefined
    this.#advance(word.length)
    return upperCase(word)
  }

  takeWord(word: string): boolean {
    const found = this.#match(WORD)?.[0]
    if (found === undefined || upperCase(found) !== word) return false
    this.#advance(found.length)
    return true
  }

  takeOneOf(words: readonly string[]): string | undefined {
    return words.find((word) => this.takeWord(word))
  }

  take(symbol: string): boolean {
    if (this.#match(SYMBOL)?.[0] !== symbol) return false
    this.#advance(symbol.length)
    return true
  }

  name(): Name | undefined {
    const open = this.#sql[this.#at] ?? ''
    if (open === '"' || open === '`') return this.#quotedName(open)
    if (open === '[') {
      const end = this.#sql.indexOf(']', this.#at)
      if (end < 0) return undefined
      const name = this.#sql.slice(this.#at + 1, end)
      this.#advance(end + 1 - this.#at)
      return { kind: 'name', name, isBare: false }
    }
    const word = this.#match(WORD)?.[0]
    // A string with a letter before it is a blob or nothing; a word with a bracket behind it is a call.
    if (word === undefined || NO_NAMES.has(upperCase(word))) return undefined
    this.#advance(word.length)
    return { kind: 'name', name: word, isBare: true }
  }

  /** The text of a literal, as scriptlog writes it. */
  literal(): string | undefined {
    if (this.takeWord('NULL')) return 'NULL'
    const start = this.#sql[this.#at] ?? ''
    if (start === "'") {
      const end = this.#endOfString(start)
      if (end === undefined) return undefined
      const text = this.#sql.slice(this.#at + 1, end).replaceAll("''", "'")
      this.#advance(end + 1 - this.#at)
      return textLiteral(text)
    }
    if (start === 'x' || start === 'X') {
      const blob = this.#match(BLOB)
      if (blob === null) return undefined
      this.#advance(blob[0].length)
      return `X'${(blob[1] ?? '').toUpperCase()}'`
    }
    const call = this.#match(CAST_TEXT)?.[0] ?? this.#match(REPLACE_TEXT)?.[0]
    if (call !== undefined) {
      this.#advance(call.length)
      return call
    }
    return this.#number()
  }

  parameter(): Parameter | undefined {
    const parameter = this.#parameter()
    if (parameter !== undefined) this.parameters.push(parameter)
    return parameter
  }

  #parameter(): Parameter | undefined {
    const next = this.#sql[this.#at + 1] ?? ''
    if (this.#sql[this.#at] === '?') {
      if (/[\d]/.test(next)) return undefined
      this.#advance(1)
      return { kind: 'positional', index: this.#positional++ }
    }
    const [text, name] = this.#match(NAMED_PARAMETER) ?? []
    // Values are passed on by these names, as properties.
    if (text === undefined || name === undefined || name === '__proto__') return undefined
    // `$a::b` and `$a(b)` are names of Tcl's.
    if (/[\w$:(\u0080-\uffff]/.test(this.#sql[this.#at + text.length] ?? '')) return undefined
    this.#advance(text.length)
    return { kind: 'named', name }
  }

  #quotedName(quote: string): Name | undefined {
    const end = this.#endOfString(quote)
    if (end === undefined) return undefined
    const name = this.#sql.slice(this.#at + 1, end).replaceAll(quote + quote, quote)
    this.#advance(end + 1 - this.#at)
    return { kind: 'name', name, isBare: false }
  }

  #number(): string | undefined {
    const [text, whole = '', fraction, exponent] = this.#match(NUMBER) ?? []
    if (text === undefined || (whole === '' && (fraction ?? '') === '')) return undefined
    // 0x10, 1_000, 1.2.3
    if (/[\w$.\u0080-\uffff]/.test(this.#sql[this.#at + text.length] ?? '')) return undefined
    this.#advance(text.length)
    const point = fraction === undefined ? '' : `.${fraction === '' ? '0' : fraction}`
    return `${whole === '' ? '0' : whole}${point}${exponent === undefined ? '' : `e${exponent}`}`
  }

  /** Where the quote is that ends the text which begins here. */
  #endOfString(quote: string): number | undefined {
    for (let at = this.#at + 1; ; at += 2) {
      at = this.#sql.indexOf(quote, at)
      if (at < 0) return undefined
      if (this.#sql[at + 1] !== quote) return at
    }
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at
    return pattern.exec(this.#sql)
  }

  #advance(length: number): void {
    this.#at = skipBlank(this.#sql, this.#at + length)
  }
}
