import { isUtf8 } from 'node:buffer'
import { UsageError } from '../errors.ts'
import { isSpace, upperCase, WORD_PATTERN } from './lexis.ts'
import { StatementAutomaton } from './statement-automaton.ts'

/** One statement of a longer text. */
export interface Statement {
  /** From the first to the last token: comments and white space around it and its semicolon are left out. */
  readonly text: string
  /** Where `text` begins, in UTF-16 units. */
  readonly offset: number
  /** Behind its semicolon, or the end of everything. */
  readonly end: number
  /** False for what stands at the end of the text without a semicolon. */
  readonly isComplete: boolean
}

/** One statement of a file that is read piece by piece. */
export interface StreamedStatement extends Statement {
  /** Where `text` begins in the file, in bytes. */
  readonly offset: number
  /** The line on which `text` begins, from 1. */
  readonly line: number
  /** In bytes: from there on another stream can go on. */
  readonly end: number
}

const NEWLINE = 0x0a
const SEMICOLON = 0x3b
const WORD = new RegExp(WORD_PATTERN, 'y')
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf]

/**
 * Splits SQL where SQLite's own `sqlite3_complete` does: not inside strings, quoted names and comments, and not
 * inside the body of a trigger. Empty statements are skipped.
 * Throws UsageError for a NUL outside of literals: SQLite would silently drop everything after it.
 */
export function* splitStatements(sql: string): Generator<Statement> {
  const automaton = new StatementAutomaton()
  for (let at = 0; at < sql.length; at++) {
    const code = sql.charCodeAt(at)
    if (!automaton.step(code, at)) continue
    yield {
      text: sql.slice(automaton.start, automaton.end),
      offset: automaton.start,
      end: at + 1,
      isComplete: true,
    }
    automaton.reset()
  }
  if (automaton.start >= 0) {
    yield {
      text: sql.slice(automaton.start, automaton.end),
      offset: automaton.start,
      end: sql.length,
      isComplete: false,
    }
  }
}

/** The first words of a statement in upper case, at most `count`: up to the first token that is no bare word. */
export function leadingKeywords(sql: string, count: number): string[] {
  const words: string[] = []
  let at = 0
  while (words.length < count) {
    at = skipBlank(sql, at, words.length === 0)
    WORD.lastIndex = at
    const found = WORD.exec(sql)?.[0]
    if (found === undefined) break
    words.push(upperCase(found))
    at += found.length
  }
  return words
}

/** Position of the next token: after white space, comments and, if wanted, empty statements. */
export function skipBlank(sql: string, from: number, skipsSemicolons = false): number {
  let at = from
  for (;;) {
    const code = sql.charCodeAt(at)
    if (isSpace(code) || (skipsSemicolons && code === SEMICOLON)) {
      at++
    } else if (sql.startsWith('--', at)) {
      const newline = sql.indexOf('\n', at)
      at = newline < 0 ? sql.length : newline
    } else if (sql.startsWith('/*', at)) {
      const close = sql.indexOf('*/', at + 2)
      at = close < 0 ? sql.length : close + 2
    } else {
      return at
    }
  }
}

/**
 * One statement with its end: a semicolon that SQLite will see. The text that SQLite keeps of a view or an
 * index may end inside a comment, where a semicolon alone would be part of the comment.
 */
export function terminated(sql: string): string {
  const automaton = new StatementAutomaton()
  for (let at = 0; at < sql.length; at++) automaton.step(sql.charCodeAt(at), at)
  switch (automaton.inside) {
    case 'line-comment':
      return `${sql}\n;`
    case 'block-comment':
      return `${sql}*/;`
    default:
      return `${sql};`
  }
}

/**
 * Splits a file of SQL of any size, fed in pieces of any size. Memory is bounded by the largest statement.
 * Throws UsageError for a NUL outside of literals and for statements that are not UTF-8.
 */
export class StatementStream {
  readonly #automaton = new StatementAutomaton()
  /** Bytes since the first token of the statement under way, in pieces. */
  #pending: Uint8Array[] = []
  #offset: number
  #line: number
  #startLine = 1

  /** `from` is where the first piece stands in the file, in bytes, and on which line. */
  constructor(from: { readonly offset: number; readonly line: number } = { offset: 0, line: 1 }) {
    this.#offset = from.offset
    this.#line = from.line
  }

  /** The line that has been reached. */
  get line(): number {
    return this.#line
  }

  /**
   * The statements that `bytes` completes, each as soon as it is found: what is wrong behind one takes nothing away
   * from it. All of them must be taken before the next piece is fed.
   */
  *feed(bytes: Uint8Array): Generator<StreamedStatement> {
    const automaton = this.#automaton
    const base = this.#offset
    for (let at = 0; at < bytes.length; at++) {
      const code = bytes[at] ?? 0
      // A byte order mark at the beginning of a file is no part of its first statement.
      if (code === BYTE_ORDER_MARK[base + at]) continue
      const isEnd = automaton.step(code, base + at)
      if (automaton.start === base + at) this.#startLine = this.#line
      if (code === NEWLINE) this.#line++
      if (!isEnd) continue
      this.#keep(bytes.subarray(0, at))
      yield this.#take(true, base + at + 1)
    }
    // A copy (which slice() of a Buffer is not): the caller may use its buffer again.
    this.#keep(Buffer.from(bytes))
    this.#offset = base + bytes.length
  }

  /** What stands at the end of the file without a semicolon, if anything does. */
  end(): StreamedStatement | undefined {
    return this.#automaton.start < 0 ? undefined : this.#take(false, this.#offset)
  }

  /** Remembers what `bytes`, the beginning of the piece that is being read, adds to the statement under way. */
  #keep(bytes: Uint8Array): void {
    const { start } = this.#automaton
    if (start < 0) this.#pending = []
    else if (start < this.#offset) this.#pending.push(bytes)
    else this.#pending = [bytes.subarray(start - this.#offset)]
  }

  #take(isComplete: boolean, end: number): StreamedStatement {
    const { start, end: textEnd } = this.#automaton
    const bytes = Buffer.concat(this.#pending).subarray(0, textEnd - start)
    this.#pending = []
    this.#automaton.reset()
    if (!isUtf8(bytes)) {
      throw new UsageError(`the statement on line ${this.#startLine} is not UTF-8`, { offset: start })
    }
    return { text: bytes.toString('utf8'), offset: start, line: this.#startLine, end, isComplete }
  }
}
