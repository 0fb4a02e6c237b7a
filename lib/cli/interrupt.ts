import { constants } from 'node:os'
import { setImmediate } from 'node:timers/promises'

const SIGNALS = ['SIGINT', 'SIGTERM'] as const
/** Work that never waits lets signals, timers and syncs in after this time. */
const TURN_MS = 20

/**
 * Listens for the signals that ask a process to end, so that the work can end between two transactions. A second
 * signal ends the process at once.
 */
export class Interrupt {
  readonly #onSignal: (signal: NodeJS.Signals) => void
  #signal: NodeJS.Signals | undefined
  #turnBegan = performance.now()
  readonly #waiting = new Set<() => void>()

  constructor() {
    this.#onSignal = (signal) => {
      this.#signal = signal
      this.end()
      for (const wake of this.#waiting) wake()
    }
    for (const signal of SIGNALS) process.on(signal, this.#onSignal)
  }

  get isRequested(): boolean {
    return this.#signal !== undefined
  }

  /** What the process ends with: 128 and the signal's number, as a shell would say. */
  get exitCode(): number {
    return 128 + (this.#signal === undefined ? 0 : constants.signals[this.#signal])
  }

  /** Lets signals in, if it is time; true once one came. */
  async check(): Promise<boolean> {
    if (performance.now() - this.#turnBegan >= TURN_MS) {
      await setImmediate()
      this.#turnBegan = performance.now()
    }
    return this.isRequested
  }

  /** Calls `wake` when a signal comes, for work that waits for something else. Returns how to take that back. */
  whenRequested(wake: () => void): () => void {
    this.#waiting.add(wake)
    return () => this.#waiting.delete(wake)
  }

  /** From now on signals do what they do by default. */
  end(): void {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal)
  }
}
