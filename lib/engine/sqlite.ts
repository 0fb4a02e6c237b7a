import BetterSqlite3 from 'better-sqlite3'

/** better-sqlite3's class of connections. */
export const SqliteDatabase: typeof BetterSqlite3 = BetterSqlite3

/** better-sqlite3's class of errors, with SQLite's code in `code`. */
export const SqliteError = BetterSqlite3.SqliteError
export type SqliteError = InstanceType<typeof BetterSqlite3.SqliteError>
