// What can be wrong with a log that is replayed, and what to do about it.

import { CorruptionError, ScriptlogError } from '../../errors.ts'
import { formatLsn, type Lsn } from '../../format/lsn.ts'
import type { LogRecord } from '../../log/entry.ts'
import type { Tail } from '../../log/tail.ts'
import { sentenceOf, TargetNotReachableError } from '../errors.ts'
import type { LogSource } from './log-source.ts'

type Placed = Pick<LogRecord, 'lsn' | 'xid'>

/** Only the first log of all has nothing before it. */
export function noBase({ name, path, header }: LogSource): ScriptlogError {
  return new ScriptlogError(
    'SCRIPTLOG_REPLAY_GAP',
    `${name} begins at LSN ${formatLsn(header.start)}, and nothing before it was replayed here`,
    {
      reason: 'usage',
      severity: 'soft',
      path,
      hint: 'replay its .script first (both may be named in one command); with --restart the log is applied to what is here',
    },
  )
}

export function missingBetween({ name, path }: LogSource, record: Placed, lastXid: number): ScriptlogError {
  return new ScriptlogError(
    'SCRIPTLOG_REPLAY_GAP',
    `${name} begins with xid ${record.xid}, and what was replayed ends with xid ${lastXid}: the transactions between are missing`,
    {
      reason: 'usage',
      severity: 'soft',
      path,
      lsn: formatLsn(record.lsn),
      hint: 'nothing was applied. Replay the log between them first, or a newer .script into a new database',
    },
  )
}

export function otherHistory({ name, path }: LogSource, record: Placed): ScriptlogError {
  return new ScriptlogError(
    'SCRIPTLOG_REPLAY_OTHER_CONTENT',
    `${name} is of another history than what was replayed before: it has another transaction as xid ${record.xid}`,
    {
      reason: 'usage',
      severity: 'soft',
      path,
      lsn: formatLsn(record.lsn),
      hint: 'nothing was applied. Replay it into a new database; --restart would apply it to what is here',
    },
  )
}

export function xidPassed({ name }: LogSource, xid: number, lastXid: number): TargetNotReachableError {
  return new TargetNotReachableError(
    `${name} is replayed up to xid ${xid} already, past the target (xid ${lastXid})`,
    'replay into a new database to get an earlier state',
  )
}

export function cannotApply(
  { path }: LogSource,
  where: string,
  record: Placed,
  cause: unknown,
): ScriptlogError {
  return new ScriptlogError('SCRIPTLOG_STATEMENT_FAILED', `${where}: ${reasonOf(cause)}`, {
    reason: 'sql',
    severity: 'soft',
    path,
    lsn: formatLsn(record.lsn),
    hint: 'the transactions before it are applied and stay. Go over such transactions with --on-error skip',
    cause,
  })
}

export function damaged(
  { name, path, header }: LogSource,
  end: Lsn,
  tail: Exclude<Tail, { kind: 'clean' }>,
): CorruptionError {
  return new CorruptionError(`${name} is not whole (${tail.kind}): ${tail.detail}`, {
    reason: 'recovery',
    subcode: tail.kind,
    path,
    offset: end - header.start,
    lsn: formatLsn(end),
    hint: 'everything before the damage is applied. Put the log back from a copy and run the same command again',
  })
}

/** Without the offset, which counts from the beginning of the record and means nothing in a file. */
export function reasonOf(error: unknown): string {
  return sentenceOf(error).replace(/ \(offset \d+\)$/, '')
}
