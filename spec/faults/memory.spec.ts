// In every protocol each operation fails in its turn, reads, opens and closes included, in every way in which a kernel
// answers it, once or for good: it is told with file and code, what was in doubt is made durable or the database is
// opened again, every crash since loses nothing, and no file stays open. `FAULTS=all` for all of them instead of some for
// each protocol, `FAULTS=100` for so many; `ONLY=` for the protocols whose name contains this; `SEED=` for others.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { messageOf } from '../../lib/errors.ts'
import { chanceFrom } from '../crash/chance.ts'
import type { Limits, Seen } from '../crash/explore-recording.ts'
import { Moment } from '../crash/history.ts'
import { SITUATIONS, type Situation } from './situations.ts'
import { operationsOf, strike } from './strike.ts'
import { whyTolerated } from './tolerated.ts'
import { describeWay, type Way, waysOf } from './ways.ts'

const FAULTS = process.env.FAULTS ?? '9'
const ONLY = process.env.ONLY ?? ''
const SEED = Number(process.env.SEED ?? 1)
const LIMITS: Limits = { statesPerPoint: 2, shareOfPoints: 0.02 }

interface Chosen {
  readonly n: number
  readonly operation: string
  readonly way: Way
}

const test = suite('failing operations')
const beginning = Moment.beginning()
const chance = chanceFrom(SEED)
const counts = { operations: 0, failures: 0, states: 0, silent: 0 }
const codes = new Set<string>()

for (const situation of SITUATIONS.filter(({ name }) => name.includes(ONLY))) {
  test(`${situation.name}: whatever fails is told, nothing is lost, and writing goes on`, async () => {
    const seen: Seen = new Map()
    for (const { n, operation, way } of await chosenFrom(situation)) {
      const told = `${situation.name}: operation ${n}, ${operation}: ${describeWay(way)}, seed ${SEED}`
      try {
        const { silent, states } = await strike(situation, { n, way, beginning }, LIMITS, chance, seen)
        for (const { operation: failed, doing } of silent) {
          assert.ok(whyTolerated(failed), `nobody was told: ${doing}, ${failed.kind} ${failed.path}`)
        }
        counts.silent += silent.length
        counts.states += states.filter(({ isNew }) => isNew).length
      } catch (error) {
        throw new Error(`${told}\n${messageOf(error)}`, { cause: error })
      }
      counts.failures++
      codes.add(describeWay(way))
    }
  })
}

test('hundreds of failures were tried', () => {
  const { operations, failures, states, silent } = counts
  console.log(
    `${failures} failures of ${codes.size} kinds at ${operations} operations, ${states} crash states judged, ` +
      `${silent} operations failed untold as they may, seed ${SEED}`,
  )
  const isUsual = ONLY === '' && process.env.FAULTS === undefined
  assert.ok(!isUsual || failures >= 200, `${failures} failures`)
})

/** All failures of a situation, or some. */
async function chosenFrom(situation: Situation): Promise<Chosen[]> {
  const operations = await operationsOf(situation, beginning)
  assert.ok(operations.length > 0, 'there is something to fail')
  counts.operations += operations.length
  const all = operations.flatMap(({ kind, path }, n) =>
    waysOf(kind).map((way) => ({ n, operation: `${kind} ${path}`, way })),
  )
  const most = FAULTS === 'all' ? all.length : Number(FAULTS)
  if (most >= all.length) return all
  // One from each stretch: so that no part of the protocol is left out.
  const stretch = all.length / most
  return Array.from({ length: most }, (_, at) => all[Math.floor((at + chance.random()) * stretch)]).filter(
    (each) => each !== undefined,
  )
}

test.run()
