// Runs of proven statements, and what is kept of each:
//
//   record   outside of a transaction: its text, with its values written out, is all that was committed
//   row      within one: the only row that it touches, to be read back at commit. Outside of one where its text would
//            not do
//   text     within one, of an UPDATE or DELETE that may touch many rows: its text, in its place among the others

import type { Database, Statement } from 'better-sqlite3'
import { invariant } from '../errors.ts'
import type { CapturedSchema } from './captured-schema.ts'
import type { PendingChanges } from './pending-changes.ts'
import { Proofs, type Proven } from './proofs.ts'
import type { Values } from './run-arguments.ts'
import type { UserStatement } from './statement-kind.ts'

/** A statement that runs without being watched. */
export interface ProvenRun {
  readonly statement: UserStatement
  readonly proven: Proven
  /** For better-sqlite3: what was read of the arguments. */
  readonly args: readonly unknown[]
  readonly as: 'record' | 'row' | 'text'
  /** Of an UPDATE or DELETE that is kept as a row. */
  readonly rowid: number | undefined
  /** Its text, of one that is not kept as a row. */
  readonly write: ((rowid: number | bigint) => string) | undefined
}

/** What better-sqlite3 tells of a run, or what follows from the rows that it returned. */
export interface ProvenResult {
  /** Rows that were changed; at least one where that is all that is known. */
  readonly changes: number
  readonly lastInsertRowid?: number | bigint
}

export class ProvenRuns {
  readonly #sqlite: Database
  readonly #changes: PendingChanges
  readonly #proofs: Proofs
  #lastRowid: Statement<[], bigint> | undefined

  constructor(sqlite: Database, schema: CapturedSchema, changes: PendingChanges) {
    this.#sqlite = sqlite
    this.#changes = changes
    this.#proofs = new Proofs(sqlite, schema)
  }

  /**
   * Undefined when the statement is not proven, or not with these arguments. `isEnded`: it is run to its end, so that a
   * commit which fails is an error; `get()` stops at the first row, and hears nothing of a deferred foreign key.
   */
  plan(statement: UserStatement, given: readonly unknown[], isEnded: boolean): ProvenRun | undefined {
    const proven = this.#proofs.of(statement)
    const values = proven?.args.read(given)
    if (proven === undefined || values === undefined) return undefined
    // Reading may have run a getter of the user's, which may have done anything.
    if (this.#proofs.of(statement) !== proven) return undefined
    return this.#plan(statement, proven, values, isEnded)
  }

  #plan(statement: UserStatement, proven: Proven, values: Values, isEnded: boolean): ProvenRun | undefined {
    const isOpen = this.#sqlite.inTransaction
    const { verb, table } = proven
    const { args } = values
    const isAlone = !isOpen && this.#changes.isEmpty
    // The memory of AUTOINCREMENT has to be compared.
    if (isAlone && isEnded && !(verb === 'INSERT' && table.shape.isAutoincrement)) {
      const write = proven.writer(values)
      if (write !== undefined) return { statement, proven, args, as: 'record', write, rowid: undefined }
    }
    const rowid = proven.verb === 'INSERT' ? undefined : proven.rowidOf(values)
    const isOneRow = verb === 'INSERT' ? table.shape.key.kind === 'rowid' : rowid !== undefined
    if (isOneRow) return { statement, proven, args, as: 'row', write: undefined, rowid }
    // Of a table without rowids the key would have to be told from the values, which the table may change.
    if (!isOpen || verb === 'INSERT') return undefined
    const write = proven.writer(values)
    return write && { statement, proven, args, as: 'text', write, rowid: undefined }
  }

  /** The text of what a run has committed. */
  recordOf({ proven, write }: ProvenRun, result: ProvenResult): string {
    if (result.changes === 0 || write === undefined) return ''
    return write(proven.verb === 'INSERT' ? this.#rowidOf(result) : 0)
  }

  /** Keeps what a run has done in an open transaction. */
  keep({ proven, as, rowid, write }: ProvenRun, result: ProvenResult): void {
    const { changes } = result
    const { number } = proven.table
    if (as === 'text') this.#changes.endText(changes === 0 ? '' : (write?.(0) ?? ''), changes, [])
    else if (changes === 0) return
    else if (rowid !== undefined) this.#changes.touch(number, 'existing', rowid)
    else {
      const inserted = this.#rowidOf(result)
      this.#changes.touch(number, 'inserted', typeof inserted === 'bigint' ? String(inserted) : inserted)
    }
  }

  /** The rowid of the row that was inserted last, exactly. */
  #rowidOf({ lastInsertRowid }: ProvenResult): number | bigint {
    if (typeof lastInsertRowid === 'bigint') return lastInsertRowid
    if (lastInsertRowid !== undefined && Number.isSafeInteger(lastInsertRowid)) return lastInsertRowid
    this.#lastRowid ??= this.#sqlite.prepare<[], bigint>('SELECT last_insert_rowid()').pluck().safeIntegers()
    const rowid = this.#lastRowid.get()
    invariant(rowid !== undefined, 'a row was inserted')
    return rowid
  }
}
