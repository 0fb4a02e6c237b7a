// A prepared statement that may write: better-sqlite3's, with the commit of what it did behind it. Statements that
// only read are better-sqlite3's own objects.

import type { NativeStatement, RunResult } from '../engine/native.ts'
import type { UserStatement } from '../engine/statement-kind.ts'
import { assertStorable } from './value-size.ts'
import type { WritePath } from './write-path.ts'

/** better-sqlite3's prepared statement, as far as applications use it. */
export interface Statement {
  readonly database: unknown
  /** The text that was prepared. */
  readonly source: string
  /** Whether it returns rows. */
  readonly reader: boolean
  readonly readonly: boolean
  /** Whether an iterator of it is open. */
  readonly busy: boolean
  run(...params: unknown[]): RunResult
  get(...params: unknown[]): unknown
  all(...params: unknown[]): unknown[]
  iterate(...params: unknown[]): IterableIterator<unknown>
  pluck(isOn?: boolean): Statement
  expand(isOn?: boolean): Statement
  raw(isOn?: boolean): Statement
  bind(...params: unknown[]): Statement
  columns(): ReturnType<NativeStatement['columns']>
  safeIntegers(isOn?: boolean): Statement
}

export class WriteStatement implements Statement {
  readonly #statement: UserStatement
  readonly #compile: () => NativeStatement
  readonly #writes: WritePath
  readonly #database: unknown
  #compiled: NativeStatement | undefined

  /** `compile` is called when the statement is first needed. */
  constructor(
    statement: UserStatement,
    compile: () => NativeStatement,
    writes: WritePath,
    database: unknown,
  ) {
    this.#statement = statement
    this.#compile = compile
    this.#writes = writes
    this.#database = database
  }

  /** The text that was prepared. */
  get source(): string {
    return this.#statement.sql
  }

  get #native(): NativeStatement {
    this.#compiled ??= this.#compile()
    return this.#compiled
  }

  get database(): unknown {
    return this.#database
  }
  /** Whether it returns rows. */
  get reader(): boolean {
    return this.#native.reader
  }
  get readonly(): boolean {
    return this.#native.readonly
  }
  /** Whether an iterator of it is open. */
  get busy(): boolean {
    return this.#native.busy
  }

  run(...params: unknown[]): RunResult {
    const native = this.#native
    assertStorable(params)
    return this.#writes.run(this.#statement, () => native.run(...params))
  }

  get(...params: unknown[]): unknown {
    const native = this.#native
    assertStorable(params)
    return this.#writes.run(this.#statement, () => native.get(...params))
  }

  all(...params: unknown[]): unknown[] {
    const native = this.#native
    assertStorable(params)
    return this.#writes.run(this.#statement, () => native.all(...params))
  }

  /** Rows one by one; the statement commits when the iterator ends or is broken off. */
  iterate(...params: unknown[]): IterableIterator<unknown> {
    const native = this.#native
    assertStorable(params)
    this.#writes.beginIterator(this.#statement)
    const end = (outcome: 'done' | 'failed') => this.#writes.endIterator(this.#statement, outcome)
    try {
      return new WriteIterator(native.iterate(...params), end)
    } catch (error) {
      end('failed')
      throw error
    }
  }

  pluck(isOn = true): this {
    this.#native.pluck(isOn)
    return this
  }

  expand(isOn = true): this {
    this.#native.expand(isOn)
    return this
  }

  raw(isOn = true): this {
    this.#native.raw(isOn)
    return this
  }

  bind(...params: unknown[]): this {
    assertStorable(params)
    this.#native.bind(...params)
    return this
  }

  columns(): ReturnType<NativeStatement['columns']> {
    return this.#native.columns()
  }

  safeIntegers(isOn = true): this {
    this.#native.safeIntegers(isOn)
    return this
  }
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
export class CommandStatement implements Statement {
  readonly source: string
  readonly database: unknown
  readonly reader = false
  readonly readonly = false
  readonly busy = false
  readonly #act: () => void

  constructor(source: string, act: () => void, database: unknown) {
    this.source = source
    this.database = database
    this.#act = act
  }

  run(...params: unknown[]): RunResult {
    if (params.length > 0) throw new RangeError('Too many parameter values were provided')
    this.#act()
    return { changes: 0, lastInsertRowid: 0 }
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

function noRows(message: string): TypeError {
  return new TypeError(message)
}
