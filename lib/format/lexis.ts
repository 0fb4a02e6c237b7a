// The characters of SQL as SQLite's own lexer sees them: nothing but ASCII counts, except for the byte order mark.

const SPACE = 0x20
/** As a UTF-16 unit; a reader of bytes skips its three bytes itself. */
const BYTE_ORDER_MARK = 0xfeff

/** The source of a pattern that finds a bare word, keywords included. */
export const WORD_PATTERN = String.raw`[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*`

/**
 * What SQLite skips between tokens. A vertical tab only counts behind other white space; elsewhere SQLite refuses
 * the statement, so that nothing depends on how it is read. A byte order mark inside a word is a part of it.
 */
export function isSpace(code: number): boolean {
  return code === SPACE || (code >= 0x09 && code <= 0x0d) || code === BYTE_ORDER_MARK
}

/** What SQLite takes as part of a word: letters, digits, `_`, `$` and everything beyond ASCII. */
export function isWordCharacter(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x5f ||
    code === 0x24 ||
    code >= 0x80
  )
}

/** A word as keywords are compared: `ı` is no `I` to SQLite. */
export function upperCase(word: string): string {
  return word.replace(/[a-z]+/g, (letters) => letters.toUpperCase())
}

/** A name as names are compared. */
export function lowerCase(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
