import type { JudgedState } from './explore-recording.ts'

/** Seed of this run: printed, and given back in the environment variable SEED to see the same run again. */
export const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 1e6))

/** Counts the states that were judged, by the protocol that the crash cut. */
export class Tally {
  readonly #states = new Map<string, number>()
  #repeated = 0

  /** States judged, each once. */
  get states(): number {
    return [...this.#states.values()].reduce((sum, count) => sum + count, 0)
  }

  add({ isNew, depth, doing }: JudgedState): void {
    if (!isNew) {
      this.#repeated++
      return
    }
    const protocol = depth === 1 ? doing : `${doing} after crash ${depth - 1}`
    this.#states.set(protocol, (this.#states.get(protocol) ?? 0) + 1)
  }

  print(): void {
    const lines = [...this.#states].sort().map(([protocol, count]) => `  ${protocol.padEnd(26)} ${count}`)
    console.log(
      [...lines, `${this.states} states judged, met ${this.#repeated} times more; SEED=${SEED}`].join('\n'),
    )
  }
}
