import { isUtf8 } from 'node:buffer'
import { textLiteral, textLiteralOfBytes } from './sql-literal.ts'

/** What must not stand raw in a row. */
const CONTROL = /[\0-\x1f\x7f-\x9f]/
/** The same for a text of one character per byte, whose bytes beyond ASCII may be no UTF-8. */
const NOT_ASCII_TEXT = /[\0-\x1f\x7f-\xff]/

/**
 * The SQL of `bytes` with each of its string literals written as {@link textLiteral} writes it. In `bytes` they
 * hold the text as it is, whatever it is, with only the quotes in it doubled. Names in double quotes are left alone.
 */
export function withPlainLiterals(bytes: Buffer): string {
  if (isUtf8(bytes)) {
    return rewritten(
      bytes.toString('utf8'),
      CONTROL,
      (text) => textLiteral(text),
      (name) => name,
    )
  }
  return rewritten(
    bytes.toString('latin1'),
    NOT_ASCII_TEXT,
    (text) => textLiteralOfBytes(Buffer.from(text, 'latin1')),
    (name) => Buffer.from(name, 'latin1').toString('utf8'),
  )
}

function rewritten(
  sql: string,
  suspect: RegExp,
  literalOfText: (text: string) => string,
  nameOf: (quoted: string) => string,
): string {
  const quotes = /['"]/g
  let result = ''
  let done = 0
  for (let quote = quotes.exec(sql); quote !== null; quote = quotes.exec(sql)) {
    const end = endOfQuoted(sql, quote.index)
    quotes.lastIndex = end
    const quoted = sql.slice(quote.index, end)
    if (!suspect.test(quoted)) continue
    result += sql.slice(done, quote.index)
    result += quoted.startsWith('"')
      ? nameOf(quoted)
      : literalOfText(quoted.slice(1, -1).replaceAll("''", "'"))
    done = end
  }
  return result + sql.slice(done)
}

/** Position after the quote that closes the one at `start`; a doubled one closes nothing. */
function endOfQuoted(sql: string, start: number): number {
  const quote = sql.charAt(start)
  let end = sql.indexOf(quote, start + 1) + 1
  while (sql.charAt(end) === quote) end = sql.indexOf(quote, end + 1) + 1
  return end
}
