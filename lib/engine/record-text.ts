import { constants } from 'node:buffer'

/** Rows of one multi-row statement: enough for a fast redo, few enough for a person to find the statement's end. */
const ROWS_PER_STATEMENT = 1000
const CHARACTERS_PER_STATEMENT = 1 << 20
/** What a record may have so that its frame still fits into the same string. */
const MOST_CHARACTERS = constants.MAX_STRING_LENGTH - 4096

/**
 * The SQL of one record, or of a part of it, while it is being put together. Deletions come first, then changes
 * of rows that are there, then new rows: in this order no UNIQUE constraint is violated on the way.
 */
export class RecordText {
  readonly #versions: string[] = []
  readonly #deletions: string[] = []
  readonly #changes: string[] = []
  readonly #insertions: string[] = []
  readonly #highestWritten = new Map<string, bigint>()
  readonly #writtenInParts = new Set<string>()
  #rows = 0

  /** Rows written or deleted. */
  get rows(): number {
    return this.#rows
  }

  /** A statement with versions of rows that are not their last ones; see row-versions.ts. */
  addVersions(statement: string, rows: number): void {
    this.#versions.push(statement)
    this.#rows += rows
  }

  delete(statement: string, rows: number): void {
    this.#deletions.push(statement)
    this.#rows += rows
  }

  change(statement: string, rows: number): void {
    this.#changes.push(statement)
    this.#rows += rows
  }

  insert(statement: string, rows: number): void {
    this.#insertions.push(statement)
    this.#rows += rows
  }

  /** Remembers that a table with AUTOINCREMENT is written also before its rows get their last values. */
  noteWrittenInParts(table: string): void {
    this.#writtenInParts.add(table)
  }

  get writtenInParts(): ReadonlySet<string> {
    return this.#writtenInParts
  }

  /** Remembers that INSERT or REPLACE writes this rowid to a table with AUTOINCREMENT. */
  noteWritten(table: string, rowid: bigint): void {
    const highest = this.#highestWritten.get(table)
    if (highest === undefined || highest < rowid) this.#highestWritten.set(table, rowid)
  }

  /** The highest rowids that INSERT and REPLACE write, by table. */
  get highestWritten(): ReadonlyMap<string, bigint> {
    return this.#highestWritten
  }

  /** All statements, each ended by `;` and a newline; undefined when they exceed what a string can hold. */
  sql(): string | undefined {
    return joined(this.#versions.concat(this.#deletions, this.#changes, this.#insertions))
  }
}

/** Texts as one; undefined when one of them is, or when they exceed what a string can hold. */
export function joined(texts: readonly (string | undefined)[]): string | undefined {
  let length = 0
  for (const text of texts) {
    if (text === undefined) return undefined
    length += text.length
  }
  if (length > MOST_CHARACTERS) return undefined
  return texts.length === 1 ? texts[0] : texts.join('')
}

/** Gathers tuples `(…)` into statements `INSERT INTO … VALUES(…),(…);`, one row to a line. */
export class TupleStatements {
  /** What stands before the tuples: `INSERT INTO "t"("a")`. */
  readonly #head: string
  readonly #take: (statement: string, rows: number) => void
  #tuples: string[] = []
  #rows = 0
  #length = 0

  constructor(head: string, take: (statement: string, rows: number) => void) {
    this.#head = head
    this.#take = take
  }

  /** `tuples` are `rows` tuples joined by commas. */
  add(tuples: string, rows: number): void {
    this.#tuples.push(tuples)
    this.#rows += rows
    this.#length += tuples.length
    if (this.#rows >= ROWS_PER_STATEMENT || this.#length >= CHARACTERS_PER_STATEMENT) this.end()
  }

  end(): void {
    if (this.#rows === 0) return
    this.#take(`${this.#head} VALUES${this.#tuples.join(',\n')};\n`, this.#rows)
    this.#tuples = []
    this.#rows = 0
    this.#length = 0
  }
}
