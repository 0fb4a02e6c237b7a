import { UsageError } from '../errors.ts'
import type { NativeDatabase, NativeStatement } from './native.ts'
import { SqliteDatabase } from './sqlite.ts'

/** Compiles a statement. */
export type Prepare = (sql: string) => NativeStatement

/**
 * Compiles statements of a connection whose `database` is `owner`. better-sqlite3 passes the object on which `prepare`
 * was called down to the statement: here `owner` is passed in its place, so that a read statement is its own object,
 * at its own cost, and yet does not lead to the connection below.
 *
 * The connection keeps its native part under a symbol of better-sqlite3's. Where it looks different, `database` is the
 * connection.
 */
export function prepareFor(sqlite: NativeDatabase, owner: object): Prepare {
  for (const symbol of Object.getOwnPropertySymbols(sqlite)) {
    const native: unknown = Object.getOwnPropertyDescriptor(sqlite, symbol)?.value
    if (!canPrepare(native)) continue
    const bridge = {
      [symbol]: {
        prepare: (sql: unknown, _connection: unknown, ...modes: unknown[]) =>
          native.prepare(sql, owner, ...modes),
      },
    }
    return (sql) => SqliteDatabase.prototype.prepare.call(bridge, sql)
  }
  return (sql) => sqlite.prepare(sql)
}

/**
 * better-sqlite3's `explain()`, where it has one.
 * @throws {UsageError} where it has none.
 */
export function explain(sqlite: NativeDatabase, sql: string): unknown[] {
  const own: unknown = Reflect.get(sqlite, 'explain')
  if (typeof own === 'function') return Reflect.apply(own, sqlite, [sql])
  throw new UsageError('explain() came with better-sqlite3 13, and an older one is installed', {
    hint: "prepare('EXPLAIN …').all() does the same with values for all parameters",
  })
}

function canPrepare(native: unknown): native is { prepare: (...args: unknown[]) => unknown } {
  if (typeof native !== 'object' || native === null || !('prepare' in native)) return false
  return typeof native.prepare === 'function'
}
