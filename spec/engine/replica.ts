import type { Database, Statement } from 'better-sqlite3'
import { RecordApplier } from '../../lib/engine/apply-record.ts'
import { Capture, type CommittedChanges } from '../../lib/engine/capture.ts'
import { openConnection } from '../../lib/engine/connection.ts'
import type { ProvenRun } from '../../lib/engine/proven-runs.ts'
import { assertMayPrepare } from '../../lib/engine/refusals.ts'
import { readSchema } from '../../lib/engine/schema.ts'
import { describeStatement } from '../../lib/engine/statement-kind.ts'
import { readTables } from '../../lib/engine/tables.ts'
import { quoteName } from '../../lib/format/sql-literal.ts'
import { splitStatements } from '../../lib/format/sql-scanner.ts'

/** A connection whose commits are captured, as the database does it. */
export class Original {
  readonly sqlite: Database
  readonly capture: Capture
  readonly records: CommittedChanges[] = []

  constructor(prepare: (sqlite: Database) => void = () => undefined) {
    this.sqlite = openConnection()
    prepare(this.sqlite)
    this.capture = new Capture(this.sqlite)
    this.capture.start()
  }

  /** Runs statements one by one; what they commit becomes records. */
  run(sql: string, ...params: unknown[]): this {
    for (const { text } of splitStatements(sql)) this.#runOne(text, params)
    return this
  }

  /** The same for statements that fail: returns the message of the first that does. */
  fails(sql: string, ...params: unknown[]): string {
    try {
      this.run(sql, ...params)
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
    throw new Error(`did not fail: ${sql}`)
  }

  /** The SQL of the records since the last call. */
  takeSql(): string[] {
    return this.records.splice(0).map(({ sql }) => sql)
  }

  #runOne(sql: string, params: unknown[]): void {
    const statement = describeStatement(sql)
    assertMayPrepare(statement)
    if (statement.kind === 'read') {
      this.sqlite.prepare(sql).all(...params)
      return
    }
    if (statement.plain !== undefined && (params.length > 0 || statement.plain.parameters.length === 0)) {
      const native = this.sqlite.prepare(sql)
      const proven = this.capture.beginProven(statement, params)
      if (proven !== undefined) {
        this.#runProven(proven, native)
        return
      }
    }
    this.capture.beforeStatement(statement)
    try {
      const native = this.sqlite.prepare(sql)
      if (params.length > 0 && native.reader) native.all(...params)
      else if (params.length > 0) native.run(...params)
      else this.sqlite.exec(sql)
    } catch (error) {
      this.#after(statement, 'failed')
      throw error
    }
    this.#after(statement, 'done')
  }

  #runProven(proven: ProvenRun, native: Statement): void {
    let known: CommittedChanges | undefined
    try {
      const result = native.reader
        ? { changes: native.all(...proven.args).length }
        : native.run(...proven.args)
      known = this.capture.endProven(proven, result)
    } catch (error) {
      this.capture.endProven(proven, undefined)
      throw error
    }
    const committed = known ?? this.capture.takeCommitted()
    if (committed !== undefined) this.records.push(committed)
  }

  #after(statement: ReturnType<typeof describeStatement>, outcome: 'done' | 'failed'): void {
    this.capture.afterStatement(statement, outcome)
    const committed = this.capture.takeCommitted()
    if (committed !== undefined) this.records.push(committed)
  }
}

/** A connection that redoes the records of another. */
export class Replica {
  readonly sqlite: Database
  readonly #applier: RecordApplier

  constructor(prepare: (sqlite: Database) => void = () => undefined) {
    this.sqlite = openConnection()
    prepare(this.sqlite)
    this.#applier = new RecordApplier(this.sqlite)
  }

  apply(records: readonly { readonly sql: string }[]): this {
    this.#applier.begin()
    for (const { sql } of records) this.#applier.apply(sql)
    this.#applier.end()
    return this
  }
}

/** Everything that must be the same after redo, as lines of text. */
export function stateOf(sqlite: Database): string {
  const schema = [...readSchema(sqlite, 'main').values()]
  const objects = schema
    .map(({ type, name, tableName, sql }) => `${type} ${name} on ${tableName}: ${sql}`)
    .sort()
  const triggers = schema.filter(({ type }) => type === 'trigger').map(({ name }) => name)
  const tables = readTables(sqlite).map(({ name, columns, key }) => {
    const hidden = key.kind === 'rowid' && !key.isColumn ? [key.name] : []
    const all = [...hidden, ...columns.map(quoteName)]
    const values = all.map((column) => `typeof(${column})||' '||hex(${column})||' '||quote(${column})`)
    const rows = sqlite
      .prepare(`SELECT ${values.join()} FROM main.${quoteName(name)}`)
      .raw()
      .all()
    return `${name}: ${rows
      .map((row) => `\n  ${JSON.stringify(row)}`)
      .sort()
      .join('')}`
  })
  const hasTable = (name: string) => schema.some((object) => object.name === name)
  const all = (sql: string) => JSON.stringify(sqlite.prepare(sql).raw().safeIntegers(false).all())
  return [
    ...objects,
    `triggers in order: ${triggers}`,
    ...tables.sort(),
    hasTable('sqlite_sequence')
      ? `sequences: ${all('SELECT name, seq FROM main.sqlite_sequence ORDER BY 1')}`
      : '',
    hasTable('sqlite_stat1') ? `statistics: ${all('SELECT * FROM main.sqlite_stat1 ORDER BY 1, 2, 3')}` : '',
    `user_version ${all('PRAGMA user_version')} application_id ${all('PRAGMA application_id')}`,
  ].join('\n')
}
