import { randomBytes } from 'node:crypto'
import { basename, dirname, join, resolve } from 'node:path'
import { diskLocks } from './engine/lock-fallback.ts'
import type { Registrar } from './engine/native.ts'
import { messageOf, OpenError, ScriptlogError, systemCode, UsageError } from './errors.ts'
import type { DatabaseEvent } from './events.ts'
import { diskFiles } from './fs/disk.ts'
import type { Locks, WriterLock } from './fs/lock.ts'
import { type Names, namesOf } from './names.ts'
import { checkSettings, type Settings } from './settings.ts'
import type { Environment } from './store.ts'

type GivenSettings = { readonly [K in keyof Settings]?: Settings[K] | undefined }

/** Options of `new Database(path, options)`. Settings given here win over those in `.properties`. */
export interface DatabaseOptions extends GivenSettings {
  /** Fail when there is no database at the path. Default false: it is created. */
  readonly fileMustExist?: boolean | undefined
  /**
   * Called before the files are loaded, to register functions that the schema uses (in a CHECK, a default, a
   * generated column, an index): without them such a schema cannot be loaded.
   */
  readonly setup?: ((registrar: Registrar) => void) | undefined
  /** Hears every event from the first moment of the open; a constructor cannot be listened to. */
  readonly onEvent?: ((event: DatabaseEvent) => void) | undefined
}

/** The world as a database sees it; another one is passed in by specs and labs. */
export interface Host extends Environment {
  readonly locks: Locks
}

let system: Host | undefined

/** The real disk, kernel locks, the system's clock. */
export function systemHost(): Host {
  system ??= {
    files: diskFiles,
    locks: diskLocks(),
    clock: () => Date.now() * 1000,
    randomHex: (bytes) => randomBytes(bytes).toString('hex'),
  }
  return system
}

const OPTIONS = ['fileMustExist', 'setup', 'onEvent', 'writeDelayMillis', 'logSize', 'recoveryMode']

/**
 * Reads the options of a call.
 * @throws {UsageError} for an option that is unknown or out of range.
 */
export function checkOptions(options: DatabaseOptions): Partial<Settings> {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('Expected second argument to be an options object')
  }
  for (const [name, value] of Object.entries(options)) {
    if (OPTIONS.includes(name) || value === undefined) continue
    throw new UsageError(`there is no option '${name}'`, { hint: `the options are ${OPTIONS.join(', ')}` })
  }
  assertType(options, 'fileMustExist', 'boolean')
  assertType(options, 'setup', 'function')
  assertType(options, 'onEvent', 'function')
  return checkSettings(options)
}

function assertType(
  options: DatabaseOptions,
  name: 'fileMustExist' | 'setup' | 'onEvent',
  type: 'boolean' | 'function',
): void {
  const value = options[name]
  if (value === undefined || typeof value === type) return
  throw new UsageError(
    `the option '${name}' must be a ${type}, not ${value === null ? 'null' : typeof value}`,
    {
      hint: 'correct the value; nothing was changed',
    },
  )
}

/**
 * The files of the database at `path`, with every link of its directory followed, so that one database has one
 * name and one lock.
 */
export function locate(host: Host, path: string): Names {
  if (typeof path !== 'string') throw new TypeError('Expected first argument to be a string')
  if (path === '' || path === ':memory:') {
    throw new UsageError('a scriptlog database has a path', {
      hint: 'use better-sqlite3 itself for a database that is never saved',
    })
  }
  if (path.includes('\0'))
    throw new UsageError('the path contains a NUL character', { hint: 'correct the path' })
  const absolute = resolve(path)
  const directory = dirname(absolute)
  return asOpenError(directory, () => {
    const found = host.files.stat(directory)
    if (found?.kind === 'directory') return namesOf(join(host.files.realPath(directory), basename(absolute)))
    throw found === undefined
      ? new OpenError('the directory of the database does not exist', {
          path: directory,
          subcode: 'no-directory',
          hint: 'create the directory first, or correct the path',
        })
      : notADirectory(directory)
  })
}

/**
 * Takes the writer's lock of the database.
 * @throws {LockHeldError} when another has it.
 * @throws {OpenError} when the lock file cannot be written, as in a directory that is read-only or full.
 */
export function lockFor(host: Host, names: Names): WriterLock {
  return asOpenError(names.lock, () => host.locks.acquire(names.lock))
}

function asOpenError<T>(path: string, act: () => T): T {
  try {
    return act()
  } catch (error) {
    const code = systemCode(error)
    if (error instanceof ScriptlogError || code === undefined) throw error
    if (code === 'ENOTDIR') throw notADirectory(path)
    throw new OpenError(`the database cannot be opened: ${messageOf(error)}`, {
      path,
      subcode: code,
      cause: error,
      hint: HINTS[code] ?? 'mend the cause and open again; nothing was changed',
    })
  }
}

const READ_ONLY_HINT =
  'a database is opened by who may write its directory and files; nothing was changed. inspect() and readLog() only read'
const FULL_HINT =
  'free some space and open again; nothing was changed, and no file of the database needs to be deleted'
const HINTS: Readonly<Record<string, string>> = {
  EACCES: READ_ONLY_HINT,
  EPERM: READ_ONLY_HINT,
  EROFS: READ_ONLY_HINT,
  ENOSPC: FULL_HINT,
  EDQUOT: FULL_HINT,
}

function notADirectory(path: string): OpenError {
  return new OpenError('the database would lie in something that is not a directory', {
    path,
    subcode: 'no-directory',
    hint: 'correct the path',
  })
}
