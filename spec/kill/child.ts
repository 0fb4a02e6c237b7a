// The process that is killed: `child.js <path> <write delay> <transactions>`. Works on until it has made so many
// transactions, and says on its standard output what it has begun (`begin 7`), what it knows to be durable (`ack 7`)
// and what failed (`error CODE`). Its lines are written at once: what it said before it was killed has been said.

import { writeSync } from 'node:fs'
import { Database } from '../../lib/index.ts'
import { begin, make } from './workload.ts'

const [, , path = '', delay = '0', count = '1000000'] = process.argv
const FLUSH_PERIOD = 7
const CHECKPOINT_PERIOD = 40

function say(line: string): void {
  writeSync(1, `${line}\n`)
}

function sayError(error: unknown): void {
  const { name, message } = error instanceof Error ? error : { name: 'thrown', message: String(error) }
  say(`error ${name} ${message.split('\n')[0]}`)
}

function main(): void {
  say('start')
  const db = new Database(path, { writeDelayMillis: Number(delay) })
  const isSynced = delay === '0'
  let n = begin(db)
  if (isSynced) say(`ack ${n}`)
  say('open')
  for (const last = n + Number(count); n < last; ) {
    n++
    say(`begin ${n}`)
    let isDurable = isSynced
    try {
      make(db, n)
      if (!isSynced && n % FLUSH_PERIOD === 0) {
        db.flush()
        isDurable = true
      }
    } catch (error) {
      // In doubt: it is visible, and durable once a resume has succeeded. Anything else ends the work.
      sayError(error)
      if (!(error instanceof Error && error.name === 'CommitInDoubtError')) throw error
      db.resume()
      isDurable = true
    }
    if (isDurable) say(`ack ${n}`)
    if (n % CHECKPOINT_PERIOD === 0) {
      try {
        db.checkpoint()
        say(`ack ${n}`)
      } catch (error) {
        sayError(error)
      }
    }
  }
  db.close({ mode: n % 2 === 0 ? 'normal' : 'immediately' })
  say('closed')
}

try {
  main()
} catch (error) {
  sayError(error)
  process.exitCode = 1
}
