// The grammar of the statements that write rows, byte for byte as scriptlog itself writes them:
//
//   rows      = ('INSERT INTO ' | 'REPLACE INTO ') name columns ' VALUES' tuple {',' tuple} ';'
//             | 'UPDATE ' name ' SET ' name '=' literal {',' name '=' literal} ' WHERE ' condition ';'
//             | 'DELETE FROM ' name [' WHERE ' condition] ';'
//   columns   = '(' name {',' name} ')'
//   tuple     = '(' literal {',' literal} ')'
//   condition = test {' AND ' test}
//   test      = name '=' literal | name ' IN (' literal {',' literal} ')'
//             | name ' BETWEEN ' literal ' AND ' literal
//   literal   = 'NULL' | number | blob | text
//   text      = string | 'CAST(' blob ' AS TEXT)'
//             | 'replace(' text ',' string ',char(' ('9' | '10' | '13') '))'
//   name      = '"' … '"' | word
//
// A line break or a space may stand before a tuple. Nothing in it can call anything, read anything or grow:
// what is loaded is no larger than what is written.

const NEWLINE = 0x0a
const SPACE = 0x20
const DOUBLE_QUOTE = 0x22
const QUOTE = 0x27
const OPEN = 0x28
const CLOSE = 0x29
const PLUS = 0x2b
const COMMA = 0x2c
const MINUS = 0x2d
const POINT = 0x2e
const ZERO = 0x30
const THREE = 0x33
const NINE = 0x39
const SEMICOLON = 0x3b
const EQUALS = 0x3d

/** `replace(replace(replace(…` for tabs, line ends and carriage returns: the writer nests no deeper. */
const DEEPEST_REPLACE = 3

/**
 * Reads row statements from bytes. Every method tells whether what it is named after stands at `at`, and moves
 * `at` behind it. When it does not, `at` is the first byte that does not fit: the end of the bytes when more of
 * them are needed to tell.
 */
