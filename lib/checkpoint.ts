// Checkpoint: the snapshot moves forward to C, the end of the log, and a new log starts there.
//
//   1 quiesce        a checkpoint left unfinished is finished; leftovers are removed, directory synced;
//                    no transaction is open; the log is synced; C = its end
//   2 writeScriptNew .script.new at C: written, synced, read back
//     writeLogNew    .log.new, empty, starting at C: written, synced; directory synced
//   3 switchState    .properties: yes-new-files, checkpoint_lsn = C      <- the commit point
//   4 moveIntoPlace  rename .script.new over .script, directory synced
//   5 freshLog       rename .log.new over .log, remove .log.next if all its records are before C, directory synced
//   6 settle         .properties: yes (no when closing)
//
// A crash before 3 is undone: the .new files are leftovers. A crash after 3 is redone: recovery goes on at 4.
// Commits after 3 go to the new log, whose descriptor follows its renames.
// Rename over, never delete first: a crash between would leave no script, or no log, at all.

import { CheckpointIncompleteError, fencedBy, messageOf, pathOf, rootCause, systemCode } from './errors.ts'
import type { Lsn } from './format/lsn.ts'
import type { Files } from './fs/files.ts'
import { orLetGo } from './fs/let-go.ts'
import { encodeLog } from './log/create.ts'
import { readLogHeader, readToEnd } from './log/reader.ts'
import { LogWriter } from './log/writer.ts'
import { type Names, shortName } from './names.ts'
import { readScript, type ScriptHeader, type WrittenScript, writeScript } from './script.ts'
import { severityOf } from './severity.ts'
import type { StateFile } from './state-file.ts'
import type { Store } from './store.ts'

export const CHECKPOINT_STEPS = [
  'quiesce',
  'writeScriptNew',
  'writeLogNew',
  'switchState',
  'moveIntoPlace',
  'freshLog',
  'settle',
] as const
export type CheckpointStep = (typeof CHECKPOINT_STEPS)[number]

export interface CheckpointOptions {
  /** The statements of the snapshot, taken when the log is quiet. */
  readonly statements: () => Iterable<string, number | undefined>
  /** What `.properties` says at the end: `no` when the database is being closed. */
  readonly settleAs: 'yes' | 'no'
  /** Of recovery that stopped at damage: another timeline begins at C. */
  readonly newTimeline?: boolean
  /**
   * Of a resume, whose log failed: it is not synced again, and C lies past every byte that was ever handed to
   * it, and past `pastLsn`. `wereSetAside`: recovery has kept copies of all logs, readable or not.
   */
  readonly abandonLog?: { readonly pastLsn: Lsn; readonly wereSetAside?: boolean }
  /** Looks at the new snapshot, as an open would load it, before it counts; what it throws undoes the checkpoint. */
  readonly check?: ((path: string, pieces: Iterable<Uint8Array>) => void) | undefined
  readonly onStep?: (step: CheckpointStep) => void
}

export interface CheckpointDone {
  readonly lsn: Lsn
  readonly scriptBytes: number
  readonly rows: number
}

/**
 * Makes a checkpoint. The caller has no transaction and no write iterator open.
 * @throws {LogFailure} when the log itself could not be synced: that is a failed commit.
 * @throws {CheckpointIncompleteError} for everything else; the database goes on from the log in `store.log`.
 */
