// Repair: what is certain in the files of a damaged database becomes a new one, beside it.
//
//   1 lock    the damaged database is locked like for a verification, so that nobody writes meanwhile; where nothing can be
//             written there, it goes on with a warning. The new name is locked, too, and must be free
//   2 read    what verifies: chunks of snapshots, records of logs (sources.ts). Nothing of the damaged database is written
//   3 load    the chunks of the snapshot that are certain
//   4 redo    the records that follow, in the order of commit, as far as they fit (salvage.ts)
//   5 check   SQLite's own checks, told and not mended
//   6 apart   everything else, into the .rejected/ of the new database, durable
//   7 write   the new database, with an identity of its own (new-database.ts)    <- commit point in it
//
// A failure removes what was made; a repair that is killed before the commit point leaves nothing that an open would
// take for a database.

import { openConnection } from '../engine/connection.ts'
import { MemoryTables } from '../engine/memory-tables.ts'
import type { NativeDatabase, Registrar } from '../engine/native.ts'
import { CheckedRegistrar } from '../engine/registrar.ts'
import { SalvageTables } from '../engine/salvage-tables.ts'
import { CorruptionError, messageOf, OpenError, ScriptlogError, systemCode, UsageError } from '../errors.ts'
import { formatLsn } from '../format/lsn.ts'
import { formatMicros } from '../format/time.ts'
import { type Host, isThere, locate, lockFor, mayNotWrite, systemHost } from '../host.ts'
import { type Names, shortName } from '../names.ts'
import { refuseLinks } from '../recovery/links.ts'
import { unreadable } from '../recovery/survey.ts'
import type { ScriptHeader } from '../script-lines.ts'
import { parseSettings } from '../settings.ts'
import { Apart, unquoted } from './apart.ts'
import { keepApart, lossesIn } from './losses.ts'
import { removeDatabase, writeDatabase } from './new-database.ts'
import type { RepairReport, SavedSnapshot, SavedTable } from './report.ts'
import { type Salvaged, salvage } from './salvage.ts'
import { type FoundSnapshot, readSources, type Sources } from './sources.ts'

export const REPAIR_STEPS = ['lock', 'read', 'load', 'redo', 'check', 'apart', 'write'] as const
export type RepairStep = (typeof REPAIR_STEPS)[number]

export interface RepairOptions {
  /** Path of the new database; nothing of that name may be there. */
  readonly out: string
  readonly onProgress?: ((step: RepairStep) => void) | undefined
  /** As at an open: registers functions that the schema uses. */
  readonly setup?: ((registrar: Registrar) => void) | undefined
}

/**
 * Saves what is certain of the database at `path` into a new one at `options.out`, and keeps the rest apart, in the new one's
 * `.rejected/`. The damaged files are not written. Memory holds the new database, and the damaged file's largest chunk.
 *
 * @throws {LockHeldError} when one of the two is open.
 * @throws {UsageError} when a file of that name is at `out` already, `.lck` aside.
 * @throws {CorruptionError} when nothing can be saved; nothing was made.
 * @throws {OpenError} when there is no database, or a file cannot be read or written; what was made is removed.
 */
export function repair(path: string, options: RepairOptions, host: Host = systemHost()): RepairReport {
  const names = locate(host, path)
  const out = locate(host, options.out)
  const onProgress = options.onProgress ?? (() => undefined)
  if (!isThere(host, names) && host.files.stat(names.scriptNew) === undefined) {
    throw new OpenError('there is no such database', {
      path: names.base,
      subcode: 'no-database',
      hint: 'a database is named by its path without a suffix: data/app for data/app.script and data/app.log',
    })
  }
  assertFree(host, out)
  onProgress('lock')
  const warnings: string[] = []
  const lock = lockUnlessReadOnly(host, names, warnings)
  try {
    const outLock = lockFor(host, out)
    try {
      assertFree(host, out)
      const report = repairInto(host, names, out, { ...options, onProgress }, warnings)
      // Nothing is to be recovered of what was written whole: a register that is new says so.
      outLock.admitOthers()
      return report
    } finally {
      outLock.release()
    }
  } finally {
    lock?.release()
  }
}

