// Statements: committed one by one, synced one by one, in bulk; reads.

import BetterSqlite3 from 'better-sqlite3'
import type { Act, Comparison } from './measure.ts'
import { CREATE, fill, INSERT, insertRows, open, openWal, rowOf, type Sql } from './table.ts'

type Closing = Sql & { close(): unknown }

/** An act on a database that is closed, as cheaply as possible, afterwards. */
function on<D extends Closing>(db: D, run: (db: D) => void | Promise<void>): Act {
  return { run: () => run(db), end: () => void db.close() }
}

function filled<D extends Closing>(db: D, rows: number): D {
  fill(db, rows)
  return db
}

function insertOneByOne(db: Sql, count: number): void {
  const insert = db.prepare(INSERT)
  for (let id = 1; id <= count; id++) insert.run(...rowOf(id))
}

export function statementComparisons(rows: number): Comparison[] {
  const synced = Math.max(50, Math.min(2000, rows / 50))
  const waves = Math.max(1, Math.floor(synced / 64))
  const created = <D extends Closing>(db: D): D => {
    db.exec(CREATE)
    return db
  }
  const wal = (synchronous: 'NORMAL' | 'FULL') => `SQLite WAL ${synchronous}`
  return [
    {
      name: 'insert: autocommit, default write delay',
      units: rows,
      unit: 'rows',
      ours: { name: 'scriptlog', prepare: (dir) => on(created(open(dir)), (db) => insertOneByOne(db, rows)) },
      peer: {
        name: wal('NORMAL'),
        prepare: (dir) => on(created(openWal(dir, 'NORMAL')), (db) => insertOneByOne(db, rows)),
      },
    },
    {
      name: 'insert: autocommit, each synced',
      units: synced,
      unit: 'rows',
      ours: {
        name: 'scriptlog, write delay 0',
        prepare: (dir) => on(created(open(dir, { writeDelayMillis: 0 })), (db) => insertOneByOne(db, synced)),
      },
      peer: {
        name: wal('FULL'),
        prepare: (dir) => on(created(openWal(dir, 'FULL')), (db) => insertOneByOne(db, synced)),
      },
    },
    {
      name: 'insert: 64 at a time await flushed()',
      units: waves * 64,
      unit: 'rows',
      ours: {
        name: 'scriptlog, many waiters share a sync',
        prepare: (dir) =>
          on(created(open(dir)), async (db) => {
            const insert = db.prepare(INSERT)
            for (let wave = 0; wave < waves; wave++) {
              const commits = Array.from({ length: 64 }, async (_, at) => {
                insert.run(...rowOf(wave * 64 + at + 1))
                await db.flushed()
              })
              await Promise.all(commits)
            }
          }),
      },
      peer: {
        name: 'scriptlog, one after another',
        prepare: (dir) =>
          on(created(open(dir)), async (db) => {
            const insert = db.prepare(INSERT)
            for (let id = 1; id <= waves * 64; id++) {
              insert.run(...rowOf(id))
              await db.flushed()
            }
          }),
      },
    },
    {
      name: 'insert: bulk, one transaction, flushed',
      units: rows,
      unit: 'rows',
      ours: {
        name: 'scriptlog',
        prepare: (dir) =>
          on(created(open(dir)), (db) => {
            insertRows(db, 1, rows, rows)
            db.flush()
          }),
      },
      peer: {
        name: wal('NORMAL'),
        prepare: (dir) => on(created(openWal(dir, 'NORMAL')), (db) => insertRows(db, 1, rows, rows)),
      },
    },
    ...[
      ['update: by key, autocommit', 'UPDATE item SET price = price + 1, note = ? WHERE id = ?'],
      ['delete: by key, autocommit', 'DELETE FROM item WHERE ? IS NOT NULL AND id = ?'],
    ].map(([name = '', sql = '']): Comparison => {
      const run = (db: Sql) => {
        const statement = db.prepare(sql)
        for (let at = 1; at <= rows; at++) statement.run(`changed ${at}`, 1 + ((at * 7919) % rows))
      }
      return {
        name,
        units: rows,
        unit: 'rows',
        ours: { name: 'scriptlog', prepare: (dir) => on(filled(open(dir), rows), run) },
        peer: { name: wal('NORMAL'), prepare: (dir) => on(filled(openWal(dir, 'NORMAL'), rows), run) },
      }
    }),
    ...[
      ['update: every row, one statement', 'UPDATE item SET price = price + 1'],
      ['update: every row, text computed', "UPDATE item SET price = price + 1, note = note || '!'"],
      ['delete: every row, one statement', 'DELETE FROM item'],
    ].map(
      ([name = '', sql = '']): Comparison => ({
        name,
        units: rows,
        unit: 'rows',
        ours: { name: 'scriptlog', prepare: (dir) => on(filled(open(dir), rows), (db) => void db.exec(sql)) },
        peer: {
          name: wal('NORMAL'),
          prepare: (dir) => on(filled(openWal(dir, 'NORMAL'), rows), (db) => void db.exec(sql)),
        },
      }),
    ),
    ...readComparisons(rows),
  ]
}

function readComparisons(rows: number): Comparison[] {
  const point = (db: Sql) => {
    const select = db.prepare('SELECT * FROM item WHERE id = ?')
    for (let at = 1; at <= rows; at++) select.get(1 + ((at * 7919) % rows))
  }
  const scan = (db: Sql) =>
    void db.prepare("SELECT count(*), sum(price), max(length(note)) FROM item WHERE name LIKE '%7%'").all()
  const all = (db: Sql) => void db.prepare('SELECT * FROM item').all()
  return [
    { name: 'select: by key', run: point },
    { name: 'select: scan with an aggregate', run: scan },
    { name: 'select: all rows', run: all },
  ].map(({ name, run }) => ({
    name,
    units: rows,
    unit: 'rows',
    ours: { name: 'scriptlog', prepare: (dir) => on(filled(open(dir), rows), run) },
    peer: {
      name: 'better-sqlite3 in memory',
      prepare: () => on(filled(new BetterSqlite3(':memory:'), rows), run),
    },
  }))
}
