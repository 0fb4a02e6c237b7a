import { constants } from 'node:buffer'
import type { Database } from 'better-sqlite3'
import { messageOf, ScriptlogError } from '../errors.ts'
import { type OwnKind, type OwnStatement, OwnStatements } from '../format/own-statements.ts'
import { MissingFunctions } from './missing-functions.ts'
import { ModuleTables } from './module-tables.ts'
import { reconnectModules } from './reconnect-modules.ts'
import { unsafeModeOf } from './unsafe-mode.ts'
import { defineUserTable } from './user-tables.ts'
import { LOADING, type Pragmas, withPragmas } from './with-pragmas.ts'

/**
 * The order in which a script holds its statements. Rows come before whatever would look at them: a file from
 * elsewhere cannot have its own triggers run while it is loaded. Kinds that are missing have no place in a script.
 */
const ORDER: Readonly<Partial<Record<OwnKind, number>>> = {
  begin: 0,
  'create-table': 1,
  'create-virtual-table': 1,
  'create-user-table': 1,
  rows: 2,
  'create-index': 3,
  'create-view': 4,
  'create-trigger': 5,
  'system-rows': 6,
  analyze: 6,
  commit: 7,
}
const NOTHING_YET = -1
const EXCERPT_LENGTH = 60

/** Whether a script holds statements of this kind between its BEGIN and its COMMIT. */
export function isOfScript(kind: OwnKind): boolean {
  return kind === 'pragma' || (ORDER[kind] !== undefined && kind !== 'begin' && kind !== 'commit')
}

/**
 * Runs a script on an empty database. `pieces` are its bytes, cut anywhere; only statements that scriptlog writes
 * are accepted, see {@link OwnStatements}. Memory is bounded by the largest statement. The PRAGMAs of the
 * connection are afterwards as before.
 * Throws ScriptlogError with the offset of the statement that was refused or failed: the connection is then half
 * filled and of no further use.
 */
export function loadStatements(
  sqlite: Database,
  pieces: Iterable<Uint8Array | string>,
  { path, pragmas = LOADING }: { readonly path?: string; readonly pragmas?: Pragmas } = {},
): void {
  // Shadow tables are written, which is for their modules alone otherwise.
  unsafeModeOf(sqlite).lift(() =>
    withPragmas(sqlite, pragmas, () => runAll(new Loader(sqlite, { path, isJoining: false }), pieces)),
  )
  reconnectModules(sqlite)
}

/**
 * The same as a part of a transaction of the caller's, who has set the PRAGMAs and unsafe mode: the script's own
 * BEGIN and COMMIT are passed over.
 */
export function loadWithin(sqlite: Database, pieces: Iterable<Uint8Array>): void {
  runAll(new Loader(sqlite, { path: undefined, isJoining: true }), pieces)
}

function runAll(loader: Loader, pieces: Iterable<Uint8Array | string>): void {
  for (const piece of pieces) loader.add(typeof piece === 'string' ? Buffer.from(piece, 'utf8') : piece)
  loader.end()
}

class Loader {
  readonly #sqlite: Database
  readonly #path: string | undefined
  readonly #isJoining: boolean
  readonly #missing: MissingFunctions
  readonly #moduleTables: ModuleTables
  /** What has not been taken yet: it begins inside or before a statement. */
  #pending: Uint8Array[] = []
  #pendingBytes = 0
  /** How many bytes must be there before the next try. */
  #wantedBytes = 1
  /** Offset of the first pending byte. */
  #offset = 0
  #place = NOTHING_YET

  constructor(
    sqlite: Database,
    { path, isJoining }: { readonly path: string | undefined; readonly isJoining: boolean },
  ) {
    this.#sqlite = sqlite
    this.#path = path
    this.#isJoining = isJoining
    this.#missing = new MissingFunctions(sqlite)
    this.#moduleTables = new ModuleTables(sqlite)
  }

  add(piece: Uint8Array): void {
    this.#pending.push(piece)
    this.#pendingBytes += piece.length
    if (this.#pendingBytes < this.#wantedBytes) return
    const bytes = Buffer.concat(this.#pending)
    const rest = bytes.subarray(this.#run(bytes).taken)
    this.#offset += bytes.length - rest.length
    this.#pending = [rest]
    this.#pendingBytes = rest.length
    if (rest.length > constants.MAX_STRING_LENGTH)
      throw this.#failure('a statement larger than 512 MiB', this.#offset)
    // A large statement is looked at again each time its bytes have doubled, not with each piece.
    this.#wantedBytes = 2 * rest.length + 1
  }

  end(): void {
    this.#run(Buffer.concat(this.#pending)).assertEnd()
    const isEnded = this.#isJoining ? this.#place === ORDER.commit : !this.#sqlite.inTransaction
    if (!isEnded) throw this.#failure('the script has no COMMIT', this.#offset)
  }

  #run(bytes: Uint8Array): OwnStatements {
    const statements = new OwnStatements(bytes, this.#offset, this.#path)
    for (let next = statements.take(); next !== undefined; next = statements.take()) this.#runOne(next)
    return statements
  }

  #runOne(statement: OwnStatement): void {
    const { kind, text, offset } = statement
    if (kind !== 'pragma') this.#assertOrder(kind, offset)
    if (this.#isJoining && (kind === 'begin' || kind === 'commit')) return
    this.#moduleTables.assertUntouched(statement)
    try {
      // What has a grammar of its own is one statement for certain; for the user's text SQLite is asked to see to it.
      if (kind === 'create-user-table') defineUserTable(this.#sqlite, text)
      else if (kind === 'create-trigger') {
        // Nothing of the user's may watch the tables that a module relies on.
        unsafeModeOf(this.#sqlite).suspend(() => this.#sqlite.prepare(text).run())
      } else if (kind.startsWith('create-')) this.#sqlite.prepare(text).run()
      else if (kind === 'rows') this.#missing.run(text)
      else this.#sqlite.exec(text)
    } catch (cause) {
      const excerpt = JSON.stringify(text.slice(0, EXCERPT_LENGTH))
      throw this.#failure(`a statement of the script failed: ${messageOf(cause)}: ${excerpt}`, offset, cause)
    }
  }

  #assertOrder(kind: OwnKind, offset: number): void {
    const place = ORDER[kind]
    // One BEGIN, first, and one COMMIT.
    const isRepeated = place === this.#place && (kind === 'begin' || kind === 'commit')
    const isFirst = this.#place === NOTHING_YET
    if (place === undefined || place < this.#place || isRepeated || (isFirst && kind !== 'begin')) {
      throw this.#failure(`a script does not hold this kind of statement (${kind}) here`, offset)
    }
    this.#place = place
  }

  #failure(message: string, offset: number, cause?: unknown): ScriptlogError {
    return new ScriptlogError('SCRIPTLOG_CANNOT_LOAD', message, {
      reason: 'script',
      severity: 'unrecoverable',
      path: this.#path,
      offset,
      cause,
    })
  }
}
