// Plays a workload on memory files and writes down what was made and acknowledged when. What a database may never
// do, crash or not, is noticed here already: lose what it shows, fail with a wrong error, not open again.

import { CommitInDoubtError, messageOf, ScriptlogError } from '../../lib/errors.ts'
import { imageOf } from '../../lib/fs/image.ts'
import { type Fault, MemoryFiles } from '../../lib/fs/memory.ts'
import { isDurableStep, type Operation } from '../../lib/fs/operation.ts'
import { contentOf, countOf, firstDifference } from './content.ts'
import { HeldTime } from './held-time.ts'
import { type Moment, transactionOf } from './history.ts'
import { DIRECTORY, Process, type RandomHex } from './process.ts'
import type { JournalEntry, Recording } from './recording.ts'
import { describeError, describeImage, Violation } from './violation.ts'
import { describeStep, isPlannedFor, type PlannedFault, type Step, type Workload } from './workload.ts'

/** Plays a workload to its end; the process is killed then. */
export async function play(workload: Workload, beginning: Moment, randomHex: RandomHex): Promise<Recording> {
  const time = new HeldTime()
  const player = new Player(workload, randomHex, time, beginning)
  try {
    player.begin()
    for (const step of workload.steps) await player.play(step)
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

class Player {
  readonly files: MemoryFiles
  readonly story: string[]
  readonly #initial = imageOf({}, [DIRECTORY])
  readonly #randomHex: RandomHex
  readonly #time: HeldTime
  readonly #writeDelayMillis: number
  readonly #journal: JournalEntry[] = []
  #armed: ArmedFault[] = []
  #faultsFrom: number | undefined
  /** Operations that failed as planned. */
  #struck = 0
  /** Some call said that commits are in doubt, and no resume since. */
  #isInDoubt = false
  #acked: Moment
  #made: Moment
  #process: Process | undefined

  constructor(workload: Workload, randomHex: RandomHex, time: HeldTime, beginning: Moment) {
    this.files = new MemoryFiles({
      image: this.#initial,
      onOperation: (operation) => this.#faultFor(operation),
    })
    this.story = [`workload '${workload.name}', write delay ${workload.writeDelayMillis} ms`]
    this.#randomHex = randomHex
    this.#time = time
    this.#writeDelayMillis = workload.writeDelayMillis
    this.#acked = beginning
    this.#made = beginning
  }

  begin(): void {
    this.#note('create')
    this.#open()
  }

  recording(): Recording {
    const { files, story } = this
    const faultsFrom = this.#faultsFrom ?? 0
    return { story, initial: this.#initial, changes: files.changes, journal: this.#journal, faultsFrom }
  }

  end(): void {
    this.#process?.kill()
    this.#process = undefined
  }

  async play(step: Step): Promise<void> {
    const line = this.story.push(`${this.files.changes.length}: ${describeStep(step)}`) - 1
    const struckBefore = this.#struck
    this.#note(step.kind)
    switch (step.kind) {
      case 'commit':
        this.#commit(step.sql)
        break
      case 'turn':
        await endOfTurn()
        break
      case 'idle':
        await endOfTurn()
        this.#time.fire()
        await endOfTurn()
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
        this.end()
        this.#note(isClosed && step.mode !== 'immediately' ? 'open' : 'recovery')
        this.#open()
        break
      }
      case 'resume':
        // What was in doubt is durable then. Where nothing was, it promises nothing.
        if (this.#attempt(() => void this.#database.resume()) && this.#isInDoubt) this.#acked = this.#made
        this.#isInDoubt = false
        break
      case 'checkpoint':
      case 'flush':
        if (this.#attempt(() => void this.#database[step.kind]())) this.#acked = this.#made
        break
      case 'delay':
        this.#attempt(() => void this.#database.exec(`SET FILES WRITE DELAY ${step.millis} MILLIS`))
        break
      default:
        step satisfies never
    }
    if (this.#struck > struckBefore) this.story[line] += ` (${this.#struck - struckBefore} operations failed)`
    this.#verifyLive()
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
    try {
      this.#database.exec(transactionOf(sql))
    } catch (error) {
      this.#tell(error)
      if (this.#database.inTransaction) this.#database.exec('ROLLBACK')
      const isThere = contentOf(this.#database) === next.content
      if (!isThere) this.#made = before
      const isExpected = isThere ? error instanceof CommitInDoubtError : error instanceof ScriptlogError
      if (this.#struck === 0 || !isExpected) {
        throw new Violation(
          isThere ? 'a commit that SQLite made is not called in doubt' : 'a commit failed in a wrong way',
          describeError(error),
        )
      }
      return
    }
    if (this.#database.status().settings.writeDelayMillis === 0) this.#acked = next
  }

  /** Does something that may fail only when an operation was made to fail; false when it did. */
  #attempt(act: () => void): boolean {
    try {
      act()
      return true
    } catch (error) {
      this.#tell(error)
      if (this.#struck > 0 && error instanceof ScriptlogError) return false
      throw new Violation('a call failed in a wrong way', describeError(error))
    }
  }

  #tell(error: unknown): void {
    this.story.push(`   it threw ${messageOf(error).split('\n')[0]}`)
    if (error instanceof CommitInDoubtError) this.#isInDoubt = true
  }

  #open(): void {
    this.#isInDoubt = false
    for (let attempt = 1; this.#process === undefined; attempt++) {
      const struckBefore = this.#struck
      try {
        this.#process = new Process(this.files, this.#randomHex, { writeDelayMillis: this.#writeDelayMillis })
      } catch (error) {
        this.story.push(`   the open failed: ${messageOf(error).split('\n')[0]}`)
        const isExpected = this.#struck > struckBefore && error instanceof ScriptlogError
        if (!isExpected) throw new Violation('it does not open', describeError(error))
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
    const { length } = this.files.changes
    this.#journal.push({ changes: length, doing, acked: this.#acked, made: this.#made })
  }

  #faultFor(operation: Operation): Fault | undefined {
    if (!isDurableStep(operation)) return undefined
    for (const armed of this.#armed) {
      if (!isPlannedFor(armed.fault, operation)) continue
      if (armed.toSkip > 0) {
        armed.toSkip--
      } else if (armed.toFail > 0) {
        armed.toFail--
        this.#struck++
        return armed.fault
      }
    }
    return undefined
  }
}
