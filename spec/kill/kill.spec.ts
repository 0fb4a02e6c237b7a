// Real processes on the real disk, killed with SIGKILL at moments that nobody chose: while they open, commit, checkpoint,
// change the schema. What they had said to be durable is there, and nothing by halves. `KILLS=200` for more than the
// usual ten, `SEED=` for the same moments again (as far as a kernel repeats itself).

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../lib/format/random.ts'
import { skip } from '../support/skip.ts'
import { inDirectory } from '../support/temp-directory.ts'
import { compiledProgram } from './compiled.ts'
import { judge, Model, Said } from './judge.ts'

const KILLS = Number(process.env.KILLS ?? 10)
const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9))

const test = suite('kill -9')

/** Starts the program and kills it: some milliseconds after its start or opening, or after some acknowledgements. */
async function killOnce(
  program: string,
  path: string,
  delay: number,
  random: () => number,
  said: Said,
): Promise<string> {
  const child = spawn(process.execPath, [program, path, String(delay)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'close')
  const dice = random()
  const millis = random() * (dice < 0.2 ? 120 : 250)
  const acknowledgements = said.acknowledged + 1 + Math.floor(random() * 60)
  const kill = () => void child.kill('SIGKILL')
  said.isOpen = false
  let timer: NodeJS.Timeout | undefined
  if (dice < 0.2) timer = setTimeout(kill, millis)
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said.hear(text)
    if (dice >= 0.6 ? said.acknowledged >= acknowledgements : dice >= 0.2 && said.isOpen) {
      if (dice >= 0.6) kill()
      else timer ??= setTimeout(kill, millis)
    }
  })
  const [, signal] = await ended
  clearTimeout(timer)
  assert.is(signal, 'SIGKILL')
  assert.equal(said.errors, [])
  return dice < 0.2 ? 'after its start' : dice < 0.6 ? 'after its opening' : 'after an acknowledgement'
}

async function killAgainAndAgain(delay: number, kills: number): Promise<void> {
  const random = seededRandom(SEED + delay)
  const program = compiledProgram('child')
  await inDirectory(async (dir) => {
    const path = join(dir, 'app')
    const said = new Said()
    const model = new Model()
    const moments = new Map<string, number>()
    let there = 0
    for (let count = 0; count < kills; count++) {
      const moment = await killOnce(program, path, delay, random, said)
      moments.set(moment, (moments.get(moment) ?? 0) + 1)
      // Now and then the next process, and not the judge, is the one that recovers, and is killed at it.
      if (random() < 0.25 && count + 1 < kills) continue
      there = judge(path, said, model)
      // From here on there is what is there: what was begun beyond it is begun anew.
      said.acknowledged = there
      said.begun = there
    }
    const told = [...moments].map(([moment, times]) => `${times} ${moment}`).join(', ')
    console.log(`write delay ${delay}: ${kills} kills (${told}), ${there} transactions, seed ${SEED}`)
  })
}

if (process.platform === 'win32') skip(test, 'processes killed with SIGKILL', 'Windows has no SIGKILL')
else {
  test('every commit synced: all that was acknowledged is there after every kill', () =>
    killAgainAndAgain(0, Math.ceil(KILLS / 2)))

  test('under a write delay: all that was flushed is there after every kill', () =>
    killAgainAndAgain(500, Math.floor(KILLS / 2)))
}

test.run()
