// Thousands of random calls on a database of ours and on plain better-sqlite3, with kills, closes and checkpoints in
// between: the same results, errors and content, and after a kill the content as of the last commit. `SEED=` runs one
// round again.

import BetterSqlite3 from 'better-sqlite3'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../lib/format/random.ts'
import { contentOf } from '../support/content.ts'
import { MemoryWorld } from '../support/memory-world.ts'
import { RandomWork, SCHEMA } from './random-work.ts'
import { outcome } from './twins.ts'

const ROUNDS = 8
const CALLS = 400

class Round {
  readonly story: string[] = []
  readonly #random: () => number
  readonly #work: RandomWork
  #world = new MemoryWorld()
  #db = this.#world.open()
  #plain = new BetterSqlite3(':memory:')

  constructor(seed: number) {
    this.#random = seededRandom(seed)
    this.#work = new RandomWork(this.#random)
    for (const db of [this.#db, this.#plain]) db.exec(SCHEMA)
  }

  run(): void {
    for (let count = 0; count < CALLS; count++) {
      const dice = this.#random()
      if (dice < 0.95) this.#callBoth()
      else if (dice < 0.97) this.#reopen(() => this.#kill())
      else if (dice < 0.98) this.#reopen(() => this.#close())
      else this.#checkpoint()
    }
    this.#reopen(() => this.#kill())
    this.#reopen(() => this.#close())
    this.#plain.close()
  }

  #callBoth(): void {
    const call = this.#work.call()
    this.story.push(call.says)
    assert.equal(
      outcome(() => call.on(this.#db)),
      outcome(() => call.on(this.#plain)),
    )
    assert.is(this.#db.inTransaction, this.#plain.inTransaction, 'in a transaction')
  }

  #checkpoint(): void {
    if (this.#db.inTransaction) return
    this.story.push('-- checkpoint')
    this.#db.checkpoint()
  }

  #kill(): void {
    this.story.push('-- kill')
    this.#world = this.#world.killed()
  }

  #close(): void {
    const mode = this.#random() < 0.5 ? 'immediately' : 'normal'
    this.story.push(`-- close ${mode}`)
    this.#db.close({ mode })
  }

  /** Ends our process, opens anew, and lets the plain one begin anew from what it had committed. */
  #reopen(end: () => void): void {
    assert.is(contentOf(this.#db), contentOf(this.#plain), 'the same content before the end')
    end()
    this.#db = this.#world.open()
    if (this.#plain.inTransaction) this.#plain.exec('ROLLBACK')
    const committed = this.#plain.serialize()
    this.#plain.close()
    this.#plain = new BetterSqlite3(committed)
    assert.is(contentOf(this.#db), contentOf(this.#plain), 'the same content after the end')
    // What loading and redoing leaves as last_insert_rowid() is nobody's concern.
    for (const db of [this.#db, this.#plain]) {
      db.exec('CREATE TEMP TABLE zero(a); INSERT INTO zero(rowid) VALUES(0); DROP TABLE zero')
    }
  }
}

test('random work with random ends is the same as in better-sqlite3', () => {
  const given = process.env.SEED
  const first = given === undefined ? Math.floor(Math.random() * 1e9) : Number(given)
  const rounds = given === undefined ? ROUNDS : 1
  console.log(`seeds ${first} to ${first + rounds - 1}`)
  let calls = 0
  for (let seed = first; seed < first + rounds; seed++) {
    const round = new Round(seed)
    try {
      round.run()
    } catch (error) {
      console.log(`SEED=${seed}, the last calls:\n${round.story.slice(-40).join('\n')}`)
      throw error
    }
    calls += round.story.length
  }
  console.log(`${calls} calls in ${rounds} rounds`)
})

test.run()
