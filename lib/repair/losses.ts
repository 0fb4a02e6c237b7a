// What is missing or damaged among what should be there, as sentences; and the bytes of it that are kept apart.

import { formatLsn, type Lsn } from '../format/lsn.ts'
import type { Files } from '../fs/files.ts'
import { shortName } from '../names.ts'
import { withFile } from '../recovery/survey.ts'
import type { ByteRange } from '../script-remains.ts'
import type { Apart } from './apart.ts'
import type { LogRemains } from './log-remains.ts'
import { type FoundSnapshot, type Sources, sizeOf } from './sources.ts'

/** Everything that makes the new database less than the old one was, one sentence each. */
export function lossesIn(sources: Sources): string[] {
  const { base, logs, lost, unused, properties, records } = sources
  const snapshot = base?.remains.snapshot
  const baseLsn = snapshot?.lsn ?? 0
  const lastXid = Math.max(snapshot?.xid ?? 0, records.at(-1)?.xid ?? 0)
  const said: string[] = []
  for (const each of damagedSnapshots(sources)) said.push(lossOf(each))
  for (const { path, why } of unused) said.push(`${shortName(path)} could not be used: ${why}`)
  for (const log of logs) {
    const damaged = damageThatCounts(log, sources)
    if (damaged.length > 0) {
      said.push(
        `${shortName(log.path)}: ${sizeOf(damaged)} bytes do not verify, the first at LSN ${formatLsn(log.header.start + (damaged[0]?.offset ?? 0))}`,
      )
    }
  }
  for (const { from, to } of lost) {
    said.push(
      `${from === to ? `commit ${from} is` : `commits ${from} to ${to} are`} in no file: rows that they changed are as they were before`,
    )
  }
  if (!logs.some(({ header }) => header.start <= baseLsn)) {
    said.push('no log follows the snapshot: what was committed since is lost')
  }
  if (properties.kind === 'whole' && properties.state.checkpointXid > lastXid) {
    said.push(`commits ${lastXid + 1} to ${properties.state.checkpointXid} are in no file that can be read`)
  }
  return said
}

/** The one that counts; where there is none, all, unless the logs begin at the beginning. */
function damagedSnapshots({ base, snapshots }: Sources): readonly FoundSnapshot[] {
  const counting = base === undefined ? snapshots : [base]
  return counting.filter(({ remains }) => !remains.isWhole)
}

function lossOf({ path, remains: { certain, doubtful, damaged, listed } }: FoundSnapshot): string {
  const of = listed === undefined ? '' : ` of ${listed.chunks}`
  const more = doubtful.length === 0 ? '' : `, ${doubtful.length} more may be of an older snapshot`
  return `${shortName(path)}: ${certain.length}${of} chunks are certain${more}; ${sizeOf(damaged)} bytes do not verify`
}

/** Damage behind the snapshot, and before the log that follows takes over. */
function damageThatCounts({ header, damaged }: LogRemains, { base, logs }: Sources): readonly ByteRange[] {
  const from: Lsn = base?.remains.snapshot?.lsn ?? 0
  const starts = logs.map((log) => log.header.start).filter((start) => start > header.start)
  const to = Math.min(...starts)
  return damaged.filter(
    ({ offset, sizeBytes }) =>
      header.start + offset + sizeBytes > from && (header.start + offset < to || offset === 0),
  )
}

/** Keeps what does not verify, and what verifies and is not certain. */
export function keepApart(files: Files, sources: Sources, losses: readonly string[], apart: Apart): void {
  if (losses.length === 0) return
  for (const { path, remains } of damagedSnapshots(sources)) {
    apart.damage(path, remains.damaged)
    withFile(files, path, (file) => {
      for (const range of remains.doubtful) {
        const text = Buffer.from(file.read(range.offset, range.sizeBytes)).toString('utf8')
        apart.sql('doubtful', path, range, 'it verifies alone', text.trimEnd())
      }
    })
  }
  for (const log of sources.logs) apart.damage(log.path, damageThatCounts(log, sources))
  for (const { path, sizeBytes } of sources.unused) apart.damage(path, [{ offset: 0, sizeBytes }])
}
