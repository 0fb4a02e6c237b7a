import { messageOf, ScriptlogError } from './errors.ts'
import { formatLsn } from './format/lsn.ts'
import { formatMicros } from './format/time.ts'
import type { Files } from './fs/files.ts'
import { type Host, locate, systemHost } from './host.ts'
import type { Names } from './names.ts'
import { planRecovery, rowOf } from './recovery/plan.ts'
import { type FoundLog, type FoundScript, readingFiles, type Survey, survey } from './recovery/survey.ts'
import { DEFAULT_SETTINGS, parseSettings, type RecoveryMode } from './settings.ts'

/** What is on the disk, and what an open would make of it. */
export interface Inspection {
  readonly path: string
  readonly files: readonly InspectedFile[]
  /** What `.properties` says, if it can be read. */
  readonly modified: string | undefined
  readonly databaseId: string | undefined
  readonly timeline: number | undefined
  readonly checkpointLsn: string | undefined
  /** The row of the decision table that an open would take. */
  readonly row: string
  readonly because: string
  /** True when an open would have nothing to finish, redo or set aside. */
  readonly isClean: boolean
  /** Why an open would refuse, if it would; with what to do. */
  readonly refusal: string | undefined
}

export interface InspectedFile {
  readonly path: string
  readonly sizeBytes: number
  /** One clause for people: `a whole snapshot at LSN …`. */
  readonly says: string
  readonly isWhole: boolean
}

/**
 * Reads the files of the database at `path` without opening, locking or changing anything. While another process
 * writes, the files may be seen between two steps of a protocol.
 *
 * @throws {OpenError} when there is nothing that could be a database.
 */
export function inspect(path: string, host: Host = systemHost()): Inspection {
  const names = locate(host, path)
  const found = readingFiles(names, () => survey(host.files, names))
  const row = rowOf(found)
  const { properties } = found
  const state = properties.kind === 'whole' ? properties.state : undefined
  return {
    path: names.base,
    files: inspectedFiles(host.files, names, found),
    modified: state?.modified,
    databaseId: state?.databaseId,
    timeline: state?.timeline,
    checkpointLsn: state === undefined ? undefined : formatLsn(state.checkpointLsn),
    row: row.name,
    because: row.because,
    isClean: found.situation.state === 'clean' && row.action === 'open' && redoBytes(found) === 0,
    refusal: refusalOf(found),
  }
}

function redoBytes({ fromScript }: Survey): number {
  const last = fromScript.chain.segments.at(-1)
  return last === undefined || last.log.end.records === 0 ? 0 : fromScript.chain.end - fromScript.base.lsn
}

function refusalOf(found: Survey): string | undefined {
  try {
    planRecovery(found, recoveryModeOf(found))
    return undefined
  } catch (error) {
    if (error instanceof ScriptlogError) return messageOf(error)
    throw error
  }
}

/** The mode that `.properties` asks for. */
export function recoveryModeOf({ properties, names }: Survey): RecoveryMode {
  const settings = 'settings' in properties ? parseSettings(properties.settings, names.properties) : {}
  return settings.recoveryMode ?? DEFAULT_SETTINGS.recoveryMode
}

function inspectedFiles(files: Files, names: Names, found: Survey): InspectedFile[] {
  const inspected: InspectedFile[] = []
  const add = (path: string, isWhole: boolean, says: string) => {
    const sizeBytes = files.stat(path)?.sizeBytes
    if (sizeBytes !== undefined) inspected.push({ path, sizeBytes, isWhole, says })
  }
  const { properties } = found
  switch (properties.kind) {
    case 'whole':
      add(names.properties, true, `modified=${properties.state.modified}`)
      break
    case 'damaged':
      add(names.properties, false, properties.detail)
      break
    case 'settings-only':
      add(names.properties, true, 'settings without a state')
      break
    case 'absent':
    case 'newer':
      break
  }
  add(names.script, found.script.kind === 'whole', scriptSays(found.script))
  add(names.scriptNew, found.scriptNew.kind === 'whole', scriptSays(found.scriptNew))
  for (const log of found.logs) add(log.path, log.kind === 'whole', logSays(log))
  if (found.logNew !== undefined) add(found.logNew.path, found.logNew.kind === 'whole', logSays(found.logNew))
  for (const path of [names.propertiesNew, names.logNextNew, names.logCreateNew]) {
    add(path, false, 'a leftover that no protocol needs any more')
  }
  return inspected
}

function scriptSays(script: FoundScript): string {
  switch (script.kind) {
    case 'absent':
      return 'absent'
    case 'damaged':
      return `not whole: ${script.detail}, at offset ${script.offset}`
    case 'whole':
      return `a snapshot at LSN ${formatLsn(script.header.lsn)}, xid ${script.header.xid}, ${formatMicros(script.header.timeMicros)}`
  }
}

function logSays(log: FoundLog): string {
  if (log.kind === 'damaged') return `damaged: ${log.detail}`
  const { end, records, tail } = log.end
  const range = `LSN ${formatLsn(log.header.start)} to ${formatLsn(end)}, ${records} records`
  return tail.kind === 'clean'
    ? range
    : `${range}, then ${tail.sizeBytes} bytes: ${tail.kind} (${tail.detail})`
}
