import { UsageError } from '../errors.ts'
import { crc32 } from '../format/checksum.ts'
import { StatementStream, type StreamedStatement } from '../format/sql-scanner.ts'
import { StatementError, sentenceOf } from './errors.ts'

/** A statement of an input, with what must be known to go on behind it. */
export interface InputStatement extends StreamedStatement {
  /** The line of `end`. */
  readonly endLine: number
  /** Checksum of everything before `end`. */
  readonly checksum: number
}

/** A place between two statements of an input. */
export interface InputPosition {
  readonly offset: number
  readonly line: number
  /** Checksum of everything before it. */
  readonly checksum: number
}

export const INPUT_START: InputPosition = { offset: 0, line: 1, checksum: 0 }

/** Cuts SQL of any size, given in pieces of any size, into statements, from the beginning or from a position on. */
export class StatementCutter {
  readonly #stream: StatementStream
  #offset: number
  #checksum: number

  constructor(from: InputPosition) {
    this.#stream = new StatementStream(from)
    this.#offset = from.offset
    this.#checksum = from.checksum
  }

  /** How much has been read, statements or not. */
  get offset(): number {
    return this.#offset
  }

  /** The line that has been reached. */
  get line(): number {
    return this.#stream.line
  }

  /**
   * The statements that `bytes` completes. All of them must be taken before the next piece is fed.
   * @throws {StatementError} for what is no SQL text: a NUL outside of literals, bytes that are not UTF-8.
   */
  *feed(bytes: Uint8Array): Generator<InputStatement> {
    let done = 0
    try {
      for (const statement of this.#stream.feed(bytes)) {
        const end = statement.end - this.#offset
        this.#checksum = crc32(bytes.subarray(done, end), this.#checksum)
        done = end
        yield this.#withPosition(statement)
      }
    } catch (error) {
      throw this.#placed(error)
    }
    this.#checksum = crc32(bytes.subarray(done), this.#checksum)
    this.#offset += bytes.length
  }

  /** What stands at the end without a semicolon, if anything does. */
  end(): InputStatement | undefined {
    try {
      const statement = this.#stream.end()
      return statement === undefined ? undefined : this.#withPosition(statement)
    } catch (error) {
      throw this.#placed(error)
    }
  }

  #withPosition(statement: StreamedStatement): InputStatement {
    return { ...statement, endLine: this.#stream.line, checksum: this.#checksum }
  }

  /** The scanner stands where it found the fault. */
  #placed(error: unknown): unknown {
    if (!(error instanceof UsageError)) return error
    const place = { line: this.#stream.line, offset: error.offset ?? this.#offset }
    return new StatementError(sentenceOf(error).replace(/ \(offset \d+\)$/, ''), place, { cause: error })
  }
}
