import { quoteName } from '../format/sql-literal.ts'
import { RecordApplier } from './apply-record.ts'
import { isCaptureObject } from './capture-triggers.ts'
import { dumpStatements } from './dump.ts'
import { loadStatements } from './load.ts'
import { MemoryAllowance } from './memory-allowance.ts'
import type { NativeDatabase } from './native.ts'
import { isInternal, readSchema, type SchemaObject } from './schema.ts'
import { SqliteError } from './sqlite.ts'
import { readTables } from './tables.ts'
import { LOADING, LOADING_TRUSTED, type Pragmas } from './with-pragmas.ts'

/** Of a table without content SQLite's check of FTS4 says this, and no more. */
const CANNOT_CHECK = /^unable to validate the inverted index for FTS4 table .*: SQL logic error$/

/** The tables of a connection, as recovery, checkpoint and verification see them: loaded, redone, dumped. */
export class MemoryTables {
  readonly #sqlite: NativeDatabase
  readonly #pragmas: Pragmas
  readonly #applier: RecordApplier
  readonly #allowance: MemoryAllowance

  /** `trustsSchema`: the application has registered functions that the schema may call. */
  constructor(sqlite: NativeDatabase, { trustsSchema = false } = {}) {
    this.#sqlite = sqlite
    this.#pragmas = trustsSchema ? LOADING_TRUSTED : LOADING
    this.#applier = new RecordApplier(sqlite, this.#pragmas)
    this.#allowance = new MemoryAllowance(sqlite)
  }

  /** Runs the bytes of a script, cut anywhere, on the empty connection. */
  load(pieces: Iterable<Uint8Array>): void {
    this.#allowance.within(0, () => {
      loadStatements(this.#sqlite, this.#counted(pieces), { pragmas: this.#pragmas })
    })
    this.#allowance.end()
  }

  *#counted(pieces: Iterable<Uint8Array>): Generator<Uint8Array> {
    for (const piece of pieces) {
      this.#allowance.add(piece.length)
      yield piece
    }
  }

  beginRedo(): void {
    this.#applier.begin()
  }

  /** Applies the statements of one record, whole or not at all. */
  redo(body: Uint8Array): void {
    this.#allowance.within(body.length, () => this.#applier.apply(body))
  }

  endRedo(): void {
    this.#applier.end()
    this.#allowance.end()
  }

  /** True when names may mean TEMP tables or views of the user instead of the tables that are kept, or triggers would fire. */
  hasTempObjects(): boolean {
    return this.#tempObjects().length > 0
  }

  /** The statements of a snapshot; returns the number of rows in it. */
  statements(): Iterable<string, number | undefined> {
    return dumpStatements(this.#sqlite, readTables(this.#sqlite))
  }

  /** VACUUM before the connection ends, whatever the user's settings would refuse: they are not put back. */
  compact(): void {
    const isTrusted = this.#pragmas.trusted_schema ?? 0
    this.#sqlite.exec(`PRAGMA query_only=OFF; PRAGMA trusted_schema=${isTrusted}`)
    // VACUUM would drop the indexes of a table that a TEMP table hides.
    for (const { type, name } of this.#tempObjects()) {
      this.#sqlite.exec(`DROP ${type} IF EXISTS temp.${quoteName(name)}`)
    }
    this.#sqlite.exec('VACUUM')
  }

  /** Tables, views and triggers of the user's. */
  #tempObjects(): SchemaObject[] {
    const temp = [...readSchema(this.#sqlite, 'temp').values()]
    return temp.filter((object) => object.type !== 'index' && !isInternal(object) && !isCaptureObject(object))
  }

  /** What SQLite's own checks find wrong, one sentence each. */
  integrityProblems(): string[] {
    try {
      return this.#foundByChecks()
    } catch (error) {
      // A virtual table whose module cannot make anything of what is there.
      if (error instanceof SqliteError) return [`integrity check: ${error.message}`]
      throw error
    }
  }

  #foundByChecks(): string[] {
    const check = this.#sqlite.prepare<[], string>('PRAGMA integrity_check').pluck().all()
    const integrity = check
      .filter((line) => line !== 'ok' && !CANNOT_CHECK.test(line))
      .map((line) => `integrity check: ${line}`)
    const orphans = this.#sqlite
      .prepare<[], { table: string; parent: string; rows: number }>(
        'SELECT "table", parent, count(*) AS rows FROM pragma_foreign_key_check GROUP BY 1, 2',
      )
      .all()
      .map(({ table, parent, rows }) => `foreign keys: ${rows} rows of ${table} have no row in ${parent}`)
    return [...integrity, ...orphans]
  }
}
