import { formatLsn } from '../format/lsn.ts'
import { formatMicros } from '../format/time.ts'
import type { Names } from '../names.ts'
import type { Place } from '../recovery/follow.ts'
import { warningsAbout } from '../recovery/recover.ts'
import { NO_ERRORS } from './background-errors.ts'
import type { Refresher } from './refresher.ts'
import type { Status } from './status.ts'

/** What a reader can tell: its own place in the log, and of the writer what the files told when they were loaded. */
export function readerStatusOf(names: Names, place: Place, refresher: Refresher): Status {
  const { context, records, end, xid, skipped, durationMillis } = place.loaded
  const { plan, found, settings } = context
  const { properties, script } = found
  const modified = properties.kind === 'whole' ? properties.state.modified : 'yes'
  const timeline = place.timeline
  return {
    path: names.base,
    databaseId: place.databaseId ?? '',
    timeline,
    modified,
    // A reader has nothing that could fail to be written.
    isWritable: false,
    failure: undefined,
    lastErrors: [],
    errorCounters: NO_ERRORS,
    lastXid: place.xid,
    lastCommitTime: place.timeMicros === 0 ? undefined : formatMicros(place.timeMicros),
    log: {
      path: place.log?.path ?? names.log,
      startLsn: formatLsn(place.log?.header.start ?? plan.base.lsn),
      endLsn: formatLsn(place.lsn),
      durableLsn: formatLsn(plan.base.lsn),
      bytesSinceCheckpoint: place.lsn - plan.base.lsn,
    },
    lastCheckpoint: {
      lsn: formatLsn(plan.base.lsn),
      xid: script.kind === 'whole' ? script.header.xid : 0,
    },
    hasUnfinishedCheckpoint: modified === 'yes-new-files',
    settings,
    recovery: {
      row: plan.row.name,
      because: plan.row.because,
      causes: [],
      wasClean: plan.row.action === 'open' && plan.problem === undefined,
      baseLsn: formatLsn(plan.base.lsn),
      redoneRecords: records,
      endLsn: formatLsn(end),
      lastXid: xid,
      verdict: plan.problem?.verdict,
      detail: plan.problem?.detail,
      setAside: [],
      skippedRecords: skipped,
      warnings: warningsAbout(found),
      wentOn: 'read-only',
      timeline,
      durationMillis,
    },
    reader: refresher.status,
  }
}
