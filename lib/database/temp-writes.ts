import type { NativeStatement, RunResult } from '../engine/native.ts'
import type { ReadonlyGuard } from '../engine/readonly-guard.ts'
import type { UserStatement } from '../engine/statement-kind.ts'

/** How a reader runs statements that may write: TEMP objects may be, and nothing else. Nothing is captured or logged. */
export class TempWrites {
  readonly #guard: ReadonlyGuard
  /** Statements with an open iterator that may write. */
  readonly #iterating = new WeakSet<UserStatement>()

  constructor(guard: ReadonlyGuard) {
    this.#guard = guard
  }

  run<T>(statement: UserStatement, act: () => T): T {
    return this.#guard.run(statement, act)
  }

  runWith(statement: UserStatement, native: NativeStatement, args: readonly unknown[]): RunResult {
    return this.run(statement, () => native.run(...args))
  }

  getWith(statement: UserStatement, native: NativeStatement, args: readonly unknown[]): unknown {
    return this.run(statement, () => native.get(...args))
  }

  allWith(statement: UserStatement, native: NativeStatement, args: readonly unknown[]): unknown[] {
    return this.run(statement, () => native.all(...args))
  }

  beginIterator(statement: UserStatement): void {
    if (this.#guard.beginIterator(statement)) this.#iterating.add(statement)
  }

  endIterator(statement: UserStatement): void {
    if (this.#iterating.delete(statement)) this.#guard.endIterator()
  }
}
