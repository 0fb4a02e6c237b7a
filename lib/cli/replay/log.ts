// Replays a log of scriptlog: each transaction as it was logged, with its position, in one transaction.
//
// A commit is known by its database, its number and its time: they stay the same when records are copied into a
// following log, whose LSNs are others. Whether the records of one file belong together, the log's own chain of
// checksums tells.

import type { Database } from '../../database/database.ts'
import { crc32, formatCrc } from '../../format/checksum.ts'
import { formatLsn } from '../../format/lsn.ts'
import { formatMicros } from '../../format/time.ts'
import type { LogRecord } from '../../log/entry.ts'
import { Progress } from '../progress.ts'
import { isStatementFault } from '../run-statement.ts'
import {
  cannotApply,
  damaged,
  missingBetween,
  noBase,
  otherHistory,
  reasonOf,
  xidPassed,
} from './log-errors.ts'
import { endOf, type LogSource, recordsOf } from './log-source.ts'
import { type Outcome, type ReplayContext, Skipped } from './outcome.ts'
import { CREATE_TABLE, ENSURE_TABLE, type Position, Positions, positionText } from './position.ts'

/** Transactions are handed over in batches of about this much, and signals are heard between two of them. */
const BATCH_TRANSACTIONS = 200
const BATCH_LENGTH = 1 << 20

/** A transaction on its way into the target. */
interface Due {
  readonly record: Omit<LogRecord, 'body'>
  readonly sql: string
}

/**
 * Applies the transactions of a log that were not applied before, up to and with number `lastXid`.
 * @throws {ScriptlogError} when the log does not go on where the earlier replay stopped, and for a transaction that
 * cannot be applied, unless failures are skipped; what was committed before stays.
 * @throws {CorruptionError} when the log is damaged; everything before the damage is applied.
 */
export async function replayLog(
  db: Database,
  source: LogSource,
  lastXid: number | undefined,
  context: ReplayContext,
): Promise<Outcome> {
  const replay = new LogReplay(db, source, context)
  try {
    return await replay.run(lastXid)
  } finally {
    replay.end()
  }
}

class LogReplay {
  readonly #db: Database
  readonly #source: LogSource
  readonly #context: ReplayContext
  readonly #positions: Positions
  readonly #before: Position | undefined
  readonly #progress: Progress
  readonly #skipped: Skipped
  #position: Position
  #written: Position
  #applied = 0

  constructor(db: Database, source: LogSource, context: ReplayContext) {
    this.#db = db
    this.#source = source
    this.#context = context
    this.#positions = new Positions(db)
    if (context.isRestart) this.#positions.forget(source.key)
    this.#before = this.#positions.read(source.key)
    this.#progress = new Progress(context.output, source.name, 'transaction', source.file.sizeBytes)
    this.#skipped = new Skipped(context.output, source.name)
    this.#position = this.#before ?? nothingOf(source.key)
    this.#written = this.#position
  }

