// How far each source has been replayed stands in the target database itself, written in the same transaction as
// what was applied: so a replay that is killed at any moment goes on without applying anything twice.

import type { Database } from '../../database/database.ts'
import type { Statement } from '../../engine/native.ts'
import { messageOf, ScriptlogError } from '../../errors.ts'
import { literalOf } from '../../format/sql-literal.ts'

/** How far a source has been replayed. */
export interface Position {
  /** The file's path, `-`, or, for logs and scripts of scriptlog, `database` and its id. */
  readonly source: string
  /** In bytes; for logs and scripts, the LSN up to which everything is applied. */
  readonly position: number
  /** Of everything before `position`; for logs, of the statements of the last record; empty after a script. */
  readonly checksum: string
  /** The line that `position` stands on; null for logs. */
  readonly line: number | null
  /** Number and time of the last commit; null for SQL. */
  readonly xid: number | null
  readonly time: string | null
  /** PRAGMAs in force at `position`, to be run again before going on. */
  readonly settings: string
  /** Statements, or transactions of a log. */
  readonly applied: number
  readonly skipped: number
}

const TABLE = '"scriptlog_replay"'
const COLUMNS = [
  'source',
  'position',
  'checksum',
  'line',
  'xid',
  'time',
  'settings',
  'applied',
  'skipped',
] as const satisfies readonly (keyof Position)[]
// Without rowids, an INSERT leaves last_insert_rowid() as the replayed statements know it.
const SHAPE = `${TABLE}("source" TEXT PRIMARY KEY,"position" INTEGER NOT NULL,"checksum" TEXT NOT NULL,"line" INTEGER,"xid" INTEGER,"time" TEXT,"settings" TEXT NOT NULL,"applied" INTEGER NOT NULL,"skipped" INTEGER NOT NULL) WITHOUT ROWID`
const NAMES = COLUMNS.map((column) => `"${column}"`).join(',')

/** As the table stands in a log that itself was filled by a replay. */
export const CREATE_TABLE = `CREATE TABLE ${SHAPE};\n`
/** Whether it is there already or not. */
export const ENSURE_TABLE = `CREATE TABLE IF NOT EXISTS ${SHAPE};\n`

/** The positions in one database. */
export class Positions {
  readonly #db: Database
  #upsert: Statement | undefined

  constructor(db: Database) {
    this.#db = db
  }

  /** @throws {ScriptlogError} when the table is there and not ours. */
  read(source: string): Position | undefined {
    const isThere = this.#db
      .prepare("SELECT 1 FROM sqlite_schema WHERE type='table' AND name='scriptlog_replay'")
      .get()
    if (isThere === undefined) return undefined
    try {
      return parsePosition(this.#db.prepare(`SELECT ${NAMES} FROM ${TABLE} WHERE "source"=?`).get(source))
    } catch (error) {
      throw new ScriptlogError(
        'SCRIPTLOG_REPLAY_TABLE',
        `the table scriptlog_replay is not one that replay made: ${messageOf(error)}`,
        {
          reason: 'sql',
          hint: 'rename it: replay keeps its positions in a table of this name',
          cause: error,
        },
      )
    }
  }

  /** Lets a replay begin anew. Not within a transaction. */
  forget(source: string): void {
    if (this.read(source) !== undefined) this.#db.prepare(`DELETE FROM ${TABLE} WHERE "source"=?`).run(source)
  }

  /** Makes sure that there is a place for positions. Not within a transaction. */
  ensureTable(): void {
    this.#db.exec(ENSURE_TABLE)
  }

  /** Part of the transaction that is open. */
  write(position: Position): void {
    this.#upsert ??= this.#db.prepare(
      `INSERT INTO ${TABLE}(${NAMES}) VALUES(${COLUMNS.map(() => '?').join(',')}) ON CONFLICT("source") DO UPDATE SET ${COLUMNS.map((column) => `"${column}"=excluded."${column}"`).join(',')}`,
    )
    this.#upsert.run(...COLUMNS.map((column) => position[column]))
  }
}

/** The statement that writes a position, as it may stand in a log. */
export function positionText(position: Position): string {
  const values = COLUMNS.map((column) => {
    const value = position[column]
    return literalOf(typeof value === 'number' ? BigInt(value) : value)
  })
  return `REPLACE INTO ${TABLE}(${NAMES}) VALUES(${values.join(',')});\n`
}

function parsePosition(row: unknown): Position | undefined {
  if (typeof row !== 'object' || row === null) return undefined
  const fields = new Map<string, unknown>(Object.entries(row))
  const text = (name: keyof Position): string => {
    const value = fields.get(name)
    if (typeof value !== 'string') throw new TypeError(`${name} is no text`)
    return value
  }
  const number = (name: keyof Position): number => {
    const value = fields.get(name)
    if (!Number.isSafeInteger(value)) throw new TypeError(`${name} is no whole number`)
    return Number(value)
  }
  return {
    source: text('source'),
    position: number('position'),
    checksum: text('checksum'),
    line: fields.get('line') === null ? null : number('line'),
    xid: fields.get('xid') === null ? null : number('xid'),
    time: fields.get('time') === null ? null : text('time'),
    settings: text('settings'),
    applied: number('applied'),
    skipped: number('skipped'),
  }
}
