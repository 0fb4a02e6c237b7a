// Replays plain SQL: dumps, migrations, logs of statements.
//
//   outside a transaction  BEGIN, statement, position, COMMIT: both are there or neither is
//   a transaction of its   BEGIN, statements, position, COMMIT
//   what stands alone      PRAGMA, VACUUM and the like, as they are: running them again does no harm
//
// What a file can see of this is changes(), which is that of the position; last_insert_rowid() is its own.

import type { Database } from '../../database/database.ts'
import { parseHsqldbStatement } from '../../database/hsqldb-statement.ts'
import { kindOf, pragmaOf, type StatementKind } from '../../engine/statement-kind.ts'
import { UsageError } from '../../errors.ts'
import { formatCrc, parseCrc } from '../../format/checksum.ts'
import { sentenceOf } from '../errors.ts'
import type { Input } from '../input.ts'
import { Progress } from '../progress.ts'
import { isStatementFault, runForEffect } from '../run-statement.ts'
import { INPUT_START, type InputPosition, type InputStatement, StatementCutter } from '../statement-cutter.ts'
import { type Outcome, type ReplayContext, Skipped } from './outcome.ts'
import { type Position, Positions } from './position.ts'
import { SessionPragmas } from './session-pragmas.ts'
import {
  cutStatement,
  lineMissing,
  linePassed,
  statementFailed,
  unfinishedTransaction,
} from './sql-errors.ts'
import { unreadPieces } from './unread-pieces.ts'

/** What cannot run, or has no need to run, in the transaction that carries the position. */
const STANDS_ALONE: ReadonlySet<StatementKind> = new Set<StatementKind>([
  'read',
  'pragma',
  'vacuum',
  'attach',
  'other',
  'commit',
  'rollback',
  'release',
  'rollback-to',
])

/**
 * Applies the statements of `input` that were not applied before; with `untilLine`, those that begin on that line or
 * before it.
 * @throws {StatementError} at the first statement that fails, unless failures are skipped; what was committed stays.
 * @throws {TargetNotReachableError} when `untilLine` lies before what is applied, or behind the end.
 */
export async function replaySql(
  db: Database,
  input: Input,
  untilLine: number | undefined,
  context: ReplayContext,
): Promise<Outcome> {
  const positions = new Positions(db)
  if (context.isRestart) positions.forget(input.path)
  const before = positions.read(input.path)
  if (untilLine !== undefined && before !== undefined && (before.line ?? 0) > untilLine) {
    throw linePassed(input, before.line ?? 0, untilLine)
  }
  const pragmas = new SessionPragmas(db)
  const replay = new SqlReplay(db, input, positions, pragmas, before, context)
  try {
    return await replay.run(untilLine)
  } finally {
    replay.end()
  }
}

class SqlReplay {
  readonly #db: Database
  readonly #input: Input
  readonly #positions: Positions
  readonly #pragmas: SessionPragmas
  readonly #before: Position | undefined
  readonly #context: ReplayContext
  readonly #progress: Progress
  readonly #skipped: Skipped
  readonly #cutter: StatementCutter
  /** Statements that were run; of these, those that were not in a transaction that is still open. */
  #applied = 0
  #settled = 0
  /** The line on which the transaction begins that is open. */
  #begunOnLine = 0
  /** A statement that failed has ended its transaction: the rest of it is passed over. */
  #isDiscarding = false
  #hasTable: boolean
  /** Behind the last statement that was run or passed over outside of a transaction. */
  #reached: InputPosition
  #written: InputPosition

  constructor(
    db: Database,
    input: Input,
    positions: Positions,
    pragmas: SessionPragmas,
    before: Position | undefined,
    context: ReplayContext,
  ) {
    this.#db = db
    this.#input = input
    this.#positions = positions
    this.#pragmas = pragmas
    this.#before = before
    this.#context = context
    this.#progress = new Progress(context.output, input.name, 'statement', input.sizeBytes)
    this.#skipped = new Skipped(context.output, input.name)
    this.#reached = before === undefined ? INPUT_START : placeOf(before)
    this.#written = this.#reached
    this.#cutter = new StatementCutter(this.#reached)
    this.#hasTable = before !== undefined
  }