  async run(lastXid: number | undefined): Promise<Outcome> {
    this.#assertBegins()
    if (lastXid !== undefined && (this.#before?.xid ?? 0) > lastXid) {
      throw xidPassed(this.#source, this.#before?.xid ?? 0, lastXid)
    }
    const records = this.#unread(lastXid)
    let ended: Outcome['ended'] = 'complete'
    for (;;) {
      const { batch, isLast } = this.#batch(records)
      this.#apply(batch)
      const applied = this.#position.position - this.#source.header.start
      this.#progress.at(Math.max(0, applied), this.#applied)
      if (isLast !== undefined) {
        ended = isLast
        break
      }
      if (await this.#context.interrupt.check()) {
        ended = 'interrupted'
        break
      }
    }
    this.#keepSkipped()
    if (ended === 'complete') this.#judgeEnd()
    return {
      source: this.#source.name,
      kind: 'log',
      ended,
      applied: this.#applied,
      appliedBefore: this.#before?.applied ?? 0,
      wasBegun: this.#before !== undefined,
      skipped: this.#skipped.count,
      at: `xid ${this.#position.xid ?? 0}, LSN ${formatLsn(this.#position.position)}`,
    }
  }

  end(): void {
    this.#progress.end()
    this.#skipped.end()
  }

  /** Without an earlier replay only the first log of all has nothing before it. */
  #assertBegins(): void {
    const { header } = this.#source
    if (this.#before !== undefined || this.#context.isRestart || header.start === 0) return
    throw noBase(this.#source)
  }

  /** The records behind the position, up to the target. Returns what ended them. */
  *#unread(lastXid: number | undefined): Generator<Due, 'complete' | 'target', void> {
    const last = this.#before?.xid ?? undefined
    let isProven = last === undefined
    for (const record of recordsOf(this.#source)) {
      if (last !== undefined && record.xid <= last) {
        if (record.xid === last) this.#assertSame(record)
        isProven ||= record.xid === last
        continue
      }
      if (!isProven && record.xid !== (last ?? 0) + 1) throw missingBetween(this.#source, record, last ?? 0)
      isProven = true
      if (lastXid !== undefined && record.xid > lastXid) return 'target'
      const { body, ...fields } = record
      yield { record: fields, sql: body.toString() }
    }
    return 'complete'
  }

  #batch(records: Iterator<Due, 'complete' | 'target', void>): {
    readonly batch: readonly Due[]
    readonly isLast: 'complete' | 'target' | undefined
  } {
    const batch: Due[] = []
    for (let length = 0; batch.length < BATCH_TRANSACTIONS && length < BATCH_LENGTH; ) {
      const next = records.next()
      if (next.done === true) return { batch, isLast: next.value }
      batch.push(next.value)
      length += next.value.sql.length
    }
    return { batch, isLast: undefined }
  }

  #apply(batch: readonly Due[]): void {
    if (batch.length === 0) return
    if (this.#written.position === 0) this.#positions.ensureTable()
    for (let rest = batch; rest.length > 0; ) {
      const appliedBefore = this.#applied
      try {
        this.#db.redo(this.#texts(rest), () => this.#committed())
        return
      } catch (error) {
        const failed = rest[this.#applied - appliedBefore]
        if (failed === undefined || !isStatementFault(this.#db, error)) throw error
        const where = `xid ${failed.record.xid} (LSN ${formatLsn(failed.record.lsn)})`
        if (!this.#context.skipsFailures) throw cannotApply(this.#source, where, failed.record, error)
        this.#skipped.add(where, reasonOf(error))
        this.#position = this.#behind(failed)
        rest = rest.slice(this.#applied - appliedBefore + 1)
      }
    }
  }

  *#texts(batch: readonly Due[]): Generator<string, void, void> {
    for (const due of batch) {
      this.#position = this.#behind(due)
      // The log of a database that was itself filled by a replay creates the table that is here already.
      const sql = due.sql === CREATE_TABLE ? ENSURE_TABLE : due.sql
      yield sql + positionText({ ...this.#position, applied: this.#position.applied + 1 })
    }
  }

  #committed(): void {
    this.#applied++
    this.#position = { ...this.#position, applied: this.#position.applied + 1 }
    this.#written = this.#position
  }

  #behind({ record, sql }: Due): Position {
    return {
      ...this.#position,
      position: record.end,
      checksum: formatCrc(crc32(sql)),
      xid: record.xid,
      time: formatMicros(record.timeMicros),
      skipped: (this.#before?.skipped ?? 0) + this.#skipped.count,
    }
  }

  /** A transaction that was skipped at the end of the log has left no position of its own. */
  #keepSkipped(): void {
    if (this.#written.position === this.#position.position) return
    const skipped = (this.#before?.skipped ?? 0) + this.#skipped.count
    this.#positions.ensureTable()
    this.#positions.write({ ...this.#position, skipped })
  }

  #assertSame(record: LogRecord): void {
    const before = this.#before
    const isSame =
      before?.time === formatMicros(record.timeMicros) &&
      (before.checksum === '' || before.checksum === formatCrc(crc32(record.body)))
    if (isSame) return
    throw otherHistory(this.#source, record)
  }

  /** A torn end is what a crash leaves, or a writer that is not done; anything else is damage. */
  #judgeEnd(): void {
    const { tail, end } = endOf(this.#source)
    if (tail.kind === 'clean') return
    const { name } = this.#source
    if (tail.kind === 'torn') {
      this.#context.output.warning(
        `${name} ends with a torn record at LSN ${formatLsn(end)}: ${tail.sizeBytes} bytes were not applied`,
        { event: 'torn', source: name, lsn: formatLsn(end), sizeBytes: tail.sizeBytes },
      )
      return
    }
    throw damaged(this.#source, end, tail)
  }
}

function nothingOf(source: string): Position {
  return {
    source,
    position: 0,
    checksum: '',
    line: null,
    xid: null,
    time: null,
    settings: '',
    applied: 0,
    skipped: 0,
  }
}
