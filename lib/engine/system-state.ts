import type { Database } from 'better-sqlite3'
import { type RedoneSequences, SequenceWatch } from './sequences.ts'
import type { UserStatement } from './statement-kind.ts'
import { statisticsText } from './statistics.ts'

const PRAGMAS = ['user_version', 'application_id']

/**
 * What belongs to a database and is in no table that a trigger could watch: sequences, what ANALYZE found, and
 * the numbers that PRAGMAs keep. Compared with what they were, when something may have changed them.
 */
export class SystemState {
  readonly #sqlite: Database
  readonly #sequences: SequenceWatch
  /** `user_version` and `application_id` as the last record left them. */
  #pragmas: readonly string[] = []
  #statisticsBefore: string | undefined
  #areStatisticsChanged = false
  #arePragmasSet = false
  #wasWritten = false

  constructor(sqlite: Database) {
    this.#sqlite = sqlite
    this.#sequences = new SequenceWatch(sqlite)
  }

  /** Takes what is there as known. */
  start(hasSequences: boolean): void {
    this.#sequences.start(hasSequences)
    this.#pragmas = this.#readPragmas()
  }

  /** False while nothing of this can have changed since the last record. */
  mayHaveChanged(hasSequences: boolean): boolean {
    return this.#arePragmasSet || this.#areStatisticsChanged || (hasSequences && this.#wasWritten)
  }

  beforeStatement({ mayChangeStatistics }: UserStatement): void {
    if (mayChangeStatistics) this.#statisticsBefore = statisticsText(this.#sqlite)
  }

  afterStatement({ kind, mayChange, mayChangeStatistics }: UserStatement): void {
    if (mayChange) this.#wasWritten = true
    if (mayChange && kind === 'pragma') this.#arePragmasSet = true
    if (mayChangeStatistics && this.#statisticsBefore !== statisticsText(this.#sqlite)) {
      this.#areStatisticsChanged = true
    }
  }

  /** Statements that bring the changes about at redo, at the end of a record; takes what is there as known. */
  difference(hasSequences: boolean, redone: RedoneSequences): string {
    const sequences = this.#sequences.difference(hasSequences, redone)
    const statistics = this.#areStatisticsChanged ? statisticsText(this.#sqlite) : ''
    return sequences + statistics + (this.#arePragmasSet ? this.#changedPragmas() : '')
  }

  /** The transaction is over. */
  endTransaction(): void {
    this.#areStatisticsChanged = false
    this.#arePragmasSet = false
    this.#wasWritten = false
  }

  #changedPragmas(): string {
    const before = this.#pragmas
    this.#pragmas = this.#readPragmas()
    return this.#pragmas.filter((pragma) => !before.includes(pragma)).join('')
  }

  #readPragmas(): string[] {
    return PRAGMAS.map((name) => `PRAGMA ${name}=${this.#sqlite.pragma(`main.${name}`, { simple: true })};\n`)
  }
}
