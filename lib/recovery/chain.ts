// The live logs in the order of their start, as one stretch of log from a base LSN on. A later log replaces
// everything of the earlier from its own start on; it must name as its predecessor the very entry that ends there.

import type { Lsn } from '../format/lsn.ts'
import type { FoundLog, WholeLog } from './survey.ts'

/** The part of one log that counts. */
export interface Segment {
  readonly log: WholeLog
  readonly from: Lsn
  /** Where the next log takes over, or where the valid entries of the last log end. */
  readonly to: Lsn
}

/** What is wrong with a log: the verdicts of the reader, and `gap` for a log that starts past the end of the one before. */
export type Verdict = 'torn' | 'hole' | 'corrupt' | 'foreign' | 'gap'

export interface Chain {
  /** As an axis of the decision. */
  readonly kind: 'absent' | 'reaches' | 'short' | 'damaged'
  /** What can be read, in order, up to the end or the damage. */
  readonly segments: readonly Segment[]
  readonly end: Lsn
  readonly problem: ChainProblem | undefined
}

export interface ChainProblem {
  readonly verdict: Verdict
  /** The file in which, or before which, it is. */
  readonly path: string
  readonly lsn: Lsn
  /** Bytes of the file from there on. */
  readonly sizeBytes: number
  readonly detail: string
}

export interface Base {
  readonly lsn: Lsn
  /** Checksum of the log entry that ends at `lsn`. */
  readonly prev: number
  readonly timeline: number | undefined
  readonly databaseId: string | undefined
}

/** Joins `logs` into the stretch that follows `base`. `reach` is an LSN that is known to have been durable. */
export function chainFrom(base: Base, logs: readonly FoundLog[], reach: Lsn): Chain {
  if (logs.length === 0) return { kind: 'absent', segments: [], end: base.lsn, problem: undefined }
  const whole: WholeLog[] = []
  let stranger:
    | { readonly log: FoundLog; readonly verdict: 'corrupt' | 'foreign'; readonly detail: string }
    | undefined
  // Where the base does not know, the first log tells for the others.
  let { databaseId, timeline } = base
  for (const log of logs) {
    if (log.kind === 'damaged') {
      stranger ??= { log, verdict: 'corrupt', detail: log.detail }
      continue
    }
    const { header } = log
    databaseId ??= header.databaseId
    timeline ??= header.timeline
    if (header.databaseId !== databaseId) {
      const detail = `it belongs to another database (db=${header.databaseId})`
      stranger ??= { log, verdict: 'foreign', detail }
    } else if (header.timeline !== timeline) {
      const detail = `it belongs to timeline ${header.timeline}, not ${timeline}`
      stranger ??= { log, verdict: 'foreign', detail }
    } else {
      whole.push(log)
    }
  }
  const chain = joinAll(base, whole, reach)
  if (stranger === undefined) return chain
  // Nobody knows where its records belong; what the others hold from the base on comes before them in any case.
  return broken(chain.segments, chain.end, stranger.log, stranger.verdict, stranger.detail)
}

function joinAll(base: Base, whole: readonly WholeLog[], reach: Lsn): Chain {
  const logs = whole.toSorted((a, b) => a.header.start - b.header.start)
  const first = logs.findLastIndex((log) => log.header.start <= base.lsn)
  if (first >= 0) return join(base, logs.slice(first), reach)
  const what =
    base.lsn === 0 ? 'what was committed before it is in no file' : 'the log between the two is missing'
  const detail = `it begins past ${base.lsn === 0 ? '0/00000000' : 'the snapshot'}: ${what}`
  return broken([], base.lsn, logs[0] ?? { path: '', sizeBytes: 0 }, 'gap', detail)
}

function join(base: Base, logs: readonly WholeLog[], reach: Lsn): Chain {
  const segments: Segment[] = []
  let from = base.lsn
  let prev = base.prev
  for (const [index, log] of logs.entries()) {
    const { tail, end } = log.end
    if (end < from) return endsEarly(segments, end, log, 'it ends before the snapshot that it should follow')
    const crc = log.crcAt.get(from)
    if (crc === undefined) return broken(segments, from, log, 'foreign', 'no entry of it ends at this LSN')
    if (crc !== prev)
      return broken(segments, from, log, 'foreign', 'another entry should stand before this LSN')
    const next = logs[index + 1]
    if (next === undefined) {
      segments.push({ log, from, to: end })
      if (tail.kind === 'clean') {
        if (end < reach) return broken(segments, end, log, 'gap', 'it ends before an LSN that was durable')
        return { kind: 'reaches', segments, end, problem: undefined }
      }
      if (end < reach) return broken(segments, end, log, 'corrupt', 'what follows this LSN was durable')
      if (tail.kind === 'corrupt' || tail.kind === 'foreign') {
        return broken(segments, end, log, tail.kind, tail.detail)
      }
      const { detail, sizeBytes } = tail
      const problem = { verdict: tail.kind, path: log.path, lsn: end, sizeBytes, detail }
      return { kind: 'reaches', segments, end, problem }
    }
    const { start } = next.header
    segments.push({ log, from, to: Math.min(start, end) })
    if (end < start) return endsEarly(segments, end, log, 'it ends before the next log begins')
    from = start
    // The next log is entered at its own start, where its header names the entry that comes before.
    prev = log.crcAt.get(start) ?? -1
  }
  throw new Error('unreachable: the last log returns')
}

/** A log that should have gone on: its bytes are damaged there, or are not there at all. */
function endsEarly(segments: readonly Segment[], lsn: Lsn, log: WholeLog, detail: string): Chain {
  const { tail } = log.end
  if (tail.kind === 'clean') {
    const gap = broken(segments, lsn, log, 'gap', detail)
    // Between two logs: what comes before it can be read from the base on.
    return segments.length > 0 ? { ...gap, kind: 'damaged' } : gap
  }
  return broken(
    segments,
    lsn,
    log,
    tail.kind === 'foreign' ? 'foreign' : 'corrupt',
    `${detail}; ${tail.detail}`,
  )
}

function broken(
  segments: readonly Segment[],
  lsn: Lsn,
  log: { readonly path: string; readonly sizeBytes: number },
  verdict: 'corrupt' | 'foreign' | 'gap',
  detail: string,
): Chain {
  const problem = { verdict, path: log.path, lsn, sizeBytes: log.sizeBytes, detail }
  return { kind: verdict === 'gap' ? 'short' : 'damaged', segments, end: segments.at(-1)?.to ?? lsn, problem }
}
