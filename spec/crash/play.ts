// Plays a workload on memory files and writes down what was made and acknowledged when. What a database may never
// do, crash or not, is noticed here already: lose what it shows, fail where nothing failed below it, tell of a failure
// without its file and code, leave a file open, not open again. An operation that failed while nobody was told is
// written down: whether that may be is for the caller to say.

import type { DatabaseOptions } from '../../lib/database/options.ts'
import { CommitInDoubtError, messageOf, type ScriptlogError } from '../../lib/errors.ts'
import { imageOf } from '../../lib/fs/image.ts'
import { type Fault, MemoryFiles } from '../../lib/fs/memory.ts'
import type { Operation } from '../../lib/fs/operation.ts'
import { contentOf, countOf, firstDifference } from './content.ts'
import { HeldTime } from './held-time.ts'
import { type Moment, transactionOf } from './history.ts'
import { DIRECTORY, Process, type RandomHex } from './process.ts'
import type { JournalEntry, Recording, SilentFailure } from './recording.ts'
import { assertTold, type Strike } from './told.ts'
import { describeError, describeImage, Violation } from './violation.ts'
import { describeStep, isPlannedFor, type PlannedFault, type Step, type Workload } from './workload.ts'

/**
 * Plays a workload to its end; the process is killed then. A failure that is its first step meets the creation too.
 * `onOperation` hears of each operation, failing or not.
 */
export async function play(
  workload: Workload,
  beginning: Moment,
  randomHex: RandomHex,
  onOperation: (operation: Operation) => void = () => undefined,
): Promise<Recording> {
  const time = new HeldTime()
  const player = new Player(workload, randomHex, time, beginning, onOperation)
  try {
    const first = workload.steps.findIndex(({ kind }) => kind !== 'fail')
    for (const step of workload.steps.slice(0, first)) await player.play(step)
    player.begin()
    for (const step of workload.steps.slice(first)) await player.play(step)
    return player.recording()
  } catch (error) {
    if (error instanceof Violation) throw error.after(...player.story, describeImage(player.files.image()))
    throw error
  } finally {
    player.end()
    time.release()
  }
}

const endOfTurn = () => new Promise((resolve) => setImmediate(resolve))

interface ArmedFault {
  readonly fault: PlannedFault
  toSkip: number
  toFail: number
}

/** What there was before a call. */
interface Begun {
  readonly strikes: number
  readonly heard: number
  readonly wasWritable: boolean
}

class Player {
  readonly files: MemoryFiles
  readonly story: string[]
  readonly #initial = imageOf({}, [DIRECTORY])
  readonly #randomHex: RandomHex
  readonly #time: HeldTime
  readonly #options: DatabaseOptions
  readonly #onOperation: (operation: Operation) => void
  readonly #journal: JournalEntry[] = []
  readonly #silent: SilentFailure[] = []
  #armed: ArmedFault[] = []
  #faultsFrom: number | undefined
  /** Operations that failed as planned, in the order in which they did. */
  readonly #strikes: Strike[] = []
  /** Errors that were told as events, outside of any call. */
  readonly #heard: ScriptlogError[] = []
  /** Files that killed processes had open. */
  #abandonedFiles = 0
  /** Some call said that commits are in doubt, and no resume since. */
  #isInDoubt = false
  #doing = 'create'
  #acked: Moment
  #made: Moment
  #process: Process | undefined

  constructor(
    workload: Workload,
    randomHex: RandomHex,
    time: HeldTime,
    beginning: Moment,
    onOperation: (operation: Operation) => void,
  ) {
    this.#onOperation = onOperation
    this.files = new MemoryFiles({
      image: this.#initial,
      onOperation: (operation) => this.#faultFor(operation),
    })
    this.story = [`workload '${workload.name}', write delay ${workload.writeDelayMillis} ms`]
    this.#randomHex = randomHex
    this.#time = time
    const { writeDelayMillis, logSize } = workload
    this.#options = { writeDelayMillis, logSize }
    this.#acked = beginning
    this.#made = beginning
  }

  begin(): void {
    this.#note('create')
    this.#open()
  }