export function checkpoint(store: Store, options: CheckpointOptions): CheckpointDone {
  const onStep = options.onStep ?? (() => undefined)
  const { names, stateFile } = store
  const { files } = store.environment

  onStep('quiesce')
  incompleteWhenFailing(names, 'nothing was begun', () => {
    if (store.hasUnfinishedCheckpoint) finishUnfinished(store)
    if (stateFile.isInDoubt) stateFile.set({})
    removeLeftovers(files, names)
  })
  if (options.abandonLog === undefined) store.log.sync()
  const lsn = Math.max(store.log.endLsn, options.abandonLog?.pastLsn ?? 0)
  const timeline = stateFile.state.timeline + (options.newTimeline === true ? 1 : 0)
  const header: ScriptHeader = {
    databaseId: stateFile.state.databaseId,
    timeline,
    lsn,
    prev: store.log.lastCrc,
    xid: store.xid,
    timeMicros: store.timeMicros,
  }

  const prepared = incompleteWhenFailing(names, 'the log goes on as before', () =>
    prepare(store, header, options, onStep),
  )

  onStep('switchState')
  switchState(store, header, prepared)

  incompleteWhenFailing(names, 'the next checkpoint or open finishes it', () => {
    store.hasUnfinishedCheckpoint = true
    const wereSetAside = options.abandonLog?.wereSetAside === true
    finishCheckpoint(files, names, stateFile, { settleAs: options.settleAs, wereSetAside, onStep })
    store.hasUnfinishedCheckpoint = false
  })
  return { lsn, scriptBytes: prepared.scriptBytes, rows: prepared.rows }
}

interface Prepared {
  readonly scriptBytes: number
  readonly rows: number
  readonly log: LogWriter
}

/** Step 2. What fails here is undone: the `.new` files are removed. */
function prepare(
  store: Store,
  header: ScriptHeader,
  options: CheckpointOptions,
  onStep: (step: CheckpointStep) => void,
): Prepared {
  const { names, environment } = store
  const { files } = environment
  try {
    onStep('writeScriptNew')
    const script = writeScriptNew(files, names.scriptNew, header, options)
    onStep('writeLogNew')
    const { databaseId, timeline, lsn: start, prev } = header
    const log = encodeLog({ databaseId, timeline, start, prev, salt: environment.randomHex(8) }, [])
    const file = files.create(names.logNew)
    orLetGo(file, () => {
      file.append(log.bytes)
      file.sync()
      files.syncDir(names.dir)
    })
    return {
      scriptBytes: script.sizeBytes,
      rows: script.rows,
      log: new LogWriter(names.log, file, log.header, log.position),
    }
  } catch (error) {
    removeQuietly(files, names)
    throw error
  }
}

/** Writes a snapshot, syncs it, and reads it back. Throws what failed. */
export function writeScriptNew(
  files: Files,
  path: string,
  header: ScriptHeader,
  { statements, check }: Pick<CheckpointOptions, 'statements' | 'check'>,
): WrittenScript {
  const file = files.create(path)
  const script = orLetGo(file, () => {
    const written = writeScript(file, header, statements())
    file.sync()
    return written
  })
  file.close()
  const written = files.openRead(path)
  try {
    const found = readScript(written)
    if (found.kind !== 'whole' || found.header.lsn !== header.lsn) {
      throw Object.assign(new Error(`${shortName(path)} is not what was written to it`), {
        code: 'EBADMSG',
        path,
      })
    }
    check?.(path, found.pieces())
    return script
  } finally {
    written.close()
  }
}

/**
 * Step 3, the commit point. When it fails and the old state does not certainly stand, it is put back before
 * anything is appended to the old log; when that fails too, the `.new` files stay and the state stays in doubt:
 * nothing is appended until a resume has replaced `.properties`.
 */
function switchState(store: Store, header: ScriptHeader, prepared: Prepared): void {
  const { stateFile, names } = store
  const { files } = store.environment
  try {
    stateFile.set({
      modified: 'yes-new-files',
      timeline: header.timeline,
      checkpointLsn: header.lsn,
      checkpointXid: header.xid,
    })
  } catch (error) {
    prepared.log.close()
    incompleteWhenFailing(names, 'the log goes on as before', () => {
      if (stateFile.isInDoubt) stateFile.set({})
      removeQuietly(files, names)
      throw error
    })
  }
  const { log } = store
  store.log = prepared.log
  log.close()
}

export interface FinishOptions {
  readonly settleAs: 'yes' | 'no'
  /** Recovery has kept copies of all logs: one whose first line cannot be read may go. */
  readonly wereSetAside: boolean
  readonly onStep?: (step: CheckpointStep) => void
}

