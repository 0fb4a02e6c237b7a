import { randomBytes } from 'node:crypto'
import { basename, dirname, join, resolve } from 'node:path'
import { diskLocks } from './engine/lock-fallback.ts'
import type { Registrar } from './engine/native.ts'
import { OpenError, UsageError } from './errors.ts'
import type { DatabaseEvent } from './events.ts'
import { diskFiles } from './fs/disk.ts'
import type { Locks } from './fs/lock.ts'
import { type Names, namesOf } from './names.ts'
import { checkSettings, type Settings } from './settings.ts'
import type { Environment } from './store.ts'

/** Options of `new Database(path, options)`. Settings given here win over those in `.properties`. */
export interface DatabaseOptions extends Partial<Settings> {
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
  for (const [name, value] of Object.entries(options)) {
    if (OPTIONS.includes(name) || value === undefined) continue
    throw new UsageError(`there is no option '${name}'`, { hint: `the options are ${OPTIONS.join(', ')}` })
  }
  return checkSettings(options)
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
  if (path.includes('\0')) throw new UsageError('the path contains a NUL character')
  const absolute = resolve(path)
  const directory = dirname(absolute)
  if (host.files.stat(directory) === undefined) {
    throw new OpenError('the directory of the database does not exist', {
      path: directory,
      subcode: 'no-directory',
      hint: 'create the directory first, or correct the path',
    })
  }
  return namesOf(join(host.files.realPath(directory), basename(absolute)))
}
