import type { Database } from 'better-sqlite3'

/**
 * Says whether views, triggers, CHECKs and the like may call the functions of the application. Better-sqlite3 lets every
 * schema do so; here the files may be a stranger's, and only who registers functions for the schema trusts it.
 */
export function letSchemaCall(sqlite: Database, isTrusted: boolean): void {
  sqlite.pragma(`trusted_schema=${isTrusted ? 'ON' : 'OFF'}`)
}

/**
 * Holds DDL of the user to what loading and redo will accept: they trust no schema (see with-pragmas.ts), so that
 * a CHECK or a view that calls an application's function must fail when it is made, and not at the next open.
 */
export class SchemaTrust {
  readonly #sqlite: Database
  readonly #isNeeded: boolean
  #wasTrusting = false

  /** `isTrusted`: loading and redo trust the schema, and nothing needs to be done. */
  constructor(sqlite: Database, isTrusted: boolean) {
    this.#sqlite = sqlite
    this.#isNeeded = !isTrusted
  }

  /** Called before DDL whose result is kept. Prepared statements follow: SQLite prepares them anew. */
  withdraw(): void {
    if (!this.#isNeeded) return
    this.#wasTrusting = Number(this.#sqlite.pragma('trusted_schema', { simple: true })) === 1
    if (this.#wasTrusting) this.#sqlite.pragma('trusted_schema=OFF')
  }

  /** Called after it: the user's own setting comes back. */
  restore(): void {
    if (this.#wasTrusting) this.#sqlite.pragma('trusted_schema=ON')
    this.#wasTrusting = false
  }
}
