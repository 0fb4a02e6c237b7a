// Readers beside a writer, at every moment: between any two operations of the writer readers refresh and others open, and
// between any two operations of a reader the writer goes on. What they see is a state that was committed, whole, never an
// older one than before, and with everything that was acknowledged. `STEP=1` kills the writer at each operation of its
// protocols, and has it go on at each of the reader's, and not at a few.

import BetterSqlite3 from 'better-sqlite3'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import type { CloseMode } from '../../lib/database/hsqldb-statement.ts'
import { memoryLocks } from '../../lib/fs/memory-locks.ts'
import { contentOf, countOf } from '../crash/content.ts'
import { MEMORY_DIR, MemoryWorld } from '../support/memory-world.ts'

const STEP = Number(process.env.STEP ?? 29)
const PATH = `${MEMORY_DIR}/app`

/** The n-th transaction: it cannot hide, cannot be done twice, and changes the schema now and then. */
function sqlOf(n: number): string {
  if (n === 1) {
    return `CREATE TABLE meta(k); INSERT INTO meta VALUES(1); CREATE TABLE t(a INTEGER PRIMARY KEY, b);
      CREATE TABLE log(a); CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO log VALUES(new.a); END`
  }
  const schema = [
    '',
    `ALTER TABLE t ADD COLUMN c${n}`,
    '',
    `CREATE TABLE side${n}(a); INSERT INTO side${n} VALUES(${n})`,
  ]
  return `UPDATE meta SET k = k + 1; UPDATE t SET b = b + 1; INSERT INTO t(a, b) VALUES(${n}, 0);
    DELETE FROM t WHERE a < ${n - 3}; ${schema[n % 4]}`
}

class Killed extends Error {}

/** A writer on files in memory, and those who watch it. */
class Watched {
  readonly world: MemoryWorld
  readonly #contents = new Map<number, string>()
  readonly #mirror = new BetterSqlite3(':memory:')
  readonly #readers: { readonly db: Database; readonly period: number; seen: number }[] = []
  #writer: Database | undefined
  #isWatching = false
  #isDead = false
  #operations = 0
  #killAt = Number.POSITIVE_INFINITY
  #made = 0
  #acknowledged = 0
  moments = 0

