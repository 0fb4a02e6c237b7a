// Full-text and spatial search: virtual tables of every kind live through the same story in a database of ours and in
// plain better-sqlite3. The same results and errors; after a kill, a close and a checkpoint the same once more, all rows
// of all shadow tables included. `SEED=` runs one story of each kind again.

import BetterSqlite3 from 'better-sqlite3'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../lib/format/random.ts'
import { readLog } from '../../lib/read-log.ts'
import { verify } from '../../lib/verify.ts'
import { contentOf, type Readable } from '../support/content.ts'
import { MemoryWorld } from '../support/memory-world.ts'
import { below, SEARCH_KINDS, type SearchKind } from '../support/search-tables.ts'
import { outcome, type SqlDatabase } from './twins.ts'

const STEPS = 120
const given = process.env.SEED
const SEED = given === undefined ? Date.now() : Number(given)
console.log(`seed ${SEED}`)

/** Every row of every shadow table, exactly. */
function shadowsOf(db: Readable): string {
  const all = (sql: string) => db.prepare(sql).raw().safeIntegers().all()
  const names = all(
    "SELECT name FROM pragma_table_list WHERE schema='main' AND type='shadow' ORDER BY name",
  ).flat()
  return names
    .map((name) => {
      const rows = all(`SELECT * FROM main."${name}"`).map((row) =>
        JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? `${value}` : value)),
      )
      return [`shadow table ${name}`, ...rows.sort()].join('\n')
    })
    .join('\n')
}

