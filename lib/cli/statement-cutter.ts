import { UsageError } from '../errors.ts'
import { crc32 } from '../format/checksum.ts'
import { StatementStream } from '../format/sql-scanner.ts'
import { StatementError } from './errors.ts'

/** A statement of an input, with what must be known to go on behind it. */
export interface InputStatement {
  readonly text: string
  /** Where its first token stands: the line from 1, the byte from 0. */
  readonly line: number
  readonly offset: number
  /** The byte behind its semicolon. */
  readonly end: number
  /** The line of `end`. */
  readonly endLine: number
  /** Checksum of everything before `end`. */
  readonly checksum: number
  /** False for what stands at the end without a semicolon. */
  readonly isComplete: boolean
}

/** A place between two statements of an input. */
export interface InputPosition {
  readonly offset: number
  readonly line: number
  /** Checksum of everything before it. */
  readonly checksum: number
}

export const INPUT_START: InputPosition = { offset: 0, line: 1, checksum: 0 }

const NEWLINE = 0x0a
const SEMICOLON = 0x3b

/**
 * Cuts SQL of any size, given in pieces of any size, into statements. It feeds the scanner up to each semicolon:
 * so a statement ends exactly where a piece ends, and what is wrong behind it takes nothing away from it.
 */
export class StatementCutter {
  readonly #from: InputPosition
  readonly #stream = new StatementStream()
  #offset: number
  #line: number
  #checksum: number

  constructor(from: InputPosition) {
    this.#from = from
    this.#offset = from.offset
    this.#line = from.line
    this.#checksum = from.checksum
  }

  /** How much has been read, statements or not. */
  get offset(): number {
    return this.#offset
  }

  /** The line that has been reached. */
  get line(): number {
    return this.#line
  }

  /**
   * The statements that `bytes` completes.
   * @throws {StatementError} for what is no SQL text: a NUL outside of literals, bytes that are not UTF-8.
   */
  *feed(bytes: Uint8Array): Generator<InputStatement> {
    for (let at = 0; at < bytes.length; ) {
      const semicolon = bytes.indexOf(SEMICOLON, at)
      const next = semicolon < 0 ? bytes.length : semicolon + 1
      yield* this.#feedPiece(bytes.subarray(at, next))
      at = next
    }
  }

  /** What stands at the end without a semicolon, if anything does. */
  end(): InputStatement | undefined {
    const statement = this.#understood(new Uint8Array(), () => this.#stream.end())
    return statement === undefined ? undefined : this.#placed(statement)
  }

  *#feedPiece(piece: Uint8Array): Generator<InputStatement> {
    const statements = this.#understood(piece, () => this.#stream.feed(piece))
    this.#offset += piece.length
    this.#line += newlinesIn(piece)
    this.#checksum = crc32(piece, this.#checksum)
    for (const statement of statements) yield this.#placed(statement)
  }

  #placed(statement: { text: string; line: number; offset: number; isComplete: boolean }): InputStatement {
    return {
      text: statement.text,
      line: this.#from.line + statement.line - 1,
      offset: this.#from.offset + statement.offset,
      end: this.#offset,
      endLine: this.#line,
      checksum: this.#checksum,
      isComplete: statement.isComplete,
    }
  }

  /** The scanner knows positions from where it began; errors name those in the input. */
  #understood<T>(piece: Uint8Array, scan: () => T): T {
    try {
      return scan()
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      const offset = this.#from.offset + (error.offset ?? 0)
      const nul = piece.indexOf(0)
      const isNul = nul >= 0 && this.#offset + nul <= offset
      const seen = isNul ? piece.subarray(0, offset - this.#offset) : piece
      throw new StatementError(
        isNul
          ? 'a NUL character stands outside of any literal: SQLite would silently ignore what follows it'
          : 'the statement that ends here is not UTF-8',
        { line: this.#line + newlinesIn(seen), offset },
        { cause: error },
      )
    }
  }
}

function newlinesIn(bytes: Uint8Array): number {
  let count = 0
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) count++
  return count
}
