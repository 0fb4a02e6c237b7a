import type { NativeDatabase } from './native.ts'

/**
 * better-sqlite3's unsafe mode of one connection: it lifts SQLite's defensive flag and the checks for open iterators.
 * The user asks for it by `unsafeMode()`; statements of ours may need it for a moment.
 */
export class UnsafeMode {
  readonly #sqlite: NativeDatabase
  #isAsked = false
  #lifted = 0

  constructor(sqlite: NativeDatabase) {
    this.#sqlite = sqlite
  }

  /** What the user asked for. */
  get isAsked(): boolean {
    return this.#isAsked
  }

  ask(isOn: boolean): void {
    this.#isAsked = isOn
    if (this.#lifted === 0) this.#sqlite.unsafeMode(isOn)
  }

  /** Runs statements of ours in unsafe mode; the user's statements are as before then. */
  lift<T>(act: () => T): T {
    this.raise()
    try {
      return act()
    } finally {
      this.lower()
    }
  }

  /** The same for work that has a beginning and an end of its own: followed by {@link lower}, whatever happens. */
  raise(): void {
    if (this.#lifted++ === 0) this.#sqlite.unsafeMode(true)
  }

  lower(): void {
    if (--this.#lifted === 0) this.#sqlite.unsafeMode(this.#isAsked)
  }

  /** In the midst of such work: runs what a file holds of the user's, which SQLite must keep off the shadow tables. */
  suspend(act: () => void): void {
    this.lower()
    try {
      act()
    } finally {
      this.raise()
    }
  }

  /**
   * Before something that no mode allows while a query is under way, and that could not be undone when it is refused.
   * @throws {TypeError} as better-sqlite3 does while an iterator is open or a function of the user runs.
   */
  assertIdle(): void {
    this.#sqlite.unsafeMode(false)
    try {
      this.#sqlite.exec('')
    } finally {
      this.#sqlite.unsafeMode(this.#isAsked || this.#lifted > 0)
    }
  }
}

/**
 * Nothing is under way: the schema may be changed without a query taking notice. In unsafe mode nobody knows: leaving
 * it to ask would make SQLite prepare everything anew, queries with parts still to come among it.
 */
export function isIdle(sqlite: NativeDatabase): boolean {
  const mode = unsafeModeOf(sqlite)
  if (mode.isAsked) return false
  try {
    mode.assertIdle()
    return true
  } catch {
    return false
  }
}

const modes = new WeakMap<NativeDatabase, UnsafeMode>()

/** The one that knows of a connection. */
export function unsafeModeOf(sqlite: NativeDatabase): UnsafeMode {
  let mode = modes.get(sqlite)
  if (mode === undefined) {
    mode = new UnsafeMode(sqlite)
    modes.set(sqlite, mode)
  }
  return mode
}
