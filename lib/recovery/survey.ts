// What is on the disk, read and never changed: the evidence from which the decision is made. A file that cannot be
// read (EIO, EACCES) ends the survey with that error: it is not evidence of anything.

import { join, parse } from 'node:path'
import { messageOf, OpenError, pathOf, ScriptlogError, systemCode } from '../errors.ts'
import type { Lsn } from '../format/lsn.ts'
import type { Files, ReadFile } from '../fs/files.ts'
import type { StoredLogHeader } from '../log/format.ts'
import { type LogEnd, readEntries, readLogHeader } from '../log/reader.ts'
import { type Names, shortName } from '../names.ts'
import {
  LARGEST_PROPERTIES_BYTES,
  type Modified,
  type Properties,
  parseProperties,
  type State,
} from '../properties.ts'
import { readScript, type ScriptHeader } from '../script.ts'
import { type Base, type Chain, chainFrom } from './chain.ts'
import type { LogNewAxis, LogsAxis, ScriptAxis, ScriptNewAxis, Situation, StateAxis } from './decision.ts'

export interface WholeLog {
  readonly kind: 'whole'
  readonly path: string
  readonly sizeBytes: number
  readonly header: StoredLogHeader
  readonly end: LogEnd
  /** The largest number and the latest time among its commits. */
  readonly last: { readonly xid: number; readonly timeMicros: number }
  /** At LSNs of interest: the checksum of the entry, or of what stands for it, that ends there. */
  readonly crcAt: ReadonlyMap<Lsn, number>
}

export interface DamagedLog {
  readonly kind: 'damaged'
  readonly path: string
  readonly sizeBytes: number
  readonly detail: string
}

export type FoundLog = WholeLog | DamagedLog

export type FoundScript =
  | { readonly kind: 'absent' }
  | {
      readonly kind: 'damaged'
      readonly detail: string
      readonly offset: number
      /** `foreign`: it is whole, and of another database than `.properties`. */
      readonly reason: 'empty' | 'cut' | 'edited' | 'not-a-script' | 'foreign'
    }
  | { readonly kind: 'whole'; readonly header: ScriptHeader }

export interface Survey {
  readonly names: Names
  readonly properties: Properties | { readonly kind: 'absent' }
  readonly script: FoundScript
  readonly scriptNew: FoundScript
  /** `.log` and `.log.next`, as far as they exist. */
  readonly logs: readonly FoundLog[]
  readonly logNew: FoundLog | undefined
  readonly situation: Situation
  /** The base that `.script` (or its absence) gives, and the live logs that follow it. */
  readonly fromScript: { readonly base: Base; readonly chain: Chain }
  /** The base that a checkpoint under way gives, and the live logs that follow it. */
  readonly fromCheckpoint: { readonly base: Base; readonly chain: Chain } | undefined
}

/** `alsoOfInterest`: an LSN at which checksums are wanted beside those that recovery looks at. */
export function survey(files: Files, names: Names, alsoOfInterest: Lsn = 0): Survey {
  refuseMistakenPaths(files, names)
  const properties = readPropertiesFile(files, names)
  const state = properties.kind === 'whole' ? properties.state : undefined
  const script = readScriptFile(files, names.script, state)
  const scriptNew = readScriptFile(files, names.scriptNew, state)

  const paths = [names.log, names.logNext, names.logNew].filter((path) => isFileThere(files, path))
  const headers = new Map(paths.map((path) => [path, readHeader(files, path)]))
  const ofInterest = new Set<Lsn>([0, alsoOfInterest])
  if (state !== undefined) ofInterest.add(state.checkpointLsn)
  for (const found of [script, scriptNew]) if (found.kind === 'whole') ofInterest.add(found.header.lsn)
  for (const header of headers.values()) if ('start' in header) ofInterest.add(header.start)
  const read = (path: string) => {
    const header = headers.get(path)
    return header === undefined ? undefined : readWholeLog(files, path, header, ofInterest)
  }
  const logs = [read(names.log), read(names.logNext)].filter((log) => log !== undefined)
  const logNew = read(names.logNew)

  const isSwitching = state?.modified === 'yes-new-files'
  const reach = state?.checkpointLsn ?? 0
  const fromScript = followed(baseOf(script, state), withLiveLogNew(logs, logNew, undefined), reach)
  const atCheckpoint = isSwitching && scriptNew.kind === 'whole' && isAtCheckpoint(scriptNew.header, state)
  const scriptIsAtCheckpoint =
    script.kind === 'whole' && state !== undefined && isAtCheckpoint(script.header, state)
  const fromCheckpoint =
    isSwitching && (atCheckpoint || scriptIsAtCheckpoint)
      ? followed(
          baseOf(atCheckpoint ? scriptNew : script, state),
          withLiveLogNew(logs, logNew, state.checkpointLsn),
          reach,
        )
      : undefined
  // Once the snapshot of a checkpoint is in place, its prepared log is live although it is still called .log.new.
  const inPlace = isSwitching && !atCheckpoint && scriptIsAtCheckpoint ? fromCheckpoint : undefined
  const situation: Situation = {
    state: stateAxis(properties),
    script: scriptAxis(script, scriptIsAtCheckpoint),
    scriptNew: scriptNewAxis(scriptNew, atCheckpoint),
    logs: logsAxis((inPlace ?? fromScript).chain, script, reach),
    logsAtCheckpoint: fromCheckpoint === undefined ? 'absent' : logsAxis(fromCheckpoint.chain, script, 0),
    logNew: logNewAxis(logNew),
  }
  return { names, properties, script, scriptNew, logs, logNew, situation, fromScript, fromCheckpoint }
}

