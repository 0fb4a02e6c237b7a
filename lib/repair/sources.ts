// The files of a damaged database, read and never changed: which snapshot and which records give the most.
//
// A whole snapshot goes before one that is not, a later one before an earlier one: it holds everything before its LSN. Where no
// snapshot is whole and the logs hold every commit from the first on, no snapshot is needed. Records follow by their numbers: of
// two with one number the later log's counts, which copied it. A log that goes on from another entry than the snapshot, or the log
// before it, is of another history (a copy that went on by itself), and is kept apart whole.

import type { Files } from '../fs/files.ts'
import { type Names, rejectedPath, shortName } from '../names.ts'
import { isFileThere, readPropertiesFile, type Survey, withFile } from '../recovery/survey.ts'
import type { ScriptHeader } from '../script-lines.ts'
import { type ByteRange, type ScriptRemains, scriptRemains } from '../script-remains.ts'
import { type FoundRecord, type LogRemains, logRemains, mayContinue } from './log-remains.ts'

export interface FoundSnapshot {
  readonly path: string
  readonly sizeBytes: number
  readonly remains: ScriptRemains
}

/** A record that follows the snapshot. */
export interface NextRecord extends FoundRecord {
  readonly path: string
  /** Commits between the one before and this one are lost. */
  readonly isBehindGap: boolean
}

/** A file of which nothing can be used, and why. */
export interface UnusedFile {
  readonly path: string
  readonly sizeBytes: number
  readonly why: string
}

export interface Sources {
  readonly properties: Survey['properties']
  readonly snapshots: readonly FoundSnapshot[]
  /** The one that counts. */
  readonly base: FoundSnapshot | undefined
  readonly logs: readonly LogRemains[]
  readonly records: readonly NextRecord[]
  /** Numbers of commits that are in no file. */
  readonly lost: readonly { readonly from: number; readonly to: number }[]
  readonly unused: readonly UnusedFile[]
  /** What recoveries have set aside: it may hold something, and nobody but a person can tell. */
  readonly candidates: readonly string[]
}

/** Throws what reading throws. */
export function readSources(files: Files, names: Names): Sources {
  const properties = readPropertiesFile(files, names)
  const unused: UnusedFile[] = []
  const logs: LogRemains[] = []
  for (const path of [names.log, names.logNext, names.logNew]) {
    if (!isFileThere(files, path)) continue
    withFile(files, path, (file) => {
      const remains = logRemains(file, path)
      if (remains !== undefined) logs.push(remains)
      else
        unused.push({
          path,
          sizeBytes: file.sizeBytes,
          why: 'its first line is lost, and with it every entry',
        })
    })
  }
  const known = properties.kind === 'whole' ? properties.state.databaseId : undefined
  const databaseId = known ?? logs.find(({ isHeaderLost }) => !isHeaderLost)?.header.databaseId
  const snapshots = [names.script, names.scriptNew]
    .filter((path) => isFileThere(files, path))
    .map((path) =>
      withFile(files, path, (file) => ({
        path,
        sizeBytes: file.sizeBytes,
        remains: scriptRemains(file, databaseId),
      })),
    )
  const snapshot = bestOf(snapshots)
  const usable = withoutPrepared(ownLogs(logs, snapshot?.remains.snapshot, databaseId, unused), names)
  const all = byNumber(usable)
  const isComplete = snapshot?.remains.isWhole === true || !reachesFromStart(all, snapshot)
  const base = isComplete ? snapshot : undefined
  const ofHistory = sameHistory(usable, base?.remains.snapshot, unused)
  const { records, lost } = following(byNumber(ofHistory), base?.remains.snapshot?.xid ?? 0)
  const candidates =
    files.stat(names.rejected)?.kind === 'directory'
      ? files.list(names.rejected).map((name) => rejectedPath(names, name))
      : []
  return { properties, snapshots, base, logs: ofHistory, records, lost, unused, candidates }
}

function bestOf(snapshots: readonly FoundSnapshot[]): FoundSnapshot | undefined {
  const rank = ({ remains: { snapshot, isWhole, certain } }: FoundSnapshot) => [
    isWhole ? 1 : 0,
    snapshot?.timeline ?? 0,
    isWhole ? (snapshot?.lsn ?? 0) : sizeOf(certain),
    snapshot?.lsn ?? 0,
  ]
  const [best] = snapshots
    .filter(({ remains }) => remains.snapshot !== undefined)
    .toSorted((a, b) => compared(rank(b), rank(a)))
  return best
}

function compared(one: readonly number[], other: readonly number[]): number {
  const index = one.findIndex((value, at) => value !== other[at])
  return index < 0 ? 0 : (one[index] ?? 0) - (other[index] ?? 0)
}

export function sizeOf(ranges: readonly ByteRange[]): number {
  return ranges.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
}

