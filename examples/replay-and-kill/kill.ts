// Starts the replaying process, listens to its acknowledgements, and kills it soon after one of them.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export interface Killed {
  readonly pid: number | undefined
  /** Transactions that it said were durable, all its acknowledgements read. */
  readonly acknowledged: number
  /** The log's durable end, as it said last. */
  readonly durableLsn: string
  /** From the first transaction to the end of the process. */
  readonly milliseconds: number
}

const REPLAYER = fileURLToPath(new URL('./replayer.ts', import.meta.url))

export interface Moment {
  /** Number of the acknowledgement, from 1, … */
  readonly acknowledgement: number
  /** … and how long after it. */
  readonly delayMillis: number
}

/**
 * Replays in another process, which goes on until SIGKILL ends it at the given moment. `onAcknowledged` hears how
 * many transactions are acknowledged.
 */
export async function replayUntilKilled(
  base: string,
  sqlLog: string,
  moment: Moment,
  onAcknowledged: (transactions: number) => void,
): Promise<Killed> {
  const child = spawn(process.execPath, [...process.execArgv, REPLAYER, base, sqlLog], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(child, 'close')
  let begun = performance.now()
  let acknowledgements = 0
  let acknowledged = 0
  let durableLsn = ''
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'ready') begun = performance.now()
    // The last line may be cut, and says nothing then.
    const [, transactions, lsn] = /^ok (\d+) (\S+\/[0-9A-F]{8})$/.exec(line) ?? []
    if (transactions === undefined || lsn === undefined) continue
    acknowledgements += 1
    acknowledged = Number(transactions)
    durableLsn = lsn
    onAcknowledged(acknowledged)
    if (acknowledgements === moment.acknowledgement) {
      void setTimeout(moment.delayMillis).then(() => child.kill('SIGKILL'))
    }
  }
  const [exitCode, signal] = await ended
  if (signal !== 'SIGKILL')
    throw new Error(`the replaying process ended by itself, with exit code ${exitCode}`)
  return { pid: child.pid, acknowledged, durableLsn, milliseconds: performance.now() - begun }
}