  async run(untilLine: number | undefined): Promise<Outcome> {
    if (this.#before !== undefined) this.#pragmas.restore(this.#before.settings)
    const ended = await this.#runAll(untilLine)
    if (this.#db.inTransaction) {
      this.#db.exec('ROLLBACK')
      if (ended === 'complete')
        throw unfinishedTransaction(this.#input, { line: this.#begunOnLine, offset: this.#reached.offset })
      const line = this.#begunOnLine
      this.#context.output.warning(
        `the transaction that begins on line ${line} was open and is rolled back`,
        {
          event: 'rolled-back',
          source: this.#input.name,
          line,
        },
      )
    }
    this.#keepReached()
    return {
      source: this.#input.name,
      kind: 'sql',
      ended,
      applied: this.#settled,
      appliedBefore: this.#before?.applied ?? 0,
      wasBegun: this.#before !== undefined,
      skipped: this.#skipped.count,
      at: `line ${this.#reached.line}`,
    }
  }

  end(): void {
    if (this.#db.open) {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK')
      this.#pragmas.end()
    }
    this.#progress.end()
    this.#skipped.end()
  }

  async #runAll(untilLine: number | undefined): Promise<Outcome['ended']> {
    const { interrupt } = this.#context
    const tell = (offset: number) => this.#progress.at(offset, 0)
    for await (const piece of unreadPieces(this.#input, this.#reached, interrupt, tell)) {
      for (const statement of this.#cutter.feed(piece)) {
        if (untilLine !== undefined && statement.line > untilLine) return 'target'
        this.#apply(statement)
        this.#progress.at(statement.end, this.#applied)
        if (await interrupt.check()) return 'interrupted'
      }
    }
    if (interrupt.isRequested) return 'interrupted'
    const rest = this.#cutter.end()
    if (untilLine !== undefined && rest !== undefined && rest.line > untilLine) return 'target'
    if (rest !== undefined) throw cutStatement(this.#input, rest)
    if (untilLine !== undefined && this.#cutter.line < untilLine) {
      this.#keepReached()
      throw lineMissing(this.#input, this.#cutter.line, untilLine)
    }
    return 'complete'
  }

  #apply(statement: InputStatement): void {
    const { text } = statement
    const kind = kindOf(text)
    if (this.#isDiscarding) {
      if (kind === 'commit' || kind === 'rollback') this.#isDiscarding = false
      this.#skip(statement, 'its transaction had been rolled back by a failure')
      this.#settle(statement)
      return
    }
    const wasInTransaction = this.#db.inTransaction
    try {
      this.#refuseShutdown(text)
      if (wasInTransaction) this.#runWithin(statement, kind)
      else if (kind === 'begin' || kind === 'savepoint') this.#begin(statement)
      else if (STANDS_ALONE.has(kind) || parseHsqldbStatement(text) !== undefined) this.#run(statement)
      else this.#runAsTransaction(statement)
    } catch (error) {
      if (!isStatementFault(this.#db, error)) throw error
      if (!this.#context.skipsFailures)
        throw statementFailed(statement, error, wasInTransaction ? this.#begunOnLine : undefined)
      this.#isDiscarding = wasInTransaction && !this.#db.inTransaction && kind !== 'commit'
      this.#skip(statement, sentenceOf(error))
    }
    this.#settle(statement)
  }

  /** Between two transactions a replay may be broken off and go on. */
  #settle(statement: InputStatement): void {
    if (this.#db.inTransaction || this.#isDiscarding) return
    this.#reached = behind(statement)
    this.#settled = this.#applied
  }

  #begin(statement: InputStatement): void {
    this.#ensureTable()
    this.#run(statement)
    this.#begunOnLine = statement.line
  }

  #runWithin(statement: InputStatement, kind: StatementKind): void {
    // A RELEASE may be that of the savepoint with which the transaction began.
    if (kind === 'commit' || kind === 'release') this.#writePosition(behind(statement), 1)
    this.#run(statement)
    if (!this.#db.inTransaction && kind !== 'rollback') this.#written = behind(statement)
  }

  #runAsTransaction(statement: InputStatement): void {
    this.#ensureTable()
    this.#db.exec('BEGIN')
    try {
      runForEffect(this.#db, statement.text)
      this.#writePosition(behind(statement), 1)
      this.#db.exec('COMMIT')
    } catch (error) {
      if (this.#db.open && this.#db.inTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
    this.#applied++
    this.#written = behind(statement)
  }

  #run(statement: InputStatement): void {
    runForEffect(this.#db, statement.text)
    this.#pragmas.note(pragmaOf(statement.text))
    this.#applied++
  }

  /** So that a finished replay is known to be finished, whatever stands at its end. */
  #keepReached(): void {
    if (this.#reached.offset === this.#written.offset) return
    this.#ensureTable()
    this.#db.exec('BEGIN')
    this.#writePosition(this.#reached, 0)
    this.#db.exec('COMMIT')
    this.#written = this.#reached
  }

  #ensureTable(): void {
    if (!this.#hasTable) this.#positions.ensureTable()
    this.#hasTable = true
  }

  #writePosition(place: InputPosition, newlyApplied: number): void {
    this.#positions.write({
      source: this.#input.path,
      position: place.offset,
      checksum: formatCrc(place.checksum),
      line: place.line,
      xid: null,
      time: null,
      settings: this.#pragmas.text,
      applied: (this.#before?.applied ?? 0) + this.#applied + newlyApplied,
      skipped: (this.#before?.skipped ?? 0) + this.#skipped.count,
    })
  }

  #skip(statement: InputStatement, message: string): void {
    this.#skipped.add(`line ${statement.line}`, message)
  }

  #refuseShutdown(text: string): void {
    if (parseHsqldbStatement(text)?.kind !== 'shutdown') return
    throw new UsageError('SHUTDOWN would end the replay', { reason: 'sql' })
  }
}

function behind(statement: InputStatement): InputPosition {
  return { offset: statement.end, line: statement.endLine, checksum: statement.checksum }
}

function placeOf(position: Position): InputPosition {
  return {
    offset: position.position,
    line: position.line ?? 1,
    checksum: parseCrc(position.checksum) ?? 0,
  }
}
