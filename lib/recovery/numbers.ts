// Numbers in files are exact up to 2^53. A file that claims ones near it would open, and the next commit could not be
// written: no database comes there by itself, so it is refused before anything is changed.

import { OpenError } from '../errors.ts'
import { formatLsn, type Lsn } from '../format/lsn.ts'
import type { Survey } from './survey.ts'

/** Leaves 7 TB of log, and the time until 2255. */
const LARGEST_NUMBER = 9e15
const LARGEST_TIMELINE = 9e9

interface Numbers {
  readonly xid?: number
  readonly timeMicros?: number
  readonly timeline?: number
  /** Where the next thing would be written at the earliest. */
  readonly end?: Lsn
}

/** @throws {OpenError} when one of them leaves no room to go on. */
export function assertRoomAfter(
  { xid = 0, timeMicros = 0, timeline = 1, end = 0 }: Numbers,
  path: string,
): void {
  const claims: readonly (readonly [name: string, isTooLarge: boolean, text: string])[] = [
    ['the number of a commit', xid > LARGEST_NUMBER, `xid=${xid}`],
    ['the time of a commit', timeMicros > LARGEST_NUMBER, `${timeMicros} µs after 1970`],
    ['a timeline', timeline > LARGEST_TIMELINE, `timeline=${timeline}`],
    ['a position in the log', end > LARGEST_NUMBER, formatLsn(end)],
  ]
  const claim = claims.find(([, isTooLarge]) => isTooLarge)
  if (claim === undefined) return
  const [name, , text] = claim
  throw new OpenError(`${name} leaves none for what comes after it: ${text}`, {
    path,
    reason: 'recovery',
    subcode: 'numbers',
    severity: 'unrecoverable',
    hint: "nothing was changed: delete none of the files. No scriptlog wrote this number; 'scriptlog log' shows what the logs hold",
  })
}

/**
 * The same of everything that was found.
 * @throws {OpenError} before anything is changed.
 */
export function assertRoom({ names, properties, script, scriptNew, logs, logNew }: Survey): void {
  if (properties.kind === 'whole') {
    const { timeline, checkpointLsn, checkpointXid } = properties.state
    assertRoomAfter({ timeline, end: checkpointLsn, xid: checkpointXid }, names.properties)
  }
  for (const [found, path] of [
    [script, names.script],
    [scriptNew, names.scriptNew],
  ] as const) {
    if (found.kind === 'whole') assertRoomAfter({ ...found.header, end: found.header.lsn }, path)
  }
  for (const log of [...logs, logNew]) {
    if (log?.kind !== 'whole') continue
    const { timeline, start } = log.header
    assertRoomAfter({ ...log.last, timeline, end: start + log.sizeBytes }, log.path)
  }
}
