// Resume: writing goes on after a failed append or sync, without reopening.
//
//   1 .properties says yes (or yes-new-files): replaced again when in doubt
//   2 a new .log.next from D, the last LSN that a completed sync covers, with copies of all records since, the
//     one in doubt included: written beside, synced, directory synced, renamed, directory synced
//     <- the commit point: a crash before it keeps or loses what was in doubt, whole; after it everything is there
//     Where .log.next is taken, a foreground checkpoint instead, whose C lies past every byte that was ever
//     handed to the failed log. The failed file is never synced again: its lost pages may be called clean.
//   3 only then is the failure cleared

import { type CheckpointOptions, checkpoint } from './checkpoint.ts'
import { FencedError, messageOf, ReadOnlyModeError, systemCode } from './errors.ts'
import type { Lsn } from './format/lsn.ts'
import type { Files } from './fs/files.ts'
import { createLog } from './log/create.ts'
import { readLogHeader } from './log/reader.ts'
import { severityOf } from './severity.ts'
import type { Store } from './store.ts'

/** How a resume was brought about. */
export type Resumed = 'nothing-to-do' | 'state-replaced' | 'log-next' | 'checkpoint'

/**
 * Makes the database writable again after a failed write or sync.
 * @throws {ReadOnlyModeError} when no new log can be written
 * @throws {ScriptlogError | CheckpointIncompleteError} when `.properties` or the checkpoint fails. The call may be
 * repeated in every case.
 */
export function resume(store: Store, statements: CheckpointOptions['statements']): Resumed {
  const { environment, names, stateFile } = store
  const { files } = environment
  const wasInDoubt = stateFile.isInDoubt
  if (wasInDoubt) stateFile.set({})
  const failed = store.log
  if (failed.failure === undefined) return wasInDoubt ? 'state-replaced' : 'nothing-to-do'
  store.ensureDirty()
  const pastLsn = stillReadOnlyWhenFailing(names.logNext, () => pastTheFile(files, names.logNext))
  if (pastLsn !== undefined) {
    checkpoint(store, { statements, settleAs: 'yes', abandonLog: { pastLsn } })
    return 'checkpoint'
  }
  const { databaseId, timeline } = failed.header
  const start = failed.syncedLsn
  const header = { databaseId, timeline, start, prev: failed.syncedCrc, salt: environment.randomHex(8) }
  store.log = stillReadOnlyWhenFailing(names.logNext, () =>
    createLog(files, names.logNextNew, names.logNext, header, failed.unsynced),
  )
  failed.close()
  return 'log-next'
}

function stillReadOnlyWhenFailing<T>(path: string, act: () => T): T {
  try {
    return act()
  } catch (cause) {
    if (cause instanceof FencedError) throw cause
    throw new ReadOnlyModeError(`writing cannot be resumed: ${messageOf(cause)}`, {
      reason: 'log-append',
      severity: severityOf('log-append', cause),
      subcode: systemCode(cause),
      path,
      cause,
      hint: 'reads go on; mend the cause and call resume() again. Nothing is lost, and no file needs to be deleted',
    })
  }
}

/** An LSN past every byte of a log file, which a resume that failed half way may have left; undefined when there is none. */
function pastTheFile(files: Files, path: string): Lsn | undefined {
  if (files.stat(path) === undefined) return undefined
  const file = files.openRead(path)
  try {
    const header = readLogHeader(file)
    return 'kind' in header ? 0 : header.start + file.sizeBytes
  } finally {
    file.close()
  }
}
