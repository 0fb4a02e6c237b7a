// A replay is killed at random moments, again and again, until it is done. Every statement counts, so that one that is
// applied twice or not at all shows; after each kill the position in the database must fit what is in it.

import type { ChildProcess } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import { inQuickDirectory } from '../support/temp-directory.ts'
import { cli } from './run-cli.ts'

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
console.log(`seed ${seed} (SEED=${seed} runs the same again)`)

/** Numbers from 0 to 1 that a seed decides (mulberry32). */
function chances(from: number): () => number {
  let state = from
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Workload {
  readonly sql: string
  /** What the counter says once everything before a line is done; undefined within a transaction. */
  readonly countBefore: readonly (number | undefined)[]
  readonly count: number
}

/** One statement a line: autocommitted ones, transactions, transactions that are rolled back, DDL and PRAGMAs. */
function workload(chance: () => number, changes: number): Workload {
  const lines = ['CREATE TABLE c(n INTEGER); INSERT INTO c VALUES(0); CREATE TABLE seen(n INTEGER);']
  const countBefore: (number | undefined)[] = [undefined, undefined]
  let count = 0
  const add = (line: string, after: number | undefined) => {
    lines.push(line)
    countBefore.push(after)
  }
  countBefore.push(0)
  while (count < changes) {
    const kind = chance()
    if (kind < 0.6) {
      count++
      add('UPDATE c SET n=n+1;', count)
    } else if (kind < 0.85) {
      add('BEGIN;', undefined)
      const size = 1 + Math.floor(chance() * 8)
      for (let at = 0; at < size; at++)
        add('UPDATE c SET n=n+1; INSERT INTO seen SELECT n FROM c;', undefined)
      count += size
      add('COMMIT;', count)
    } else if (kind < 0.95) {
      add('SAVEPOINT s;', undefined)
      add('UPDATE c SET n=n+1000;', undefined)
      add('ROLLBACK;', count)
    } else {
      add(`CREATE TABLE IF NOT EXISTS extra${count}(a); -- a semicolon; in a comment`, count)
    }
  }
  return { sql: `${lines.join('\n')}\n`, countBefore, count }
}

/** Ends the process after a time, if it still runs then. */
function killAfter(millis: number, signal: NodeJS.Signals): (child: ChildProcess) => void {
  return (child) => {
    const timer = setTimeout(() => child.kill(signal), millis)
    child.on('close', () => clearTimeout(timer))
  }
}

function stateOf(dir: string): { n: number; line: number } | undefined {
  const db = new Database(join(dir, 'app'))
  try {
    const tables = db
      .prepare("SELECT count(*) FROM sqlite_schema WHERE name IN ('c','scriptlog_replay')")
      .pluck()
    if (tables.get() !== 2) return undefined
    const row = db.prepare('SELECT (SELECT n FROM c) AS n, line FROM scriptlog_replay').get()
    if (typeof row !== 'object' || row === null || !('n' in row && 'line' in row)) return undefined
    return { n: Number(row.n), line: Number(row.line) }
  } finally {
    db.close({ mode: 'immediately' })
  }
}

/** How long a process takes here and now until it has something to do. */
async function startMillis(cwd: string): Promise<number> {
  const began = performance.now()
  await cli(['exec', 'none', 'SELECT 1'], { cwd })
  return performance.now() - began
}

/** Kills that hit the work; then it may come to its end. */
const ENOUGH_KILLS = 5

/** Most kills should hit the work: one that comes too early makes the next one later. */
class Delay {
  readonly #chance: () => number
  readonly #startMillis: number
  #spreadMillis = 250

  constructor(chance: () => number, startMillis: number) {
    this.#chance = chance
    this.#startMillis = startMillis
  }

  next(): number {
    return this.#startMillis * 0.9 + this.#chance() * this.#spreadMillis
  }

  wasTooEarly(): void {
    this.#spreadMillis *= 1.5
  }
}

for (const source of ['work.sql', '-']) {
  test(`killed again and again, a replay of ${source} applies everything once`, () =>
    inQuickDirectory(async (cwd) => {
      const chance = chances(seed + source.length)
      const { sql, countBefore, count } = workload(chance, 2500)
      writeFileSync(join(cwd, 'work.sql'), sql)
      // Without a delay each commit is in the file at once: a kill between two of them shows.
      const delayed = source === '-' ? [] : ['--write-delay-millis', '0']
      const run = (onStart: (child: ChildProcess) => void) =>
        cli(['replay', 'app', source, ...delayed], {
          cwd,
          onStart,
          ...(source === '-' ? { input: sql } : {}),
        })
      let kills = 0
      let moved = 0
      const delay = new Delay(chance, await startMillis(cwd))
      let lineBefore = 0
      for (;;) {
        const { code, signal, err } = await run(
          moved < ENOUGH_KILLS ? killAfter(delay.next(), 'SIGKILL') : () => undefined,
        )
        if (signal === null) {
          assert.is(code, 0, err)
          break
        }
        kills++
        const state = stateOf(cwd)
        if (state === undefined || state.line === lineBefore) {
          delay.wasTooEarly()
          continue
        }
        assert.is(state.n, countBefore[state.line + 1], `after kill ${kills}, line ${state.line}`)
        assert.ok(state.line > lineBefore, `line ${state.line} after line ${lineBefore}`)
        moved++
        lineBefore = state.line
      }
      console.log(`${source}: ${kills} kills, ${moved} of them on the way`)
      const again = await cli(['replay', 'app', source], { cwd, ...(source === '-' ? { input: sql } : {}) })
      assert.match(again.out, /complete already/)
      const db = new Database(join(cwd, 'app'))
      assert.is(db.prepare('SELECT n FROM c').pluck().get(), count)
      assert.is(db.prepare('SELECT count(*)-count(DISTINCT n) FROM seen').pluck().get(), 0)
      db.close()
    }))
}

test('a log of scriptlog, killed again and again, is applied once; an interrupt says how to go on', () =>
  inQuickDirectory(async (cwd) => {
    const chance = chances(seed + 100)
    const from = new Database(join(cwd, 'from'), { logSize: 0 })
    from.exec('CREATE TABLE seen(n INTEGER, body TEXT)')
    for (let n = 0; n < 4000; n++) from.prepare('INSERT INTO seen VALUES(?, ?)').run(n, 'x'.repeat(100))
    from.close({ mode: 'immediately' })
    const delay = new Delay(chance, await startMillis(cwd))
    let rows = 0
    let moved = 0
    let interrupts = 0
    for (;;) {
      const name = interrupts === 0 && rows > 0 ? 'SIGINT' : 'SIGKILL'
      const { code, signal, out, err } = await cli(['replay', 'app', 'from.log'], {
        cwd,
        onStart: moved < ENOUGH_KILLS ? killAfter(delay.next(), name) : () => undefined,
      })
      if (signal === null && code === 0) break
      if (code === 130) {
        interrupts++
        assert.match(out, /interrupted: run the same command again to go on/)
      } else {
        // A signal that comes before the work has begun is a kill.
        assert.ok(signal !== null, `exit ${code}: ${err}`)
      }
      const db = new Database(join(cwd, 'app'))
      const isBegun = db.prepare("SELECT 1 FROM sqlite_schema WHERE name='seen'").get() !== undefined
      const found = isBegun ? Number(db.prepare('SELECT count(*) FROM seen').pluck().get()) : 0
      assert.is(isBegun ? db.prepare('SELECT applied FROM scriptlog_replay').pluck().get() : 1, found + 1)
      db.close({ mode: 'immediately' })
      if (found === rows) delay.wasTooEarly()
      else moved++
      rows = found
    }
    const db = new Database(join(cwd, 'app'))
    assert.equal(db.prepare('SELECT count(*), count(DISTINCT n) FROM seen').raw().get(), [4000, 4000])
    db.close()
  }))

test.run()
