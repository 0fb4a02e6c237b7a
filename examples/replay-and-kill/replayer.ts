// The process that is killed: replays a SQL log into a database and prints `ok <transactions> <LSN>` whenever so many
// of them are durable. At the end of the log it waits, the database still open, until its standard input ends.
//
//   node --import tsx examples/replay-and-kill/replayer.ts DATABASE SQL-LOG

import { once } from 'node:events'
import { Database } from '../../lib/index.ts'
import { replay } from './replay.ts'

const [, , base, sqlLog] = process.argv
if (base === undefined || sqlLog === undefined) throw new Error('a database and a SQL log must be named')

// A checkpoint for each MB of log, so that some kills cut one in half.
const database = new Database(base, { logSize: 1 })
console.log('ready')
await replay(database, sqlLog, (transactions) => {
  console.log(`ok ${transactions} ${database.status().log.durableLsn}`)
})
await once(process.stdin.resume(), 'end')
database.close()
