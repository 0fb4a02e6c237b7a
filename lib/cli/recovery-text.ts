import { basename, dirname, join } from 'node:path'
import { shortName } from '../names.ts'
import { causeText } from '../recovery/causes.ts'
import type { RecoveryReport } from '../recovery/report.ts'
import { counted, durationText, sizeText } from './units.ts'

/** What recovery found and did, for the person who opened the database. */
export function recoveryText(report: RecoveryReport): string {
  const redone =
    report.redoneRecords === 0
      ? 'no record was left to redo'
      : `${counted(report.redoneRecords, 'record')} redone, up to LSN ${report.endLsn} (xid ${report.lastXid})`
  const damage =
    report.verdict === undefined ? [] : [`the log was not whole: ${report.verdict} (${report.detail})`]
  const kept = report.setAside.map(
    ({ path, sizeBytes, from }) =>
      `${sizeText(sizeBytes)} of ${shortName(from)} set aside as ${join(basename(dirname(path)), basename(path))}`,
  )
  const lines = [
    `from the snapshot at LSN ${report.baseLsn}: ${redone}`,
    ...report.causes.filter(({ kind }) => kind !== 'files').map(causeText),
    ...damage,
    ...kept,
    ...report.skippedRecords.map((record) => `not applied: ${record}`),
    ...report.warnings,
    `${WENT_ON[report.wentOn]}; it took ${durationText(report.durationMillis)}`,
  ]
  return [`recovered: ${report.because} (${report.row})`, ...lines.map((line) => `  ${line}`)].join('\n')
}

const WENT_ON: Readonly<Record<RecoveryReport['wentOn'], string>> = {
  created: 'a new database was begun',
  'same-log': 'the log goes on',
  'new-log': 'a new log was begun',
  'log-next': 'a log that follows the old one was begun',
  checkpoint: 'a checkpoint was made',
  'read-only': 'nothing is written',
}
