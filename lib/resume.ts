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
import type { Lsn } from './format/lsn.ts'
import type { Files } from './fs/files.ts'
import { createLog } from './log/create.ts'
import { readLogHeader } from './log/reader.ts'
import type { Store } from './store.ts'

/** How a resume was brought about. */
export type Resumed = 'nothing-to-do' | 'state-replaced' | 'log-next' | 'checkpoint'

/**
 * Makes the database writable again after a failed write or sync.
 * @throws what failed; the database is then as it was before the call, and the call may be repeated.
 */
export function resume(store: Store, statements: CheckpointOptions['statements']): Resumed {
  const { environment, names, stateFile } = store
  const { files } = environment
  const wasInDoubt = stateFile.isInDoubt
  if (wasInDoubt) stateFile.set({})
  const failed = store.log
  if (failed.failure === undefined) return wasInDoubt ? 'state-replaced' : 'nothing-to-do'
  store.ensureDirty()
  if (files.stat(names.logNext) !== undefined) {
    checkpoint(store, {
      statements,
      settleAs: 'yes',
      abandonLog: { pastLsn: pastTheFile(files, names.logNext) },
    })
    return 'checkpoint'
  }
  const { databaseId, timeline } = failed.header
  const start = failed.syncedLsn
  const header = { databaseId, timeline, start, prev: failed.syncedCrc, salt: environment.randomHex(8) }
  store.log = createLog(files, names.logNextNew, names.logNext, header, failed.unsynced)
  failed.close()
  return 'log-next'
}

/** An LSN past every byte of a log file. A resume that failed half way may have left one. */
function pastTheFile(files: Files, path: string): Lsn {
  const file = files.openRead(path)
  try {
    const header = readLogHeader(file)
    return 'kind' in header ? 0 : header.start + file.sizeBytes
  } finally {
    file.close()
  }
}