/** The logs of the snapshot's history; the others are noted. */
function ownLogs(
  logs: readonly LogRemains[],
  snapshot: ScriptHeader | undefined,
  databaseId: string | undefined,
  unused: UnusedFile[],
): LogRemains[] {
  const id = snapshot?.databaseId ?? databaseId
  const timelines = logs.filter(({ isHeaderLost }) => !isHeaderLost).map(({ header }) => header.timeline)
  const timeline = snapshot?.timeline ?? Math.max(1, ...timelines)
  return logs.filter((log) => {
    const why = strangenessOf(log, id, timeline, snapshot)
    if (why !== undefined) unused.push({ path: log.path, sizeBytes: log.sizeBytes, why })
    return why === undefined
  })
}

function strangenessOf(
  { header, isHeaderLost, records }: LogRemains,
  id: string | undefined,
  timeline: number,
  snapshot: ScriptHeader | undefined,
): string | undefined {
  if (!isHeaderLost) {
    if (id !== undefined && header.databaseId !== id)
      return `it belongs to another database (db=${header.databaseId})`
    if (header.timeline !== timeline) return `it belongs to timeline ${header.timeline}, not ${timeline}`
    return undefined
  }
  // Its first line is lost: it is ours if its commits stand on the same side of the snapshot by number and by position.
  const fits = ({ xid, lsn }: FoundRecord) =>
    snapshot === undefined || xid <= snapshot.xid === lsn < snapshot.lsn
  return records.every(fits)
    ? undefined
    : 'its first line is lost, and its commits do not follow the snapshot'
}

/** An empty log that a failed checkpoint has left takes over from none: the log before it went on. */
function withoutPrepared(logs: readonly LogRemains[], { logNew }: Names): readonly LogRemains[] {
  const begun = logs.filter(
    ({ path, records, damaged }) => path !== logNew || records.length > 0 || damaged.length > 0,
  )
  return begun.length > 0 ? begun : logs
}

/** The logs that go on from the snapshot, and from each other; the others are noted. */
function sameHistory(
  logs: readonly LogRemains[],
  snapshot: ScriptHeader | undefined,
  unused: UnusedFile[],
): LogRemains[] {
  const note = ({ path, sizeBytes }: LogRemains, why: string) => unused.push({ path, sizeBytes, why })
  const kept: LogRemains[] = []
  const { lsn = 0, prev = 0 } = snapshot ?? {}
  const isProven = (log: LogRemains) => log.crcAt.get(lsn) === prev
  // What goes on from the snapshot itself counts before what may be of the time before it.
  const inOrder = logs.toSorted(
    (a, b) => Number(isProven(b)) - Number(isProven(a)) || a.header.start - b.header.start,
  )
  for (const log of inOrder) {
    const other = kept.find((each) => !areOfOneHistory(each, log))
    if (!mayContinue(log, lsn, prev))
      note(log, 'it is of another history of this database: another entry stands before the snapshot')
    else if (other !== undefined)
      note(log, `it is of another history of this database: it does not go on from ${shortName(other.path)}`)
    else kept.push(log)
  }
  return kept
}

function areOfOneHistory(one: LogRemains, other: LogRemains): boolean {
  const [earlier, later] = one.header.start <= other.header.start ? [one, other] : [other, one]
  // A prepared log without records may be left by a checkpoint that failed long ago.
  if (later.isHeaderLost || later.records.length === 0) return true
  return mayContinue(earlier, later.header.start, later.header.prev)
}

type RecordOfLog = FoundRecord & { readonly path: string }

/** One record for each number, in the order of commit. */
function byNumber(logs: readonly LogRemains[]): RecordOfLog[] {
  const inOrder = logs.toSorted((a, b) => a.header.start - b.header.start)
  const found = new Map<number, RecordOfLog>()
  for (const [index, { path, records }] of inOrder.entries()) {
    const next = inOrder[index + 1]
    const takenOverAt = next?.header.start ?? Number.POSITIVE_INFINITY
    // The next log has copied what counts, as far as it is whole: the rest was rejected, or is a fenced writer's.
    const hasAllCopies = next?.damaged.length === 0
    for (const record of records) {
      if (record.end > takenOverAt && (hasAllCopies || !record.isChained)) continue
      const known = found.get(record.xid)
      if (known?.path === path && known.isChained) continue
      found.set(record.xid, { ...record, path })
    }
  }
  return [...found.values()].sort((a, b) => a.xid - b.xid)
}

function reachesFromStart(records: readonly RecordOfLog[], snapshot: FoundSnapshot | undefined): boolean {
  const { records: all, lost } = following(records, 0)
  const firstGap = lost[0]?.from ?? (all.at(-1)?.xid ?? 0) + 1
  return firstGap > (snapshot?.remains.snapshot?.xid ?? 0)
}

function following(all: readonly RecordOfLog[], baseXid: number) {
  const lost: { from: number; to: number }[] = []
  let before: RecordOfLog | undefined
  const records = all
    .filter(({ xid }) => xid > baseXid)
    .map((record): NextRecord => {
      const expected = (before?.xid ?? baseXid) + 1
      // In an unbroken row numbers may be missing: recovery once went on without those commits.
      const isNext = before?.isChained === true && record.isChained && before.path === record.path
      const isBehindGap = record.xid !== expected && !isNext
      if (isBehindGap) lost.push({ from: expected, to: record.xid - 1 })
      before = record
      return { ...record, isBehindGap }
    })
  return { records, lost }
}
