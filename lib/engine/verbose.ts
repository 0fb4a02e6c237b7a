/** Tells an application's `verbose` function of each statement that it runs, and not of those that scriptlog runs. */
export class Verbose {
  readonly #tell: ((sql: string) => void) | undefined
  #hushed = 0

  constructor(tell: ((sql: string) => void) | undefined) {
    this.#tell = tell
  }

  /** What the connection calls; undefined when nobody listens, so that it costs nothing. */
  get listener(): ((sql: string) => void) | undefined {
    if (this.#tell === undefined) return undefined
    return (sql) => this.tell(sql)
  }

  /** Tells of a statement that never reaches SQLite. */
  tell(sql: string): void {
    const tell = this.#tell
    if (this.#hushed === 0 && tell !== undefined) tell(sql)
  }

  /** Runs statements of ours. */
  hush<T>(act: () => T): T {
    this.#hushed++
    try {
      return act()
    } finally {
      this.#hushed--
    }
  }
}