  recording(): Recording {
    const { files, story } = this
    return {
      story,
      initial: this.#initial,
      changes: files.changes,
      journal: this.#journal,
      faultsFrom: this.#faultsFrom ?? 0,
      silent: this.#silent,
    }
  }

  end(): void {
    this.#process?.kill()
    this.#process = undefined
    this.#abandonedFiles = this.files.openPaths.length
  }

  async play(step: Step): Promise<void> {
    const line = this.story.push(`${this.files.changes.length}: ${describeStep(step)}`) - 1
    const struckBefore = this.#strikes.length
    this.#note(step.kind)
    switch (step.kind) {
      case 'commit':
        this.#commit(step.sql)
        break
      case 'turn':
        await this.#inBackground(endOfTurn)
        break
      case 'idle':
        await this.#inBackground(async () => {
          await endOfTurn()
          this.#time.fire()
          await endOfTurn()
        })
        break
      case 'fail':
        this.#faultsFrom ??= this.files.changes.length
        this.#armed.push({ fault: step.fault, toSkip: step.fault.skip ?? 0, toFail: step.fault.times ?? 1 })
        break
      case 'heal':
        this.#armed = []
        break
      case 'kill':
        this.end()
        this.#note('recovery')
        this.#open()
        break
      case 'close': {
        const isClosed = this.#attempt(() => this.#database.close({ mode: step.mode }))
        if (isClosed) this.#acked = this.#made
        this.#assertNothingOpen('a closed database')
        this.end()
        this.#note(isClosed && step.mode !== 'immediately' ? 'open' : 'recovery')
        this.#open()
        break
      }
      case 'resume':
        this.#resume()
        break
      case 'checkpoint':
      case 'flush':
        if (this.#attempt(() => void this.#database[step.kind]())) this.#acked = this.#made
        break
      case 'vacuum':
        this.#attempt(() => void this.#database.exec('VACUUM'))
        break
      case 'delay':
        this.#attempt(() => void this.#database.exec(`SET FILES WRITE DELAY ${step.millis} MILLIS`))
        break
      default:
        step satisfies never
    }
    const struck = this.#strikes.length - struckBefore
    if (struck > 0) this.story[line] += ` (${struck} operations failed)`
    if (this.#process !== undefined) this.#verifyLive()
    this.#note('idle')
  }

  get #database() {
    if (this.#process === undefined) throw new Error('a process is there between the steps')
    return this.#process.database
  }

  #commit(sql: readonly string[]): void {
    const before = this.#made
    const next = before.after(sql)
    if (next === undefined) return
    // From here on a crash may find it whole.
    this.#made = next
    this.#note('commit')
    const begun = this.#begin()
    try {
      this.#database.exec(transactionOf(sql))
      this.#noteSilent(begun)
    } catch (error) {
      this.#tell(error)
      if (this.#database.inTransaction) this.#database.exec('ROLLBACK')
      const isThere = contentOf(this.#database) === next.content
      if (!isThere) this.#made = before
      if (isThere && !(error instanceof CommitInDoubtError)) {
        throw new Violation('a commit that SQLite made is not called in doubt', describeError(error))
      }
      this.#assertExpected(error, begun)
      return
    }
    if (this.#database.status().settings.writeDelayMillis === 0) this.#acked = next
  }

  /** Does something that may fail only when an operation was made to fail; false when it did. */
  #attempt(act: () => void): boolean {
    const begun = this.#begin()
    try {
      act()
      this.#noteSilent(begun)
      return true
    } catch (error) {
      this.#tell(error)
      this.#assertExpected(error, begun)
      return false
    }
  }

  #resume(): void {
    const { failure } = this.#database.status()
    const struckBefore = this.#strikes.length
    const isResumed = this.#attempt(() => void this.#database.resume())
    // What was in doubt is durable then. Where nothing was, it promises nothing.
    if (isResumed && this.#isInDoubt) this.#acked = this.#made
    if (isResumed) this.#isInDoubt = false
    const mayRefuse = failure?.severity === 'fatal' || failure?.severity === 'unrecoverable'
    if (!isResumed && this.#strikes.length === struckBefore && !mayRefuse) {
      throw new Violation('a resume fails although nothing fails any more')
    }
  }

  async #inBackground(act: () => Promise<unknown>): Promise<void> {
    const begun = this.#begin()
    await act()
    this.#noteSilent(begun)
  }

