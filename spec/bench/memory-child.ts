// A process that opens one database and says how much memory it takes: `memory-child.ts <kind> <directory> <rows>`.

import BetterSqlite3 from 'better-sqlite3'
import { fill, open } from './table.ts'

const [, , kind = '', dir = '', rows = '0'] = process.argv

function opened(): { close(): unknown } {
  if (kind === 'reopened') return open(dir)
  const db = kind === 'scriptlog' ? open(dir) : new BetterSqlite3(':memory:')
  fill(db, Number(rows))
  return db
}

const before = process.memoryUsage().rss
const db = opened()
globalThis.gc?.()
process.stdout.write(`${process.memoryUsage().rss - before}\n`)
db.close()
