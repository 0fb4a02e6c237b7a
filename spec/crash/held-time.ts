// Time that passes when it is told to: what is played then does not depend on how fast it is played.

const { setTimeout: originalSet, clearTimeout: originalClear } = globalThis
const originalNow = performance.now

export class HeldTime {
  readonly #held = new Map<object, () => void>()
  #nowMs = 0

  /** From now on nobody's timers run, and `performance.now` stands still. */
  constructor() {
    const set = (act: () => void) => {
      const timer = { unref: () => timer }
      this.#held.set(timer, act)
      return timer
    }
    const clear = (timer: object | undefined) => {
      if (timer !== undefined) this.#held.delete(timer)
    }
    Object.assign(globalThis, { setTimeout: set, clearTimeout: clear })
    Object.assign(performance, { now: () => this.#nowMs })
  }

  /** Lets those fire that are due by now, whatever their delay. */
  fire(): void {
    const due = [...this.#held.values()]
    this.#held.clear()
    for (const act of due) act()
  }

  /** Lets `performance.now` go on. */
  pass(millis: number): void {
    this.#nowMs += millis
  }

  release(): void {
    Object.assign(globalThis, { setTimeout: originalSet, clearTimeout: originalClear })
    Object.assign(performance, { now: originalNow })
  }
}
