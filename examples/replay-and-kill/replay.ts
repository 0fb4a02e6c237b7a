// Replays a SQL log into a database, from wherever an earlier replay got to. The position is in the database itself:
// `progress` counts the transactions, each of which counts itself, so that position and content cannot disagree.

import type { Database } from '../../lib/index.ts'
import { readSqlLog } from './sql-log.ts'

/** So many transactions share one sync; they are acknowledged together. */
export const TRANSACTIONS_PER_FLUSH = 16

/** Replays the rest; `onDurable` hears how many transactions are durable by now. */
export async function replay(
  database: Database,
  sqlLog: string,
  onDurable: (transactions: number) => void,
): Promise<void> {
  const begun = transactionsIn(database)
  let reached = 0
  for await (const transaction of readSqlLog(sqlLog)) {
    reached += 1
    if (reached <= begun) continue
    database.exec(transaction)
    if (reached % TRANSACTIONS_PER_FLUSH !== 0) continue
    database.flush()
    onDurable(reached)
  }
  database.flush()
  onDurable(reached)
}

/** How many transactions of the workload the database holds. */
export function transactionsIn(database: Database): number {
  const hasBegun = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'progress'").get() !== undefined
  if (!hasBegun) return 0
  const transactions = database.prepare('SELECT transactions FROM progress').pluck().get()
  if (typeof transactions !== 'number') throw new Error('progress does not count')
  return transactions
}
