// Rows that REPLACE conflict resolution deletes fire no delete trigger, unless recursive_triggers is on.
//
// - It is on, by the user's will: nothing to do.
// - There are no triggers but those of capture: it is switched on; nobody can see that, since triggers are all that
//   it concerns. The user's own setting comes back before it can matter or be asked for.
// - There are other triggers: the versions of all rows that are written meanwhile are kept (row-versions.ts).

import type { Database } from 'better-sqlite3'
import { IS_REPLACING, NEXT_VERSION, OLD_VERSIONS } from './row-versions.ts'
import { isIdle, unsafeModeOf } from './unsafe-mode.ts'

/** More versions than these are not left in memory until the next ones come. */
const MOST_IDLE_VERSIONS = 10_000

/** Sees to it that rows which are replaced are found, and numbers the versions of rows where that is needed. */
export class ReplacedRows {
  readonly #sqlite: Database
  /** The user's `recursive_triggers`. */
  #isRecursiveByUser = false
  /** `recursive_triggers` is on for capture's sake. */
  #isRecursiveByUs = false
  /** Versions are kept of what is written now. */
  #isKeeping = false
  #areTriggersWanted = false
  #lastVersion = 0
  /** Versions up to here belong to transactions that are over. */
  #oldVersions = 0
  #isMuchLeft = false

  constructor(sqlite: Database) {
    this.#sqlite = sqlite
    const options = { safeIntegers: false }
    sqlite.function(IS_REPLACING, options, () => (this.#isKeeping ? 1 : 0))
    sqlite.function(NEXT_VERSION, options, () => ++this.#lastVersion)
    sqlite.function(OLD_VERSIONS, options, () => this.#oldVersions)
  }

  /** The number of the last version that was written. */
  get lastVersion(): number {
    return this.#lastVersion
  }

  /** The user's own setting of `recursive_triggers`. */
  get isRecursiveByUser(): boolean {
    return this.#isRecursiveByUser
  }

  /** True while the triggers that keep versions must be there. */
  get areTriggersWanted(): boolean {
    return this.#areTriggersWanted
  }

  /**
   * Called before a statement that may replace rows. True when replaced rows will leave no trace but the versions
   * of others: then the triggers for them must be there, and the origins of rows cannot be trusted.
   */
  begin(hasUserTriggers: boolean): boolean {
    if (this.#isRecursiveByUser || this.#isRecursiveByUs) return false
    if (!hasUserTriggers) {
      this.#setPragma('ON')
      this.#isRecursiveByUs = true
      return false
    }
    this.#areTriggersWanted = true
    this.#isKeeping = true
    return true
  }

  /** Called after that statement. */
  end(): void {
    this.#isKeeping = false
  }

  /** Gives `recursive_triggers` its own value back: it is asked for, or there are triggers now that it concerns. */
  restorePragma(): void {
    if (!this.#isRecursiveByUs) return
    this.#setPragma('OFF')
    this.#isRecursiveByUs = false
  }

  /** Called after the user's `PRAGMA recursive_triggers`. */
  readPragma(): void {
    // Another statement has switched it on since: possible only while an iterator is asking.
    if (this.#isRecursiveByUs) return
    const setting = this.#sqlite.prepare<[], number>('PRAGMA recursive_triggers').pluck().safeIntegers(false)
    this.#isRecursiveByUser = setting.get() === 1
  }

  /** A rollback may have brought back effects that need versions, and have dropped what keeps them. */
  wantTriggers(): void {
    this.#areTriggersWanted = true
  }

  /** The triggers name columns, which may be in the way of DDL; they come back when they are needed. */
  letTriggersGo(): void {
    this.#areTriggersWanted = false
  }

  /** The transaction is over. True when so many versions are left that their tables should go, and may go. */
  endTransaction(): boolean {
    this.#isMuchLeft ||= this.#lastVersion - this.#oldVersions > MOST_IDLE_VERSIONS
    this.#oldVersions = this.#lastVersion
    // SQLite drops no table while a query is under way.
    if (!this.#isMuchLeft || !isIdle(this.#sqlite)) return false
    this.#isMuchLeft = false
    this.#areTriggersWanted = false
    return true
  }

  /** While an iterator is open, too: all() and get() may write then. */
  #setPragma(value: 'ON' | 'OFF'): void {
    unsafeModeOf(this.#sqlite).lift(() => this.#sqlite.pragma(`recursive_triggers=${value}`))
  }
}
