// The records that recovery applies, in order: those of the stretch of log that follows the base, and, where the
// recovery mode asks for it, whatever else verifies.

import type { Lsn } from '../format/lsn.ts'
import type { Files } from '../fs/files.ts'
import type { LogEntry } from '../log/entry.ts'
import { readEntries } from '../log/reader.ts'
import { readStrayEntries } from '../log/stray-entries.ts'
import type { Plan } from './plan.ts'
import { allLogs } from './plan.ts'
import { type Survey, type WholeLog, withFile } from './survey.ts'

/** Calls `visit` with each entry to redo (marks included); the entry's bytes are valid during the call. */
export function redoEntries(
  files: Files,
  survey: Survey,
  plan: Plan,
  visit: (entry: LogEntry) => void,
): void {
  if (plan.treatment === 'skip' || plan.treatment === 'apply-later') {
    visitAllThatVerifies(files, survey, plan, visit)
    return
  }
  for (const { log, from, to } of plan.chain.segments) {
    withFile(files, log.path, (file) => {
      for (const entry of readEntries(file, log.header)) {
        if (entry.end > to) break
        if (entry.lsn >= from) visit(entry)
      }
    })
  }
}

function visitAllThatVerifies(
  files: Files,
  survey: Survey,
  plan: Plan,
  visit: (entry: LogEntry) => void,
): void {
  const logs = allLogs(survey)
    .filter((log): log is WholeLog => log.kind === 'whole' && isOurs(log, plan))
    .sort((a, b) => a.header.start - b.header.start)
  let applied = plan.base.lsn
  const visitNext = (entry: LogEntry) => {
    if (entry.lsn < applied) return
    visit(entry)
    applied = entry.end
  }
  for (const [index, log] of logs.entries()) {
    const takenOverAt: Lsn = logs[index + 1]?.header.start ?? Number.POSITIVE_INFINITY
    withFile(files, log.path, (file) => {
      for (const entry of readEntries(file, log.header)) if (entry.end <= takenOverAt) visitNext(entry)
      for (const { entry, isMoved } of readStrayEntries(file, log.header, log.end.end - log.header.start)) {
        if (!isMoved && entry.end <= takenOverAt) visitNext(entry)
      }
    })
  }
}

function isOurs(log: WholeLog, plan: Plan): boolean {
  const { databaseId, timeline } = plan.base
  return (
    (databaseId === undefined || log.header.databaseId === databaseId) &&
    (timeline === undefined || log.header.timeline === timeline)
  )
}
