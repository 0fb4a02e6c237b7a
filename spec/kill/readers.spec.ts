// Real processes: one writes, changes the schema, makes checkpoints, is killed and recovered, again and again; others read
// and refresh all the while. Every state that any of them ever sees is one that was committed, whole, never older than the
// one before, and in the end all see the last. `READERS_SECONDS=180` for more than a few seconds, `SEED=` for other moments.

import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../lib/format/random.ts'
import { skip } from '../support/skip.ts'
import { inDirectory } from '../support/temp-directory.ts'
import { compiledProgram } from './compiled.ts'
import { judge, Model, Said } from './judge.ts'

const SECONDS = Number(process.env.READERS_SECONDS ?? 4)
const SEED = Number(process.env.SEED ?? 7)
/** Pause and interval of each, in milliseconds. */
const READERS = [
  ['0', '0'],
  ['37', '0'],
  ['20', '3'],
] as const

const test = suite('readers in other processes')

/** What a reader says it sees, compared with what must be there as soon as it is said. */
class Seen {
  readonly problems: string[] = []
  states = 0
  reloads = 0
  last = 0
  readonly #model: Model
  #rest = ''

  constructor(model: Model) {
    this.#model = model
  }

  hear(output: string): void {
    const lines = `${this.#rest}${output}`.split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      const [word, first, how, sum] = line.split(' ')
      if (word === 'see') this.#see(Number(first), how === 'reloaded', sum)
      else this.problems.push(line)
    }
  }

  #see(count: number, isReloaded: boolean, sum: string | undefined): void {
    this.states++
    if (isReloaded) this.reloads++
    if (count < this.last) this.problems.push(`${count} transactions after ${this.last}`)
    const isNew = count === 0 && sum === sumOf('')
    if (!isNew && sum !== sumOf(this.#model.after(count))) {
      this.problems.push(`the content is not that after ${count} transactions`)
    }
    this.last = count
  }
}

function start(program: string, args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
}

/** Lets a writer work until it is killed, after some acknowledgements. */
async function writeUntilKilled(
  program: string,
  path: string,
  delay: string,
  said: Said,
  acks: number,
): Promise<void> {
  const child = start(program, [path, delay])
  const ended = once(child, 'close')
  const last = said.acknowledged + acks
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    said.hear(text)
    if (said.acknowledged >= last) child.kill('SIGKILL')
  })
  const [, signal] = await ended
  assert.is(signal, 'SIGKILL')
  assert.equal(said.errors, [])
}

async function watchedBy(delay: string, seconds: number): Promise<void> {
  const random = seededRandom(SEED + Number(delay))
  const writing = compiledProgram('child')
  const reading = compiledProgram('reader')
  const until = performance.now() + seconds * 1000
  await inDirectory(async (dir) => {
    const path = join(dir, 'app')
    const said = new Said()
    const model = new Model()
    const readers = READERS.map(([pause, interval]) => {
      const child = start(reading, [path, pause, interval])
      const seen = new Seen(model)
      child.stdout?.setEncoding('utf8').on('data', (text: string) => seen.hear(text))
      return { child, seen, ended: once(child, 'close') }
    })
    let kills = 0
    do {
      await writeUntilKilled(writing, path, delay, said, 20 + Math.floor(random() * 150))
      kills++
      // Now and then the next process, and not the judge, is the one that recovers.
      if (random() < 0.5) said.acknowledged = said.begun = judge(path, said, model)
    } while (performance.now() < until)
    const last = judge(path, said, model)
    for (const { child } of readers) child.stdin?.end()
    for (const { seen, ended } of readers) {
      assert.equal(await ended, [0, null])
      assert.equal(seen.problems, [])
      assert.is(seen.last, last)
    }
    const told = readers.map(({ seen }) => `${seen.states} states (${seen.reloads} loaded anew)`)
    console.log(
      `write delay ${delay}: ${last} transactions, ${kills} kills; seen ${told.join(', ')}; seed ${SEED}`,
    )
  })
}

function sumOf(content: string): string {
  return createHash('sha256').update(content).digest('hex')
}

if (process.platform === 'win32') skip(test, 'processes killed with SIGKILL', 'Windows has no SIGKILL')
else {
  for (const delay of ['0', '500'])
    test(`beside a writer with write delay ${delay}, killed and recovered`, () =>
      watchedBy(delay, SECONDS / 2))
}

test.run()
