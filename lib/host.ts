// What a database is opened in: the world that it is given, and the place of its files there.

import { randomBytes } from 'node:crypto'
import { basename, dirname, join, resolve } from 'node:path'
import { diskLocks } from './engine/lock-fallback.ts'
import {
  LockHeldError,
  messageOf,
  OpenError,
  pathOf,
  ScriptlogError,
  systemCode,
  UsageError,
} from './errors.ts'
import { diskFiles } from './fs/disk.ts'
import type { LockRequest, Locks, LookRequest, ReaderSlot, RegisterLook, WriterLock } from './fs/lock.ts'
import type { IsAlive } from './fs/register.ts'
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

/** True when there is a file that only a database of this name has. */
export function isThere({ files }: Host, names: Names): boolean {
  return [names.properties, names.script, names.log, names.logNext].some((path) =>
    asOpenError(path, () => files.stat(path) !== undefined),
  )
}

/** True when there is not even a file that was prepared for a database of this name. */
export function isNothingThere(host: Host, names: Names): boolean {
  const isPrepared = [names.scriptNew, names.logNew].some((path) =>
    asOpenError(path, () => host.files.stat(path) !== undefined),
  )
  return !isPrepared && !isThere(host, names)
}

/** How often a lock that is held elsewhere is tried. */
const LOCK_STEP_MS = 10

/** Locks that are held in this thread: none of them can be released while it waits. */
const heldHere = new WeakMap<Locks, Map<string, WriterLock>>()

export interface LockOptions {
  /** How long to wait while another process or thread has the lock. Default 0. */
  readonly timeoutMs?: number
  /** Default `writer`. */
  readonly role?: LockRequest['role']
  readonly isAlive?: IsAlive | undefined
}

/**
 * Takes the writer's lock of the database; waits while another process or thread has it.
 * @throws {LockHeldError} when another has it, and at once when this thread has, or when the holder does not respond.
 * @throws {OpenError} when the lock file cannot be written, as in a directory that is read-only or full.
 */
export function lockFor(host: Host, names: Names, options: LockOptions = {}): WriterLock {
  return held(host, names, options, (request) => host.locks.acquire(names.lock, request))
}

/** The same where there is a lock file; undefined where there is none: then nobody has the database open. */
export function lockIfThere(host: Host, names: Names, options: LockOptions = {}): WriterLock | undefined {
  return held(host, names, options, (request) =>
    host.locks.acquire(names.lock, { ...request, mayCreate: false }),
  )
}

function held<L extends WriterLock | undefined>(
  host: Host,
  names: Names,
  { timeoutMs = 0, role = 'writer', isAlive }: LockOptions,
  acquire: (request: LockRequest & { readonly mayCreate?: true }) => L,
): L | WriterLock {
  const here = heldHere.get(host.locks) ?? new Map<string, WriterLock>()
  heldHere.set(host.locks, here)
  const logPaths = [names.log, names.logNext, names.logNew]
  const lock = waiting(
    host,
    timeoutMs,
    () => !here.has(names.lock),
    () => asOpenError(names.lock, () => acquire({ role, isAlive, logPaths })),
  )
  if (lock === undefined) return lock
  here.set(names.lock, lock)
  return {
    pid: lock.pid,
    condition: lock.condition,
    dead: lock.dead,
    fence: lock.fence,
    admitOthers: () => asOpenError(names.lock, () => lock.admitOthers()),
    release() {
      if (here.get(names.lock) === lock) here.delete(names.lock)
      lock.release()
    },
  }
}

/** Codes by which the operating system says that this process may not write here. */
const MAY_NOT_WRITE: ReadonlySet<string | undefined> = new Set(['EACCES', 'EPERM', 'EROFS'])

/** True when the lock could not be taken because its file may not be written: then who reads goes on without. */
export function mayNotWrite(error: unknown): error is OpenError {
  return error instanceof OpenError && MAY_NOT_WRITE.has(error.subcode)
}

/**
 * Enters this process into the register of the database as a reader; waits while somebody opens it that has something
 * to recover. Where the directory cannot be written, or holds no database, there is no slot, and nothing to release.
 * @throws {LockHeldError} when that lasts longer than `timeoutMs`.
 * @throws {OpenError} when the lock file cannot be opened for another reason.
 */
export function joinAsReader(host: Host, names: Names, timeoutMs: number, isAlive?: IsAlive): ReaderSlot {
  const request = { mayCreate: isThere(host, names), isAlive }
  const slot = waiting(
    host,
    timeoutMs,
    () => true,
    () => {
      try {
        return host.locks.join(names.lock, request)
      } catch (error) {
        if (MAY_NOT_WRITE.has(systemCode(error))) return undefined
        return asOpenError(names.lock, () => {
          throw error
        })
      }
    },
  )
  return slot ?? { release: () => undefined }
}

/**
 * Looks at the register of the database, without waiting.
 * @throws {OpenError} when there is a lock file that cannot be opened or read.
 */
export function lookAtRegister(host: Host, names: Names, request: LookRequest): RegisterLook {
  return asOpenError(names.lock, () => host.locks.look(names.lock, request))
}

/** Tries again while somebody else has the lock, `mayEnd` and there is time. */
function waiting<T>(host: Host, timeoutMs: number, mayEnd: () => boolean, attempt: () => T): T {
  const until = host.clock() + timeoutMs * 1000
  for (;;) {
    try {
      return attempt()
    } catch (error) {
      const isWorthWaiting = error instanceof LockHeldError && error.subcode !== 'unresponsive' && mayEnd()
      const remainingMs = (until - host.clock()) / 1000
      if (!isWorthWaiting || remainingMs <= 0) throw error
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
      path: pathOf(error) ?? path,
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
const NO_FILE_HINT =
  'move away what lies there, a link, a directory or a special file: scriptlog keeps a file of its own under this name; nothing was changed'
const HINTS: Readonly<Record<string, string>> = {
  EACCES: READ_ONLY_HINT,
  EPERM: READ_ONLY_HINT,
  EROFS: READ_ONLY_HINT,
  EISDIR: NO_FILE_HINT,
  ELOOP: NO_FILE_HINT,
  ENXIO: NO_FILE_HINT,
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
