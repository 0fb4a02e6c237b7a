// Checkpoint, reopen and redo at several sizes, beside SQLite doing the nearest thing in memory.

import { readFileSync } from 'node:fs'
import BetterSqlite3 from 'better-sqlite3'
import type { Comparison, Side } from './measure.ts'
import { CREATE, fill, INSERT, insertRows, open, openWal, rowOf, type Sql } from './table.ts'

export function fileComparisons(sizes: readonly number[]): Comparison[] {
  return sizes.flatMap((rows) => [
    checkpointOf(rows),
    reopenOf(rows),
    redoOf(rows, 10_000),
    redoOf(rows, 1),
    refreshOf(rows),
  ])
}

/** A large size costs seconds a run. */
function runsFor(rows: number): { readonly mostRuns: number } | Record<string, never> {
  return rows > 200_000 ? { mostRuns: 3 } : {}
}

function checkpointOf(rows: number): Comparison {
  return {
    name: `checkpoint: ${told(rows)} rows`,
    units: rows,
    unit: 'rows',
    ...runsFor(rows),
    ours: {
      name: 'scriptlog',
      prepare: (dir) => {
        const db = open(dir)
        fill(db, rows)
        return { run: () => void db.checkpoint(), end: () => void db.close({ mode: 'immediately' }) }
      },
    },
    peer: {
      name: 'SQLite VACUUM INTO a file',
      prepare: (dir) => {
        const db = new BetterSqlite3(':memory:')
        fill(db, rows)
        return { run: () => void db.exec(`VACUUM INTO '${dir}/copy.db'`), end: () => void db.close() }
      },
    },
  }
}

/** `exec` of the SQL in these files, on a database in memory. */
function execOf(text: string): ReturnType<Side['prepare']> {
  const db = new BetterSqlite3(':memory:')
  return { run: () => void db.exec(text), end: () => void db.close() }
}

function reopened(dir: string): ReturnType<Side['prepare']> {
  let db: ReturnType<typeof open> | undefined
  return {
    run: () => {
      db = open(dir)
    },
    end: () => void db?.close({ mode: 'immediately' }),
  }
}

function reopenOf(rows: number): Comparison {
  const prepare = (dir: string) => {
    const db = open(dir)
    fill(db, rows)
    db.close()
  }
  return {
    name: `reopen after a close: ${told(rows)} rows`,
    units: rows,
    unit: 'rows',
    ...runsFor(rows),
    ours: {
      name: 'scriptlog',
      prepare: (dir) => {
        prepare(dir)
        return reopened(dir)
      },
    },
    peer: {
      name: 'one exec of the same SQL',
      prepare: (dir) => {
        prepare(dir)
        return execOf(readFileSync(`${dir}/app.script`, 'utf8'))
      },
    },
  }
}

function redoOf(rows: number, rowsEach: number): Comparison {
  const prepare = (dir: string) => {
    const db = open(dir)
    db.exec(CREATE)
    insertRows(db, 1, rows, rowsEach)
    db.close({ mode: 'immediately' })
  }
  return {
    name: `redo: ${told(rows)} rows, ${rowsEach === 1 ? 'each a transaction' : `transactions of ${told(rowsEach)}`}`,
    units: rows,
    unit: 'rows',
    ...runsFor(rows),
    ours: {
      name: 'scriptlog',
      prepare: (dir) => {
        prepare(dir)
        return reopened(dir)
      },
    },
    peer: {
      name: 'one exec of the same SQL',
      prepare: (dir) => {
        prepare(dir)
        return execOf(readFileSync(`${dir}/app.log`, 'utf8'))
      },
    },
  }
}

const REFRESHES = 100

/** One new row and a refresh, again and again: what it costs must not depend on the rows that are there. */
function refreshOf(rows: number): Comparison {
  const followed = (db: Sql, read: () => unknown, end: () => void) => {
    const insert = db.prepare(INSERT)
    let id = rows
    return {
      run: () => {
        for (let round = 0; round < REFRESHES; round++) {
          insert.run(...rowOf(++id))
          read()
        }
      },
      end,
    }
  }
  return {
    name: `commit and refresh of a reader: beside ${told(rows)} rows`,
    units: REFRESHES,
    unit: 'refreshes',
    ...runsFor(rows),
    ours: {
      name: 'scriptlog',
      prepare: (dir) => {
        const db = open(dir, { writeDelayMillis: 0 })
        fill(db, rows)
        const reader = open(dir, { readonly: true })
        const count = reader.prepare('SELECT max(id) FROM item')
        return followed(
          db,
          () => [reader.refresh(), count.get()],
          () => {
            reader.close()
            db.close({ mode: 'immediately' })
          },
        )
      },
    },
    peer: {
      name: 'SQLite WAL, synchronous=FULL',
      prepare: (dir) => {
        const db = openWal(dir, 'FULL')
        fill(db, rows)
        const reader = new BetterSqlite3(`${dir}/peer.db`, { readonly: true })
        const count = reader.prepare('SELECT max(id) FROM item')
        return followed(
          db,
          () => count.get(),
          () => {
            reader.close()
            db.close()
          },
        )
      },
    },
  }
}

/** `10 k`, `1 M`. */
export function told(count: number): string {
  if (count % 1_000_000 === 0) return `${count / 1_000_000} M`
  return count % 1000 === 0 ? `${count / 1000} k` : String(count)
}
