// A prepared statement that may write: better-sqlite3's, with the commit of what it did behind it. Statements that
// only read are better-sqlite3's own objects.

import type { ColumnDefinition, NativeDatabase, NativeStatement, RunResult } from '../engine/native.ts'
import type { UserStatement } from '../engine/statement-kind.ts'
import { readOnce } from './read-once.ts'
import { TempWrites } from './temp-writes.ts'
import { assertStorable } from './value-size.ts'
import { WritePath } from './write-path.ts'

/** The name of better-sqlite3's class of statements, which applications may ask for. */
const CLASS_NAME = 'Statement'

/** What runs the statements of one database. */
export type Writes = WritePath | TempWrites

export class WriteStatement implements NativeStatement {
  readonly reader: boolean
  readonly readonly: boolean
  readonly source: string
  readonly database: NativeDatabase
  readonly #statement: UserStatement
  readonly #native: NativeStatement
  readonly #writes: Writes

  constructor(statement: UserStatement, native: NativeStatement, writes: Writes, database: NativeDatabase) {
    assertMadeHere(writes)
    this.reader = native.reader
    this.readonly = native.readonly
    this.source = statement.sql
    this.database = database
    this.#statement = statement
    this.#native = native
    this.#writes = writes
  }

  /** Whether an iterator of it is open. */
  get busy(): boolean {
    return this.#native.busy
  }

  run(...params: unknown[]): RunResult {
    return this.#writes.runWith(this.#statement, this.#native, storable(params))
  }

  get(...params: unknown[]): unknown {
    return this.#writes.getWith(this.#statement, this.#native, storable(params))
  }

  all(...params: unknown[]): unknown[] {
    return this.#writes.allWith(this.#statement, this.#native, storable(params))
  }

  /** Rows one by one; the statement commits when the iterator ends or is broken off. */
  iterate(...params: unknown[]): IterableIterator<unknown> {
    const native = this.#native
    const args = storable(params)
    // A PRAGMA that only asks: a commit beside it need not wait for its end.
    if (native.readonly && this.#statement.kind === 'pragma')
      return this.#writes.run(this.#statement, () => native.iterate(...args))
    this.#writes.beginIterator(this.#statement)
    const end = (outcome: 'done' | 'failed') => this.#writes.endIterator(this.#statement, outcome)
    try {
      return new WriteIterator(native.iterate(...args), end)
    } catch (error) {
      end('failed')
      throw error
    }
  }

  pluck(...isOn: [isOn?: boolean]): this {
    this.#native.pluck(...isOn)
    return this
  }

  expand(...isOn: [isOn?: boolean]): this {
    this.#native.expand(...isOn)
    return this
  }

  raw(...isOn: [isOn?: boolean]): this {
    this.#native.raw(...isOn)
    return this
  }

  bind(...params: unknown[]): this {
    this.#native.bind(...storable(params))
    return this
  }

  columns(): ColumnDefinition[] {
    return this.#native.columns()
  }

  safeIntegers(...isOn: [isOn?: boolean]): this {
    this.#native.safeIntegers(...isOn)
    return this
  }
}
Object.defineProperty(WriteStatement, 'name', { value: CLASS_NAME })

function storable(params: readonly unknown[]): readonly unknown[] {
  const args = readOnce(params)
  assertStorable(args)
  return args
}

function assertMadeHere(writes: unknown): void {
  if (writes instanceof WritePath || writes instanceof TempWrites) return
  throw new TypeError('Statements can only be constructed by the db.prepare() method')
}

/**
 * The rows of a writing statement. SQLite makes all its changes before the first row: an iterator that is broken off
 * leaves them done, and only one that throws by itself has undone them.
 */
class WriteIterator implements IterableIterator<unknown> {
  readonly #rows: IterableIterator<unknown>
  readonly #whenEnded: (outcome: 'done' | 'failed') => void
  #isEnded = false

  constructor(rows: IterableIterator<unknown>, whenEnded: (outcome: 'done' | 'failed') => void) {
    this.#rows = rows
    this.#whenEnded = whenEnded
  }

  next(): IteratorResult<unknown> {
    let row: IteratorResult<unknown>
    try {
      row = this.#rows.next()
    } catch (error) {
      this.#end('failed')
      throw error
    }
    if (row.done === true) this.#end('done')
    return row
  }

  return(value?: unknown): IteratorResult<unknown> {
    this.#rows.return?.()
    this.#end('done')
    return { done: true, value }
  }

  [Symbol.iterator](): this {
    return this
  }

  #end(outcome: 'done' | 'failed'): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#whenEnded(outcome)
  }
}

/** A statement of HSQLDB's that never reaches SQLite: it runs, and returns nothing. */
export class CommandStatement implements NativeStatement {
  readonly busy = false
  readonly reader = false
  readonly readonly = false
  readonly source: string
  readonly database: NativeDatabase
  readonly #act: () => RunResult

  constructor(source: string, act: () => RunResult, database: NativeDatabase) {
    this.source = source
    this.database = database
    this.#act = act
  }

  run(...params: unknown[]): RunResult {
    if (params.length > 0) throw new RangeError('Too many parameter values were provided')
    return this.#act()
  }

  get(): never {
    throw noRows('This statement does not return data. Use run() instead')
  }
  all(): never {
    throw noRows('This statement does not return data. Use run() instead')
  }
  iterate(): never {
    throw noRows('This statement does not return data. Use run() instead')
  }
  pluck(): never {
    throw noRows('The pluck() method is only for statements that return data')
  }
  expand(): never {
    throw noRows('The expand() method is only for statements that return data')
  }
  raw(): never {
    throw noRows('The raw() method is only for statements that return data')
  }
  columns(): never {
    throw noRows('The columns() method is only for statements that return data')
  }
  bind(): this {
    return this
  }
  safeIntegers(): this {
    return this
  }
}
Object.defineProperty(CommandStatement, 'name', { value: CLASS_NAME })

function noRows(message: string): TypeError {
  return new TypeError(message)
}
