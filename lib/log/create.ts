// Makes a log that holds copies of commits, whole or not at all: written beside, synced, renamed, its name made
// durable. It may be appended to at once through the descriptor that was synced.

import type { Files } from '../fs/files.ts'
import { createWhole } from '../fs/replace.ts'
import type { Commit } from './entry-chunks.ts'
import { encodeLogHeader, encodeRecord, type LogHeader, type StoredLogHeader } from './format.ts'
import { LogWriter } from './writer.ts'

/** The bytes of a log with `commits` in it, and where it ends. */
export function encodeLog(header: LogHeader, commits: readonly Commit[]) {
  const head = encodeLogHeader(header)
  const stored: StoredLogHeader = { ...header, crc: head.crc, sizeBytes: head.bytes.length }
  const parts = [head.bytes]
  const sync = header.start + head.bytes.length
  let endLsn = sync
  let lastCrc = head.crc
  for (const { body, xid, timeMicros } of commits) {
    const entry = encodeRecord(body, { lsn: endLsn, xid, sync, prev: lastCrc, timeMicros }, head.crc)
    parts.push(entry.bytes)
    endLsn += entry.bytes.length
    lastCrc = entry.crc
  }
  return { header: stored, bytes: Buffer.concat(parts), position: { endLsn, lastCrc } }
}

/** Creates the log at `path` by way of `tempPath`. Throws what failed; then the log may be there or not. */
export function createLog(
  files: Files,
  tempPath: string,
  path: string,
  header: LogHeader,
  commits: readonly Commit[],
): LogWriter {
  const log = encodeLog(header, commits)
  const file = createWhole(files, tempPath, path, log.bytes)
  return new LogWriter(path, file, log.header, log.position)
}
