// Two sides of a comparison, run one after the other in turn, so that whatever else the machine does strikes both.

import { mkdtempSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rimrafSync } from 'rimraf'

/** One side: what is done before the clock runs, and what is measured. */
export interface Side {
  readonly name: string
  /** Gets an empty directory; returns the act that is measured, which may take its time asynchronously. */
  prepare(dir: string): Act
}

export interface Act {
  run(): void | Promise<void>
  /** Closes what is open; not measured. */
  end(): void
}

export interface Comparison {
  /** `insert: autocommit`. */
  readonly name: string
  /** Things done by one run: rows, statements. One for a whole that has no parts. */
  readonly units: number
  readonly unit: string
  readonly ours: Side
  readonly peer: Side
  /** A large one, of which fewer runs are enough. */
  readonly mostRuns?: number
}

export interface Measured {
  readonly comparison: Comparison
  readonly oursSeconds: readonly number[]
  readonly peerSeconds: readonly number[]
}

/** Runs the two sides in turn, the first of a pair changing each time. */
export async function measure(comparison: Comparison, runs: number): Promise<Measured> {
  const oursSeconds: number[] = []
  const peerSeconds: number[] = []
  for (let run = 0; run < Math.min(runs, comparison.mostRuns ?? runs); run++) {
    const ours = async () => oursSeconds.push(await timed(comparison.ours))
    const peer = async () => peerSeconds.push(await timed(comparison.peer))
    for (const side of run % 2 === 0 ? [ours, peer] : [peer, ours]) await side()
  }
  return { comparison, oursSeconds, peerSeconds }
}

async function timed(side: Side): Promise<number> {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'scriptlog-bench-')))
  try {
    const act = side.prepare(dir)
    globalThis.gc?.()
    const begun = performance.now()
    await act.run()
    const seconds = (performance.now() - begun) / 1000
    act.end()
    return seconds
  } finally {
    rimrafSync(dir)
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const [low = 0, high = 0] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]]
  return (low + high) / 2
}
