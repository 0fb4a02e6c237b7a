// Load and redo: the snapshot, then the records that follow it, into the tables in memory. On the way it is noted
// what a new log would have to hold.

import { type ErrorDetails, invariant, messageOf, OpenError, ScriptlogError, UsageError } from '../errors.ts'
import { formatLsn, type Lsn } from '../format/lsn.ts'
import type { Commit } from '../log/entry-chunks.ts'
import { readScript } from '../script.ts'
import type { Context, LoadTarget } from './context.ts'
import { assertRoomAfter } from './numbers.ts'
import type { Plan } from './plan.ts'
import { redoEntries } from './redo.ts'
import { withFile } from './survey.ts'

export interface LoadedBase {
  readonly xid: number
  readonly timeMicros: number
}

export function loadBase({ environment, names, found, plan, target }: Context<LoadTarget>): LoadedBase {
  if (found.script.kind !== 'whole') return { xid: 0, timeMicros: 0 }
  return withFile(environment.files, names.script, (file) => {
    const script = readScript(file)
    invariant(
      script.kind === 'whole' && script.header.lsn === plan.base.lsn,
      'the base is the script in force',
    )
    try {
      target.load(script.pieces())
    } catch (error) {
      // The disk failed while the file was read: that says nothing of what is in it.
      if (error instanceof Error && 'syscall' in error) throw error
      const offset = error instanceof ScriptlogError ? error.offset : undefined
      throw inapplicable(error, 'the snapshot cannot be loaded', { path: names.script, offset })
    }
    return { xid: script.header.xid, timeMicros: script.header.timeMicros }
  })
}

export interface Redone {
  readonly records: number
  readonly xid: number
  readonly timeMicros: number
  readonly end: Lsn
  readonly lastCrc: number
  readonly skipped: readonly string[]
  /** What a new log would hold, from the last LSN that the log proves durable; undefined when it is too much. */
  readonly since:
    | { readonly start: Lsn; readonly prev: number; readonly commits: readonly Commit[] }
    | undefined
}

/** More than this is not copied into a new log: a checkpoint is made instead. */
const MOST_COPIED_BYTES = 8 << 20

export function redoAll(context: Context<LoadTarget>, base: LoadedBase): Redone {
  const { environment, found, plan, target } = context
  const last = plan.chain.segments.at(-1)
  const start = Math.max(plan.base.lsn, last?.log.end.proven ?? 0)
  let prevAtStart = start === plan.base.lsn ? plan.base.prev : undefined
  if (last !== undefined && start === last.log.header.start + last.log.header.sizeBytes) {
    prevAtStart = last.log.header.crc
  }
  let { xid, timeMicros } = base
  let records = 0
  let end = plan.chain.end
  let lastCrc = lastCrcOf(plan)
  let copiedBytes = 0
  const commits: Commit[] = []
  const skipped: string[] = []
  target.beginRedo()
  redoEntries(environment.files, found, plan, (entry) => {
    if (entry.end === start) prevAtStart = entry.crc
    if (entry.end > end) {
      end = entry.end
      lastCrc = entry.crc
    }
    if (entry.kind === 'mark') return
    try {
      // Of what stands behind damage, which the survey has not counted.
      assertRoomAfter(entry, pathAt(context, entry.lsn))
      assertEnded(entry.body)
      target.redo(entry.body)
    } catch (error) {
      // Behind skipped damage a record may find its rows missing. Anywhere else this is an error.
      if (plan.treatment !== 'skip' && plan.treatment !== 'apply-later') {
        throw unredoable(error, pathAt(context, entry.lsn), entry.lsn)
      }
      skipped.push(`LSN ${formatLsn(entry.lsn)} (xid ${entry.xid}): ${messageOf(error)}`)
      return
    }
    records++
    xid = Math.max(xid, entry.xid)
    timeMicros = Math.max(timeMicros, entry.timeMicros)
    if (entry.lsn < start) return
    copiedBytes += entry.body.length
    if (copiedBytes > MOST_COPIED_BYTES) commits.length = 0
    else commits.push({ xid: entry.xid, timeMicros: entry.timeMicros, body: entry.body.toString() })
  })
  endRedo(context)
  const isCopyable = prevAtStart !== undefined && copiedBytes <= MOST_COPIED_BYTES
  const since = isCopyable ? { start, prev: prevAtStart ?? 0, commits } : undefined
  return { records, xid, timeMicros, end, lastCrc, skipped, since }
}

/** What follows the last statement (a comment, a blank) would stand on the line that ends a copy of the record. */
function assertEnded(body: Buffer): void {
  if (body.length === 0 || body.subarray(-2).equals(STATEMENT_END)) return
  throw new ScriptlogError('SCRIPTLOG_CANNOT_REDO', 'the record does not end with a statement', {
    reason: 'recovery',
    severity: 'unrecoverable',
    hint: 'scriptlog ends each statement by a semicolon and a newline',
  })
}

const STATEMENT_END = Buffer.from(';\n')

/** Ends what the target's `beginRedo` began. */
export function endRedo({ target, names }: Context<LoadTarget>): void {
  try {
    target.endRedo()
  } catch (error) {
    throw inapplicable(error, 'the schema that the log leaves cannot be used', { path: names.log })
  }
}

/** The checksum of the entry that ends where the live logs end. */
export function lastCrcOf(plan: Plan): number {
  const last = plan.chain.segments.at(-1)
  return last?.log.crcAt.get(plan.chain.end) ?? plan.base.prev
}

/** What is told when a record of the log at `path` cannot be applied. */
export function unredoable(error: unknown, path: string, lsn: Lsn): OpenError | UsageError {
  return inapplicable(error, 'a record of the log cannot be applied', { path, lsn: formatLsn(lsn) })
}

/** The log that holds the entry at `lsn`. */
export function pathAt({ names, plan }: Context<LoadTarget>, lsn: Lsn): string {
  return plan.chain.segments.find(({ from, to }) => from <= lsn && lsn < to)?.log.path ?? names.log
}

/** The files are whole, and what they say cannot be done; unless it is the caller who is in the way. */
function inapplicable(
  error: unknown,
  what: string,
  where: Pick<ErrorDetails, 'path' | 'offset' | 'lsn'>,
): OpenError | UsageError {
  if (error instanceof UsageError) return error
  const refused = error instanceof ScriptlogError ? error.hint : undefined
  // Without where and hint, which stand at the end of this one.
  const headline = messageOf(error)
    .split('\n')[0]
    ?.replace(/ \((?:offset|LSN)[^()]*\)$/, '')
  const hint = refused ?? 'if it needs a function of yours, register it with the option setup'
  return new OpenError(`${what}: ${headline}`, {
    ...where,
    reason: 'recovery',
    subcode: refused === undefined ? 'sql' : 'refused-statement',
    cause: error,
    hint: `delete none of the files. ${hint.charAt(0).toUpperCase()}${hint.slice(1)}`,
  })
}
