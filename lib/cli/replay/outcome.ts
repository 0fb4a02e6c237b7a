import type { Interrupt } from '../interrupt.ts'
import type { Output } from '../output.ts'

/** What became of one source. */
export interface Outcome {
  readonly source: string
  readonly kind: SourceKind
  /** `complete`: nothing is left of it; `target`: more follows behind the point asked for. */
  readonly ended: 'complete' | 'target' | 'interrupted'
  /** By this call. Statements, or transactions of a log. */
  readonly applied: number
  readonly appliedBefore: number
  /** Whether an earlier call had begun it. */
  readonly wasBegun: boolean
  readonly skipped: number
  /** Where it stands now: a line, or an LSN. */
  readonly at: string
}

export type SourceKind = 'sql' | 'log' | 'script'

/** What all replays of one call share. */
export interface ReplayContext {
  readonly output: Output
  readonly interrupt: Interrupt
  readonly skipsFailures: boolean
  readonly isRestart: boolean
}

/** More are only counted. */
const MOST_LISTED = 20

/** What could not be applied and was passed over. */
export class Skipped {
  readonly #output: Output
  readonly #source: string
  #count = 0

  constructor(output: Output, source: string) {
    this.#output = output
    this.#source = source
  }

  get count(): number {
    return this.#count
  }

  add(where: string, message: string): void {
    this.#count++
    if (this.#count > MOST_LISTED) return
    this.#output.warning(`skipped ${where}: ${message}`, {
      event: 'skipped',
      source: this.#source,
      where,
      message,
    })
  }

  end(): void {
    const unlisted = this.#count - MOST_LISTED
    if (unlisted <= 0) return
    this.#output.warning(`… and ${unlisted} more were skipped`, {
      event: 'skipped-more',
      source: this.#source,
      count: unlisted,
    })
  }
}