/** What lies there may be the last copy of something, also when no open would take it for a database. */
function assertFree({ files }: Host, out: Names): void {
  refuseLinks(files, out)
  const { dir: _dir, lock: _lock, rejected, ...others } = out
  const taken = Object.values(others).find((path) => files.stat(path) !== undefined)
  const kept = files.stat(rejected)
  const isKept = kept !== undefined && (kept.kind !== 'directory' || files.list(rejected).length > 0)
  const path = taken ?? (isKept ? rejected : undefined)
  if (path === undefined) return
  throw new UsageError(`there is something at ${path} already`, {
    path,
    hint: 'name a database of which no file is there yet: a repair writes over nothing. Where a repair was killed before, what it left is worth nothing. Nothing was changed',
  })
}

function lockUnlessReadOnly(host: Host, names: Names, warnings: string[]) {
  try {
    return lockFor(host, names, { role: 'verifier' })
  } catch (error) {
    if (!mayNotWrite(error)) throw error
    warnings.push(
      `${shortName(names.lock)} cannot be written (${error.subcode}): nothing kept others from writing meanwhile`,
    )
    return undefined
  }
}

function repairInto(
  host: Host,
  names: Names,
  out: Names,
  { setup, onProgress }: RepairOptions & { readonly onProgress: (step: RepairStep) => void },
  warnings: string[],
): RepairReport {
  const { files } = host
  onProgress('read')
  const sources = reading(names, () => readSources(files, names))
  assertSomething(names, sources)
  const apart = new Apart(files, out)
  let sqlite: NativeDatabase | undefined
  try {
    sqlite = openConnection()
    setup?.(new CheckedRegistrar(sqlite))
    const trustsSchema = setup !== undefined
    const tables = new SalvageTables(sqlite, { trustsSchema })
    const salvaged = salvage(files, sources, tables, apart, onProgress)
    onProgress('check')
    const saved = new MemoryTables(sqlite, { trustsSchema })
    const problems = saved.integrityProblems()
    onProgress('apart')
    const losses = lossesIn(sources)
    keepApart(files, sources, losses, apart)
    const kept = apart.end()
    onProgress('write')
    const header = headerOf(host, sources)
    writeDatabase(host, out, header, saved.statements(), settingsOf(sources, names, warnings))
    const isComplete =
      losses.length === 0 &&
      salvaged.skipped.length === 0 &&
      salvaged.missed.length === 0 &&
      kept.length === 0
    const savedTables = tablesOf(tables.counts(), apart, salvaged)
    return {
      path: names.base,
      out: out.base,
      isComplete,
      verdict: verdictOf(isComplete, savedTables, salvaged, sources, losses),
      snapshot: sources.base === undefined ? undefined : snapshotOf(sources.base),
      tables: savedTables,
      records: {
        applied: salvaged.applied,
        skipped: salvaged.skipped,
        missed: salvaged.missed,
        lost: sources.lost,
      },
      lastXid: header.xid,
      lastCommitTime: header.timeMicros === 0 ? undefined : formatMicros(header.timeMicros),
      problems,
      apart: kept,
      candidates: sources.candidates,
      warnings: [...warnings, ...losses],
    }
  } catch (error) {
    const isRemoved = undone(() => {
      apart.abandon()
      removeDatabase(files, out, apart.paths)
    })
    if (error instanceof ScriptlogError || systemCode(error) === undefined) throw error
    throw new OpenError(`the repair could not be completed: ${messageOf(error)}`, {
      path: out.base,
      subcode: systemCode(error),
      isRetryable: true,
      cause: error,
      hint: isRemoved
        ? 'what it had made is removed, and the damaged database is as it was: mend the cause and repair again'
        : `the damaged database is as it was; what was made of the new one could not all be removed: remove it, mend the cause and repair again`,
    })
  } finally {
    sqlite?.close()
  }
}

/** Whether the tidying succeeded: the failure before it is what must be told. */
function undone(act: () => void): boolean {
  try {
    act()
    return true
  } catch {
    return false
  }
}

function reading<T>(names: Names, act: () => T): T {
  try {
    return act()
  } catch (error) {
    if (error instanceof ScriptlogError || systemCode(error) === undefined) throw error
    throw unreadable(error, names)
  }
}

