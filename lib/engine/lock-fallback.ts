/**
 * Locks where the kernel's are not to be had by bytes (musl, macOS): SQLite's own, which it takes with BEGIN EXCLUSIVE
 * on files beside `.lck` that stay empty. SQLite keeps out other connections of the same process itself. No one else
 * may open these files: POSIX drops a process's locks when any descriptor of the file is closed.
 * All processes that share a database must lock it in the same way.
 *
 * Slots have no locks then. Who writes is known all the same, since a writer has the writer's lock; whether a reader is
 * alive is what the application says, or else whether there is a process of its number.
 */
import Database from 'better-sqlite3'
import { systemCode } from '../errors.ts'
import { type ByteLocks, hasKernelByteLocks, kernelByteLocks } from '../fs/byte-locks.ts'
import { type Locks, locksBy } from '../fs/lock.ts'

const sqliteByteLocks: ByteLocks = {
  take(file, byte) {
    if (typeof byte === 'number') return () => undefined
    const connection = new Database(`${file.path}.${byte}.sqlite`, { timeout: 0 })
    try {
      // With a journal in memory the transaction leaves nothing on the disk, also when the process is killed.
      connection.pragma('journal_mode = MEMORY')
      connection.exec('BEGIN EXCLUSIVE')
    } catch (error) {
      connection.close()
      if (systemCode(error) === 'SQLITE_BUSY') return undefined
      throw error
    }
    return () => connection.close()
  },
  isTaken: () => undefined,
  hasGuards: false,
}

export const kernelLocks: Locks = locksBy(kernelByteLocks)
export const sqliteLocks: Locks = locksBy(sqliteByteLocks)

/** The locks to use for files on this machine's disks. */
export function diskLocks(): Locks {
  return hasKernelByteLocks() ? kernelLocks : sqliteLocks
}
