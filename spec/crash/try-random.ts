// One random workload with its crash states: what `npm test` does for some seeds and `npm run test:crash` for many.

import { chanceFrom } from './chance.ts'
import { explore, type JudgedState, type Limits } from './explore-recording.ts'
import { Moment } from './history.ts'
import { play } from './play.ts'
import { randomWorkload } from './random-workload.ts'

const LIMITS: Limits = {
  statesPerPoint: 3,
  shareOfPoints: 0.5,
  again: {
    share: 0.04,
    limits: {
      statesPerPoint: 2,
      shareOfPoints: 0.3,
      again: { share: 0.05, limits: { statesPerPoint: 1, shareOfPoints: 0.1 } },
    },
  },
}

/** @throws {Violation} when a promise is broken; the same seed breaks it again. */
export async function* tryRandom(seed: number): AsyncGenerator<JudgedState> {
  const chance = chanceFrom(seed)
  const recording = await play(randomWorkload(seed, chance.random), Moment.beginning(), chance.randomHex)
  yield* explore(recording, LIMITS, chance)
}
