// Statements on the rows of one table whose effect follows from their text, their parameters and that table alone:
//
//   plain  = (insert | update | delete) [' RETURNING ' ('*' | name [['AS'] name] {',' …})]
//   insert = 'INSERT INTO ' table ['(' name {',' name} ')'] ' VALUES(' value {',' value} ')'
//   update = 'UPDATE ' table ' SET ' name '=' expression {',' name '=' expression} [' WHERE ' expression]
//   delete = 'DELETE FROM ' table [' WHERE ' expression]
//   table  = ['main' '.'] name        value = literal | parameter
//
// An expression that is assigned or inserted may also be anything else: it can change nothing, and is called computed.
// What such a statement makes of its row is only known from the row. Everywhere else an expression is made of literals,
// parameters, names, and operators that no application can redefine and that make no text. There is no call, no
// subquery, no collation, no conflict resolution, no clause beyond these: whoever reads it sees all of it.
// What is malformed beyond that, SQLite will say. Reading a text and writing it again gives the same text when it was
// written here: that is how files are checked.

import { invariant } from '../errors.ts'
import { upperCase } from './lexis.ts'
import { ExpressionReader, type Piece } from './plain-expression.ts'
import { type Name, type Parameter, Tokens } from './plain-tokens.ts'
import { quoteName } from './sql-literal.ts'

export type { Piece } from './plain-expression.ts'
export type { Name, Parameter } from './plain-tokens.ts'

/** An expression that is not looked into. */
export interface Computed {
  readonly kind: 'computed'
}

const COMPUTED: Computed = { kind: 'computed' }

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
