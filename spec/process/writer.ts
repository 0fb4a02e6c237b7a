// A process that has a database open to write, and does what it is told, one word a line; it says how each ended.
// `writer.ts <path> [blocks-in-recovery]`

import { createInterface } from 'node:readline'
import { Database } from '../../lib/database/database.ts'

const [path = '', how] = process.argv.slice(2)
const say = (line: string) => process.stdout.write(`${line}\n`)
const saying = (act: () => string) => {
  try {
    say(act())
  } catch (error) {
    say(error instanceof Error ? error.name : String(error))
  }
}

let db: Database | undefined
saying(() => {
  db = new Database(path, {
    writeDelayMillis: 0,
    timeout: 60_000,
    onEvent: (event) => {
      if (how !== 'blocks-in-recovery' || event.kind !== 'recoveryProgress' || event.step !== 'load') return
      say('recovering')
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    },
  })
  return `open ${db
    .status()
    .recovery.causes.map((cause) => cause.kind)
    .join(' ')}`.trim()
})

for await (const word of createInterface({ input: process.stdin })) {
  saying(() => {
    switch (word) {
      case 'commit':
        db?.exec("CREATE TABLE IF NOT EXISTS t(a); INSERT INTO t VALUES('child')")
        break
      case 'checkpoint':
        db?.checkpoint()
        break
      case 'close':
        process.stdin.destroy()
        db?.close()
        break
    }
    return `${word} done`
  })
}
