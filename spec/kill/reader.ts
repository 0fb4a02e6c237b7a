// A process that reads beside the one that writes: `reader.js <path> <pause> <interval>`. With an interval it is refreshed by
// itself, without one it asks, pausing for so many milliseconds between. Of each state that it sees it says how many
// transactions are in it, whether it was loaded anew, and a checksum of everything (`see 7 reloaded 9f86…`); it ends when
// its standard input does.

import { createHash } from 'node:crypto'
import { writeSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { Database } from '../../lib/index.ts'
import { contentOf, progressOf } from './workload.ts'

const [, , path = '', pauseMillis = '0', interval = '0'] = process.argv

function say(line: string): void {
  writeSync(1, `${line}\n`)
}

function sayError(error: unknown): void {
  const { name, message } = error instanceof Error ? error : { name: 'thrown', message: String(error) }
  say(`error ${name} ${message.split('\n')[0]}`)
}

function see(db: Database, isReloaded: boolean): void {
  const sum = createHash('sha256').update(contentOf(db)).digest('hex')
  say(`see ${progressOf(db)} ${isReloaded ? 'reloaded' : 'followed'} ${sum}`)
}

/** There is no database before the writer has begun it. */
async function open(): Promise<Database> {
  for (;;) {
    try {
      return new Database(path, {
        readonly: true,
        timeout: 30_000,
        refreshIntervalMillis: Number(interval),
        onEvent: (event) => {
          if (event.kind === 'refreshFailed') sayError(event.error)
        },
      })
    } catch (error) {
      if (!(error instanceof Database.SqliteError && error.code === 'SQLITE_CANTOPEN')) throw error
      await pause(5)
    }
  }
}

async function main(): Promise<void> {
  let isOver = false
  process.stdin.on('end', () => {
    isOver = true
  })
  process.stdin.resume()
  const db = await open()
  see(db, false)
  if (interval !== '0') db.on('refreshed', ({ isReloaded }) => see(db, isReloaded))
  while (!isOver) {
    if (interval === '0') {
      const { records, isReloaded } = db.refresh()
      if (records > 0 || isReloaded) see(db, isReloaded)
    }
    await pause(Number(pauseMillis))
  }
  db.refresh()
  see(db, false)
  db.close()
}

try {
  await main()
} catch (error) {
  sayError(error)
  process.exitCode = 1
}
