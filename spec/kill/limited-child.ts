// A process whose files may not grow beyond a limit: `limited-child.js <path> <transactions>`. When it can write no
// more it says `stuck`, and goes on once writing was resumed by itself.

import { readFileSync, writeSync } from 'node:fs'
import { Database } from '../../lib/index.ts'
import { begin, make } from './workload.ts'

const [, , path = '', count = '0'] = process.argv

function say(line: string): void {
  writeSync(1, `${line}\n`)
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

readFileSync(0)
const db = new Database(path, {
  writeDelayMillis: 0,
  logSize: 0,
  reservedDiskBuffer: 0,
  bgerrorResumeRetryIntervalMillis: 1,
})
begin(db)
say('open')
for (let n = 1; n <= Number(count); n++) {
  say(`begin ${n}`)
  try {
    make(db, n)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    say(`error ${error.name} ${error.message.split('\n')[0]}`)
    if (error.name !== 'CommitInDoubtError') throw error
    let tries = 0
    while (!db.status().isWritable) {
      tries++
      if (tries === 2000) say('stuck')
      await turn()
    }
  }
  say(`ack ${n}`)
}
db.close()
say('closed')
