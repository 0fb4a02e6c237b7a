import type { Severity } from '../errors.ts'
import { formatLsn } from '../format/lsn.ts'
import { formatMicros } from '../format/time.ts'
import type { Modified } from '../properties.ts'
import type { RecoveryReport } from '../recovery/report.ts'
import type { Settings } from '../settings.ts'
import type { Store } from '../store.ts'

/** What `status()` tells; LSNs as `hi/lo`, times as ISO 8601 in UTC. */
export interface Status {
  readonly path: string
  readonly databaseId: string
  readonly timeline: number
  readonly modified: Modified
  /** False while a failure keeps the database from being written; `failure` tells why. */
  readonly isWritable: boolean
  readonly failure: FailureStatus | undefined
  /** Number and time of the last commit. */
  readonly lastXid: number
  readonly lastCommitTime: string | undefined
  /** The log that is appended to, and LSNs in it. */
  readonly log: {
    readonly path: string
    readonly startLsn: string
    readonly endLsn: string
    /** Everything before it is durable. */
    readonly durableLsn: string
    /** Bytes since the last checkpoint. */
    readonly bytesSinceCheckpoint: number
  }
  readonly lastCheckpoint: { readonly lsn: string; readonly xid: number }
  readonly hasUnfinishedCheckpoint: boolean
  readonly settings: Settings
  readonly recovery: RecoveryReport
}

export interface FailureStatus {
  readonly code: string
  readonly severity: Severity
  readonly message: string
  readonly ageMillis: number
}

export function statusOf(
  store: Store,
  settings: Settings,
  recovery: RecoveryReport,
  failure: FailureStatus | undefined,
): Status {
  const { log, names, stateFile } = store
  const { databaseId, timeline, modified, checkpointLsn, checkpointXid } = stateFile.state
  return {
    path: names.base,
    databaseId,
    timeline,
    modified,
    isWritable: failure === undefined,
    failure,
    lastXid: store.xid,
    lastCommitTime: store.timeMicros === 0 ? undefined : formatMicros(store.timeMicros),
    log: {
      path: log.path,
      startLsn: formatLsn(log.header.start),
      endLsn: formatLsn(log.endLsn),
      durableLsn: formatLsn(log.syncedLsn),
      bytesSinceCheckpoint: log.endLsn - checkpointLsn,
    },
    lastCheckpoint: { lsn: formatLsn(checkpointLsn), xid: checkpointXid },
    hasUnfinishedCheckpoint: store.hasUnfinishedCheckpoint,
    settings,
    recovery,
  }
}
