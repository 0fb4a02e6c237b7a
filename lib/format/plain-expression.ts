// The expressions of plain statements; see plain-statement.ts for what may stand in one.

import { upperCase } from './lexis.ts'
import type { Name, Parameter, Tokens } from './plain-tokens.ts'

/** SQL as it stands, or what is put in its place. */
export type Piece = string | Name | Parameter

/** SQLite's expressions have at most 1000 levels, and a literal may have more than the parameter for which it stands. */
const MOST_OPERANDS = 200
/** Brackets and CASEs in each other, and signs before an operand: SQLite's parser had a stack of 100 until 3.46. */
const MOST_OPEN = 15
const MOST_SIGNS = 3
const BINARY = ['+', '-', '*', '/', '%', '&', '|', '<<', '>>', '=', '==', '<>', '!=', '<', '<=', '>', '>=']

/**
 * Reads an expression: operands and operators in turn. Brackets are counted; what binds how, SQLite knows, and the
 * order of the tokens stays as it is.
 */
export class ExpressionReader {
  readonly #tokens: Tokens
  readonly #table: string
  readonly #pieces: Piece[] = []
  /** What has been read since the last name or parameter. */
  #text = ''
  /** Open brackets and CASEs, innermost last. */
  readonly #open: ('(' | 'CASE')[] = []
  #operands = 0
  /** The next word follows a symbol, and needs no space. */
  #isTight = true

  /** `table` may stand before the name of a column. */
  constructor(tokens: Tokens, table: string) {
    this.#tokens = tokens
    this.#table = table
  }

  read(): readonly Piece[] | undefined {
    for (;;) {
      if (!this.#operand() || ++this.#operands > MOST_OPERANDS) return undefined
      const next = this.#afterOperand()
      if (next === 'refused') return undefined
      if (next === 'end') break
    }
    this.#endText()
    return this.#open.length === 0 ? this.#pieces : undefined
  }

  /** An operand with what stands before it. */
  #operand(): boolean {
    const tokens = this.#tokens
    let signs = 0
    for (; ; signs++) {
      if (signs > MOST_SIGNS || this.#open.length > MOST_OPEN) return false
      if (tokens.takeWord('NOT')) this.#write('NOT')
      else if (tokens.take('~')) this.#sign('~')
      else if (tokens.take('-')) this.#sign('-')
      else if (tokens.take('+')) this.#sign('+')
      else if (tokens.take('(')) {
        this.#open.push('(')
        this.#sign('(')
        signs = -1
      } else if (tokens.takeWord('CASE')) {
        this.#open.push('CASE')
        this.#write('CASE')
        if (tokens.takeWord('WHEN')) this.#write('WHEN')
        signs = -1
      } else break
    }
    const literal = tokens.literal()
    if (literal !== undefined) {
      this.#write(literal)
      return true
    }
    const parameter = tokens.parameter()
    if (parameter !== undefined) {
      this.#put(parameter)
      // Its value may bring a sign of its own.
      return signs < MOST_SIGNS
    }
    const name = tokens.name()
    if (name === undefined) return false
    if (!tokens.take('.')) {
      this.#put(name)
      return true
    }
    const column = tokens.name()
    if (column === undefined || upperCase(name.name) !== upperCase(this.#table)) return false
    this.#put(column)
    return true
  }

  /** What stands behind an operand, up to the next one. */
  #afterOperand(): 'operand' | 'end' | 'refused' {
    const tokens = this.#tokens
    for (;;) {
      const innermost = this.#open.at(-1)
      if (innermost === '(' && tokens.take(')')) {
        this.#open.pop()
        this.#text += ')'
        this.#isTight = false
        continue
      }
      if (innermost === '(' && tokens.take(',')) {
        return this.#operator(',')
      }
      if (innermost === 'CASE' && tokens.takeWord('END')) {
        this.#open.pop()
        this.#write('END')
        continue
      }
      const branch = innermost === 'CASE' ? tokens.takeOneOf(['WHEN', 'THEN', 'ELSE']) : undefined
      if (branch !== undefined) return this.#operator(branch)
      const postfix = tokens.takeOneOf(['ISNULL', 'NOTNULL'])
      if (postfix !== undefined) {
        this.#write(postfix)
        continue
      }
      if (tokens.takeWord('NOT')) {
        if (tokens.takeWord('NULL')) {
          this.#write('NOTNULL')
          continue
        }
        if (tokens.takeWord('BETWEEN')) return this.#operator('NOT BETWEEN')
        return tokens.takeWord('IN') ? this.#list('NOT IN') : 'refused'
      }
      if (tokens.takeWord('IN')) return this.#list('IN')
      if (tokens.takeWord('IS')) return this.#operator(tokens.takeWord('NOT') ? 'IS NOT' : 'IS')
      const word = tokens.takeOneOf(['AND', 'OR', 'BETWEEN'])
      if (word !== undefined) return this.#operator(word)
      const symbol = BINARY.find((each) => tokens.take(each))
      if (symbol !== undefined) return this.#operator(symbol)
      return 'end'
    }
  }

  #operator(text: string): 'operand' {
    if (/^[A-Z]/.test(text)) this.#write(text)
    else this.#symbol(text)
    return 'operand'
  }

  /** `IN` takes a list; a name behind it would be a table. */
  #list(operator: string): 'operand' | 'refused' {
    if (!this.#tokens.take('(')) return 'refused'
    this.#open.push('(')
    this.#write(`${operator} (`)
    this.#isTight = true
    return 'operand'
  }

  #write(text: string): void {
    this.#text += this.#isTight ? text : ` ${text}`
    this.#isTight = false
  }

  /** A symbol that begins an operand: behind a word it stands apart. */
  #sign(text: string): void {
    this.#write('')
    this.#symbol(text)
  }

  #symbol(text: string): void {
    const isComment = text === '-' && this.#text.endsWith('-')
    this.#text += isComment ? ` ${text}` : text
    this.#isTight = true
  }

  #put(piece: Name | Parameter): void {
    this.#write('')
    this.#endText()
    this.#pieces.push(piece)
  }

  #endText(): void {
    if (this.#text !== '') this.#pieces.push(this.#text)
    this.#text = ''
  }
}
