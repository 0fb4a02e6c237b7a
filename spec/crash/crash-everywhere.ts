// A workload is crashed after each of its changes to the files, in each model of a file system; every state that a
// crash may leave (up to a bound, beyond it a sample) is opened and judged. For a share of them the recovery is
// crashed as well, and of those the recovery after that.

import { chanceFrom } from './chance.ts'
import { explore, type JudgedState, type Limits } from './explore-recording.ts'
import { Moment } from './history.ts'
import { play } from './play.ts'
import type { Workload } from './workload.ts'

const LIMITS: Limits = {
  statesPerPoint: 9,
  shareOfPoints: 1,
  again: {
    share: 0.012,
    limits: {
      statesPerPoint: 3,
      shareOfPoints: 0.5,
      again: { share: 0.02, limits: { statesPerPoint: 2, shareOfPoints: 0.2 } },
    },
  },
}

/** @throws {Violation} at the first state in which a promise is broken. */
export async function* crashEverywhere(workload: Workload, seed: number): AsyncGenerator<JudgedState> {
  const chance = chanceFrom(seed)
  const recording = await play(workload, Moment.beginning(), chance.randomHex)
  yield* explore(recording, LIMITS, chance)
}
