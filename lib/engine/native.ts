import type BetterSqlite3 from 'better-sqlite3'

/** better-sqlite3's types, for the rooms above the engine. */
export type NativeDatabase = BetterSqlite3.Database
export type NativeStatement = BetterSqlite3.Statement<unknown[], unknown>
export type RunResult = BetterSqlite3.RunResult

/** What may be done to a connection before the files are loaded. */
export type Registrar = Pick<NativeDatabase, 'function' | 'aggregate' | 'table' | 'loadExtension'>
