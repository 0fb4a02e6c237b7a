import type BetterSqlite3 from 'better-sqlite3'

/** better-sqlite3's types, for the rooms above the engine. */
export type NativeDatabase = BetterSqlite3.Database
export type NativeStatement = BetterSqlite3.Statement<unknown[], unknown>
/** A prepared statement; its parameters may be given as a list or as one object. */
export type Statement<
  BindParameters extends unknown[] | object = unknown[],
  Result = unknown,
> = BetterSqlite3.Statement<BindParameters, Result>
export type Transaction<F extends (...args: never[]) => unknown> = BetterSqlite3.Transaction<F>
export type RunResult = BetterSqlite3.RunResult
export type ColumnDefinition = BetterSqlite3.ColumnDefinition
export type PragmaOptions = BetterSqlite3.PragmaOptions
export type SerializeOptions = BetterSqlite3.SerializeOptions
export type BackupOptions = BetterSqlite3.BackupOptions
export type BackupMetadata = BetterSqlite3.BackupMetadata

export type FunctionOptions = BetterSqlite3.RegistrationOptions

/** better-sqlite3's options of an aggregate, with values of any types that the functions agree on. */
export interface AggregateOptions<T = unknown> extends FunctionOptions {
  readonly start?: T | (() => T)
  /** Returns the new total; undefined leaves it as it is. */
  readonly step: (total: T, ...values: never[]) => unknown
  readonly inverse?: ((total: T, ...dropped: never[]) => unknown) | undefined
  readonly result?: ((total: T) => unknown) | undefined
}

export type SqlFunction = (...args: never[]) => unknown

/** Rows that a generator makes, to be read as a table. */
export interface TableDefinition {
  readonly columns: readonly string[]
  readonly rows: (...parameters: never[]) => Generator
  /** Names of hidden columns whose values the generator is called with. Default: `$1`, `$2`, … */
  readonly parameters?: readonly string[] | undefined
  readonly safeIntegers?: boolean | undefined
  readonly directOnly?: boolean | undefined
}

/** Called by `CREATE VIRTUAL TABLE … USING name(arguments)`. */
export type TableFactory = (
  this: { readonly module: string; readonly database: string; readonly table: string },
  ...args: string[]
) => TableDefinition

/** What may be registered on a connection, before the files are loaded (option `setup`) or later. */
export interface Registrar {
  function(name: string, act: SqlFunction): unknown
  function(name: string, options: FunctionOptions, act: SqlFunction): unknown
  aggregate<T>(name: string, options: Parameters<typeof connection.aggregate<T>>[1]): unknown
  table(name: string, definition: TableDefinition | TableFactory): unknown
  loadExtension(path: string, entryPoint?: string): unknown
}

declare const connection: NativeDatabase
