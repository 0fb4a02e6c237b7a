// Opening, in the order in which things are taken: the lock, a connection, the application's functions, the files as
// recovery makes them, capture. What fails gives back what was taken before it.

import { Capture } from '../engine/capture.ts'
import { forgetWrites, openConnection } from '../engine/connection.ts'
import { MemoryTables } from '../engine/memory-tables.ts'
import type { NativeDatabase } from '../engine/native.ts'
import { CheckedRegistrar } from '../engine/registrar.ts'
import { letSchemaCall } from '../engine/schema-trust.ts'
import { SqliteError } from '../engine/sqlite.ts'
import type { Verbose } from '../engine/verbose.ts'
import { OpenError } from '../errors.ts'
import { fencedFiles } from '../fs/fenced-files.ts'
import type { WriterLock } from '../fs/lock.ts'
import { type Host, isNothingThere, isThere, locate, lockFor, lockIfThere } from '../host.ts'
import type { Names } from '../names.ts'
import { findingOf, recoveryNeeded } from '../recovery/causes.ts'
import { noDatabase, type Recovered, recover } from '../recovery/recover.ts'
import type { Listeners } from './listeners.ts'
import type { CheckedOptions } from './options.ts'
import { type LoadTwin, twinLoader } from './twin.ts'

/** What an open database consists of. */
export interface Opened extends Recovered {
  readonly lock: WriterLock
  readonly sqlite: NativeDatabase
  readonly tables: MemoryTables
  readonly capture: Capture
  readonly verbose: Verbose
  readonly loadTwin: LoadTwin
}

/** Opens the database that is kept at `path`. Throws what the constructor of `Database` throws. */
export function openDatabase(
  path: string,
  options: CheckedOptions,
  host: Host,
  listeners: Listeners,
  verbose: Verbose,
): Opened {
  const names = namesAt(host, path)
  const { timeoutMs, isAlive } = options
  // Not a lock file either is made where there is nothing.
  if (options.fileMustExist && isNothingThere(host, names)) throw cannotOpen(noDatabase(names))
  const isRefusal = !options.recover && isThere(host, names)
  const lock = isRefusal
    ? lockIfThere(host, names, { timeoutMs, isAlive })
    : lockFor(host, names, { timeoutMs, isAlive })
  if (lock === undefined) throw recoveryNeeded(names.base, [{ kind: 'register', condition: 'missing' }])
  for (const { pid, role } of lock.dead) listeners.tell({ kind: 'processDied', pid, role })
  let sqlite: NativeDatabase | undefined
  let recovered: Recovered | undefined
  try {
    sqlite = openConnection({ verbose: verbose.listener, nativeBinding: options.nativeBinding })
    options.setup?.(new CheckedRegistrar(sqlite))
    // Whoever registers functions for the schema lets the schema call them.
    const trustsSchema = options.setup !== undefined
    const tables = new MemoryTables(sqlite, { trustsSchema })
    recovered = recover({ ...host, files: fencedFiles(host.files, lock.fence) }, names, tables, {
      settings: options.settings,
      mayCreate: !options.fileMustExist,
      mayRecover: options.recover,
      register: findingOf(lock),
      onStep: (step) => listeners.tell({ kind: 'recoveryProgress', step }),
      // Only who recovers makes others wait for the end of it.
      onDecided: (causes) => {
        if (causes.length === 0) lock.admitOthers()
      },
    })
    lock.admitOthers()
    forgetWrites(sqlite)
    letSchemaCall(sqlite, trustsSchema)
    const capture = new Capture(sqlite, { trustsSchema })
    capture.start()
    return { ...recovered, lock, sqlite, tables, capture, verbose, loadTwin: twinLoader(options) }
  } catch (error) {
    recovered?.store.log.close()
    sqlite?.close()
    lock.release()
    throw error instanceof OpenError && error.subcode === 'no-database' ? cannotOpen(error) : error
  }
}

/** The files of the database at `path`, unless better-sqlite3 would not look for one there. */
export function namesAt(host: Host, path: string): Names {
  try {
    return locate(host, path)
  } catch (error) {
    if (!(error instanceof OpenError && error.subcode === 'no-directory')) throw error
    throw new TypeError('Cannot open database because the directory does not exist', { cause: error })
  }
}

/** What SQLite says of a file that is not there and may not be created. */
export function cannotOpen(cause: unknown): Error {
  const error: Error = new SqliteError('unable to open database file', 'SQLITE_CANTOPEN')
  error.cause = cause
  return error
}
