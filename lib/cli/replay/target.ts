// Where a replay of logs stops. Whatever the target is given as, it is found in the logs before anything is applied,
// and becomes the number of the last transaction that is applied.

import { UsageError } from '../../errors.ts'
import { formatLsn, type Lsn, parseLsn } from '../../format/lsn.ts'
import { formatMicros, type Micros } from '../../format/time.ts'
import type { LogRecord } from '../../log/entry.ts'
import type { Arguments } from '../arguments.ts'
import { TargetNotReachableError } from '../errors.ts'
import { type LogSource, recordsOf } from './log-source.ts'
import type { ScriptSource } from './script.ts'

/** The last transaction that is applied: the one named, or the last one that is not later. */
export type Target =
  | { readonly kind: 'lsn'; readonly value: Lsn; readonly text: string }
  | { readonly kind: 'xid'; readonly value: number; readonly text: string }
  | { readonly kind: 'time'; readonly value: Micros; readonly text: string }

/**
 * @throws {UsageError} for more than one target and for one that cannot be read.
 */
export function readTarget(args: Arguments): Target | undefined {
  const given = [lsnTarget(args), xidTarget(args), timeTarget(args)].filter((target) => target !== undefined)
  if (given.length > 1) {
    throw new UsageError(`${given.map(({ kind }) => `--until-${kind}`).join(' and ')} exclude each other`)
  }
  return given[0]
}

function lsnTarget(args: Arguments): Target | undefined {
  const text = args.text('until-lsn')
  return text === undefined ? undefined : { kind: 'lsn', value: readLsn('until-lsn', text), text }
}

/** @throws {UsageError} when `text` is no LSN. */
export function readLsn(option: string, text: string): Lsn {
  const lsn = parseLsn(text.toUpperCase())
  if (lsn !== undefined) return lsn
  throw new UsageError(`--${option} takes an LSN such as 0/000001A4, not '${text}'`, {
    hint: 'scriptlog log tells the LSN of each transaction',
  })
}

function xidTarget(args: Arguments): Target | undefined {
  const value = args.wholeNumber('until-xid')
  return value === undefined ? undefined : { kind: 'xid', value, text: `xid ${value}` }
}

function timeTarget(args: Arguments): Target | undefined {
  const text = args.text('until-time')
  if (text === undefined) return undefined
  const match = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,6}))?(Z|[+-]\d\d:\d\d)$/i.exec(text)
  const [, date, clock, fraction = '', zone] = match ?? []
  const seconds = clock?.length === 5 ? `${clock}:00` : clock
  const millis = Date.parse(`${date}T${seconds}${zone?.toUpperCase()}`)
  if (match === null || Number.isNaN(millis)) {
    throw new UsageError(
      `--until-time takes a time with its zone such as 2026-11-20T06:53:29Z, not '${text}'`,
    )
  }
  const value = millis * 1000 + Number(fraction.padEnd(6, '0'))
  return { kind: 'time', value, text: formatMicros(value) }
}

/** Where the target lies in what is given. */
export interface FoundTarget {
  /** Number of the last transaction that is applied. */
  readonly lastXid: number
  /** Whether any follow. */
  readonly hasMore: boolean
}

/** What is known of a commit without its record. */
type Commit = Pick<LogRecord, 'lsn' | 'end' | 'xid' | 'timeMicros'>

/**
 * Finds the target among the sources, which are in the order of their LSNs.
 * @throws {TargetNotReachableError} when it lies before their beginning or behind their end.
 */
export function findTarget(
  target: Target,
  scripts: readonly ScriptSource[],
  logs: readonly LogSource[],
): FoundTarget {
  const base = scripts.at(-1)?.script.header
  const baseXid = base?.xid ?? 0
  let last: Commit | undefined
  for (const log of logs) {
    for (const { lsn, end, xid, timeMicros } of recordsOf(log)) {
      if (xid <= baseXid) continue
      const commit = { lsn, end, xid, timeMicros }
      if (isBehind(target, commit)) {
        if (last === undefined) return atBase(target, base, commit)
        return { lastXid: last.xid, hasMore: true }
      }
      last = commit
    }
  }
  if (last !== undefined && reaches(last, target)) return { lastXid: last.xid, hasMore: false }
  if (last === undefined && base !== undefined && isAtBase(target, base)) {
    return { lastXid: baseXid, hasMore: false }
  }
  throw new TargetNotReachableError(
    `the target ${target.text} lies behind the end of what there is to replay${last === undefined ? '' : `: xid ${last.xid}, LSN ${formatLsn(last.lsn)}, ${formatMicros(last.timeMicros)}`}`,
    'nothing was applied',
  )
}

interface Base {
  readonly lsn: Lsn
  readonly xid: number
  readonly timeMicros: Micros
}

/** The first record is behind the target already: only the script can be what was meant. */
function atBase(target: Target, base: Base | undefined, first: Commit): FoundTarget {
  if (base !== undefined && isAtBase(target, base)) return { lastXid: base.xid, hasMore: true }
  throw new TargetNotReachableError(
    `the target ${target.text} lies before the first transaction there is: xid ${first.xid}, LSN ${formatLsn(first.lsn)}, ${formatMicros(first.timeMicros)}`,
    'nothing was applied. An earlier .script and its log reach further back',
  )
}

function isAtBase(target: Target, base: Base): boolean {
  switch (target.kind) {
    case 'lsn':
      return target.value === base.lsn
    case 'xid':
      return target.value === base.xid
    case 'time':
      return target.value >= base.timeMicros
  }
}

function isBehind(target: Target, commit: Commit): boolean {
  switch (target.kind) {
    case 'lsn':
      return commit.lsn > target.value
    case 'xid':
      return commit.xid > target.value
    case 'time':
      return commit.timeMicros > target.value
  }
}

/** Whether the last commit there is can stand for the target. */
function reaches(last: Commit, target: Target): boolean {
  switch (target.kind) {
    case 'lsn':
      return target.value < last.end
    case 'xid':
      return target.value === last.xid
    case 'time':
      return target.value === last.timeMicros
  }
}
