// What a database is opened in: the world that it is given, and the place of its files there.

import { randomBytes } from 'node:crypto'
import { basename, dirname, join, resolve } from 'node:path'
import { diskLocks } from './engine/lock-fallback.ts'
import { LockHeldError, messageOf, OpenError, ScriptlogError, systemCode, UsageError } from './errors.ts'
import { diskFiles } from './fs/disk.ts'
import type { Locks, WriterLock } from './fs/lock.ts'
import { sleep } from './fs/retry.ts'
import { type Names, namesOf } from './names.ts'
import type { Environment } from './store.ts'

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

/** How often a lock that is held elsewhere is tried. */
const LOCK_STEP_MS = 10

/** Locks that are held in this thread: none of them can be released while it waits. */
const heldHere = new WeakMap<Locks, Map<string, WriterLock>>()

/**
 * Takes the writer's lock of the database; waits up to `timeoutMs` while another process or thread has it.
 * @throws {LockHeldError} when another has it, and at once when this thread has.
 * @throws {OpenError} when the lock file cannot be written, as in a directory that is read-only or full.
 */
export function lockFor(host: Host, names: Names, timeoutMs = 0): WriterLock {
  const here = heldHere.get(host.locks) ?? new Map<string, WriterLock>()
  heldHere.set(host.locks, here)
  const until = host.clock() + timeoutMs * 1000
  for (;;) {
    try {
      const lock = asOpenError(names.lock, () => host.locks.acquire(names.lock))
      here.set(names.lock, lock)
      return {
        pid: lock.pid,
        release() {
          if (here.get(names.lock) === lock) here.delete(names.lock)
          lock.release()
        },
      }
    } catch (error) {
      const mayEnd = error instanceof LockHeldError && !here.has(names.lock)
      const remainingMs = (until - host.clock()) / 1000
      if (!mayEnd || remainingMs <= 0) throw error
      sleep(Math.min(LOCK_STEP_MS, remainingMs))
    }
  }
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
    subcode: 'not-a-directory',
    hint: 'correct the path',
  })
}
