// Writing: what stands between a statement of the user and its acknowledgement.
//
//   before   may it be written now? `yes` is durable before SQLite's BEGIN; capture looks at the statement
//   act      SQLite runs it
//   after    when no transaction is open then, what was captured becomes a record and is committed
//
// SQLite commits first. What becomes of it then is a matter of durability.ts.

import type { Capture, CommittedChanges } from '../engine/capture.ts'
import type { MemoryTables } from '../engine/memory-tables.ts'
import type { NativeDatabase, NativeStatement, RunResult } from '../engine/native.ts'
import type { ProvenResult, ProvenRun } from '../engine/proven-runs.ts'
import type { StatementKind, UserStatement } from '../engine/statement-kind.ts'
import type { Verbose } from '../engine/verbose.ts'
import { CommitInDoubtError, FencedError, messageOf, ScriptlogError, UsageError } from '../errors.ts'
import type { AppendedCommit } from '../log/writer.ts'
import type { Settings } from '../settings.ts'
import type { Store } from '../store.ts'
import { Attachments } from './attachments.ts'
import { Durability } from './durability.ts'
import type { Listeners } from './listeners.ts'
import type { LoadTwin } from './twin.ts'

/** Statements that may end a transaction by committing it. */
const MAY_COMMIT: ReadonlySet<StatementKind> = new Set<StatementKind>(['commit', 'release'])

export interface WriteParts {
  readonly sqlite: NativeDatabase
  readonly tables: MemoryTables
  readonly capture: Capture
  readonly store: Store
  readonly listeners: Listeners
  readonly verbose: Verbose
  readonly loadTwin: LoadTwin
}

export class WritePath {
  readonly #sqlite: NativeDatabase
  readonly #tables: MemoryTables
  readonly #capture: Capture
  readonly #verbose: Verbose
  readonly #attachments: Attachments
  readonly #durability: Durability
  #openIterators = 0
  /** The open transaction has run a statement that may change something. */
  #hasChanges = false
  #exclusiveWork: string | undefined
  #isOpen = true

  constructor(
    { sqlite, tables, capture, store, listeners, verbose, loadTwin }: WriteParts,
    settings: Settings,
  ) {
    this.#sqlite = sqlite
    this.#tables = tables
    this.#capture = capture
    this.#verbose = verbose
    this.#attachments = new Attachments(sqlite, store, listeners)
    const parts = {
      tables,
      store,
      listeners,
      verbose,
      loadTwin,
      assertQuiet: () => this.assertQuiet(),
      mayCheckpoint: () => this.#openIterators === 0,
    }
    this.#durability = new Durability(parts, settings)
  }

  /** How what is written becomes durable. */
  get durability(): Durability {
    return this.#durability
  }

  /** The user asks for unsafe mode: anything may be written beside anything. */
  beginUnsafe(): void {
    this.#verbose.hush(() => this.#capture.beginUnsafe())
  }

  /** Runs a statement that may change something, and commits what it did when no transaction is open then. */
  run<T>(statement: UserStatement, act: () => T): T {
    this.#before(statement)
    let result: T
    try {
      result = act()
    } catch (error) {
      this.#after(statement, 'failed')
      throw error
    }
    this.#after(statement, 'done')
    return result
  }

  /** The same for `run()`, with arguments: the statement and these may tell what it does. */
  runWith(statement: UserStatement, native: NativeStatement, args: readonly unknown[]): RunResult {
    const proven = this.#prove(statement, args)
    if (proven === undefined) return this.run(statement, () => native.run(...args))
    const result = this.#actProven(proven, () => native.run(...proven.args))
    this.#endProven(proven, result)
    return result
  }

  /** The same for `get()`. */
  getWith(statement: UserStatement, native: NativeStatement, args: readonly unknown[]): unknown {
    const proven = this.#prove(statement, args, false)
    if (proven === undefined) return this.run(statement, () => native.get(...args))
    const row = this.#actProven(proven, () => native.get(...proven.args))
    this.#endProven(proven, { changes: row === undefined ? 0 : 1 })
    return row
  }

  /** The same for `all()`. */
  allWith(statement: UserStatement, native: NativeStatement, args: readonly unknown[]): unknown[] {
    const proven = this.#prove(statement, args)
    if (proven === undefined) return this.run(statement, () => native.all(...args))
    const rows = this.#actProven(proven, () => native.all(...proven.args))
    this.#endProven(proven, { changes: rows.length })
    return rows
  }

