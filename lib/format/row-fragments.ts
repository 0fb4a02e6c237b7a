// Rows in text that is damaged, or in a statement that cannot be run as a whole: each stands on a line of its own.

import { RowGrammar } from './row-grammar.ts'

/** One row as a statement that can be run alone. */
export interface RowFragment {
  /** The table as the INSERT names it, quotes included; undefined when its INSERT is not there. */
  readonly table: string | undefined
  /** `INSERT INTO … VALUES (…);`, or the tuple alone. */
  readonly text: string
}

/** What is no row: a line, or the piece of one. */
export interface OtherFragment {
  readonly line: string
}

const HEAD = /^INSERT INTO ((?:"(?:[^"]|"")*"|[a-z_][a-z_0-9]*)\((?:[^']*)\)) VALUES$/
const TABLE = /^(?:"(?:[^"]|"")*"|[a-z_][a-z_0-9]*)/

/** Takes text apart that was written as INSERTs with one row to a line. */
export function* rowFragments(text: string): Generator<RowFragment | OtherFragment> {
  let target: string | undefined
  for (const line of text.split('\n')) {
    const head = HEAD.exec(line)?.[1]
    if (head !== undefined) {
      target = head
      continue
    }
    const tuple = tupleIn(line)
    if (tuple === undefined) {
      // What follows may belong to another statement, whose first line is what was damaged.
      target = undefined
      if (line !== '') yield { line }
      continue
    }
    yield target === undefined
      ? { table: undefined, text: tuple }
      : { table: TABLE.exec(target)?.[0], text: `INSERT INTO ${target} VALUES ${tuple};` }
    if (line.endsWith(';')) target = undefined
  }
}

/** The tuple of a line that is nothing else: `(…),` or `(…);`. */
function tupleIn(line: string): string | undefined {
  if (!line.startsWith('(')) return undefined
  const bytes = Buffer.from(line)
  const grammar = new RowGrammar(bytes, 0)
  if (!grammar.tuple()) return undefined
  const rest = bytes.toString('utf8', grammar.at)
  return rest === ',' || rest === ';' ? bytes.toString('utf8', 0, grammar.at) : undefined
}
