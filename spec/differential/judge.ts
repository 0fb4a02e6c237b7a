// Runs stories on a pair of databases until one makes a difference, and shrinks that one.
//
//   SEED=… CASE=… node --import tsx spec/differential/….spec.ts    one story again, as it was printed
//   RUNS=100000 node --import tsx spec/differential/….spec.ts      many more, each time others
//
// Without these the same stories are told again each time: what is rare is looked for by RUNS, not by luck.

import fc from 'fast-check'
import { messageOf } from '../../lib/errors.ts'
import { Incomparable, Pair } from './pair.ts'
import { runAll, type Step } from './step.ts'

const MOST_STEPS = 18
const SEED = 20261120
const SHRINKING_MS = 30_000

/** Throws when one of the stories makes a difference: with the story, as short as it could be made. */
export function judge(first: readonly fc.Arbitrary<Step>[], step: fc.Arbitrary<Step>, runs: number): void {
  const seed = Number(
    process.env.SEED ?? (process.env.RUNS === undefined ? SEED : Math.floor(Math.random() * 2 ** 31)),
  )
  const tally = { steps: 0, excuses: new Map<string, number>() }
  let stopShrinkingAt = Number.POSITIVE_INFINITY
  const property = fc.property(
    fc.boolean(),
    fc.tuple(...first.map((each) => fc.option(each, { freq: 20 }))),
    fc.array(step, { maxLength: MOST_STEPS, size: 'max' }),
    (hasFunctions, schema, steps) => {
      if (performance.now() > stopShrinkingAt) return
      const pair = new Pair({ hasFunctions })
      try {
        runAll([...schema.filter((each) => each !== null), ...steps], pair)
        pair.finish()
      } catch (error) {
        if (!(error instanceof Incomparable)) {
          stopShrinkingAt = Math.min(stopShrinkingAt, performance.now() + SHRINKING_MS)
          const setup = hasFunctions ? '// with the functions of functions.ts as setup\n' : ''
          throw new Error(`${messageOf(error)}\n\n${setup}${pair.story.join('\n')}`, { cause: error })
        }
      }
      tally.steps += pair.story.length
      for (const excuse of pair.excuses) tally.excuses.set(excuse, (tally.excuses.get(excuse) ?? 0) + 1)
    },
  )
  const result = fc.check(property, {
    seed,
    numRuns: Number(process.env.RUNS ?? runs),
    ...(process.env.CASE === undefined ? {} : { path: process.env.CASE, endOnFailure: true }),
  })
  const again = `SEED=${seed}${result.counterexamplePath === null ? '' : ` CASE=${result.counterexamplePath}`}`
  if (result.failed) {
    console.log(messageOf(result.errorInstance))
    throw new Error(`${again}, after ${result.numRuns} stories and ${result.numShrinks} shrinks`)
  }
  const excused = [...tally.excuses].map(([excuse, count]) => `\n  excused ${count} times: ${excuse}`)
  console.log(`${again}: ${result.numRuns} stories of ${tally.steps} calls${excused.join('')}`)
}
