// `Database` as applications know it: a function that may be called with and without `new`, and the names of types on it.

import type * as native from '../engine/native.ts'
import { SqliteError as SqliteErrorClass } from '../engine/sqlite.ts'
import type { Host } from '../host.ts'
import { OpenDatabase } from './database-class.ts'
import type { DatabaseOptions } from './options.ts'
import { asReachable, reachThroughProxies } from './reachable.ts'

export type { CloseOptions } from './database-class.ts'

export type Database = OpenDatabase

/** `Database` may be called with and without `new`, as better-sqlite3's. */
export interface DatabaseConstructor {
  new (path?: string | Buffer | null, options?: DatabaseOptions | null, host?: Host): Database
  (path?: string | Buffer | null, options?: DatabaseOptions | null, host?: Host): Database
  readonly prototype: Database
  /** Errors of SQL: better-sqlite3's own class. */
  readonly SqliteError: typeof SqliteErrorClass
}

/** Those that better-sqlite3's objects have of their own: seen by `Object.keys`, copied by `{ ...db }`. */
const OWN_PROPERTIES = ['name', 'open', 'inTransaction', 'readonly', 'memory']

/** See {@link OpenDatabase}: a class cannot be called, a function can be both. */
const construct = function Database(
  this: unknown,
  ...args: ConstructorParameters<typeof OpenDatabase>
): Database {
  const database: OpenDatabase = Reflect.construct(OpenDatabase, args, new.target ?? construct)
  return asReachable(database, OpenDatabase.prototype, OWN_PROPERTIES)
}
construct.prototype = OpenDatabase.prototype
reachThroughProxies(OpenDatabase.prototype)
Object.defineProperties(construct, {
  SqliteError: { value: SqliteErrorClass, enumerable: true, writable: true, configurable: true },
})
Object.defineProperty(OpenDatabase.prototype, 'constructor', { value: construct })

/**
 * Opens a database; with or without `new`.
 *
 * ```js
 * import { Database } from 'scriptlog'
 * const db = new Database('data/app', { timeout: 1000 })
 * ```
 */
export const Database = construct as unknown as DatabaseConstructor

/** The names that better-sqlite3's types have, for applications that use them: `Database.Statement<[number]>`. */
export declare namespace Database {
  export type Database = OpenDatabase
  export type Options = DatabaseOptions
  export type Statement<
    BindParameters extends unknown[] | object = unknown[],
    Result = unknown,
  > = native.Statement<BindParameters, Result>
  // biome-ignore lint/suspicious/noExplicitAny: as in better-sqlite3's types, which must fit
  export type Transaction<F extends (...args: any[]) => unknown = (...args: any[]) => unknown> =
    native.Transaction<F>
  export type RunResult = native.RunResult
  export type ColumnDefinition = native.ColumnDefinition
  export type PragmaOptions = native.PragmaOptions
  export type RegistrationOptions = native.FunctionOptions
  export type AggregateOptions<T = unknown> = native.AggregateOptions<T>
  export type SerializeOptions = native.SerializeOptions
  export type BackupOptions = native.BackupOptions
  export type BackupMetadata = native.BackupMetadata
  export type VirtualTableOptions = native.TableDefinition
  export type SqliteError = InstanceType<typeof SqliteErrorClass>
}
