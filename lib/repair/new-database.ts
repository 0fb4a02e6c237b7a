// The new database is written as a checkpoint writes (see checkpoint.ts): what a repair that is killed leaves before
// `.properties` says yes-new-files are files that are worth nothing; after that any open finishes it.

import { finishCheckpoint, writeScriptNew } from '../checkpoint.ts'
import { invariant } from '../errors.ts'
import type { Files } from '../fs/files.ts'
import { encodeLog } from '../log/create.ts'
import type { Names } from '../names.ts'
import type { ScriptHeader } from '../script-lines.ts'
import { StateFile } from '../state-file.ts'
import type { Environment } from '../store.ts'

/** Writes a database that holds these statements at the header's LSN, under names that are free; durable when it returns. */
export function writeDatabase(
  { files, randomHex }: Environment,
  names: Names,
  header: ScriptHeader,
  statements: Iterable<string, number | undefined>,
  settings: ReadonlyMap<string, string>,
): void {
  writeScriptNew(files, names.scriptNew, header, { statements: () => statements })
  const { databaseId, timeline, lsn: start, prev } = header
  const log = files.create(names.logNew)
  try {
    log.append(encodeLog({ databaseId, timeline, start, prev, salt: randomHex(8) }, []).bytes)
    log.sync()
  } finally {
    log.close()
  }
  files.syncDir(names.dir)
  const state = new StateFile(files, names, {
    modified: 'yes-new-files',
    databaseId,
    timeline,
    checkpointXid: header.xid,
    checkpointLsn: start,
  })
  // The commit point.
  state.set({}, settings)
  finishCheckpoint(files, names, state, { settleAs: 'no', wereSetAside: false })
}

/** Removes everything that {@link writeDatabase} may have made, its word that it counts first. */
export function removeDatabase(files: Files, names: Names, others: readonly string[]): void {
  const made = [names.properties, names.propertiesNew, names.script, names.scriptNew, names.log, names.logNew]
  for (const path of [...made, ...others]) {
    invariant(path.startsWith(names.base), 'only what was made here is removed')
    if (files.stat(path) !== undefined) files.remove(path)
  }
  files.syncDir(names.dir)
}