/** A shadow table that was renamed has other quotes than one that a module makes. */
function schemaAndRows(db: Readable): string {
  return contentOf(db).replaceAll(/CREATE TABLE (?:'|\\")(\w+)(?:'|\\")\(/g, 'CREATE TABLE $1(')
}

class Story {
  readonly told: string[] = []
  readonly #kind: SearchKind
  readonly #random: () => number
  #world = new MemoryWorld()
  #db = this.#world.open()
  #plain = new BetterSqlite3(':memory:')
  #savepoints = 0
  #isDamaged = false

  constructor(kind: SearchKind, seed: number) {
    this.#kind = kind
    this.#random = seededRandom(seed)
  }

  run(): void {
    for (const sql of this.#kind.schema) this.#both(sql)
    for (let step = 0; step < STEPS && !this.#isDamaged; step++) this.#step()
    if (this.#isDamaged) return
    this.#end()
    this.#kill()
    this.#close()
    this.#plain.close()
  }

  #step(): void {
    const dice = below(this.#random, 100)
    const { renamed } = this.#kind
    if (dice < 70) this.#both(this.#kind.change(this.#random))
    else if (dice < 76) this.#both('BEGIN')
    else if (dice < 81) this.#both('COMMIT')
    else if (dice < 82) this.#both('ROLLBACK')
    else if (dice < 85) this.#both(`SAVEPOINT s${++this.#savepoints}`)
    else if (dice < 87) this.#both(`ROLLBACK TO s${this.#savepoints}`)
    else if (dice < 88) this.#both(`RELEASE s${this.#savepoints}`)
    else if (dice < 90) this.#both('CREATE TABLE IF NOT EXISTS side(a UNIQUE, b)')
    else if (dice < 91) this.#both('DROP TABLE IF EXISTS side')
    else if (dice < 93) this.#both(`REPLACE INTO side VALUES(${below(this.#random, 5)}, 1), (9, 2)`)
    else if (dice < 95 && renamed !== undefined) {
      this.#both(`ALTER TABLE ${renamed} RENAME TO other`)
      this.#both(`ALTER TABLE other RENAME TO ${renamed}`)
    } else if (dice < 97) this.#kill()
    else if (dice < 98) this.#close()
    else if (!this.#db.inTransaction) this.#checkpoint()
  }

  #both(sql: string): void {
    this.told.push(sql)
    const run = (db: SqlDatabase) =>
      outcome(() => {
        db.exec(sql)
      })
    assert.equal(run(this.#db), run(this.#plain))
    assert.is(this.#db.inTransaction, this.#plain.inTransaction, 'in a transaction')
  }

  /** The open transaction, if there is one, ends. */
  #end(): void {
    if (this.#db.inTransaction) this.#both('COMMIT')
    if (this.#db.inTransaction) this.#both('ROLLBACK')
  }

  #kill(): void {
    this.told.push('-- kill')
    const shadows = this.#db.inTransaction ? undefined : shadowsOf(this.#db)
    this.#reopenPlain()
    this.#world = this.#world.killed()
    this.#db = this.#world.open()
    if (shadows !== undefined) assert.is(shadowsOf(this.#db), shadows, 'shadow tables after a kill')
    this.#compare('after a kill')
  }

  #close(): void {
    this.told.push('-- close')
    this.#reopenPlain()
    this.#db.close()
    this.#db = this.#world.open()
    this.#compare('after a close')
  }

  /** Some of what a rollback takes back, FTS5 keeps in memory until a connection is new: the rank function, say. */
  #reopenPlain(): void {
    if (this.#plain.inTransaction) this.#plain.exec('ROLLBACK')
    const image = this.#plain.serialize()
    this.#plain.close()
    this.#plain = new BetterSqlite3(image)
  }

  #checkpoint(): void {
    this.told.push('-- checkpoint')
    this.#db.checkpoint()
    this.#compare('after a checkpoint')
    this.#kill()
  }

  #compare(when: string): void {
    const check = (db: SqlDatabase) => db.pragma('integrity_check', { simple: true })
    // SQLite itself may damage an index with detail=none under secure-delete: then there is nothing to compare.
    this.#isDamaged = check(this.#plain) !== 'ok'
    if (this.#isDamaged) return
    assert.is(check(this.#db), 'ok', when)
    for (const sql of this.#kind.checks) this.#both(sql)
    assert.is(schemaAndRows(this.#db), schemaAndRows(this.#plain), when)
    for (const sql of this.#kind.queries) {
      const ask = (db: SqlDatabase) => outcome(() => db.prepare(sql).all())
      assert.equal(ask(this.#db), ask(this.#plain), `${sql} ${when}`)
    }
  }
}

for (const kind of SEARCH_KINDS) {
  test(`${kind.name}: the same as in better-sqlite3, through kills, closes and checkpoints`, () => {
    const story = new Story(kind, SEED)
    try {
      story.run()
    } catch (error) {
      console.log(`seed ${SEED}\n${story.told.join(';\n')}`)
      throw error
    }
  })
}

/** Search of several kinds in one database, with something in the log and something in the snapshot. */
function filled(): MemoryWorld {
  const world = new MemoryWorld()
  const db = world.open()
  const random = seededRandom(7)
  for (const kind of SEARCH_KINDS.filter(({ name }) => ['fts5', 'fts4', 'rtree'].includes(name))) {
    for (const sql of kind.schema) db.exec(sql)
    for (let count = 0; count < 10; count++) outcome(() => db.exec(kind.change(random)))
    db.checkpoint()
    for (let count = 0; count < 10; count++) outcome(() => db.exec(kind.change(random)))
  }
  return world.killed()
}

test('a checkpoint that fails at any of its steps, then a kill: nothing of a virtual table is lost', () => {
  const before = filled()
  const expected = shadowsOf(before.killed().open())
  let wasWhole = false
  for (let last = 0; !wasWhole; last++) {
    let left = Number.POSITIVE_INFINITY
    const world = new MemoryWorld({
      image: before.image(),
      onOperation: () => (left-- <= 0 ? { code: 'EIO' } : undefined),
    })
    const db = world.open()
    left = last
    wasWhole = 'returned' in Object(outcome(() => db.checkpoint().rows))
    left = Number.POSITIVE_INFINITY
    const again = world.killed().open()
    assert.is(shadowsOf(again), expected, `after ${last} operations`)
    assert.is(again.pragma('integrity_check', { simple: true }), 'ok')
    again.close()
  }
})

test('transactions of another database are redone where virtual tables are in use, and logged', () => {
  const [from, to] = [filled(), filled()]
  const source = from.open()
  const target = to.open()
  assert.is(shadowsOf(target), shadowsOf(source), 'the same life')
  target.prepare("SELECT count(*) FROM f('ash')").get()
  source.exec("INSERT INTO f(x) VALUES('unheard of')")
  source.exec('UPDATE r SET x1=x1+1')
  const transactions = [...readLog(source.name, from.host)].slice(-2)
  target.redo(transactions.map(({ sql }) => sql))
  assert.is(shadowsOf(target), shadowsOf(source))
  assert.is(target.prepare("SELECT count(*) FROM f('unheard')").pluck().get(), 1)
  target.exec("INSERT INTO f(x) VALUES('and on'); INSERT INTO f(f) VALUES('integrity-check')")
  assert.is(shadowsOf(to.killed().open()), shadowsOf(target))
})

test('verify() tells of an index that does not belong to its documents; of a sound one it tells nothing', () => {
  const world = filled()
  const db = world.open()
  db.close()
  assert.equal(verify(db.name, {}, world.host).problems, [])
  const again = world.open()
  assert.throws(() => again.exec('DELETE FROM f_data WHERE id>10'), /may not be modified/)
  again.unsafeMode()
  again.exec('DELETE FROM f_data WHERE id>10')
  again.close()
  const { problems } = verify(again.name, {}, world.host)
  assert.match(problems.join(), /integrity check: .*\bf\b/)
})

test.run()
