// The same calls on a database of ours and on plain better-sqlite3: same results, same errors, same content; and the
// same content once more after a kill and after a clean close.

import BetterSqlite3 from 'better-sqlite3'
import * as assert from 'uvu/assert'
import type { DatabaseOptions } from '../../lib/database/options.ts'
import { contentOf } from '../support/content.ts'
import { MemoryWorld } from '../support/memory-world.ts'

/** What both are. */
export type SqlDatabase = BetterSqlite3.Database
export type SqlStatement = BetterSqlite3.Statement

/** Runs `act` on both; what it returns, or throws, must be the same. */
export function assertTwins(act: (db: SqlDatabase) => unknown, setup?: DatabaseOptions['setup']): void {
  const plain = new BetterSqlite3(':memory:')
  setup?.(plain)
  const options = setup === undefined ? {} : { setup }
  const world = new MemoryWorld()
  const db = world.open(options)
  assert.equal(
    outcome(() => act(db)),
    outcome(() => act(plain)),
  )
  assert.is(db.inTransaction, plain.inTransaction)
  const expected = contentOf(plain)
  assert.is(contentOf(db), expected, 'the same content')
  // What was not committed is gone after a kill.
  if (plain.inTransaction) plain.exec('ROLLBACK')
  const committed = contentOf(plain)
  const afterKill = world.killed()
  const again = afterKill.open(options)
  assert.is(contentOf(again), committed, 'the same content after a kill')
  again.close()
  assert.is(contentOf(afterKill.open(options)), committed, 'the same content after a clean close')
  plain.close()
}

/** Result or error in a form that can be compared. */
export function outcome(act: () => unknown): unknown {
  try {
    return { returned: act() }
  } catch (error) {
    if (!(error instanceof Error)) return { thrown: error }
    const code = 'code' in error ? error.code : undefined
    // Each has a name of its own for the savepoint of a nested transaction.
    const message = error.message.replace(/(no such savepoint:) .*(?:_bs3|scriptlog nested).*/, '$1 …')
    return { thrown: error.constructor.name, code, message }
  }
}

/** Outcomes of several calls, none of which ends the others. */
export function outcomes(...acts: (() => unknown)[]): unknown[] {
  return acts.map(outcome)
}
