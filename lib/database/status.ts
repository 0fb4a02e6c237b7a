import type { Severity } from '../errors.ts'
import { formatLsn } from '../format/lsn.ts'
import { formatMicros } from '../format/time.ts'
import type { Modified } from '../properties.ts'
import type { RecoveryReport } from '../recovery/report.ts'
import type { Settings } from '../settings.ts'
import type { FailingPart } from '../severity.ts'
import type { Store } from '../store.ts'
import type { BackgroundErrors, ErrorCounters, RecordedError } from './background-errors.ts'

/** What `status()` tells; LSNs as `hi/lo`, times as ISO 8601 in UTC. */
export interface Status {
  readonly path: string
  readonly databaseId: string
  readonly timeline: number
  readonly modified: Modified
  /** False while a failure keeps the database from being written. */
  readonly isWritable: boolean
  /** What limits writing now: `soft` when it only keeps checkpoints from being made. */
  readonly failure: FailureStatus | undefined
  /** What went wrong since the open, the last 64, oldest first. */
  readonly lastErrors: readonly RecordedError[]
  readonly errorCounters: ErrorCounters
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
  /** What the open did; of a reader, the last time that it loaded everything. */
  readonly recovery: RecoveryReport
  /**
   * Of a database opened `readonly`, undefined otherwise. There `lastXid`, `lastCommitTime` and `log.endLsn` are its own
   * place, and the writer's state is that of the last load.
   */
  readonly reader: ReaderStatus | undefined
}

export interface ReaderStatus {
  /** Refreshes that brought something. */
  readonly refreshes: number
  /** Those among them that loaded everything anew. */
  readonly reloads: number
  /** What the last refresh on the interval failed with. */
  readonly failure: RefreshFailure | undefined
}

export interface RefreshFailure {
  readonly code: string
  readonly message: string
  /** Time since it first failed so. */
  readonly ageMillis: number
}

export interface FailureStatus {
  readonly code: string
  readonly reason: FailingPart
  readonly severity: Severity
  readonly message: string
  /** Time since it began. */
  readonly ageMillis: number
  /** True while writing will be tried to be resumed without anybody asking for it. */
  readonly isResumedByItself: boolean
}

/** What an open database tells of its errors. */
export type ErrorStatus = Pick<Status, 'isWritable' | 'failure' | 'lastErrors' | 'errorCounters'>

export function errorStatusOf(errors: BackgroundErrors, isResumedByItself: boolean): ErrorStatus {
  return {
    isWritable: !errors.isReadOnly,
    failure: failureOf(errors, isResumedByItself),
    lastErrors: errors.last,
    errorCounters: errors.counters,
  }
}

function failureOf(errors: BackgroundErrors, isResumedByItself: boolean): FailureStatus | undefined {
  const { episode } = errors
  if (episode === undefined) return undefined
  const { reason, error, consequence } = episode
  const { code, message } = error
  const { severity } = consequence
  return { code, reason, severity, message, ageMillis: errors.ageMillis(episode), isResumedByItself }
}

export function statusOf(
  store: Store,
  settings: Settings,
  recovery: RecoveryReport,
  errors: ErrorStatus,
): Status {
  const { log, names, stateFile } = store
  const { databaseId, timeline, modified, checkpointLsn, checkpointXid } = stateFile.state
  return {
    path: names.base,
    databaseId,
    timeline,
    modified,
    ...errors,
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
    reader: undefined,
  }
}
