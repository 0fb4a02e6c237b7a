// A recovery report in sentences: what an open found, what it did, and why.

import { basename } from 'node:path'
import type { RecoveryReport } from '../lib/index.ts'
import { countOf, size } from './show.ts'

export function explainRecovery(report: RecoveryReport): string[] {
  if (report.wentOn === 'created') return [`${report.row}: ${report.because}`, 'it is a new database']
  return [
    `${report.row}: ${report.because}`,
    report.baseLsn === '0/00000000'
      ? 'it began with an empty database'
      : `it loaded the snapshot of LSN ${report.baseLsn}`,
    report.redoneRecords === 0
      ? 'there was nothing to redo'
      : `it redid ${countOf(report.redoneRecords, 'transaction')} of the log, up to LSN ${report.endLsn} (xid ${report.lastXid})`,
    ...whatWasWrong(report),
    ...report.warnings,
    wentOn(report),
  ]
}

function whatWasWrong({ verdict, detail, setAside }: RecoveryReport): string[] {
  if (verdict === undefined) return ['the log ended between two transactions: no write was cut']
  const kept = setAside.map(({ path, sizeBytes }) => `${size(sizeBytes)} kept as ${basename(path)}`)
  return [`the log was not whole (${verdict}: ${detail}); ${kept.join(', ') || 'nothing was set aside'}`]
}

function wentOn({ wentOn, timeline }: RecoveryReport): string {
  switch (wentOn) {
    case 'created':
      return 'it is a new database'
    case 'same-log':
      return 'it had been closed cleanly: writing goes on in the same log'
    case 'new-log':
      return 'writing goes on in a new log'
    case 'log-next':
      return 'a log that a crash ended is never appended to: writing goes on in .log.next'
    case 'checkpoint':
      return `it ended with a checkpoint, and writing goes on in a new log (timeline ${timeline})`
    case 'read-only':
      return 'nothing is written'
  }
}