export class RowGrammar {
  readonly #bytes: Uint8Array
  at: number

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.at = at
  }

  /** Everything after `INSERT INTO ` or `REPLACE INTO `, the semicolon included. */
  insertion(): boolean {
    if (!this.name() || !this.#byte(OPEN) || !this.name()) return false
    while (this.#bytes[this.at] === COMMA) {
      this.at++
      if (!this.name()) return false
    }
    if (!this.word(') VALUES') || !this.tuple()) return false
    while (this.#bytes[this.at] === COMMA) {
      this.at++
      if (!this.tuple()) return false
    }
    return this.#byte(SEMICOLON)
  }

  /** Everything after `UPDATE `, the semicolon included. */
  update(): boolean {
    if (!this.name() || !this.word(' SET ')) return false
    for (;;) {
      if (!this.name() || !this.#byte(EQUALS) || !this.#literal()) return false
      if (this.#bytes[this.at] !== COMMA) break
      this.at++
    }
    return this.word(' WHERE ') && this.#condition() && this.#byte(SEMICOLON)
  }

  /** Everything after `DELETE FROM `, the semicolon included. */
  deletion(): boolean {
    if (!this.name()) return false
    if (this.#bytes[this.at] === SEMICOLON) return this.#byte(SEMICOLON)
    return this.word(' WHERE ') && this.#condition() && this.#byte(SEMICOLON)
  }

  /** An identifier, in double quotes or bare. */
  name(): boolean {
    const bytes = this.#bytes
    if (bytes[this.at] !== DOUBLE_QUOTE) return this.#bareWord()
    for (let at = this.at + 1; at < bytes.length; at++) {
      const byte = bytes[at]
      if (byte === 0) return this.#stop(at)
      if (byte !== DOUBLE_QUOTE) continue
      at++
      if (bytes[at] === DOUBLE_QUOTE) continue
      this.at = at
      return true
    }
    return this.#stop(bytes.length)
  }

  /** Exactly these characters. */
  word(text: string): boolean {
    for (let index = 0; index < text.length; index++, this.at++) {
      if (this.#bytes[this.at] !== text.charCodeAt(index)) return false
    }
    return true
  }

  #condition(): boolean {
    for (;;) {
      if (!this.#test()) return false
      if (this.#bytes[this.at] !== SPACE) return true
      if (!this.word(' AND ')) return false
    }
  }

  #test(): boolean {
    if (!this.name()) return false
    if (this.#bytes[this.at] === EQUALS) {
      this.at++
      return this.#literal()
    }
    if (!this.#byte(SPACE)) return false
    if (this.#bytes[this.at] === 0x49) return this.word('IN ') && this.tuple()
    return this.word('BETWEEN ') && this.#literal() && this.word(' AND ') && this.#literal()
  }

  /** The values of one row in their brackets. */
  tuple(): boolean {
    const bytes = this.#bytes
    const blank = bytes[this.at]
    if (blank === NEWLINE || blank === SPACE) this.at++
    if (bytes[this.at] !== OPEN) return false
    do {
      this.at++
      if (!this.#literal()) return false
    } while (bytes[this.at] === COMMA)
    return this.#byte(CLOSE)
  }

  #literal(): boolean {
    const byte = this.#bytes[this.at] ?? 0
    if (byte === QUOTE) return this.#string()
    if ((byte >= ZERO && byte <= NINE) || byte === MINUS) return this.#number()
    switch (byte) {
      case 0x4e:
        return this.word('NULL')
      case 0x58:
        return this.#blob()
      default:
        return this.#text(0)
    }
  }

  #number(): boolean {
    if (this.#bytes[this.at] === MINUS) this.at++
    if (!this.#digits()) return false
    if (this.#bytes[this.at] === POINT) {
      this.at++
      if (!this.#digits()) return false
    }
    if (this.#bytes[this.at] !== 0x65) return true
    this.at++
    const sign = this.#bytes[this.at]
    if (sign === PLUS || sign === MINUS) this.at++
    return this.#digits()
  }

  #digits(): boolean {
    const bytes = this.#bytes
    const start = this.at
    let at = start
    for (; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0
      if (byte < ZERO || byte > NINE) break
    }
    this.at = at
    return at > start
  }

  #text(depth: number): boolean {
    switch (this.#bytes[this.at]) {
      case QUOTE:
        return this.#string()
      case 0x43:
        return this.word('CAST(') && this.#blob() && this.word(' AS TEXT)')
      case 0x72:
        return (
          depth < DEEPEST_REPLACE &&
          this.word('replace(') &&
          this.#text(depth + 1) &&
          this.#byte(COMMA) &&
          this.#string() &&
          this.word(',char(') &&
          this.#lineCharacter() &&
          this.word('))')
        )
      default:
        return false
    }
  }

  /** The number of a character that `replace` may bring in: 9, 10 or 13. */
  #lineCharacter(): boolean {
    if (this.#bytes[this.at] === NINE) return this.#byte(NINE)
    return this.word('1') && (this.#byte(ZERO) || this.#byte(THREE))
  }

  #string(): boolean {
    const bytes = this.#bytes
    if (bytes[this.at] !== QUOTE) return false
    for (let at = this.at + 1; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0
      if (byte > QUOTE) continue
      if (byte < SPACE) return this.#stop(at)
      if (byte !== QUOTE) continue
      at++
      if (bytes[at] === QUOTE) continue
      this.at = at
      return true
    }
    return this.#stop(bytes.length)
  }

  #blob(): boolean {
    if (!this.word("X'")) return false
    const bytes = this.#bytes
    const start = this.at
    let at = start
    for (; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0
      if (!((byte >= ZERO && byte <= NINE) || (byte >= 0x41 && byte <= 0x46))) break
    }
    this.at = at
    return (at - start) % 2 === 0 && this.#byte(QUOTE)
  }

  #bareWord(): boolean {
    const bytes = this.#bytes
    const start = this.at
    let at = start
    for (; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0
      const isLetter = (byte >= 0x61 && byte <= 0x7a) || byte === 0x5f
      if (!isLetter && !(byte >= ZERO && byte <= NINE && at > start)) break
    }
    this.at = at
    return at > start
  }

  #byte(expected: number): boolean {
    if (this.#bytes[this.at] !== expected) return false
    this.at++
    return true
  }

  #stop(at: number): false {
    this.at = at
    return false
  }
}
