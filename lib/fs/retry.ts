import { systemCode } from '../errors.ts'

/** Codes by which Windows says that another program has the file open at this moment. */
const heldCodes: ReadonlySet<string | undefined> = new Set(['EPERM', 'EACCES', 'EBUSY'])

/** Waits between the attempts, about 1.3 seconds in all: virus scanners let go within milliseconds. */
const delaysMs: readonly number[] = [5, 10, 20, 40, 80, 160, 320, 640]

/** Tries again, a bounded number of times, while others hold the file. Any other failure, and the last, is thrown. */
export function retryWhileHeld(attempt: () => void, wait: (delayMs: number) => void = sleep): void {
  for (const delayMs of delaysMs) {
    try {
      attempt()
      return
    } catch (error) {
      if (!heldCodes.has(systemCode(error))) throw error
      wait(delayMs)
    }
  }
  attempt()
}

/** Blocks the thread. */
export function sleep(delayMs: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, delayMs)
}
