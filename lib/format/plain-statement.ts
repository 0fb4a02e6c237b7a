// Statements on the rows of one table whose effect follows from their text, their parameters and that table alone:
//
//   plain  = (insert | update | delete) [' RETURNING ' ('*' | name [['AS'] name] {',' …})]
//   insert = 'INSERT INTO ' table ['(' name {',' name} ')'] ' VALUES(' value {',' value} ')'
//   update = 'UPDATE ' table ' SET ' name '=' expression {',' name '=' expression} [' WHERE ' expression]
//   delete = 'DELETE FROM ' table [' WHERE ' expression]
//   table  = ['main' '.'] name        value = literal | parameter
//
// An expression that is assigned or inserted may also be anything else: it can change nothing, and is called computed.
// What such a statement makes of its row is only known from the row. Everywhere else an expression is made of literals, parameters, names, and operators that no application can redefine and that make
// no text. There is no call, no subquery, no collation, no conflict resolution, no clause beyond these: whoever reads it sees all of it.
// What is malformed beyond that, SQLite will say. Reading a text and writing it again gives the same text when it was
// written here: that is how files are checked.

import { invariant } from '../errors.ts'
import { upperCase, WORD_PATTERN } from './lexis.ts'
import { quoteName, textLiteral } from './sql-literal.ts'
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

/** An expression that is not looked into. */
export interface Computed {
  readonly kind: 'computed'
}

const COMPUTED: Computed = { kind: 'computed' }

/** SQL as it stands, or what is put in its place. */
export type Piece = string | Name | Parameter

export type PlainStatement = (PlainInsert | PlainUpdate | PlainDelete) & {
  /** It has a RETURNING, which is read and not written: it does nothing. */
  readonly returnsRows?: boolean
}

export interface PlainInsert {
  readonly verb: 'INSERT'
  readonly table: string
  /** Undefined for all columns. */
  readonly columns: readonly string[] | undefined
  readonly parameters: readonly Parameter[]
  /** The text of a literal, a parameter, or something computed. */
  readonly values: readonly (string | Parameter | Computed)[]
}

export interface Assignment {
  readonly column: string
  readonly value: readonly Piece[] | Computed
}

export interface PlainUpdate {
  readonly verb: 'UPDATE'
  readonly table: string
  readonly assignments: readonly Assignment[]
  readonly parameters: readonly Parameter[]
  readonly where: readonly Piece[] | undefined
}

export interface PlainDelete {
  readonly verb: 'DELETE'
  readonly table: string
  readonly parameters: readonly Parameter[]
  readonly where: readonly Piece[] | undefined
}

/** Longer texts are not looked at: they hold data, and go the way of all other statements. */
export const LONGEST_PLAIN_TEXT = 1 << 20

/** The statement, or undefined when it is no plain one. */
export function parsePlainStatement(sql: string): PlainStatement | undefined {
  if (sql.length > LONGEST_PLAIN_TEXT) return undefined
  const tokens = new Tokens(sql)
  const statement = parse(tokens)
  const returnsRows = tokens.takeWord('RETURNING')
  if (statement === undefined || (returnsRows && !skipResultColumns(tokens, statement.table)))
    return undefined
  tokens.take(';')
  if (!tokens.isAtEnd) return undefined
  return returnsRows ? { ...statement, returnsRows } : statement
}

/** The text of a statement, without its semicolon. `write` gives the SQL of names and parameters. */
export function writeChange(
  statement: PlainUpdate | PlainDelete,
  write: (piece: Name | Parameter) => string,
): string {
  const text = (pieces: readonly Piece[]) => {
    let sql = ''
    for (const piece of pieces) {
      const next = typeof piece === 'string' ? piece : write(piece)
      // Two signs would begin a comment.
      sql += next.startsWith('-') && sql.endsWith('-') ? ` ${next}` : next
    }
    return sql
  }
  const table = quoteName(statement.table)
  const where = statement.where === undefined ? '' : ` WHERE ${text(statement.where)}`
  if (statement.verb === 'DELETE') return `DELETE FROM ${table}${where}`
  const assigned = statement.assignments.map(({ column, value }) => {
    invariant(!('kind' in value), 'what is computed has no text')
    return `${quoteName(column)}=${text(value)}`
  })
  return `UPDATE ${table} SET ${assigned.join()}${where}`
}

/** Something in the statement is not looked into. */
export function isComputed(statement: PlainStatement): boolean {
  if (statement.verb === 'INSERT') {
    return statement.values.some((value) => typeof value !== 'string' && value.kind === 'computed')
  }
  return statement.verb === 'UPDATE' && statement.assignments.some(({ value }) => 'kind' in value)
}

/** Undeclared they stand without quotes: SQLite might take a quoted word that names no column for text. */
const BARE_NAMES = ['rowid', '_rowid_', 'oid']

/** True for an UPDATE or DELETE that {@link writeChange} has written, with values for its parameters. */
export function isWrittenChange(sql: string): boolean {
  const statement = parsePlainStatement(sql)
  if (statement === undefined || statement.verb === 'INSERT' || isComputed(statement)) return false
  const written = writeChange(statement, (piece) => {
    if (piece.kind !== 'name') return ''
    return piece.isBare && BARE_NAMES.includes(piece.name) ? piece.name : quoteName(piece.name)
  })
  return written === sql && statement.parameters.length === 0 && statement.returnsRows !== true
}

