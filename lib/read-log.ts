import { OpenError } from './errors.ts'
import { formatLsn } from './format/lsn.ts'
import { formatMicros } from './format/time.ts'
import type { Files } from './fs/files.ts'
import { type Host, locate, systemHost } from './host.ts'
import { readEntries, readLogHeader } from './log/reader.ts'
import { namesOf, shortName } from './names.ts'
import { isFileThere, readingFiles } from './recovery/survey.ts'

/** One committed transaction, as it stands in a log. */
export interface LoggedTransaction {
  readonly lsn: string
  /** LSN after it. */
  readonly endLsn: string
  readonly xid: number
  /** ISO 8601, UTC, with microseconds. */
  readonly time: string
  /** Its statements, each ended by `;` and a newline. */
  readonly sql: string
  /** The log file that holds it. */
  readonly path: string
}

/** How a log file ended, told after its last transaction. */
export interface LogFileEnd {
  readonly path: string
  readonly endLsn: string
  /** `clean`, or what stands behind the last valid record: torn, hole, corrupt, foreign. */
  readonly verdict: string
  readonly detail: string | undefined
}

/**
 * Yields the transactions in the logs of the database at `path`, oldest first, without opening it: of `.log`, then of
 * `.log.next` from where that takes over. `path` may also be that of a single log file. Nothing is locked or changed;
 * while another process writes, what it has not yet handed to the operating system is not seen. Returns how each
 * file ended.
 *
 * @throws {OpenError} when there is no log, or a file is none.
 */
export function* readLog(
  path: string,
  host: Host = systemHost(),
): Generator<LoggedTransaction, readonly LogFileEnd[], void> {
  const { files } = host
  const names = locate(host, path)
  const single = files.stat(names.base)?.kind === 'file' && isLog(files, names.base)
  const live = single ? [names.base] : [names.log, names.logNext, names.logNew]
  const there = readingFiles(names, () => live.filter((candidate) => isFileThere(files, candidate)))
  const found = there
    .map((candidate) => ({ path: candidate, start: startOf(files, candidate) }))
    .sort((a, b) => a.start - b.start)
  if (found.length === 0) {
    throw new OpenError('there is no log', {
      path: namesOf(names.base).log,
      subcode: 'no-log',
      hint: 'correct the path: it is that of the database, without .log, or that of one log file',
    })
  }
  const ends: LogFileEnd[] = []
  for (const [index, { path: logPath }] of found.entries()) {
    const takenOverAt = found[index + 1]?.start ?? Number.POSITIVE_INFINITY
    ends.push(yield* readOne(files, logPath, takenOverAt))
  }
  return ends
}

function* readOne(
  files: Files,
  path: string,
  takenOverAt: number,
): Generator<LoggedTransaction, LogFileEnd, void> {
  const file = files.openRead(path)
  try {
    const header = readLogHeader(file)
    if ('kind' in header) throw notALog(path, header.kind)
    const entries = readEntries(file, header)
    for (;;) {
      const next = entries.next()
      if (next.done === true) {
        const { end, tail } = next.value
        const detail = tail.kind === 'clean' ? undefined : tail.detail
        return { path, endLsn: formatLsn(end), verdict: tail.kind, detail }
      }
      const entry = next.value
      if (entry.kind === 'mark' || entry.end > takenOverAt) continue
      yield {
        lsn: formatLsn(entry.lsn),
        endLsn: formatLsn(entry.end),
        xid: entry.xid,
        time: formatMicros(entry.timeMicros),
        sql: entry.body.toString('utf8'),
        path,
      }
    }
  } finally {
    file.close()
  }
}

function isLog(files: Files, path: string): boolean {
  const file = files.openRead(path)
  try {
    const header = readLogHeader(file)
    return !('kind' in header) || header.kind !== 'not-a-log'
  } finally {
    file.close()
  }
}

function startOf(files: Files, path: string): number {
  const file = files.openRead(path)
  try {
    const header = readLogHeader(file)
    if ('kind' in header) throw notALog(path, header.kind)
    return header.start
  } finally {
    file.close()
  }
}

function notALog(path: string, kind: string): OpenError {
  return new OpenError(
    kind === 'newer'
      ? 'the log was written by a newer scriptlog'
      : `${shortName(path)} has no valid first line`,
    {
      path,
      offset: 0,
      subcode: kind,
      hint: 'a log of scriptlog begins with --@scriptlog log; nothing was changed',
    },
  )
}
