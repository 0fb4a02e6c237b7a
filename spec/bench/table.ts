// The table that all benchmarks fill: rows of about 100 bytes.

import BetterSqlite3 from 'better-sqlite3'
import { Database } from '../../lib/database/database.ts'
import type { DatabaseOptions } from '../../lib/database/options.ts'

export const CREATE = 'CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, price REAL, note TEXT)'
export const INSERT = 'INSERT INTO item(id, name, price, note) VALUES(?, ?, ?, ?)'

export type Row = readonly [id: number, name: string, price: number, note: string]

/** The row with this key; its values follow from the key. */
export function rowOf(id: number): Row {
  const mixed = (id * 2_654_435_761) % 4_294_967_296
  return [
    id,
    `item number ${mixed}`,
    mixed / 128,
    `a note of some length, it's about ${mixed.toString(36)} and ${id}`,
  ]
}

/** What ours and the peers have in common. */
export interface Sql {
  exec(sql: string): unknown
  prepare(sql: string): {
    run(...params: unknown[]): unknown
    get(...params: unknown[]): unknown
    all(...params: unknown[]): unknown[]
  }
}

export function open(dir: string, options: DatabaseOptions = {}): Database {
  return new Database(`${dir}/app`, { logSize: 0, ...options })
}

/** SQLite on a file in WAL mode. */
export function openWal(dir: string, synchronous: 'NORMAL' | 'FULL'): BetterSqlite3.Database {
  const db = new BetterSqlite3(`${dir}/peer.db`)
  db.pragma('journal_mode = WAL')
  db.pragma(`synchronous = ${synchronous}`)
  return db
}

/** Fills the table in transactions of 10,000 rows. */
export function fill(db: Sql, rows: number): void {
  db.exec(CREATE)
  insertRows(db, 1, rows, 10_000)
}

export function insertRows(db: Sql, from: number, to: number, rowsEach: number): void {
  const insert = db.prepare(INSERT)
  for (let id = from; id <= to; id++) {
    if ((id - from) % rowsEach === 0) db.exec(id === from ? 'BEGIN' : 'COMMIT; BEGIN')
    insert.run(...rowOf(id))
  }
  db.exec('COMMIT')
}
