import { lowerCase } from '../format/lexis.ts'
import {
  isComputed,
  LONGEST_PLAIN_TEXT,
  type Name,
  type Parameter,
  type Piece,
  type PlainDelete,
  type PlainUpdate,
  writeChange,
} from '../format/plain-statement.ts'
import { quoteName } from '../format/sql-literal.ts'
import type { CapturedTable } from './captured-table.ts'
import { provenLiteral } from './proven-value.ts'
import { RunArguments, type Values } from './run-arguments.ts'
import type { Affinity, ColumnFacts, TableFacts } from './table-facts.ts'

/** An UPDATE or DELETE whose effect is known. */
export class ProvenChange {
  readonly verb: 'UPDATE' | 'DELETE'
  readonly table: CapturedTable
  readonly args: RunArguments
  readonly #statement: PlainUpdate | PlainDelete
  /** The value that the WHERE compares the rowid with, where that leaves one row. */
  readonly #key: number | Parameter | undefined
  /** What becomes of the parameters, where that is not `none`. */
  readonly #affinities: ReadonlyMap<Parameter, Affinity>
  readonly #columns: TableFacts['columns']
  /** False when its text would not do the same everywhere. */
  readonly #isExact: boolean

  private constructor(
    statement: PlainUpdate | PlainDelete,
    facts: TableFacts,
    key: number | Parameter | undefined,
    isExact: boolean,
  ) {
    this.verb = statement.verb
    this.table = facts.table
    this.args = new RunArguments(statement.parameters)
    this.#statement = statement
    this.#key = key
    this.#columns = facts.columns
    this.#isExact = isExact
    const affinities = affinitiesOf(statement, facts)
    if (typeof key === 'object') affinities.set(key, 'integral')
    this.#affinities = affinities
  }

  /** Undefined when a rule does not hold; those that concern every statement do. */
  static of(
    statement: PlainUpdate | PlainDelete,
    facts: TableFacts,
    { mayChangeUnique = true } = {},
  ): ProvenChange | undefined {
    const isKnown = (name: string) =>
      facts.columns.has(lowerCase(name)) || facts.rowidNames.has(lowerCase(name))
    const names = piecesOf(statement).filter(isName)
    if (!names.every(({ name }) => isKnown(name))) return undefined
    const key = keyOf(statement.where, facts)
    const assignments = statement.verb === 'UPDATE' ? statement.assignments : []
    const set = assignments.map(({ column }) => facts.columns.get(lowerCase(column)))
    if (set.some((column) => column === undefined || column.isKey)) return undefined
    const setsUnique = set.some((column) => column?.isUnique === true)
    if (setsUnique && !mayChangeUnique) return undefined
    const isExact =
      (key !== undefined || !setsUnique) && !isComputed(statement) && meansTheSame(statement, facts)
    return isExact || key !== undefined ? new ProvenChange(statement, facts, key, isExact) : undefined
  }

