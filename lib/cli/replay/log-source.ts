import { CorruptionError, OpenError } from '../../errors.ts'
import type { ReadFile } from '../../fs/files.ts'
import type { LogRecord } from '../../log/entry.ts'
import type { StoredLogHeader } from '../../log/format.ts'
import { type LogEnd, readEntries, readLogHeader, readToEnd } from '../../log/reader.ts'

/** A log of scriptlog that is to be replayed. */
export interface LogSource {
  readonly name: string
  readonly path: string
  /** Under what the position of its database is kept. */
  readonly key: string
  readonly file: ReadFile
  readonly header: StoredLogHeader
  /** A later log of the same database, given with this one, replaces everything from this LSN on. */
  readonly takenOverAt: number
}

/** Under what the position of a database's logs and scripts is kept. */
export function keyOf(databaseId: string): string {
  return `database ${databaseId}`
}

/**
 * @throws {OpenError} for a log of a newer scriptlog.
 * @throws {CorruptionError} when the first line is damaged.
 */
export function headerOf(file: ReadFile, path: string): StoredLogHeader {
  const header = readLogHeader(file)
  if (!('kind' in header)) return header
  if (header.kind === 'newer') {
    throw new OpenError('the log was written by a newer scriptlog', { path, subcode: 'newer' })
  }
  throw new CorruptionError('the first line of the log is damaged', {
    reason: 'recovery',
    path,
    offset: 0,
    hint: 'nothing was applied: without its first line no record of it can be verified',
  })
}

/** The records of a log that are in force. */
export function* recordsOf({ file, header, takenOverAt }: LogSource): Generator<LogRecord, void, void> {
  for (const entry of readEntries(file, header)) {
    if (entry.end > takenOverAt) return
    if (entry.kind === 'record') yield entry
  }
}

/** How it ends; where a later log takes over, nothing behind that counts. */
export function endOf({ file, header, takenOverAt }: LogSource): LogEnd {
  const end = readToEnd(file, header)
  return end.end >= takenOverAt ? { ...end, end: takenOverAt, tail: { kind: 'clean' } } : end
}
