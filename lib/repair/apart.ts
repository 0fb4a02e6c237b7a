// What is not certain is kept apart, in the `.rejected/` of the new database: as SQL that a person can read and, trusting
// it, run; and damaged bytes as they are. Each piece says from which file and position it comes, and why it is here.

import { isUtf8 } from 'node:buffer'
import { crc32, formatCrc } from '../format/checksum.ts'
import { formatLsn } from '../format/lsn.ts'
import { ownStatements } from '../format/own-statements.ts'
import { rowFragments } from '../format/row-fragments.ts'
import type { AppendFile, Files } from '../fs/files.ts'
import { type Names, rejectedPath, shortName } from '../names.ts'
import { withFile } from '../recovery/survey.ts'
import { piecesOf } from '../script.ts'
import type { ByteRange } from '../script-remains.ts'
import type { KeptApart } from './report.ts'

/** More pieces than this are kept as one: the whole file. */
const MOST_RANGES = 1000
/** So much of a damaged stretch is looked through for rows; all of it is kept as bytes. */
const MOST_SEARCHED_BYTES = 1 << 26
/** What kept SQL is. */
export type Kind = 'unverified' | 'doubtful' | 'skipped'

const OPENINGS: Readonly<Record<Kind, string>> = {
  unverified:
    'Rows and statements found in damaged bytes. Nothing proves that they are as they were written.',
  doubtful:
    'Statements that verify alone. Nothing proves that they are of the last snapshot: they may be older.',
  skipped: 'True statements that could not be applied to what was saved, and why.',
}

export class Apart {
  readonly #files: Files
  readonly #names: Names
  readonly #open = new Map<
    string,
    { readonly file: AppendFile; readonly kept: KeptApart & { ranges: ByteRange[] } }
  >()
  readonly #kept: KeptApart[] = []
  /** Rows by the table that their INSERT names; under the empty name those of which nobody knows it. */
  readonly rows = new Map<string, number>()
  /** Every file that was made or begun, so that it can be removed. */
  readonly paths: string[] = []

  constructor(files: Files, names: Names) {
    this.#files = files
    this.#names = names
  }

  /** Keeps a statement. `where` is its place in the file `from`, `note` why it is here. */
  sql(kind: Kind, from: string, where: ByteRange, note: string, text: string): void {
    const { file, kept } = this.#fileFor(kind, from)
    kept.ranges.push(where)
    file.append(Buffer.from(`-- ${shortName(from)}, offset ${where.offset}: ${plain(note)}\n${text}\n`))
  }

  countRows(table: string, count: number): void {
    this.rows.set(table, (this.rows.get(table) ?? 0) + count)
  }

  /** Keeps damaged stretches of a file as bytes, and the rows and statements that can be made out in them as SQL. */
  damage(from: string, ranges: readonly ByteRange[]): void {
    withFile(this.#files, from, (file) => {
      for (const range of ranges) {
        const searched = Math.min(range.sizeBytes, MOST_SEARCHED_BYTES)
        const text = readable(Buffer.from(file.read(range.offset, searched)))
        const found: string[] = []
        for (const fragment of rowFragments(text)) {
          if ('line' in fragment)
            found.push(isStatement(fragment.line) ? fragment.line : `-- ${plain(fragment.line)}`)
          else {
            this.countRows(unquoted(fragment.table ?? ''), 1)
            found.push(
              fragment.table === undefined ? `-- of which table is lost: ${fragment.text}` : fragment.text,
            )
          }
        }
        const note = `${range.sizeBytes} bytes that do not verify`
        if (found.length > 0) this.sql('unverified', from, range, note, found.join('\n'))
      }
      const whole = { offset: 0, sizeBytes: file.sizeBytes }
      for (const range of ranges.length > MOST_RANGES ? [whole] : ranges) this.#copy(from, file, range)
    })
  }

  /** Makes all of it durable. */
  end(): readonly KeptApart[] {
    for (const [key, { file, kept }] of this.#open) {
      file.sync()
      // A close that fails must not be tried again: the descriptor may be another file's by then.
      this.#open.delete(key)
      file.close()
      this.#kept.push(kept)
    }
    if (this.#kept.length > 0) {
      this.#files.syncDir(this.#names.rejected)
      this.#files.syncDir(this.#names.dir)
    }
    return this.#kept
  }

  /** Gives up: closes what is open. */
  abandon(): void {
    for (const { file } of this.#open.values()) file.close()
  }

  #copy(from: string, file: Parameters<typeof piecesOf>[0], range: ByteRange): void {
    const end = range.offset + range.sizeBytes
    let crc = 0
    for (const piece of piecesOf(file, range.offset, end)) crc = crc32(piece, crc)
    const place = formatLsn(range.offset).replace('/', '-')
    const path = this.#create(`${shortName(from)}.damaged.${place}.${formatCrc(crc)}`)
    this.#kept.push({ path, from, kind: 'bytes', why: 'damaged', ranges: [range] })
    const copy = this.#files.openAppend(path)
    try {
      for (const piece of piecesOf(file, range.offset, end)) copy.append(piece)
      copy.sync()
    } finally {
      copy.close()
    }
  }

  #fileFor(kind: Kind, from: string) {
    const key = `${kind} ${from}`
    const known = this.#open.get(key)
    if (known !== undefined) return known
    const path = this.#create(`${shortName(from)}.${kind}.sql`)
    const file = this.#files.openAppend(path)
    const opened = { file, kept: { path, from, kind: 'sql' as const, why: kind, ranges: [] as ByteRange[] } }
    this.#open.set(key, opened)
    file.append(Buffer.from(`-- From ${from}. ${OPENINGS[kind]}\n-- Read it before you run any of it.\n\n`))
    return opened
  }

  /** An empty file of this name, which is free. */
  #create(name: string): string {
    if (this.#files.stat(this.#names.rejected) === undefined) this.#files.makeDir(this.#names.rejected)
    const path = rejectedPath(this.#names, name)
    this.paths.push(path)
    this.#files.create(path).close()
    return path
  }
}

/** A table's name as a person knows it. */
export function unquoted(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name
}

/** Bytes as lines of text; a line that is none is shown as what it is. */
function readable(bytes: Buffer): string {
  return bytes
    .toString('latin1')
    .split('\n')
    .map((line) => {
      const own = Buffer.from(line, 'latin1')
      return isUtf8(own) && !own.includes(0) ? own.toString('utf8') : `not text: ${own.toString('latin1')}`
    })
    .join('\n')
}

/** On one line, without control characters: nothing in it can end the comment. */
function plain(text: string): string {
  const shown = text.replace(/[\0-\x1f\x7f-\x9f\u2028\u2029]+/g, ' ')
  return shown.length > 2000 ? `${shown.slice(0, 2000)}…` : shown
}

function isStatement(line: string): boolean {
  try {
    const [statement, another] = [...ownStatements(line)]
    return (
      statement !== undefined &&
      another === undefined &&
      statement.kind !== 'begin' &&
      statement.kind !== 'commit'
    )
  } catch {
    return false
  }
}