/** `*`, or names, of the table or not, with other names for them or not. */
function skipResultColumns(tokens: Tokens, table: string): boolean {
  if (tokens.take('*')) return true
  do {
    const name = tokens.name()
    if (name === undefined) return false
    if (tokens.take('.') && (upperCase(name.name) !== upperCase(table) || tokens.name() === undefined))
      return false
    if (tokens.takeWord('AS') && tokens.name() === undefined) return false
  } while (tokens.take(','))
  return true
}

function parse(tokens: Tokens): PlainInsert | PlainUpdate | PlainDelete | undefined {
  switch (tokens.word()) {
    case 'INSERT':
      return tokens.takeWord('INTO') ? parseInsert(tokens) : undefined
    case 'UPDATE':
      return parseUpdate(tokens)
    case 'DELETE':
      return tokens.takeWord('FROM') ? parseDelete(tokens) : undefined
    default:
      return undefined
  }
}

function parseInsert(tokens: Tokens): PlainInsert | undefined {
  const table = parseTable(tokens)
  if (table === undefined) return undefined
  let columns: string[] | undefined
  if (tokens.take('(')) {
    columns = []
    do {
      const name = tokens.name()
      if (name === undefined) return undefined
      columns.push(name.name)
    } while (tokens.take(','))
    if (!tokens.take(')')) return undefined
  }
  if (!tokens.takeWord('VALUES') || !tokens.take('(')) return undefined
  const values: (string | Parameter | Computed)[] = []
  do {
    const value = tokens.either(
      () => parseValue(tokens),
      () => skipExpression(tokens),
    )
    if (value === undefined) return undefined
    values.push(value)
  } while (tokens.take(','))
  return tokens.take(')')
    ? { verb: 'INSERT', table, columns, parameters: tokens.parameters, values }
    : undefined
}

/** A literal or a parameter, with nothing behind it. */
function parseValue(tokens: Tokens): string | Parameter | undefined {
  const sign = tokens.take('-') ? '-' : ''
  const value = tokens.literal() ?? (sign === '' ? tokens.parameter() : undefined)
  if (value === undefined || (sign !== '' && !/^\d/.test(String(value))) || !tokens.isAt([',', ')']))
    return undefined
  return typeof value === 'string' ? sign + value : value
}

/** What ends an expression, outside of brackets. */
const CLAUSES = ['WHERE', 'FROM', 'ORDER', 'LIMIT', 'RETURNING']

/** Takes an expression of any kind. */
function skipExpression(tokens: Tokens): Computed | undefined {
  for (let depth = 0, length = 0; ; length++) {
    if (depth === 0 && (tokens.isAt([',', ')', ';', ...CLAUSES]) || tokens.isAtEnd)) {
      return length === 0 ? undefined : COMPUTED
    }
    if (tokens.isAt(['('])) depth++
    else if (tokens.isAt([')'])) depth--
    if (!tokens.skip()) return undefined
  }
}

function parseUpdate(tokens: Tokens): PlainUpdate | undefined {
  const table = parseTable(tokens)
  if (table === undefined || !tokens.takeWord('SET')) return undefined
  const assignments: Assignment[] = []
  do {
    const column = tokens.name()
    if (column === undefined || !tokens.take('=')) return undefined
    const value = tokens.either(
      () => parseAssigned(tokens, table),
      () => skipExpression(tokens),
    )
    if (value === undefined) return undefined
    assignments.push({ column: column.name, value })
  } while (tokens.take(','))
  const where = parseWhere(tokens, table)
  return where === 'none'
    ? undefined
    : { verb: 'UPDATE', table, assignments, parameters: tokens.parameters, where }
}

/** A plain expression, with nothing behind it. */
function parseAssigned(tokens: Tokens, table: string): readonly Piece[] | undefined {
  const pieces = new ExpressionReader(tokens, table).read()
  return tokens.isAtEnd || tokens.isAt([',', ';', 'WHERE', 'RETURNING']) ? pieces : undefined
}

function parseDelete(tokens: Tokens): PlainDelete | undefined {
  const table = parseTable(tokens)
  if (table === undefined) return undefined
  const where = parseWhere(tokens, table)
  return where === 'none' ? undefined : { verb: 'DELETE', table, parameters: tokens.parameters, where }
}

/** Undefined where no WHERE stands; `none` for one that is no plain expression. */
function parseWhere(tokens: Tokens, table: string): readonly Piece[] | undefined | 'none' {
  if (!tokens.takeWord('WHERE')) return undefined
  return new ExpressionReader(tokens, table).read() ?? 'none'
}

function parseTable(tokens: Tokens): string | undefined {
  const first = tokens.name()
  if (first === undefined || !tokens.take('.')) return first?.name
  return upperCase(first.name) === 'MAIN' ? tokens.name()?.name : undefined
}

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
class ExpressionReader {
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

class Tokens {
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
