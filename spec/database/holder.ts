// Opens a database and says so, or why not; lives until it is told to end. A process of its own, or a worker.

import { parentPort, workerData } from 'node:worker_threads'
import { Database } from '../../lib/database/database.ts'
import { LockHeldError } from '../../lib/errors.ts'

const [path = '']: readonly string[] = parentPort === null ? process.argv.slice(2) : workerData
const say = (line: string) =>
  parentPort === null ? process.stdout.write(`${line}\n`) : parentPort.postMessage(line)
try {
  const db = new Database(path, { writeDelayMillis: 0, timeout: 0 })
  say('open')
  const input = parentPort ?? process.stdin
  input.once(parentPort === null ? 'data' : 'message', () => {
    db.close()
    say('closed')
    parentPort?.close()
    process.stdin.destroy()
  })
} catch (error) {
  say(error instanceof LockHeldError ? `held by ${error.pid}` : String(error))
}