  constructor() {
    this.world = new MemoryWorld({
      onOperation: () => {
        if (this.#isWatching) return undefined
        if (this.#operations >= this.#killAt) this.#isDead = true
        if (this.#isDead) throw new Killed()
        this.#operations++
        this.#watch()
        return undefined
      },
    })
    this.#contents.set(0, contentOf(this.#mirror))
  }

  get operations(): number {
    return this.#operations
  }

  open(): this {
    this.#isDead = false
    this.#killAt = Number.POSITIVE_INFINITY
    // Those of the process before are gone.
    const host = { ...this.world.host, locks: memoryLocks() }
    this.#writer = new Database(PATH, { writeDelayMillis: 0 }, host)
    return this
  }

  /** A reader that refreshes at each `period`-th operation of the writer. */
  addReader(period: number): this {
    this.#unwatched(() => {
      const db = new Database(PATH, { readonly: true }, this.world.host)
      this.#readers.push({ db, period, seen: countOf(db) })
    })
    return this
  }

  commit(times = 1): this {
    for (; times > 0; times--) {
      const sql = `BEGIN; ${sqlOf(++this.#made)}; COMMIT`
      this.#mirror.exec(sql)
      this.#contents.set(this.#made, contentOf(this.#mirror))
      this.#writer?.exec(sql)
      this.#acknowledged = this.#made
    }
    return this
  }

  checkpoint(): this {
    this.#writer?.checkpoint()
    return this
  }

  close(mode: CloseMode): this {
    this.#writer?.close({ mode })
    return this
  }

  /** Does something that ends with `kill -9` after so many operations; false when it ended before. */
  killedAfter(operations: number, act: () => void): boolean {
    this.#killAt = this.#operations + operations
    try {
      act()
    } catch {
      assert.ok(this.#isDead)
    }
    const isKilled = this.#isDead
    this.#isDead = true
    return isKilled
  }

  /** What was begun and not acknowledged may be there or not: from now on it is what the writer found. */
  settle(): this {
    assert.ok(this.#writer)
    const found = countOf(this.#writer)
    this.#assertCommitted(this.#writer, this.#acknowledged)
    if (found === this.#made) this.#acknowledged = found
    else {
      assert.is(found, this.#made - 1)
      // It is made once more; what the mirror has of it is the same.
      this.#writer.exec(`BEGIN; ${sqlOf(this.#made)}; COMMIT`)
      this.#acknowledged = this.#made
    }
    return this
  }

  /** All readers come to see what is there. */
  end(): void {
    this.#unwatched(() => {
      for (const { db } of this.#readers) {
        db.refresh()
        assert.is(countOf(db), this.#acknowledged)
        this.#assertCommitted(db, this.#acknowledged)
        db.close()
      }
    })
  }

  #watch(): void {
    this.#unwatched(() => {
      this.moments++
      for (const reader of this.#readers) {
        if (this.#operations % reader.period !== 0) continue
        reader.db.refresh()
        reader.seen = this.#assertCommitted(reader.db, Math.max(reader.seen, this.#acknowledged))
      }
      if (this.#acknowledged === 0) return
      const late = new Database(PATH, { readonly: true }, this.world.host)
      this.#assertCommitted(late, this.#acknowledged)
      late.close()
    })
  }

  #assertCommitted(db: Database, atLeast: number): number {
    const count = countOf(db)
    assert.ok(atLeast <= count && count <= this.#made, `${atLeast} <= ${count} <= ${this.#made}`)
    assert.is(contentOf(db), this.#contents.get(count))
    return count
  }

  #unwatched(act: () => void): void {
    const wasWatching = this.#isWatching
    this.#isWatching = true
    try {
      act()
    } finally {
      this.#isWatching = wasWatching
    }
  }
}

test('at every operation of a writer that commits, makes checkpoints, closes in each way and opens again', () => {
  const watched = new Watched().open().commit(2)
  for (const period of [1, 2, 7, 31]) watched.addReader(period)
  watched.commit(3).checkpoint().commit(2).checkpoint().checkpoint().commit()
  for (const mode of ['normal', 'immediately', 'compact'] as const) {
    watched.close(mode).open().commit(2).checkpoint().commit()
  }
  watched.end()
  assert.ok(watched.moments > 300, `${watched.moments} moments`)
})

test('a writer killed at each operation of a commit, a checkpoint, a close, and of the recovery that follows', () => {
  const works: readonly (readonly [string, (watched: Watched) => void])[] = [
    ['commit', (watched) => watched.commit()],
    ['checkpoint', (watched) => watched.checkpoint()],
    ['close', (watched) => watched.close('normal')],
    ['recovery', (watched) => watched.open()],
  ]
  let moments = 0
  for (const [index, [name, work]] of works.entries()) {
    for (let at = index % STEP; ; at += STEP) {
      const watched = new Watched().open().commit(2).checkpoint().commit()
      watched.addReader(1).addReader(3).addReader(1000)
      if (name === 'recovery') watched.killedAfter(0, () => watched.commit())
      const isKilled = watched.killedAfter(at, () => work(watched))
      watched.open().settle().commit()
      watched.killedAfter(0, () => watched.commit())
      watched.open().settle().checkpoint().commit().end()
      moments += watched.moments
      if (!isKilled) break
    }
  }
  assert.ok(moments > 1000, `${moments} moments`)
})

test('between any two operations of a reader that refreshes the writer commits, makes checkpoints, closes and opens', () => {
  const add = 'INSERT INTO t SELECT count(*) + 1 FROM t'
  for (const burst of [add, `CHECKPOINT; ${add}`, `${add}; CHECKPOINT; ${add}; CHECKPOINT`, 'reopen']) {
    for (let at = 1; at <= 60; at += Math.ceil(STEP / 4)) {
      let operations = 0
      let isInBurst = true
      let writer: Database
      const world = new MemoryWorld({
        onOperation: () => {
          if (isInBurst || ++operations % at !== 0 || operations > at * 3) return undefined
          isInBurst = true
          if (burst !== 'reopen') writer.exec(burst)
          else {
            writer.exec(add).close()
            writer = world.open()
          }
          isInBurst = false
          return undefined
        },
      })
      writer = world.open()
      writer.exec('CREATE TABLE t(a); INSERT INTO t VALUES(1)')
      const reader = new Database(PATH, { readonly: true }, world.host)
      const seen = reader.prepare<[], number>('SELECT a FROM t ORDER BY a').pluck()
      for (let round = 0; round < 3; round++) {
        writer.exec(add)
        const before = seen.all().length
        isInBurst = false
        reader.refresh()
        isInBurst = true
        const rows = seen.all()
        const whole = [...rows.keys()].map((index) => index + 1)
        assert.equal(rows, whole, `${burst} at operation ${at}`)
        assert.ok(rows.length > before, `${burst} at operation ${at}: ${rows.length} rows`)
      }
    }
  }
})

test.run()
