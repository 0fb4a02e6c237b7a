// Takes a writer's lock, says so, and keeps it until it is told to let go: `hold-lock.ts <path> <kernel|sqlite>`.
// Run as a process of its own by the specs of locks, and as a worker thread.
import { parentPort, workerData } from 'node:worker_threads'
import { kernelLocks, sqliteLocks } from '../../lib/engine/lock-fallback.ts'
import { LockHeldError } from '../../lib/errors.ts'

const given: readonly string[] = parentPort === null ? process.argv.slice(2) : workerData
const [path = '', kind] = given
const say = (line: string) =>
  parentPort === null ? process.stdout.write(`${line}\n`) : parentPort.postMessage(line)
try {
  const lock = (kind === 'sqlite' ? sqliteLocks : kernelLocks).acquire(path)
  say('held')
  const input = parentPort ?? process.stdin
  input.once(parentPort === null ? 'data' : 'message', () => {
    lock.release()
    say('released')
    parentPort?.close()
    process.stdin.destroy()
  })
} catch (error) {
  say(error instanceof LockHeldError ? `refused ${error.pid}` : String(error))
}
