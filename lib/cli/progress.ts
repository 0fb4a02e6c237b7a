import cliProgress from 'cli-progress'
import type { Output } from './output.ts'
import { counted, sizeText } from './units.ts'

/** What is over sooner needs no bar. */
const QUIET_MS = 500
const LINE_EVERY_MS = 5000
const REDRAW_MS = 120

/** Tells on stderr how far a long work has come: a bar on a terminal, a line now and then anywhere else. */
export class Progress {
  readonly #output: Output
  readonly #name: string
  readonly #noun: string
  readonly #totalBytes: number | undefined
  #bar: cliProgress.SingleBar | undefined
  #lastTold = performance.now()

  /** `noun` is what is counted; without a known total there is nothing to draw a bar of. */
  constructor(output: Output, name: string, noun: string, totalBytes: number | undefined) {
    this.#output = output
    this.#name = name
    this.#noun = noun
    this.#totalBytes = totalBytes
  }

  at(doneBytes: number, count: number): void {
    const now = performance.now()
    if (now - this.#lastTold < (this.#bar === undefined ? QUIET_MS : REDRAW_MS)) return
    const stream = this.#output.progressStream
    if (stream === undefined || this.#totalBytes === undefined) {
      if (now - this.#lastTold >= LINE_EVERY_MS) this.#line(now, doneBytes, count)
      return
    }
    this.#lastTold = now
    const note = counted(count, this.#noun)
    this.#bar ??= this.#beginBar(stream, this.#totalBytes)
    this.#bar.update(doneBytes, { note })
  }

  end(): void {
    this.#bar?.stop()
    this.#bar = undefined
    this.#output.hasBar = false
  }

  #beginBar(stream: NodeJS.WriteStream, totalBytes: number): cliProgress.SingleBar {
    const bar = new cliProgress.SingleBar({
      stream,
      format: '{name} [{bar}] {percentage}% | {note} | {eta_formatted} left',
      barCompleteChar: '=',
      barIncompleteChar: ' ',
      barsize: 24,
      clearOnComplete: true,
      // Cut to the terminal's width: switching its own wrapping off would outlive a kill.
      linewrap: true,
      gracefulExit: false,
      etaBuffer: 50,
    })
    bar.start(totalBytes, 0, { name: this.#name, note: '' })
    this.#output.hasBar = true
    return bar
  }

  #line(now: number, doneBytes: number, count: number): void {
    this.#lastTold = now
    const total = this.#totalBytes
    const share =
      total === undefined
        ? sizeText(doneBytes)
        : `${Math.floor((100 * doneBytes) / Math.max(1, total))}% (${sizeText(doneBytes)} of ${sizeText(total)})`
    this.#output.event(`${this.#name}: ${share}, ${counted(count, this.#noun)}`, {
      event: 'progress',
      source: this.#name,
      doneBytes,
      totalBytes: total,
      count,
    })
  }
}