/**
 * `.log.new` is live when a checkpoint that passed its commit point prepared it, or when it holds records; an
 * empty one of a checkpoint that failed is a leftover, and must not cut off what `.log` acquired since.
 */
function withLiveLogNew(
  logs: readonly FoundLog[],
  logNew: FoundLog | undefined,
  checkpointLsn: Lsn | undefined,
): readonly FoundLog[] {
  if (logNew?.kind !== 'whole') return logs
  const { start } = logNew.header
  // Where another log begins at the same LSN, the checkpoint put that in place, and an empty one is of no worth.
  const isTaken = logs.some((log) => log.kind === 'whole' && log.header.start === start)
  const isLive = logNew.end.records > 0 || (start === checkpointLsn && !isTaken)
  return isLive ? [...logs, logNew] : logs
}

function followed(base: Base, logs: readonly FoundLog[], reach: Lsn): { base: Base; chain: Chain } {
  return { base, chain: chainFrom(base, logs, reach) }
}

function baseOf(script: FoundScript, state: State | undefined): Base {
  if (script.kind === 'whole') return script.header
  return { lsn: 0, prev: 0, timeline: undefined, databaseId: state?.databaseId }
}

function isAtCheckpoint(header: ScriptHeader, state: State): boolean {
  return header.lsn === state.checkpointLsn && header.timeline === state.timeline
}

function stateAxis(properties: Survey['properties']): StateAxis {
  switch (properties.kind) {
    case 'absent':
    case 'settings-only':
      return 'absent'
    case 'damaged':
      return 'damaged'
    case 'newer':
      // Refused while it was read.
      return 'damaged'
    case 'whole':
      return MODIFIED_AXIS[properties.state.modified]
  }
}

const MODIFIED_AXIS: Readonly<Record<Modified, StateAxis>> = {
  'no-new-files': 'fresh',
  no: 'clean',
  yes: 'dirty',
  'yes-new-files': 'switching',
}

function scriptAxis(script: FoundScript, isAtCheckpointLsn: boolean): ScriptAxis {
  if (script.kind !== 'whole') return script.kind
  return isAtCheckpointLsn ? 'at-checkpoint' : 'whole'
}

function scriptNewAxis(scriptNew: FoundScript, atCheckpoint: boolean): ScriptNewAxis {
  if (scriptNew.kind === 'absent') return 'absent'
  if (scriptNew.kind === 'damaged') return 'partial'
  return atCheckpoint ? 'at-checkpoint' : 'other'
}

function logsAxis(chain: Chain, script: FoundScript, reach: Lsn): LogsAxis {
  if (chain.kind !== 'absent') return chain.kind
  // A snapshot older than the last checkpoint needs the log between the two.
  return script.kind === 'whole' && script.header.lsn < reach ? 'short' : 'absent'
}

function logNewAxis(logNew: FoundLog | undefined): LogNewAxis {
  if (logNew === undefined) return 'absent'
  if (logNew.kind === 'damaged' || logNew.end.tail.kind !== 'clean') return 'damaged'
  return logNew.end.records > 0 ? 'records' : 'empty'
}

function refuseMistakenPaths(files: Files, names: Names): void {
  const directory = files.stat(names.dir)
  if (directory === undefined) {
    throw new OpenError('the directory of the database does not exist', {
      path: names.dir,
      subcode: 'no-directory',
      hint: 'create the directory first, or correct the path',
    })
  }
  if (directory.kind !== 'directory') {
    throw new OpenError('the database would lie in something that is not a directory', {
      path: names.dir,
      subcode: 'not-a-directory',
      hint: 'correct the path',
    })
  }
  const base = files.stat(names.base)
  if (base?.kind === 'directory') {
    throw new OpenError('the path of the database is a directory', {
      path: names.base,
      subcode: 'is-directory',
      hint: `give a name inside it, such as ${names.base}/app`,
    })
  }
  if (base?.kind === 'file') {
    const magic = withFile(files, names.base, (file) => Buffer.from(file.read(0, 16)).toString('latin1'))
    if (magic.startsWith('--@scriptlog ')) {
      throw new OpenError('this is one file of a database, not the path of a database', {
        path: names.base,
        subcode: 'one-of-its-files',
        hint: `give the path without the suffix: ${join(names.dir, parse(names.base).name)}`,
      })
    }
    if (magic.startsWith('SQLite format 3')) {
      throw new OpenError('this is a SQLite file, not a scriptlog database', {
        path: names.base,
        subcode: 'sqlite-file',
        hint: `'sqlite3 ${shortName(names.base)} .dump | scriptlog replay NEW -' copies it into a scriptlog database NEW`,
      })
    }
  }
}

