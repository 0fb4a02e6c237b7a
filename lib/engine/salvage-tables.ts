import type { Database } from 'better-sqlite3'
import { messageOf } from '../errors.ts'
import { type OwnStatement, ownStatements } from '../format/own-statements.ts'
import { type RowFragment, rowFragments } from '../format/row-fragments.ts'
import { quoteName } from '../format/sql-literal.ts'
import { RecordApplier } from './apply-record.ts'
import { isOfScript } from './load.ts'
import { MissingFunctions } from './missing-functions.ts'
import { ModuleTables } from './module-tables.ts'
import { reconnectModules } from './reconnect-modules.ts'
import { readTables } from './tables.ts'
import { unsafeModeOf } from './unsafe-mode.ts'
import { defineUserTable } from './user-tables.ts'
import { LOADING, LOADING_TRUSTED, type Pragmas, withPragmas } from './with-pragmas.ts'

/** A statement that is true and could not be run. */
export interface Misfit {
  readonly text: string
  readonly why: string
  /** The table whose rows it holds, as the statement names it, and how many. */
  readonly rows: { readonly table: string; readonly count: number } | undefined
}

/** Finds the definition of a table that the snapshot has lost: `CREATE TABLE …;`. */
export type DefinitionOf = (table: string) => string | undefined

/**
 * The tables of a connection, filled from what is left of a database: what can be run is run, and the rest is told.
 * Neither loses what the other would have saved.
 */
export class SalvageTables {
  readonly #sqlite: Database
  readonly #pragmas: Pragmas
  readonly #applier: RecordApplier
  readonly #functions: MissingFunctions
  readonly #moduleTables: ModuleTables

  constructor(sqlite: Database, { trustsSchema = false } = {}) {
    this.#sqlite = sqlite
    this.#pragmas = trustsSchema ? LOADING_TRUSTED : LOADING
    this.#applier = new RecordApplier(sqlite, this.#pragmas)
    this.#functions = new MissingFunctions(sqlite)
    this.#moduleTables = new ModuleTables(sqlite)
  }

  /** Runs chunks of a snapshot in their order; what cannot be run is yielded with the number of its chunk. */
  load(chunks: Iterable<Buffer>, definitionOf: DefinitionOf): { misfit: Misfit; chunk: number }[] {
    const misfits: { misfit: Misfit; chunk: number }[] = []
    unsafeModeOf(this.#sqlite).lift(() =>
      withPragmas(this.#sqlite, this.#pragmas, () => {
        this.#sqlite.exec('BEGIN')
        let chunk = 0
        for (const bytes of chunks) {
          for (const misfit of this.#load(bytes, definitionOf)) misfits.push({ misfit, chunk })
          chunk++
        }
        this.#sqlite.exec('COMMIT')
      }),
    )
    reconnectModules(this.#sqlite)
    return misfits
  }

  beginRedo(): void {
    this.#applier.begin()
  }

  /**
   * Applies one record whole, or not at all; `onMiss` is told of each UPDATE that found no row.
   * @throws {ScriptlogError} when it was not applied.
   */
  redo(body: Uint8Array, onMiss: (statement: OwnStatement) => void): void {
    this.#applier.apply(body, onMiss)
  }

  endRedo(): void {
    this.#applier.end()
  }

  /** How many rows each table has. */
  counts(): Map<string, number> {
    const count = (name: string) =>
      this.#sqlite
        .prepare<[], number>(`SELECT count(*) FROM main.${quoteName(name)}`)
        .pluck()
        .get() ?? 0
    return new Map(readTables(this.#sqlite).map(({ name }) => [name, count(name)]))
  }

  *#load(bytes: Buffer, definitionOf: DefinitionOf): Generator<Misfit> {
    let statements: OwnStatement[]
    try {
      statements = [...ownStatements(bytes)]
    } catch (error) {
      yield { text: bytes.toString('utf8'), why: firstLineOf(error), rows: undefined }
      return
    }
    for (const statement of statements) {
      const why = isOfScript(statement.kind)
        ? this.#tryRun(statement, definitionOf)
        : `a script does not hold this kind of statement (${statement.kind})`
      if (why === undefined) continue
      if (statement.kind === 'rows') yield* this.#rowByRow(statement, why)
      else yield { text: statement.text, why, rows: undefined }
    }
  }

  /** Why it failed, if it did. */
  #tryRun(statement: OwnStatement, definitionOf: DefinitionOf): string | undefined {
    const why = this.#failureOf(() => this.#run(statement))
    const table = /^no such table: (?:main\.)?(.*)$/.exec(why ?? '')?.[1]
    const definition = table === undefined || statement.kind !== 'rows' ? undefined : definitionOf(table)
    if (definition === undefined) return why
    return this.#failureOf(() => {
      this.#sqlite.prepare(definition).run()
      this.#run(statement)
    })
  }

  /** As a load does it: what is certain may still come from a stranger. */
  #run(statement: OwnStatement): void {
    const { kind, text } = statement
    this.#moduleTables.assertUntouched(statement)
    if (kind === 'create-trigger') unsafeModeOf(this.#sqlite).suspend(() => this.#sqlite.prepare(text).run())
    else if (kind === 'create-user-table') defineUserTable(this.#sqlite, text)
    else if (kind.startsWith('create-')) this.#sqlite.prepare(text).run()
    else if (kind === 'rows') this.#functions.run(text)
    else this.#sqlite.exec(text)
  }

  #failureOf(act: () => void): string | undefined {
    try {
      act()
      return undefined
    } catch (error) {
      return firstLineOf(error)
    }
  }

  /** An INSERT that fails for one of its rows keeps none of the others away. */
  *#rowByRow({ text }: OwnStatement, why: string): Generator<Misfit> {
    const fragments = [...rowFragments(text)]
    const rows = fragments.filter((fragment): fragment is RowFragment => 'text' in fragment)
    if (rows.length === 0 || rows.length < fragments.length) {
      yield { text, why, rows: undefined }
      return
    }
    for (const row of rows) {
      const reason = this.#failureOf(() => this.#functions.run(row.text))
      const table = row.table ?? ''
      if (reason !== undefined) yield { text: row.text, why: reason, rows: { table, count: 1 } }
    }
  }
}

function firstLineOf(error: unknown): string {
  return messageOf(error).split('\n')[0] ?? ''
}
