import { invariant } from './errors.ts'
import type { Micros } from './format/time.ts'
import type { Files } from './fs/files.ts'
import type { Commit } from './log/entry-chunks.ts'
import type { LogWriter } from './log/writer.ts'
import type { Names } from './names.ts'
import type { StateFile } from './state-file.ts'

/** What is passed in, so that nothing below asks the world for it. */
export interface Environment {
  readonly files: Files
  /** Microseconds since 1970. */
  readonly clock: () => Micros
  readonly randomHex: (bytes: number) => string
}

/**
 * The durable side of an open database, shared by commit, checkpoint and resume: the state file, the log that is
 * appended to, and the numbers that the next commit gets.
 */
export class Store {
  readonly environment: Environment
  readonly names: Names
  readonly stateFile: StateFile
  /** The log that is appended to; checkpoint and resume put another in its place. */
  log: LogWriter
  /** A checkpoint passed its commit point and its files are not all in place: the next one finishes it first. */
  hasUnfinishedCheckpoint = false
  #xid: number
  #timeMicros: Micros

  constructor(
    environment: Environment,
    names: Names,
    stateFile: StateFile,
    log: LogWriter,
    last: { readonly xid: number; readonly timeMicros: Micros },
  ) {
    this.environment = environment
    this.names = names
    this.stateFile = stateFile
    this.log = log
    this.#xid = last.xid
    this.#timeMicros = last.timeMicros
  }

  /** The last commit's number. */
  get xid(): number {
    return this.#xid
  }
  /** The last commit's time. */
  get timeMicros(): Micros {
    return this.#timeMicros
  }

  /** Numbers the next commit. Time never goes back, whatever the clock does. */
  nextCommit(body: string): Commit {
    this.#xid += 1
    this.#timeMicros = Math.max(this.environment.clock(), this.#timeMicros + 1)
    return { xid: this.#xid, timeMicros: this.#timeMicros, body }
  }

  /** Numbers a commit that no record can say: the next snapshot holds it, and differs by this from the one before. */
  numberUnlogged(): void {
    this.nextCommit('')
  }

  /**
   * Makes sure that the state on the disk admits records in the log.
   * @throws {ScriptlogError} when `.properties` cannot be replaced; nothing may be appended then.
   */
  ensureDirty(): void {
    const { modified } = this.stateFile.state
    if (!this.stateFile.isInDoubt && (modified === 'yes' || modified === 'yes-new-files')) return
    this.stateFile.set({ modified: modified === 'yes-new-files' ? modified : 'yes' })
  }

  /** Asserts what the state file's word means for the log. */
  assertMayAppend(): void {
    const { modified } = this.stateFile.state
    invariant(!this.stateFile.isInDoubt, 'nothing is appended while the state is in doubt')
    invariant(modified === 'yes' || modified === 'yes-new-files', 'records are appended only under yes')
  }
}
