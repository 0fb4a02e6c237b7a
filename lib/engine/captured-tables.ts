import type { Database } from 'better-sqlite3'
import { CapturedTable } from './captured-table.ts'
import { isInternal, type Schema, type SchemaObject } from './schema.ts'
import { readTable } from './tables.ts'

interface Entry {
  /** What the table was read from: its text and those of its indexes. */
  readonly source: string
  readonly table: CapturedTable
}

/** The tables whose changes are captured, as the schema has them now. */
export class CapturedTables {
  readonly #sqlite: Database
  /** By name and key: a rollback brings triggers back that know the table by its number. */
  readonly #numbers = new Map<string, number>()
  #byName = new Map<string, Entry>()
  #byNumber: readonly (CapturedTable | undefined)[] = []

  constructor(sqlite: Database) {
    this.#sqlite = sqlite
  }

  [Symbol.iterator](): Iterator<CapturedTable> {
    return [...this.#byName.values()].map(({ table }) => table).values()
  }

  get size(): number {
    return this.#byName.size
  }

  get(number: number): CapturedTable | undefined {
    return this.#byNumber[number]
  }

  named(name: string): CapturedTable | undefined {
    return this.#byName.get(name)?.table
  }

  /**
   * Takes over a changed schema. Only tables that changed are read anew.
   * @throws {ScriptlogError} when a table cannot be captured; nothing has changed then.
   */
  refresh(schema: Schema): void {
    const sources = new Map<string, string>()
    for (const object of schema.values()) {
      if (isOrdinaryTable(object)) sources.set(object.name, object.sql ?? '')
    }
    for (const { type, tableName, sql } of schema.values()) {
      const source = type === 'index' ? sources.get(tableName) : undefined
      if (source !== undefined) sources.set(tableName, `${source}\n${sql}`)
    }
    const byName = new Map<string, Entry>()
    for (const [name, source] of sources) {
      const known = this.#byName.get(name)
      byName.set(name, known?.source === source ? known : { source, table: this.#read(name, source) })
    }
    const byNumber: CapturedTable[] = []
    for (const { table } of byName.values()) byNumber[table.number] = table
    this.#byName = byName
    this.#byNumber = byNumber
  }

  #read(name: string, sql: string): CapturedTable {
    const shape = readTable(this.#sqlite, name, sql)
    const identity = JSON.stringify([name, shape.key])
    const number = this.#numbers.get(identity) ?? this.#numbers.size
    this.#numbers.set(identity, number)
    return new CapturedTable(this.#sqlite, number, shape, sql)
  }
}

function isOrdinaryTable(object: SchemaObject): boolean {
  return object.type === 'table' && !isInternal(object) && !/^CREATE VIRTUAL /i.test(object.sql ?? '')
}
