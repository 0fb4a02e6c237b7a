import { lowerCase } from '../format/lexis.ts'
import {
  type Computed,
  isComputed,
  LONGEST_PLAIN_TEXT,
  type Parameter,
  type PlainInsert,
} from '../format/plain-statement.ts'
import { quoteName } from '../format/sql-literal.ts'
import type { CapturedTable } from './captured-table.ts'
import { isStableAsText, provenLiteral } from './proven-value.ts'
import { RunArguments, type Values } from './run-arguments.ts'
import type { Affinity, ColumnFacts, TableFacts } from './table-facts.ts'

interface Target {
  readonly value: string | Parameter | Computed
  readonly affinity: Affinity
}

/** An INSERT of one row whose effect is known. */
export class ProvenInsert {
  readonly verb = 'INSERT'
  readonly table: CapturedTable
  readonly args: RunArguments
  /** Up to the first value behind the rowid: `INSERT INTO "t"("id","a") VALUES(`. */
  readonly #head: string
  /** What is written behind the rowid, if the table has one. */
  readonly #targets: readonly Target[]
  readonly #hasRowid: boolean
  /** False when only the row can be read back: something in it is computed. */
  readonly #isExact: boolean

  private constructor(
    statement: PlainInsert,
    facts: TableFacts,
    columns: readonly ColumnFacts[],
    hasPlainDefaults: boolean,
  ) {
    const { shape } = facts.table
    this.table = facts.table
    this.args = new RunArguments(statement.parameters)
    this.#hasRowid = shape.key.kind === 'rowid'
    const targets = columns.map((column, index) => ({ column, value: statement.values[index] ?? 'NULL' }))
    const others = this.#hasRowid ? targets.filter(({ column }) => !column.isKey) : targets
    const names = others.map(({ column }) => quoteName(column.name))
    const all = this.#hasRowid ? [facts.table.rowidSql, ...names] : names
    this.#head = `INSERT INTO ${quoteName(shape.name)}(${all.join()}) VALUES(`
    this.#targets = others.map(({ column, value }) => ({ value, affinity: column.affinity }))
    const isStable = ({ value, affinity }: Target) =>
      typeof value !== 'string' || affinity !== 'text' || isStableAsText(value)
    this.#isExact = hasPlainDefaults && !isComputed(statement) && this.#targets.every(isStable)
  }

  /** Undefined when a rule does not hold; those that concern every statement do. */
  static of(statement: PlainInsert, facts: TableFacts): ProvenInsert | undefined {
    const given = statement.columns ?? [...facts.columns.values()].map(({ name }) => name)
    const columns = given.map((name) => facts.columns.get(lowerCase(name)))
    const known = columns.filter((column) => column !== undefined)
    if (known.length !== statement.values.length || new Set(columns).size !== statement.values.length) {
      return undefined
    }
    const left = [...facts.columns.values()].filter((column) => !known.includes(column))
    const hasPlainDefaults = left.every(
      (column) => column.hasPlainDefault || (column.isKey && hasRowid(facts)),
    )
    return new ProvenInsert(statement, facts, known, hasPlainDefaults)
  }

  /** Writes the statement as a line of a record, given the rowid that the row got; undefined where no text is exact. */
  writer(values: Values): ((rowid: number | bigint) => string) | undefined {
    if (!this.#isExact) return undefined
    let literals = ''
    for (const { value, affinity } of this.#targets) {
      if (typeof value !== 'string' && value.kind === 'computed') return undefined
      const literal = typeof value === 'string' ? value : provenLiteral(values.of(value), affinity)
      if (literal === undefined) return undefined
      literals += literals === '' ? literal : `,${literal}`
    }
    if (literals.length > LONGEST_PLAIN_TEXT) return undefined
    if (!this.#hasRowid) return () => `${this.#head}${literals});\n`
    const rest = literals === '' ? ');\n' : `,${literals});\n`
    return (rowid) => `${this.#head}${rowid}${rest}`
  }
}

function hasRowid({ table }: TableFacts): boolean {
  return table.shape.key.kind === 'rowid'
}
