import type { Database } from 'better-sqlite3'
import { messageOf, rootCause, ScriptlogError } from '../errors.ts'
import { SqliteError } from './sqlite.ts'

/** What any schema may take, however little the file says. */
const BASE_BYTES = 256 << 20
/** Rows are text in the file, and stand in indexes too: no honest file comes near. */
const BYTES_A_BYTE = 256
/** The limit is raised in steps: setting it costs as much as applying a small record. */
const STEP_BYTES = 64 << 20

/**
 * Keeps what is loaded from growing without measure: a generated column or an index of `zeroblob(1000000000)` makes a
 * gigabyte of each row of a few bytes. The tables may take so many times what the files hold.
 */
export class MemoryAllowance {
  readonly #sqlite: Database
  /** What was there before the files are read, and the limit of pages that was in force. */
  #before: { readonly sizeBytes: number; readonly pageBytes: number; readonly mostPages: number } | undefined
  #readBytes = 0
  #limitBytes = 0

  constructor(sqlite: Database) {
    this.#sqlite = sqlite
  }

  /**
   * Runs what so many more bytes of a file say.
   * @throws {ScriptlogError} when the tables would outgrow the files beyond measure.
   */
  within(lengthBytes: number, act: () => void): void {
    this.add(lengthBytes)
    try {
      act()
    } catch (error) {
      const cause = rootCause(error)
      if (!(cause instanceof SqliteError && cause.code === 'SQLITE_FULL')) throw error
      throw new ScriptlogError(
        'SCRIPTLOG_TOO_LARGE',
        `${BYTES_A_BYTE} times what the files hold would not be enough memory for it: ${messageOf(error).split('\n')[0]}`,
        {
          reason: 'recovery',
          severity: 'unrecoverable',
          offset: error instanceof ScriptlogError ? error.offset : undefined,
          cause: error,
          hint: 'look for a generated column, a default or an index that makes large values of small ones',
        },
      )
    }
  }

  /** So many more bytes have been read. */
  add(lengthBytes: number): void {
    this.#before ??= this.#begin()
    const { sizeBytes, pageBytes, mostPages } = this.#before
    this.#readBytes += lengthBytes
    const wantedBytes = sizeBytes + BASE_BYTES + BYTES_A_BYTE * this.#readBytes
    if (wantedBytes <= this.#limitBytes) return
    this.#limitBytes = wantedBytes + STEP_BYTES
    const pages = Math.min(mostPages, Math.ceil(this.#limitBytes / pageBytes))
    this.#sqlite.pragma(`main.max_page_count=${pages}`)
  }

  /** From here on the user writes, or other files are read. */
  end(): void {
    if (this.#before !== undefined) this.#sqlite.pragma(`main.max_page_count=${this.#before.mostPages}`)
    this.#before = undefined
    this.#readBytes = 0
    this.#limitBytes = 0
  }

  #begin(): { sizeBytes: number; pageBytes: number; mostPages: number } {
    const number = (name: string) => Number(this.#sqlite.pragma(`main.${name}`, { simple: true }))
    const pageBytes = number('page_size')
    return { sizeBytes: number('page_count') * pageBytes, pageBytes, mostPages: number('max_page_count') }
  }
}
