// What a command says: data on stdout, events and errors on stderr, as text for people or as JSON for programs.

import { ScriptlogError, systemCode } from '../errors.ts'
import { StatementError, sentenceOf } from './errors.ts'
import { isExpected } from './exit-code.ts'
import { type Paint, paintFor } from './paint.ts'

/** Text is handed to the operating system in pieces of about this size. */
const PIECE_LENGTH = 1 << 15

export class Output {
  readonly isJson: boolean
  /** A progress bar stands on the last line of stderr; it is drawn again at its next step. */
  hasBar = false
  /** Colours of stdout. */
  readonly paint: Paint
  readonly #errPaint: Paint
  readonly #out: NodeJS.WriteStream
  readonly #err: NodeJS.WriteStream
  #waiting = ''
  #isGone = false
  #failure: Error | undefined

  constructor(out: NodeJS.WriteStream, err: NodeJS.WriteStream, isJson: boolean) {
    this.#out = out
    this.#err = err
    this.isJson = isJson
    this.paint = paintFor(out, process.env)
    this.#errPaint = paintFor(err, process.env)
    out.on('error', (error) => this.#outFailed(error))
    // Nobody is left to be told.
    err.on('error', () => undefined)
  }

  /** True once nobody reads stdout any more (`| head`): what is still printed goes nowhere. */
  get isGone(): boolean {
    return this.#isGone
  }

  /** True when a person is looking at stdout. */
  get isTerminal(): boolean {
    return this.#out.isTTY === true
  }

  /** How wide stdout is; terminals that do not know say 0. */
  get columns(): number {
    return this.#out.columns > 0 ? this.#out.columns : 80
  }

  /** Where progress is drawn; undefined when nobody could watch it. */
  get progressStream(): NodeJS.WriteStream | undefined {
    return this.#err.isTTY === true && !this.isJson ? this.#err : undefined
  }

  /** A line of data. */
  line(text: string): void {
    if (!this.#isGone) this.#waiting += `${text}\n`
  }

  /** Data as it is. */
  async bytes(bytes: Uint8Array): Promise<void> {
    await this.flush()
    if (!this.#isGone) await this.#write(bytes)
  }

  /** Data of a stream: one line of JSON. */
  jsonLine(value: unknown): void {
    this.line(JSON.stringify(value))
  }

  /** The one document of a command that was asked for JSON. */
  document(value: unknown): void {
    this.line(JSON.stringify(value, undefined, this.isTerminal ? 2 : 0))
  }

  /** Something that happened, for people, with what a program is told of it. */
  event(text: string, forPrograms: Readonly<Record<string, unknown>>): void {
    this.#tell(this.isJson ? JSON.stringify(forPrograms) : text, (line) => line)
  }

  /** Something that a person should look at, though the work goes on. */
  warning(text: string, forPrograms: Readonly<Record<string, unknown>>): void {
    this.#tell(this.isJson ? JSON.stringify(forPrograms) : text, this.#errPaint.yellow)
  }

  error(error: unknown): void {
    if (this.isJson) {
      this.#tell(JSON.stringify({ error: describeError(error) }), (line) => line)
      return
    }
    const { bold, red, dim } = this.#errPaint
    const hint = error instanceof ScriptlogError ? error.hint : undefined
    const stack = !isExpected(error) && error instanceof Error ? `\n${dim(error.stack ?? '')}` : ''
    this.#tell(
      `${bold(red('error:'))} ${sentenceOf(error)}${hint === undefined ? '' : `\n${dim('hint:')} ${hint}`}${stack}`,
      (line) => line,
    )
  }

  /** Waits while more is waiting than a pipe holds. */
  async drained(): Promise<void> {
    if (this.#waiting.length >= PIECE_LENGTH) await this.flush()
  }

  /**
   * Hands everything to the operating system.
   * @throws what writing throws, unless the reader has merely gone.
   */
  async flush(): Promise<void> {
    const text = this.#waiting
    this.#waiting = ''
    if (text !== '' && !this.#isGone) await this.#write(text)
    if (this.#failure !== undefined) throw this.#failure
  }

  #write(chunk: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.#out.write(chunk, (error) => {
        if (error) this.#outFailed(error)
        resolve()
      })
    })
  }

  #outFailed(error: Error): void {
    this.#isGone = true
    if (systemCode(error) !== 'EPIPE') this.#failure = error
  }

  #tell(text: string, paint: (text: string) => string): void {
    const clear = this.hasBar ? '\r\x1b[K' : ''
    this.#err.write(`${clear}${paint(text)}\n`)
  }
}

function describeError(error: unknown): Record<string, unknown> {
  const place = error instanceof StatementError ? { line: error.line } : {}
  const details =
    error instanceof ScriptlogError
      ? { hint: error.hint, path: error.path, offset: error.offset, lsn: error.lsn }
      : {}
  const code = systemCode(error) ?? 'SCRIPTLOG_INTERNAL'
  return { code, message: sentenceOf(error), ...details, ...place }
}
