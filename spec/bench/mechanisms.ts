// What each way of learning what a statement did would cost: `node --expose-gc --import tsx spec/bench/mechanisms.ts`.
// Only better-sqlite3, so that these are floors: CPU time in ns per row, medians. The table in ARCHITECTURE, 5, is
// this one's output.

import { closeSync, mkdtempSync, openSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { rimrafSync } from 'rimraf'
import { crc32 } from '../../lib/format/checksum.ts'
import { literalOf } from '../../lib/format/sql-literal.ts'
import { median } from './measure.ts'

const ROWS = Number(process.argv[2] ?? 100_000)
const RUNS = Number(process.argv[3] ?? 5)
const CHUNK = 1 << 16

type Row = readonly [id: number, name: string, score: number, note: string]
const rows: readonly Row[] = Array.from({ length: ROWS }, (_, index) => {
  const id = index + 1
  return [
    id,
    `name ${id} and some more ${(id * 7919) % 1000}`,
    id * 1.5 + 0.25,
    `a note about row ${id} that isn't short, nor long`,
  ]
})

interface Table {
  readonly db: BetterSqlite3.Database
  readonly insert: BetterSqlite3.Statement<unknown[]>
  readonly update: BetterSqlite3.Statement<unknown[]>
}
type Prepare = (dir: string) => Table
type Work = (table: Table, log: Log) => void

/** Takes bytes as a log would: gathered, with a checksum, written by the chunk. */
class Log {
  readonly #bytes = Buffer.allocUnsafe(4 * CHUNK)
  readonly #file: number
  #length = 0
  crc = 0

  constructor(dir: string) {
    this.#file = openSync(join(dir, 'log'), 'w')
  }

  record(body: string): void {
    const from = this.#length
    this.#length += this.#bytes.write(
      `BEGIN;\n${body}COMMIT; --@ lsn=0/00000000 xid=1 sync=0/00000000 prev=00000000 time=2026-11-20T06:53:29.000001Z`,
      from,
    )
    this.crc = crc32(this.#bytes.subarray(from, this.#length), 1)
    this.#length += this.#bytes.write(` crc=${this.crc.toString(16)}\n`, this.#length, 'latin1')
    if (this.#length > CHUNK) this.end()
  }

  bytes(bytes: Buffer): void {
    this.crc = crc32(bytes, this.crc)
    writeSync(this.#file, bytes)
  }

  end(): void {
    writeSync(this.#file, this.#bytes, 0, this.#length)
    this.#length = 0
  }

  close(): void {
    this.end()
    closeSync(this.#file)
  }
}

function table(path: string, ...before: string[]): Table {
  const db = new BetterSqlite3(path)
  db.exec([...before, 'CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, score REAL, note TEXT)'].join(';'))
  return {
    db,
    insert: db.prepare('INSERT INTO t VALUES(?,?,?,?)'),
    update: db.prepare('UPDATE t SET score=? WHERE id=?'),
  }
}

const memory: Prepare = () => table(':memory:')
const wal: Prepare = (dir) => table(join(dir, 'db'), 'PRAGMA journal_mode=WAL', 'PRAGMA synchronous=NORMAL')
const filled =
  (prepare: Prepare): Prepare =>
  (dir) => {
    const made = prepare(dir)
    inOne(insertAll)(made)
    return made
  }
/** With a TEMP trigger for each of `events`, whose body is `body`. */
const triggered =
  (prepare: Prepare, body: string): Prepare =>
  (dir) => {
    const made = prepare(dir)
    let keys = 0
    made.db.function('touch', { varargs: true }, () => ++keys)
    made.db.exec('CREATE TEMP TABLE touched(id INTEGER PRIMARY KEY)')
    made.db.exec(`CREATE TEMP TRIGGER i AFTER INSERT ON t BEGIN ${body.replaceAll('ROW', 'NEW')}; END`)
    made.db.exec(`CREATE TEMP TRIGGER u BEFORE UPDATE ON t BEGIN ${body.replaceAll('ROW', 'OLD')}; END`)
    made.db.exec(`CREATE TEMP TRIGGER d BEFORE DELETE ON t BEGIN ${body.replaceAll('ROW', 'OLD')}; END`)
    return made
  }
const KEY_TO_JS = 'SELECT touch(ROW.id)'
const KEY_TO_TABLE = 'INSERT OR IGNORE INTO touched VALUES(ROW.id)'
const ROW_AS_TEXT =
  "SELECT touch(quote(ROW.id)||','||quote(ROW.name)||','||quote(ROW.score)||','||quote(ROW.note))"

const READ_BACK = `SELECT CAST(group_concat('('||id||','||quote(name)||','||quote(score)||','||quote(note)||')', ',
') AS BLOB) FROM t WHERE id BETWEEN ? AND ?`

const insertAll: (made: Table) => void = ({ insert }) => {
  for (const row of rows) insert.run(row)
}
const updateAll: (made: Table) => void = ({ update }) => {
  for (const [id, , score] of rows) update.run(score + 1, id)
}
const inOne =
  (work: (made: Table) => void): ((made: Table) => void) =>
  (made) => {
    made.db.exec('BEGIN')
    work(made)
    made.db.exec('COMMIT')
  }
const readBackAll: Work = ({ db }, log) => {
  const read = db.prepare<unknown[], Buffer>(READ_BACK).pluck()
  for (let id = 1; id <= ROWS; id += 1000) log.bytes(read.get(id, id + 999) ?? Buffer.alloc(0))
}
const then =
  (...works: readonly Work[]): Work =>
  (made, log) => {
    for (const work of works) work(made, log)
  }
const exec =
  (sql: string): Work =>
  ({ db }) =>
    db.exec(sql)
const insertText = ([id, name, score, note]: Row) =>
  `INSERT INTO "t"("id","name","score","note") VALUES(${id},${literalOf(name)},${literalOf(score)},${literalOf(note)});\n`
const MASS_UPDATE = 'UPDATE t SET score=score+1 WHERE id>0'
const MASS_DELETE = 'DELETE FROM t WHERE id>0'

const GROUPS: readonly (readonly [
  group: string,
  cases: readonly (readonly [name: string, prepare: Prepare, work: Work])[],
])[] = [
  [
    'insert, each its own transaction',
    [
      ['SQLite, WAL, synchronous=NORMAL', wal, insertAll],
      ['in memory, nothing captured', memory, insertAll],
      ['trigger reports the key to JS', triggered(memory, KEY_TO_JS), insertAll],
      [
        'trigger reports the key to JS; row read back, record',
        triggered(memory, KEY_TO_JS),
        ({ db, insert }, log) => {
          const read = db.prepare<unknown[], Buffer>(READ_BACK).pluck()
          for (const row of rows) {
            insert.run(row)
            log.record(`INSERT INTO "t"("id","name","score","note") VALUES${read.get(row[0], row[0])};\n`)
          }
        },
      ],
      [
        'proven: text made of the values, record',
        memory,
        ({ insert }, log) => {
          for (const row of rows) {
            insert.run(row)
            log.record(insertText(row))
          }
        },
      ],
    ],
  ],
  [
    'insert, one transaction',
    [
      ['SQLite, WAL, synchronous=NORMAL', wal, inOne(insertAll)],
      ['in memory, nothing captured', memory, inOne(insertAll)],
      ['trigger reports the row as text by quote()', triggered(memory, ROW_AS_TEXT), inOne(insertAll)],
      ['trigger writes the key to a TEMP table', triggered(memory, KEY_TO_TABLE), inOne(insertAll)],
      ['trigger reports the key to JS', triggered(memory, KEY_TO_JS), inOne(insertAll)],
      [
        'trigger reports the key to JS; ranges read back',
        triggered(memory, KEY_TO_JS),
        then(inOne(insertAll), readBackAll),
      ],
      ['proven: key from the result; ranges read back', memory, then(inOne(insertAll), readBackAll)],
      [
        'proven: text made of the values',
        memory,
        (made, log) =>
          inOne(({ insert }) => {
            for (const row of rows) {
              insert.run(row)
              log.record(insertText(row))
            }
          })(made),
      ],
    ],
  ],
  [
    'update by key, each its own transaction',
    [
      ['SQLite, WAL, synchronous=NORMAL', filled(wal), updateAll],
      ['in memory, nothing captured', filled(memory), updateAll],
      ['trigger reports the key to JS', triggered(filled(memory), KEY_TO_JS), updateAll],
      [
        'proven: text made of the values, record',
        filled(memory),
        ({ update }, log) => {
          for (const [id, , score] of rows) {
            update.run(score + 1, id)
            log.record(`UPDATE "t" SET "score"=${literalOf(score)} WHERE "id"=${id};\n`)
          }
        },
      ],
    ],
  ],
  [
    'every row updated by one statement',
    [
      ['SQLite, WAL, synchronous=NORMAL', filled(wal), exec(MASS_UPDATE)],
      ['in memory, nothing captured; proven: one line of text', filled(memory), exec(MASS_UPDATE)],
      [
        'trigger reports the key to JS; ranges read back',
        triggered(filled(memory), KEY_TO_JS),
        then(exec(MASS_UPDATE), readBackAll),
      ],
      [
        'keys asked for first; ranges read back',
        filled(memory),
        then(
          ({ db }) => db.prepare('SELECT id FROM t WHERE id>0').pluck().all(),
          exec(MASS_UPDATE),
          readBackAll,
        ),
      ],
    ],
  ],
  [
    'every row deleted by one statement',
    [
      ['SQLite, WAL, synchronous=NORMAL', filled(wal), exec(MASS_DELETE)],
      ['in memory, nothing captured; proven: one line of text', filled(memory), exec(MASS_DELETE)],
      ['trigger reports the key to JS', triggered(filled(memory), KEY_TO_JS), exec(MASS_DELETE)],
    ],
  ],
]

function nsPerRow(prepare: Prepare, work: Work): number {
  const dir = mkdtempSync(join(tmpdir(), 'scriptlog-bench-'))
  try {
    const made = prepare(dir)
    const log = new Log(dir)
    globalThis.gc?.()
    const before = process.cpuUsage()
    work(made, log)
    const { user, system } = process.cpuUsage(before)
    log.close()
    made.db.close()
    return ((user + system) * 1000) / ROWS
  } finally {
    rimrafSync(dir)
  }
}

for (const [group, cases] of GROUPS) {
  const times = cases.map((): number[] => [])
  // In turn, so that whatever else the machine does strikes all.
  for (let run = 0; run < RUNS; run++)
    for (const [at, [, prepare, work]] of cases.entries()) times[at]?.push(nsPerRow(prepare, work))
  console.log(`\n| ${group} | ns | of SQLite WAL |\n|---|---|---|`)
  const [peer = 0] = times.map(median)
  for (const [at, [name]] of cases.entries()) {
    const ns = median(times[at] ?? [])
    console.log(`| ${name} | ${ns.toFixed(0)} | ${(peer / ns).toFixed(2)} |`)
  }
}