  /** The only rowid that the run can touch; undefined where that is not known. */
  rowidOf(values: Values): number | undefined {
    if (typeof this.#key !== 'object') return this.#key
    const value = values.of(this.#key)
    const rowid = typeof value === 'bigint' ? Number(value) : value
    // Not -0, which is another key.
    return typeof rowid === 'number' && Number.isSafeInteger(rowid) ? rowid + 0 : undefined
  }

  /** Writes the statement as a line of a record; undefined where no text is exact. */
  writer(values: Values): (() => string) | undefined {
    if (!this.#isExact) return undefined
    let isExact = true
    const text = writeChange(this.#statement, (piece) => {
      if (piece.kind === 'name') return this.#nameSql(piece)
      const literal = provenLiteral(values.of(piece), this.#affinities.get(piece) ?? 'none')
      isExact &&= literal !== undefined && !literal.startsWith('CAST(')
      return literal ?? ''
    })
    // A longer one could not be told from others when the file is read.
    return isExact && text.length < LONGEST_PLAIN_TEXT ? () => `${text};\n` : undefined
  }

  #nameSql({ name }: Name): string {
    const column = this.#columns.get(lowerCase(name))
    return column === undefined ? this.table.rowidSql : quoteName(column.name)
  }
}

function piecesOf(statement: PlainUpdate | PlainDelete): readonly Piece[] {
  const assigned =
    statement.verb === 'UPDATE'
      ? statement.assignments.flatMap(({ value }) => ('kind' in value ? [] : value))
      : []
  return [...assigned, ...(statement.where ?? [])]
}

function isName(piece: Piece): piece is Name {
  return typeof piece !== 'string' && piece.kind === 'name'
}

function isParameter(piece: Piece): piece is Parameter {
  return typeof piece !== 'string' && piece.kind !== 'name'
}

function isKeyColumn(name: string, facts: TableFacts): boolean {
  if (facts.table.shape.key.kind !== 'rowid') return false
  const column: ColumnFacts | undefined = facts.columns.get(lowerCase(name))
  return column === undefined ? facts.rowidNames.has(lowerCase(name)) : column.isKey
}

/** `WHERE id = value`, `WHERE id IN (value)`, also with ` AND …` behind it: the integer or parameter that `id` is compared with. */
function keyOf(where: readonly Piece[] | undefined, facts: TableFacts): number | Parameter | undefined {
  const [name, operator, value, rest] = where ?? []
  if (typeof name !== 'object' || name.kind !== 'name' || !isKeyColumn(name.name, facts)) return undefined
  if (where?.some((piece) => typeof piece === 'string' && /\bOR\b/.test(piece))) return undefined
  if (typeof operator !== 'string') return undefined
  const integer = /^==?(-?\d{1,15})(?: AND .*)?$/s.exec(operator)?.[1]
  if (integer !== undefined) return Number(integer)
  if (value === undefined || !isParameter(value)) return undefined
  const end = operator === '=' || operator === '==' ? '' : operator === ' IN (' ? ')' : undefined
  if (end === undefined) return undefined
  const behind = typeof rest === 'string' ? rest : ''
  return behind === end || behind.startsWith(`${end} AND `) ? value : undefined
}

/** Everything in it that is no name or parameter, without texts. */
function operatorsOf(statement: PlainUpdate | PlainDelete): string {
  const text = piecesOf(statement).filter((piece) => typeof piece === 'string')
  return text.join(' ').replace(/'[^']*'/g, "''")
}

/** What computes a value, or takes the affinity from one. */
const COMPUTES = /[-+*/%~&|]|<<|>>|CASE/
const FRACTION = /\d[.e]|\d{19}/
/** It has the affinity TEXT, where the value itself has none. */
const CAST = 'CAST('

/**
 * True when the text of a statement does the same with every SQLite: no number that is not whole becomes text. Where
 * columns for text are concerned, nothing is computed, and they meet only each other, texts, and whole numbers.
 */
function meansTheSame(statement: PlainUpdate | PlainDelete, facts: TableFacts): boolean {
  const operators = operatorsOf(statement)
  if (operators.includes(CAST)) return false
  const affinityOf = (name: string) => facts.columns.get(lowerCase(name))?.affinity ?? 'integral'
  const named = piecesOf(statement)
    .filter(isName)
    .map(({ name }) => affinityOf(name))
  const assignments = statement.verb === 'UPDATE' ? statement.assignments : []
  const toText = assignments.filter(({ column }) => affinityOf(column) === 'text')
  if (!named.includes('text') && toText.length === 0) return true
  if (named.includes('none') || COMPUTES.test(operators) || FRACTION.test(operators)) return false
  return toText.every(({ value }) => {
    if ('kind' in value) return false
    const [only, ...others] = value
    if (only === undefined || others.length > 0) return false
    return typeof only === 'string' || only.kind !== 'name' || affinityOf(only.name) === 'text'
  })
}

/** The affinity of the columns in which parameters are stored as they are; `text` where they may meet texts. */
function affinitiesOf(
  statement: PlainUpdate | PlainDelete,
  { columns }: TableFacts,
): Map<Parameter, Affinity> {
  const affinities = new Map<Parameter, Affinity>()
  const isText = (name: string) => columns.get(lowerCase(name))?.affinity === 'text'
  if (piecesOf(statement).some((piece) => isName(piece) && isText(piece.name))) {
    for (const parameter of statement.parameters) affinities.set(parameter, 'text')
  }
  if (statement.verb === 'DELETE') return affinities
  for (const { column, value } of statement.assignments) {
    if ('kind' in value) continue
    const [only, ...others] = value
    const affinity = columns.get(lowerCase(column))?.affinity
    if (only === undefined || others.length > 0 || !isParameter(only) || affinity === undefined) continue
    affinities.set(only, affinity)
  }
  return affinities
}
