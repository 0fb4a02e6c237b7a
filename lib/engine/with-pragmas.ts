import type { Database } from 'better-sqlite3'
import { invariant } from '../errors.ts'

/** PRAGMAs of a connection that are numbers. */
export type Pragmas = Readonly<
  Partial<
    Record<
      | 'foreign_keys'
      | 'trusted_schema'
      | 'ignore_check_constraints'
      | 'query_only'
      | 'legacy_alter_table'
      | 'full_column_names',
      0 | 1
    >
  >
>

/** For loading and redo: everything is written out, and a schema from elsewhere runs no function of the application. */
export const LOADING: Pragmas = { foreign_keys: 0, trusted_schema: 0, ignore_check_constraints: 1 }
/** The same where the application has registered functions for the schema, which thereby may call them. */
export const LOADING_TRUSTED: Pragmas = { ...LOADING, trusted_schema: 1 }

/**
 * Runs `act` under other PRAGMAs than the connection has, and puts those back, whatever happens. No transaction may
 * be open: `foreign_keys` would not change.
 */
export function withPragmas<T>(sqlite: Database, pragmas: Pragmas, act: () => T): T {
  invariant(!sqlite.inTransaction, 'PRAGMAs are changed between transactions')
  const before = new Map(Object.keys(pragmas).map((name) => [name, sqlite.pragma(name, { simple: true })]))
  try {
    for (const [name, value] of Object.entries(pragmas)) sqlite.pragma(`${name}=${value}`)
    return act()
  } finally {
    for (const [name, value] of before) sqlite.pragma(`${name}=${value}`)
  }
}
