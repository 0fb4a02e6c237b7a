// A process that has a database open and can be killed: from then on none of its operations reaches the files, not
// even those that its timers or its exit would still have asked for.

import { Database } from '../../lib/database/database.ts'
import type { DatabaseOptions } from '../../lib/database/options.ts'
import type { AppendFile, Files, ReadFile } from '../../lib/fs/files.ts'
import { memoryLocks } from '../../lib/fs/memory-locks.ts'
import type { Host } from '../../lib/host.ts'

/** The database of all crash specs. */
export const DIRECTORY = '/db'
export const BASE = '/db/app'

/** Random hexadecimal digits for identities and salts. */
export type RandomHex = (bytes: number) => string

export class Process {
  readonly database: Database
  readonly #life: Life

  /**
   * Opens the database on `files` in a process of its own.
   * @throws what the open throws; the process is dead then.
   */
  constructor(files: Files, randomHex: RandomHex, options: DatabaseOptions) {
    this.#life = { isOver: false }
    try {
      this.database = new Database(BASE, options, hostOf(mortal(files, this.#life), randomHex))
    } catch (error) {
      this.#life.isOver = true
      throw error
    }
  }

  /** Ends the process as `kill -9` does; its memory is given back. */
  kill(): void {
    this.#life.isOver = true
    try {
      this.database.close({ mode: 'immediately' })
    } catch {
      // It cannot reach its files any more; it has let go of its memory all the same.
    }
  }
}

interface Life {
  isOver: boolean
}

/** Locks of its own, as those of a process that was killed are gone; a clock that moves at every look. */
function hostOf(files: Files, randomHex: RandomHex): Host {
  let micros = 1_800_000_000_000_000
  return {
    files,
    locks: memoryLocks(),
    clock: () => {
      micros += 1000
      return micros
    },
    randomHex,
  }
}

function mortal(files: Files, life: Life): Files {
  const whileAlive = <T>(act: () => T): T => {
    if (life.isOver) throw Object.assign(new Error('the process is dead'), { code: 'ESRCH' })
    return act()
  }
  const appendFile = (file: AppendFile): AppendFile => ({
    get sizeBytes() {
      return file.sizeBytes
    },
    append: (bytes) => whileAlive(() => file.append(bytes)),
    sync: () => whileAlive(() => file.sync()),
    syncAsync: async () => whileAlive(() => file.syncAsync()),
    close: () => whileAlive(() => file.close()),
  })
  const readFile = (file: ReadFile): ReadFile => ({
    sizeBytes: file.sizeBytes,
    read: (offset, lengthBytes) => whileAlive(() => file.read(offset, lengthBytes)),
    close: () => whileAlive(() => file.close()),
  })
  return {
    create: (path) => whileAlive(() => appendFile(files.create(path))),
    openAppend: (path) => whileAlive(() => appendFile(files.openAppend(path))),
    openRead: (path) => whileAlive(() => readFile(files.openRead(path))),
    stat: (path) => whileAlive(() => files.stat(path)),
    list: (path) => whileAlive(() => files.list(path)),
    rename: (path, toPath) => whileAlive(() => files.rename(path, toPath)),
    remove: (path) => whileAlive(() => files.remove(path)),
    makeDir: (path) => whileAlive(() => files.makeDir(path)),
    syncDir: (path) => whileAlive(() => files.syncDir(path)),
    realPath: (path) => whileAlive(() => files.realPath(path)),
    freeBytes: (path) => whileAlive(() => files.freeBytes(path)),
  }
}
