import { createRequire } from 'node:module'
import { invariant, ScriptlogError } from '../errors.ts'
import type { NativeDatabase } from './native.ts'
import { SqliteDatabase } from './sqlite.ts'

/** From this major version on better-sqlite3 is built on Node-API 10. */
const FIRST_NODE_API_MAJOR = 13
const NODE_API_NEEDED = 10

/** better-sqlite3's options of a connection, as far as they mean something without a file. */
export interface ConnectionOptions {
  readonly readonly?: boolean
  /** No file is created, by ATTACH. */
  readonly fileMustExist?: boolean
  /** Hears the text of each statement that is run, and may throw to prevent it. */
  readonly verbose?: ((sql: string) => void) | undefined
  /** The native part of better-sqlite3, or the path of its file. */
  readonly nativeBinding?: string | object | undefined
}

/**
 * Opens an empty database in memory, in the state that capture, load and redo rely on.
 * @throws {ScriptlogError} when the installed better-sqlite3 would crash this Node.js.
 */
export function openConnection(options: ConnectionOptions = {}): NativeDatabase {
  const sqlite = openPlain(':memory:', options)
  // Any later change of temp_store would drop every TEMP object, the capture triggers among them.
  sqlite.pragma('temp_store=MEMORY')
  invariant(sqlite.pragma('temp_store', { simple: true }) === 2, 'temporary objects are kept in memory')
  invariant(sqlite.pragma('encoding', { simple: true }) === 'UTF-8', 'a new database is UTF-8')
  return sqlite
}

/**
 * Opens better-sqlite3's own database in memory: empty (`:memory:`, or an empty path), or one that `serialize()` gave.
 * @throws {ScriptlogError} when the installed better-sqlite3 would crash this Node.js.
 */
export function openPlain(source: string | Buffer, options: ConnectionOptions): NativeDatabase {
  assertNodeCanRun(installedVersion(), Number(process.versions.napi))
  return Reflect.construct(SqliteDatabase, [source, givenOf(options)])
}

/** Without options that were not given: better-sqlite3 takes some for wrong when they are undefined. */
function givenOf(options: ConnectionOptions): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

/** After load and redo: `changes()` and `last_insert_rowid()` say what they say on a new connection. */
export function forgetWrites(sqlite: NativeDatabase): void {
  // Nothing but a row sets the rowid; a DELETE that finds none sets the changes.
  sqlite.exec(`CREATE TEMP TABLE "scriptlog:zero"(a); INSERT INTO temp."scriptlog:zero"(rowid) VALUES(0);
    DELETE FROM temp."scriptlog:zero" WHERE a; DROP TABLE temp."scriptlog:zero"`)
}

/**
 * better-sqlite3 13 does not check that it has the Node-API it needs: it ends the process at the first open.
 * @throws {ScriptlogError} on such a combination.
 */
export function assertNodeCanRun(betterSqlite3Version: string, nodeApiVersion: number): void {
  const major = Number.parseInt(betterSqlite3Version, 10)
  if (major < FIRST_NODE_API_MAJOR || nodeApiVersion >= NODE_API_NEEDED) return
  throw new ScriptlogError(
    'SCRIPTLOG_CANNOT_RUN',
    `better-sqlite3 ${betterSqlite3Version} needs Node-API ${NODE_API_NEEDED}, this Node.js has ${nodeApiVersion}`,
    {
      reason: 'open',
      hint: 'install better-sqlite3 12 (npm picks it by itself on this Node.js), or use Node.js 22.14, 24 or newer',
    },
  )
}

function installedVersion(): string {
  const description: unknown = createRequire(import.meta.url)('better-sqlite3/package.json')
  invariant(typeof description === 'object' && description !== null, 'better-sqlite3 is described')
  invariant(
    'version' in description && typeof description.version === 'string',
    'better-sqlite3 has a version',
  )
  return description.version
}