/** Steps 4 to 6 of a checkpoint that passed its commit point, from wherever it was cut off. */
export function finishCheckpoint(
  files: Files,
  names: Names,
  stateFile: StateFile,
  { settleAs, wereSetAside, onStep = () => undefined }: FinishOptions,
): void {
  onStep('moveIntoPlace')
  if (isScriptAt(files, names.scriptNew, stateFile)) files.rename(names.scriptNew, names.script)
  files.syncDir(names.dir)

  onStep('freshLog')
  const { checkpointLsn } = stateFile.state
  const logStart = startOf(files, names.log)
  const hasLogNext = files.stat(names.logNext) !== undefined
  const logNextStart = startOf(files, names.logNext)
  const takesOver = startOf(files, names.logNew) === checkpointLsn && logNextStart !== checkpointLsn
  if (takesOver && (logStart === undefined || logStart < checkpointLsn)) files.rename(names.logNew, names.log)
  const isLogNextOver =
    logNextStart === undefined ? wereSetAside : endOf(files, names.logNext) <= checkpointLsn
  // Where nothing else reaches C (a .log.new that is missing, or of another checkpoint), the log must be followed there.
  const isFollowed =
    wereSetAside || takesOver || (logStart !== undefined && endOf(files, names.log) >= checkpointLsn)
  if (hasLogNext && isLogNextOver && isFollowed) files.remove(names.logNext)
  files.syncDir(names.dir)

  onStep('settle')
  stateFile.set({ modified: settleAs })
}

function finishUnfinished(store: Store): void {
  finishCheckpoint(store.environment.files, store.names, store.stateFile, {
    settleAs: 'yes',
    wereSetAside: false,
  })
  store.hasUnfinishedCheckpoint = false
}

/** Removes what a checkpoint that failed before its commit point left, and makes that durable. */
export function removeLeftovers(files: Files, names: Names): void {
  const leftovers = [names.scriptNew, names.logNew].filter((path) => files.stat(path) !== undefined)
  for (const path of leftovers) files.remove(path)
  // Also when there was nothing to remove: an earlier removal may not be durable, and a leftover .log.new that
  // comes back after a crash would take part in the next checkpoint.
  files.syncDir(names.dir)
}

function removeQuietly(files: Files, names: Names): void {
  try {
    removeLeftovers(files, names)
  } catch {
    // They are worth nothing before the commit point; the next checkpoint removes them before it begins.
  }
}

function isScriptAt(files: Files, path: string, stateFile: StateFile): boolean {
  if (files.stat(path) === undefined) return false
  const file = files.openRead(path)
  try {
    const found = readScript(file)
    return found.kind === 'whole' && found.header.lsn === stateFile.state.checkpointLsn
  } finally {
    file.close()
  }
}

/** The LSN at which a log begins; undefined when there is none, or none that can be read. */
function startOf(files: Files, path: string): Lsn | undefined {
  if (files.stat(path) === undefined) return undefined
  const file = files.openRead(path)
  try {
    const header = readLogHeader(file)
    return 'kind' in header ? undefined : header.start
  } finally {
    file.close()
  }
}

/** The LSN after the last byte of a log. */
function endOf(files: Files, path: string): Lsn {
  const file = files.openRead(path)
  try {
    const header = readLogHeader(file)
    return 'kind' in header ? Number.POSITIVE_INFINITY : readToEnd(file, header).end
  } finally {
    file.close()
  }
}

function incompleteWhenFailing<T>(names: Names, outcome: string, act: () => T): T {
  try {
    return act()
  } catch (cause) {
    const fenced = fencedBy(cause)
    if (fenced !== undefined) throw fenced
    const path = pathOf(cause) ?? names.base
    throw new CheckpointIncompleteError(`the checkpoint could not be completed: ${messageOf(cause)}`, {
      path,
      severity: severityOf('checkpoint', cause),
      subcode: systemCode(rootCause(cause)),
      cause,
      hint: `${outcome}; nothing is lost. Mend the cause and checkpoint again; delete none of the files`,
    })
  }
}
