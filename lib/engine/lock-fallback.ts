/**
 * The writer's lock where fs-native-extensions has no binary (musl): SQLite's own, which it takes with BEGIN
 * EXCLUSIVE on a file beside `.lck` that stays empty. SQLite keeps out other connections of the same process
 * itself. No one else may open that file: POSIX drops a process's locks when any descriptor of the file is closed.
 * All processes that share a database must lock it in the same way.
 */
import Database from 'better-sqlite3'
import { systemCode } from '../errors.ts'
import { hasKernelLocks, kernelLocks, type Locks, locksBy } from '../fs/lock.ts'

export const sqliteLocks: Locks = locksBy((file) => {
  const connection = new Database(`${file.path}.sqlite`, { timeout: 0 })
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
})

/** The locks to use for files on this machine's disks. */
export function diskLocks(): Locks {
  return hasKernelLocks() ? kernelLocks : sqliteLocks
}
