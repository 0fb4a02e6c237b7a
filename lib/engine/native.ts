import type BetterSqlite3 from 'better-sqlite3'

/** better-sqlite3's types, for the rooms above the engine. */
export type NativeDatabase = BetterSqlite3.Database
export type NativeStatement = BetterSqlite3.Statement<unknown[], unknown>
export type RunResult = BetterSqlite3.RunResult

/** What may be done to a connection before the files are loaded. */
export type Registrar = Pick<NativeDatabase, 'function' | 'aggregate' | 'table' | 'loadExtension'>

export type FunctionOptions = BetterSqlite3.RegistrationOptions

/** better-sqlite3's options of an aggregate, with values of any types that the functions agree on. */
export interface AggregateOptions<T> extends FunctionOptions {
  readonly start?: T | (() => T)
  /** Returns the new total; undefined leaves it as it is. */
  readonly step: (total: T, ...values: never[]) => unknown
  readonly inverse?: (total: T, ...dropped: never[]) => T
  readonly result?: (total: T) => unknown
}

export type SqlFunction = (...args: never[]) => unknown
