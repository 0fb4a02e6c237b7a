import type { Database } from '../../database/database.ts'
import type { Pragma } from '../../engine/statement-kind.ts'

/** PRAGMAs that decide what later statements do, and that a new connection knows nothing of. */
const NAMES = ['foreign_keys', 'recursive_triggers', 'ignore_check_constraints', 'legacy_alter_table']

/** The PRAGMAs that a source has set: to be set again when a replay goes on, and not to reach the next source. */
export class SessionPragmas {
  readonly #db: Database
  readonly #initial: ReadonlyMap<string, string>
  #current: ReadonlyMap<string, string>

  constructor(db: Database) {
    this.#db = db
    this.#initial = this.#read()
    this.#current = this.#initial
  }

  /** What the source has changed: `foreign_keys=0 recursive_triggers=1`. */
  get text(): string {
    return [...this.#current]
      .filter(([name, value]) => value !== this.#initial.get(name))
      .map(([name, value]) => `${name}=${value}`)
      .join(' ')
  }

  /** Takes notice of a PRAGMA that was run. */
  note(pragma: Pragma | undefined): void {
    if (pragma?.value !== undefined && NAMES.includes(pragma.name)) this.#current = this.#read()
  }

  /** Sets what {@link text} told of an earlier replay. */
  restore(text: string): void {
    for (const [, name = '', value = ''] of text.matchAll(/(\w+)=([01])/g)) {
      if (NAMES.includes(name)) this.#db.pragma(`${name}=${value}`)
    }
    this.#current = this.#read()
  }

  /** Sets everything as it was before the source. */
  end(): void {
    for (const [name, value] of this.#initial) this.#db.pragma(`${name}=${value}`)
  }

  #read(): Map<string, string> {
    return new Map(NAMES.map((name) => [name, String(this.#db.pragma(name, { simple: true }))]))
  }
}
