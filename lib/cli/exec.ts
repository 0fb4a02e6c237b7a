import { Buffer } from 'node:buffer'
import type { Database } from '../database/database.ts'
import { type Command, SETTING_OPTIONS } from './command.ts'
import { hintFor, type Place, StatementError, sentenceOf } from './errors.ts'
import { EXIT, type ExitCode } from './exit-code.ts'
import { openStandardInput } from './input.ts'
import { Interrupt } from './interrupt.ts'
import { withDatabase } from './opening.ts'
import type { Output } from './output.ts'
import { printRows } from './rows.ts'
import { isStatementFault } from './run-statement.ts'
import { INPUT_START, type InputStatement, StatementCutter } from './statement-cutter.ts'
import { counted } from './units.ts'

export const execCommand: Command = {
  name: 'exec',
  operands: ['<db>', '[sql]'],
  describes: [
    'Runs SQL and prints the rows it returns.',
    'The SQL is the argument, or standard input when that is absent or -. The database is created when there is none.',
    'On a terminal rows are a table; elsewhere values are separated by tabs, with \\N for NULL and \\t, \\n, \\\\ inside of texts.',
    'The first statement that fails ends the work; what was committed before it stays.',
  ],
  options: {
    ack: { says: 'Print `ok <xid> <lsn>` after each commit, once it is durable' },
    ...SETTING_OPTIONS,
  },
  examples: [
    'exec data/app "SELECT * FROM note"',
    'exec data/app --json "INSERT INTO note(body) VALUES(\'hello\') RETURNING id"',
    'exec data/app --ack - < changes.sql',
  ],

  run(args, output) {
    const sql = args.operands[1] ?? '-'
    return withDatabase(args, output, { mayCreate: true }, async (session) => {
      const interrupt = new Interrupt()
      const stdin = sql === '-' ? openStandardInput(process.stdin) : undefined
      try {
        if (stdin !== undefined && process.stdin.isTTY) {
          output.event('reading SQL from the terminal; Ctrl-D ends it', { event: 'reading' })
        }
        const pieces = stdin?.pieces(interrupt) ?? [Buffer.from(sql)]
        const execution = new Execution(session.db, output, interrupt, args.has('ack'))
        const code = await execution.run(pieces)
        if (interrupt.isRequested) session.closeMode = 'immediately'
        return code
      } finally {
        stdin?.close()
        interrupt.end()
      }
    })
  },
}

class Execution {
  readonly #db: Database
  readonly #output: Output
  readonly #interrupt: Interrupt
  readonly #isAcknowledging: boolean
  readonly #cutter = new StatementCutter(INPUT_START)
  /** Statements that were run outside of the transaction that is open, if one is. */
  #settled = 0
  #run = 0
  /** Where the open transaction begins. */
  #begun: Place = { line: 0, offset: 0 }

  constructor(db: Database, output: Output, interrupt: Interrupt, isAcknowledging: boolean) {
    this.#db = db
    this.#output = output
    this.#interrupt = interrupt
    this.#isAcknowledging = isAcknowledging
  }

  async run(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<ExitCode> {
    try {
      await this.#runAll(pieces)
    } finally {
      await this.#output.flush()
    }
    if (!this.#interrupt.isRequested) {
      this.#assertSettled()
      return EXIT.ok
    }
    const text = this.#rollBack()
      ? `interrupted: the transaction that begins on line ${this.#begun.line} is rolled back; what was committed before it stays`
      : `interrupted after ${counted(this.#settled, 'statement')}: what they did stays`
    this.#output.warning(text, { event: 'interrupted', settled: this.#settled })
    return this.#interrupt.exitCode
  }

  async #runAll(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    for await (const piece of pieces) {
      for (const statement of this.#cutter.feed(piece)) {
        await this.#runOne(statement)
        if (await this.#interrupt.check()) return
      }
    }
    const rest = this.#interrupt.isRequested ? undefined : this.#cutter.end()
    if (rest !== undefined) await this.#runOne(rest)
  }

  async #runOne(statement: InputStatement): Promise<void> {
    const wasInTransaction = this.#db.inTransaction
    const xidBefore = this.#db.lastCommit?.xid
    try {
      const prepared = this.#db.prepare(statement.text)
      if (prepared.reader) await printRows(prepared, this.#output, this.#interrupt)
      else prepared.run()
    } catch (error) {
      throw this.#failure(statement, error, wasInTransaction)
    }
    this.#run++
    if (!this.#db.inTransaction) this.#settled = this.#run
    else if (!wasInTransaction) this.#begun = statement
    const commit = this.#db.lastCommit
    if (!this.#isAcknowledging || commit === undefined || commit.xid === xidBefore) return
    this.#db.flush()
    if (this.#output.isJson) this.#output.jsonLine({ ok: commit })
    else this.#output.line(`ok ${commit.xid} ${commit.lsn}`)
    await this.#output.flush()
  }

  #failure(statement: InputStatement, error: unknown, wasInTransaction: boolean): unknown {
    this.#rollBack()
    if (this.#db.open && !isStatementFault(this.#db, error)) return error
    const before = `${counted(this.#settled, 'statement')} before it`
    const fate = wasInTransaction
      ? `the transaction that begins on line ${this.#begun.line} is rolled back; the work of ${before} stays`
      : `the work of ${before} stays`
    return new StatementError(sentenceOf(error), statement, {
      hint: hintFor(error, this.#settled > 0 || wasInTransaction ? fate : undefined),
      cause: error,
    })
  }

  #assertSettled(): void {
    if (!this.#rollBack()) return
    throw new StatementError(
      'the input ends within the transaction that begins here: it is rolled back',
      this.#begun,
      { hint: 'end it with COMMIT' },
    )
  }

  #rollBack(): boolean {
    if (!this.#db.inTransaction) return false
    this.#db.exec('ROLLBACK')
    return true
  }
}