  #prove(statement: UserStatement, args: readonly unknown[], isEnded = true): ProvenRun | undefined {
    if (statement.plain === undefined) return undefined
    this.#assertMayChange()
    return this.#verbose.hush(() => this.#capture.beginProven(statement, args, { isEnded }))
  }

  #actProven<T>(proven: ProvenRun, act: () => T): T {
    try {
      return act()
    } catch (error) {
      this.#verbose.hush(() => this.#capture.endProven(proven, undefined))
      if (!this.#sqlite.inTransaction) this.#hasChanges = false
      throw error
    }
  }

  #endProven(proven: ProvenRun, result: ProvenResult): void {
    this.#verbose.hush(() => {
      if (this.#sqlite.inTransaction) this.#capture.endProven(proven, result)
      else this.#log(() => this.#capture.endProven(proven, result) ?? this.#capture.takeCommitted())
    })
  }

  /** The same for a statement whose rows are asked for one by one: it commits when the iterator ends. */
  beginIterator(statement: UserStatement): void {
    this.#before(statement)
    this.#openIterators++
  }

  endIterator(statement: UserStatement, outcome: 'done' | 'failed'): void {
    this.#openIterators--
    this.#after(statement, outcome)
  }

  /** See `Database.redo`. */
  redo(transactions: Iterable<string>, onCommit: (commit: AppendedCommit) => void): number {
    this.#durability.assertWritable()
    this.assertQuiet('to redo transactions')
    if (this.#tables.hasTempObjects()) {
      throw new UsageError('transactions are not redone while there are TEMP tables, views or triggers', {
        hint: 'drop them first: the names in a log mean the tables that are kept',
      })
    }
    this.#durability.beforeChange()
    let applied = 0
    this.exclusively('redoes transactions', () => {
      applied = this.#verbose.hush(() => this.#redoAll(transactions, onCommit))
    })
    this.#durability.checkpointWhenDue()
    return applied
  }

  /** Nothing is written after this. */
  close(): void {
    this.#isOpen = false
    this.#durability.close()
  }

  /** Runs what nobody may write or close in the middle of: no listener, and not who gives the transactions to redo. */
  exclusively(work: string, act: () => void): void {
    this.assertNotExclusive()
    this.#exclusiveWork = work
    try {
      act()
    } finally {
      this.#exclusiveWork = undefined
    }
  }

  /** @throws {UsageError} in the middle of what is done {@link exclusively}. */
  assertNotExclusive(): void {
    if (this.#exclusiveWork === undefined) return
    throw new UsageError(`this is not possible while the database ${this.#exclusiveWork}`, {
      hint: 'do it before or after',
    })
  }

  assertQuiet(purpose = 'to make a checkpoint'): void {
    if (!this.#sqlite.inTransaction && this.#openIterators === 0) return
    throw new UsageError(`it is not possible ${purpose} inside a transaction`, {
      hint: 'commit or roll back first',
    })
  }

  #before(statement: UserStatement): void {
    this.#verbose.hush(() => this.#begin(statement))
  }

  #after(statement: UserStatement, outcome: 'done' | 'failed'): void {
    this.#verbose.hush(() => this.#end(statement, outcome))
  }

  #begin(statement: UserStatement): void {
    if (statement.mayChange) this.#assertMayChange()
    else if (!this.#isOpen) throw new TypeError('The database connection is not open')
    else if (this.#hasChanges && MAY_COMMIT.has(statement.kind)) this.#durability.assertWritable()
    this.#attachments.before(statement)
    this.#capture.beforeStatement(statement)
  }

  #assertMayChange(): void {
    if (!this.#isOpen) throw new TypeError('The database connection is not open')
    this.assertNotExclusive()
    this.#durability.beforeChange()
    this.#hasChanges = true
  }

  #end(statement: UserStatement, outcome: 'done' | 'failed'): void {
    this.#capture.afterStatement(statement, outcome)
    this.#attachments.after(statement)
    if (!this.#sqlite.inTransaction) this.#log(() => this.#capture.takeCommitted())
  }

  /** Logs what SQLite has committed. */
  #log(take: () => CommittedChanges | undefined): void {
    this.#hasChanges = false
    try {
      const committed = take()
      if (committed === undefined) return
      if (committed.needsCheckpoint) this.#durability.oweCheckpoint()
      else this.#durability.commit(committed.sql)
    } catch (error) {
      if (error instanceof CommitInDoubtError || error instanceof FencedError) throw error
      // SQLite has committed what no record says now. A snapshot holds it, whatever went wrong here.
      this.#durability.oweCheckpoint(asUnlogged(error))
    }
    this.#durability.afterCommit()
  }

  #redoAll(transactions: Iterable<string>, onCommit: (commit: AppendedCommit) => void): number {
    let applied = 0
    this.#capture.stop()
    try {
      this.#tables.beginRedo()
      try {
        for (const sql of transactions) {
          if (!sql.endsWith(';\n')) {
            throw new UsageError('a logged transaction ends with a semicolon and a newline', {
              hint: 'give the sql of readLog() as it is',
            })
          }
          this.#tables.redo(Buffer.from(sql))
          this.#durability.commit(sql)
          applied++
          const { lastCommit } = this.#durability
          if (lastCommit !== undefined) onCommit(lastCommit)
        }
      } finally {
        this.#tables.endRedo()
      }
    } finally {
      this.#capture.start()
    }
    return applied
  }
}

function asUnlogged(error: unknown): ScriptlogError {
  return new ScriptlogError('SCRIPTLOG_UNLOGGED', `a commit could not be logged: ${messageOf(error)}`, {
    reason: 'log-append',
    severity: 'soft',
    cause: error,
    hint: 'it was saved with a checkpoint instead; please report this',
  })
}