  #begin(): Begun {
    const { failure } = this.#process?.database.status() ?? {}
    return { strikes: this.#strikes.length, heard: this.#heard.length, wasWritable: failure === undefined }
  }

  /** A call fails when something fails below it, or when an earlier failure keeps the database from being written. */
  #assertExpected(error: unknown, begun: Begun): void {
    const strikes = this.#strikes.slice(begun.strikes)
    if (strikes.length === 0 && begun.wasWritable) {
      throw new Violation('a call failed although nothing failed below it', describeError(error))
    }
    assertTold(error, strikes.length > 0 ? strikes : this.#strikes)
  }

  /** The call returned: who was told of what failed meanwhile? */
  #noteSilent(begun: Begun): void {
    const strikes = this.#strikes.slice(begun.strikes)
    const heard = this.#heard.slice(begun.heard)
    for (const error of heard) assertTold(error, strikes.length > 0 ? strikes : this.#strikes)
    if (heard.length === 0) this.#silent.push(...strikes.map((strike) => ({ ...strike, doing: this.#doing })))
  }

  #tell(error: unknown): void {
    this.story.push(`   it threw ${messageOf(error).split('\n')[0]}`)
    if (error instanceof CommitInDoubtError) this.#isInDoubt = true
  }

  #open(): void {
    this.#isInDoubt = false
    for (let attempt = 1; this.#process === undefined; attempt++) {
      const begun = this.#begin()
      try {
        this.#process = new Process(this.files, this.#randomHex, this.#options)
        this.#process.database.on('backgroundError', ({ error }) => {
          this.story.push(`   an event told ${messageOf(error).split('\n')[0]}`)
          this.#heard.push(error)
        })
        this.#noteSilent(begun)
      } catch (error) {
        this.story.push(`   the open failed: ${messageOf(error).split('\n')[0]}`)
        if (this.#strikes.length === begun.strikes) {
          throw new Violation('it does not open', describeError(error))
        }
        this.#assertExpected(error, begun)
        this.#assertNothingOpen('an open that failed')
        // Somebody mends the disk.
        if (attempt >= 2) this.#armed = []
      }
    }
    const count = countOf(this.#database)
    const moment = this.#made.at(count)
    if (moment === undefined || count < this.#acked.count) {
      const range = `${this.#acked.count} to ${this.#made.count}`
      throw new Violation(`after the open ${count} transactions are there, it should be ${range}`)
    }
    const report = this.#database.status().recovery
    this.story.push(`   ${report.row}, ${count} transactions, went on with ${report.wentOn}`)
    // What is visible after an open is durable; what is not is gone.
    this.#made = moment
    this.#acked = moment
  }

  #assertNothingOpen(who: string): void {
    const left = this.files.openPaths.slice(this.#abandonedFiles)
    if (left.length > 0) throw new Violation(`${who} has files open: ${left.join()}`)
  }

  #verifyLive(): void {
    const content = contentOf(this.#database)
    if (content !== this.#made.content) {
      const difference = firstDifference(content, this.#made.content)
      throw new Violation(`what is shown is not what ${this.#made.count} transactions made`, difference)
    }
    const { log } = this.#database.status()
    if (log.durableLsn === log.endLsn) this.#acked = this.#made
  }

  #note(doing: string): void {
    this.#doing = doing
    const { length } = this.files.changes
    this.#journal.push({ changes: length, doing, acked: this.#acked, made: this.#made })
  }

  #faultFor(operation: Operation): Fault | undefined {
    this.#onOperation(operation)
    for (const armed of this.#armed) {
      if (!isPlannedFor(armed.fault, operation)) continue
      if (armed.toSkip > 0) {
        armed.toSkip--
      } else if (armed.toFail > 0 && armed.fault.only?.has(operation.kind) !== false) {
        armed.toFail--
        this.#strikes.push({ operation, code: armed.fault.code })
        return armed.fault
      }
    }
    return undefined
  }
}