function assertSomething(names: Names, { base, logs, records }: Sources): void {
  const isAnything = (base?.remains.certain.length ?? 0) > 0 || records.length > 0
  const isEmpty = base === undefined ? logs.some(({ header }) => header.start === 0) : base.remains.isWhole
  if (isAnything || isEmpty) return
  throw new CorruptionError('nothing in the files of the database can be verified', {
    reason: 'recovery',
    subcode: 'nothing-verifies',
    path: names.base,
    hint: `nothing was made and nothing was changed: delete none of the files. Look for a copy of ${shortName(names.script)}; the text that is left can be read with any editor`,
  })
}

/** The identity of the new database, which goes on with the numbers of the old. */
function headerOf(host: Host, { base, records, logs }: Sources): ScriptHeader {
  const snapshot = base?.remains.snapshot
  const ends = [...records, ...logs.flatMap((log) => log.records)].map(({ end }) => end)
  return {
    databaseId: host.randomHex(8),
    timeline: 1,
    lsn: ends.reduce((most, end) => Math.max(most, end), snapshot?.lsn ?? 0),
    prev: 0,
    xid: Math.max(snapshot?.xid ?? 0, records.at(-1)?.xid ?? 0),
    timeMicros: records.reduce(
      (most, { timeMicros }) => Math.max(most, timeMicros),
      snapshot?.timeMicros ?? 0,
    ),
  }
}

/** The settings of the damaged database, if they can be read. */
function settingsOf({ properties }: Sources, names: Names, warnings: string[]): ReadonlyMap<string, string> {
  const none = new Map<string, string>()
  if (!('settings' in properties)) return none
  try {
    parseSettings(properties.settings, names.properties)
    return properties.settings
  } catch (error) {
    warnings.push(`the settings are not taken over: ${messageOf(error).split('\n')[0]}`)
    return none
  }
}

function snapshotOf({ path, remains }: FoundSnapshot): SavedSnapshot | undefined {
  const { snapshot, certain, listed, isWhole } = remains
  if (snapshot === undefined) return undefined
  return {
    path,
    lsn: formatLsn(snapshot.lsn),
    xid: snapshot.xid,
    time: formatMicros(snapshot.timeMicros),
    isWhole,
    chunks: certain.length,
    chunksListed: listed?.chunks,
    rowsListed: listed?.rows,
  }
}

function tablesOf(counts: ReadonlyMap<string, number>, apart: Apart, salvaged: Salvaged): SavedTable[] {
  const definitions = new Map([...salvaged.definitions].map(([name, from]) => [unquoted(name), from]))
  const names = new Set([...counts.keys(), ...apart.rows.keys(), ...definitions.keys()])
  names.delete('')
  return [...names].map((name) => ({
    name,
    rowsSaved: counts.get(name) ?? 0,
    rowsApart: apart.rows.get(name) ?? 0,
    definition: counts.has(name) ? (definitions.get(name) ?? 'snapshot') : 'lost',
  }))
}

function verdictOf(
  isComplete: boolean,
  tables: readonly SavedTable[],
  { applied, skipped, missed }: Salvaged,
  { base, lost }: Sources,
  losses: readonly string[],
): string {
  const rows = tables.reduce((sum, { rowsSaved }) => sum + rowsSaved, 0)
  const what = `${rows} rows of ${tables.filter(({ definition }) => definition !== 'lost').length} tables`
  if (isComplete) return `nothing was damaged: the new database is a copy of all ${what}`
  const commits = lost.reduce((sum, { from, to }) => sum + to - from + 1, 0)
  const parts = [
    base === undefined || base.remains.isWhole ? undefined : 'not all of the snapshot could be verified',
    commits === 0 ? undefined : `${commits} commits are lost`,
    skipped.length + missed.length === 0
      ? undefined
      : `${skipped.length + missed.length} could not be applied, or not in all of their rows`,
  ].filter((part) => part !== undefined)
  const why = parts.length > 0 ? parts.join(', ') : (losses[0] ?? 'some bytes do not verify')
  return `${what} are saved, with ${applied} commits since the snapshot; ${why}`
}