/**
 * Whether something is there.
 * @throws {OpenError} when it is no file: a pipe would be waited for without end.
 */
export function isFileThere(files: Files, path: string): boolean {
  const found = files.stat(path)
  if (found === undefined) return false
  if (found.kind === 'file') return true
  throw new OpenError(
    `${shortName(path)} is a ${found.kind === 'directory' ? 'directory' : 'special file'}`,
    {
      path,
      subcode: 'not-a-file',
      hint: 'move it away: scriptlog keeps a file under this name',
    },
  )
}

/** The text of `.properties` and what it says. */
export function readPropertiesFile(files: Files, names: Names): Survey['properties'] {
  if (!isFileThere(files, names.properties)) return { kind: 'absent' }
  // One byte more than is allowed shows that it is too large, without reading it all.
  const bytes = withFile(files, names.properties, (file) => file.read(0, LARGEST_PROPERTIES_BYTES + 1))
  const properties = parseProperties(bytes)
  if (properties.kind === 'newer') throw newerFormat(names.properties, properties.version)
  return properties
}

function readScriptFile(files: Files, path: string, state: State | undefined): FoundScript {
  if (!isFileThere(files, path)) return { kind: 'absent' }
  return withFile(files, path, (file) => {
    const found = readScript(file)
    if (found.kind === 'partial') {
      if (found.reason === 'newer-format') throw newerFormat(path, undefined)
      return { kind: 'damaged', reason: found.reason, detail: found.detail, offset: found.offset }
    }
    if (state !== undefined && found.header.databaseId !== state.databaseId) {
      const detail = `it belongs to another database (db=${found.header.databaseId})`
      return { kind: 'damaged', reason: 'foreign', detail, offset: 0 }
    }
    return { kind: 'whole', header: found.header }
  })
}

type HeaderFound = StoredLogHeader | { readonly detail: string; readonly sizeBytes: number }

function readHeader(files: Files, path: string): HeaderFound {
  return withFile(files, path, (file) => {
    const header = readLogHeader(file)
    if (!('kind' in header)) return header
    if (header.kind === 'newer') throw newerFormat(path, header.version)
    const detail =
      file.sizeBytes === 0
        ? 'it is empty'
        : header.kind === 'damaged'
          ? 'its first line is damaged'
          : 'it is not a log of scriptlog'
    return { detail, sizeBytes: file.sizeBytes }
  })
}

/** Reads a log that is there; `ofInterest` are the LSNs at which its checksum is wanted. */
function readWholeLog(
  files: Files,
  path: string,
  header: HeaderFound,
  ofInterest: ReadonlySet<Lsn>,
): FoundLog {
  if ('detail' in header) return { kind: 'damaged', path, ...header }
  return withFile(files, path, (file) => {
    const headerEnd = header.start + header.sizeBytes
    const crcAt = new Map([[header.start, header.prev]])
    if (ofInterest.has(headerEnd)) crcAt.set(headerEnd, header.crc)
    const entries = readEntries(file, header)
    let last = { xid: 0, timeMicros: 0 }
    for (;;) {
      const next = entries.next()
      if (next.done === true) {
        crcAt.set(next.value.end, next.value.lastCrc)
        return { kind: 'whole', path, sizeBytes: file.sizeBytes, header, end: next.value, last, crcAt }
      }
      const entry = next.value
      if (entry.kind === 'record') {
        last = {
          xid: Math.max(last.xid, entry.xid),
          timeMicros: Math.max(last.timeMicros, entry.timeMicros),
        }
      }
      if (ofInterest.has(next.value.end)) crcAt.set(next.value.end, next.value.crc)
    }
  })
}

/** Opens a file for the length of a call. */
export function withFile<T>(files: Files, path: string, use: (file: ReadFile) => T): T {
  const file = files.openRead(path)
  try {
    return use(file)
  } finally {
    file.close()
  }
}

function newerFormat(path: string, version: number | undefined): OpenError {
  return new OpenError(
    `${shortName(path)} was written by a newer scriptlog${version === undefined ? '' : ` (format ${version})`}`,
    {
      path,
      subcode: 'newer-format',
      hint: 'open it with that version or a later one; nothing was changed',
    },
  )
}

/**
 * Runs what only reads the files of a database.
 * @throws {OpenError} for what the operating system refuses.
 */
export function readingFiles<T>(names: Names, act: () => T): T {
  try {
    return act()
  } catch (error) {
    if (error instanceof ScriptlogError || systemCode(error) === undefined) throw error
    throw unreadable(error, names)
  }
}

/** An error of the operating system while the files were read, told as one of ours. */
export function unreadable(error: unknown, names: Names): OpenError {
  const path = pathOf(error) ?? names.base
  return new OpenError(`the files of the database cannot be read: ${messageOf(error)}`, {
    path,
    subcode: systemCode(error),
    cause: error,
    hint: 'mend the cause and open again; nothing was changed, and no file needs to be deleted',
  })
}
