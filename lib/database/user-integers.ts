import type { NativeDatabase } from '../engine/native.ts'

/** Whether the user gets integers as bigint: what is compiled or registered for him does, and what is ours never. */
export class UserIntegers {
  readonly #sqlite: NativeDatabase
  /** Asked for by `defaultSafeIntegers`. */
  areSafe = false

  constructor(sqlite: NativeDatabase) {
    this.#sqlite = sqlite
  }

  /** Compiles or registers something of the user's. */
  during<T>(act: () => T): T {
    if (!this.areSafe) return act()
    this.#sqlite.defaultSafeIntegers(true)
    try {
      return act()
    } finally {
      this.#sqlite.defaultSafeIntegers(false)
    }
  }
}
