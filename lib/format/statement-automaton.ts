import { UsageError } from '../errors.ts'
import { isSpace, isWordCharacter, upperCase } from './lexis.ts'

/** In what kind of text the automaton stands. */
type Lexis =
  | 'between'
  | 'word'
  | 'quoted'
  | 'dash'
  | 'slash'
  | 'line-comment'
  | 'block-comment'
  | 'block-star'

/**
 * How far the statement has told what it is. Only `CREATE [TEMP] TRIGGER` matters: its body contains semicolons,
 * and it ends with `; END ;`.
 */
type Grammar = 'start' | 'explain' | 'create' | 'plain' | 'trigger' | 'trigger-semicolon' | 'trigger-end'

const NEWLINE = 0x0a
const STAR = 0x2a
const DASH = 0x2d
const SLASH = 0x2f
const SEMICOLON = 0x3b

/** What closes a literal or a quoted name, by what opens it. */
const CLOSING_QUOTE = new Map([
  [0x22, 0x22],
  [0x27, 0x27],
  [0x60, 0x60],
  [0x5b, 0x5d],
])

/** Longer words decide nothing. */
const LONGEST_KEYWORD = 'TEMPORARY'.length

/**
 * Finds the ends of SQL statements, one character at a time: the automaton of SQLite's `sqlite3_complete`, which
 * here also knows where the first and the last token stand. Characters are UTF-16 units or bytes of UTF-8,
 * whichever the caller has: everything that counts is ASCII.
 */
export class StatementAutomaton {
  /** Position of the first token, -1 as long as there is none. */
  start = -1
  /** Position after the last token; the semicolon that ends the statement is not one. */
  end = -1
  #lexis: Lexis = 'between'
  #grammar: Grammar = 'start'
  #closingQuote = 0
  #word = ''
  /** `start` and `end` before a `-` or `/` that may turn out to begin a comment. */
  #startBefore = -1
  #endBefore = -1

  /** What the text so far ends in. */
  get inside(): 'code' | 'quotes' | 'line-comment' | 'block-comment' {
    switch (this.#lexis) {
      case 'quoted':
        return 'quotes'
      case 'line-comment':
        return 'line-comment'
      case 'block-comment':
      case 'block-star':
        return 'block-comment'
      default:
        return 'code'
    }
  }

  /** Begins the next statement. */
  reset(): void {
    this.start = -1
    this.end = -1
    this.#lexis = 'between'
    this.#grammar = 'start'
  }

  /**
   * Takes the character `code` at position `at`; true when it is the semicolon that ends a statement (empty ones
   * are passed over). Throws UsageError for a NUL outside of quotes: SQLite would stop reading there.
   */
  step(code: number, at: number): boolean {
    switch (this.#lexis) {
      case 'quoted':
        this.end = at + 1
        if (code === this.#closingQuote) this.#lexis = 'between'
        return false
      case 'word':
        if (isWordCharacter(code)) {
          this.end = at + 1
          if (this.#word.length <= LONGEST_KEYWORD) this.#word += String.fromCharCode(code)
          return false
        }
        this.#takeWord()
        return this.#stepBetween(code, at)
      case 'between':
        return this.#stepBetween(code, at)
      case 'dash':
        if (code === DASH) return this.#beginComment('line-comment')
        this.#takeSymbol()
        return this.#stepBetween(code, at)
      case 'slash':
        if (code === STAR) return this.#beginComment('block-comment')
        this.#takeSymbol()
        return this.#stepBetween(code, at)
      case 'line-comment':
        if (code === 0) refuseNul(at)
        if (code === NEWLINE) this.#lexis = 'between'
        return false
      case 'block-comment':
      case 'block-star':
        if (code === 0) refuseNul(at)
        if (code === SLASH && this.#lexis === 'block-star') this.#lexis = 'between'
        else this.#lexis = code === STAR ? 'block-star' : 'block-comment'
        return false
    }
  }

  #stepBetween(code: number, at: number): boolean {
    this.#lexis = 'between'
    if (isSpace(code)) return false
    if (code === SEMICOLON) return this.#takeSemicolon(at)
    if (code === 0) refuseNul(at)
    this.#startBefore = this.start
    this.#endBefore = this.end
    if (this.start < 0) this.start = at
    this.end = at + 1
    if (isWordCharacter(code)) {
      this.#lexis = 'word'
      this.#word = String.fromCharCode(code)
      return false
    }
    if (code === DASH || code === SLASH) {
      this.#lexis = code === DASH ? 'dash' : 'slash'
      return false
    }
    this.#takeSymbol()
    const closingQuote = CLOSING_QUOTE.get(code)
    if (closingQuote !== undefined) {
      this.#closingQuote = closingQuote
      this.#lexis = 'quoted'
    }
    return false
  }

  #beginComment(lexis: 'line-comment' | 'block-comment'): false {
    this.start = this.#startBefore
    this.end = this.#endBefore
    this.#lexis = lexis
    return false
  }

  #takeSemicolon(at: number): boolean {
    switch (this.#grammar) {
      case 'trigger':
      case 'trigger-semicolon':
        this.#grammar = 'trigger-semicolon'
        this.end = at + 1
        return false
      case 'start':
        return false
      default:
        return true
    }
  }

  #takeSymbol(): void {
    const isInTrigger = this.#grammar.startsWith('trigger')
    this.#grammar = isInTrigger ? 'trigger' : 'plain'
  }

  #takeWord(): void {
    if (this.#grammar === 'plain') return
    this.#grammar = followingGrammar(this.#grammar, upperCase(this.#word))
  }
}

function followingGrammar(grammar: Grammar, word: string): Grammar {
  switch (grammar) {
    case 'start':
    case 'explain':
      if (word === 'CREATE') return 'create'
      if (grammar === 'start') return word === 'EXPLAIN' ? 'explain' : 'plain'
      return word === 'QUERY' || word === 'PLAN' ? 'explain' : 'plain'
    case 'create':
      if (word === 'TRIGGER') return 'trigger'
      return word === 'TEMP' || word === 'TEMPORARY' ? 'create' : 'plain'
    case 'trigger-semicolon':
      return word === 'END' ? 'trigger-end' : 'trigger'
    case 'trigger':
    case 'trigger-end':
      return 'trigger'
    case 'plain':
      return 'plain'
  }
}

function refuseNul(at: number): never {
  throw new UsageError('the SQL contains a NUL character: SQLite would silently ignore what follows it', {
    offset: at,
  })
}
