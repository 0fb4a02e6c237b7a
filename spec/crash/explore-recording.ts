// Crashes a recording after each of its changes, in each model of a file system, and judges what may be left; for a
// share of the states the recovery is crashed in its turn.

import { CrashCursor } from '../../lib/fs/crash-cursor.ts'
import { crashModels } from '../../lib/fs/crash-point.ts'
import { statesAt } from '../../lib/fs/crash-states.ts'
import type { Moment } from './history.ts'
import { assertWithin, judge } from './judge.ts'
import type { RandomHex } from './process.ts'
import { entryAt, type Recording } from './recording.ts'
import { describeImage, Violation } from './violation.ts'

export interface Limits {
  /** At most so many states for each crash point and model; beyond it a sample. */
  readonly statesPerPoint: number
  /** Share of the crash points that are tried. */
  readonly shareOfPoints: number
  /** Share of the judged states whose recovery is crashed too, and how that is explored. */
  readonly again?: { readonly share: number; readonly limits: Limits }
}

/** What all of an exploration draws from, so that a seed repeats it. */
export interface Chance {
  readonly random: () => number
  readonly randomHex: RandomHex
}

/** Opening twice costs as much as all the rest. */
const SHARE_OPENED_TWICE = 0.2

/** A state that was judged and found right. */
export interface JudgedState {
  /** The protocol that the crash cut. */
  readonly doing: string
  /** 1 for a crash of the workload, 2 for one of the recovery after it, … */
  readonly depth: number
  /** False when the same state had been judged before: only its bounds were looked at. */
  readonly isNew: boolean
}

/** States by their key, with what they held: the same state is judged once. */
export type Seen = Map<string, Moment>

/**
 * `from`: the first crash point that is tried. `seen` is shared by recordings that begin alike.
 * @throws {Violation} at the first state in which a promise is broken.
 */
export function* explore(
  recording: Recording,
  limits: Limits,
  chance: Chance,
  { from = 0, seen = new Map(), depth = 1 }: { from?: number; seen?: Seen; depth?: number } = {},
): Generator<JudgedState> {
  const { initial, changes } = recording
  for (const model of crashModels) {
    const cursor = new CrashCursor({ initial, changes, model })
    for (let cut = from; cut <= changes.length; cut++) {
      if (limits.shareOfPoints < 1 && chance.random() >= limits.shareOfPoints) continue
      const point = cursor.advanceTo(cut)
      const entry = entryAt(recording, cut)
      for (const state of statesAt(point, { limit: limits.statesPerPoint, random: chance.random })) {
        const story = () => [
          ...recording.story,
          `while: ${entry.doing}; ${entry.acked.count} transactions acknowledged, ${entry.made.count} made`,
          state.describe('/db'),
          describeImage(state.image),
        ]
        try {
          const known = seen.get(state.key)
          if (known !== undefined) {
            assertWithin(known, entry)
            yield { doing: entry.doing, depth, isNew: false }
            continue
          }
          const isOpenedTwice = chance.random() < SHARE_OPENED_TWICE
          const judged = judge(state.image, entry, chance.randomHex, isOpenedTwice)
          seen.set(state.key, judged.moment)
          yield { doing: entry.doing, depth, isNew: true }
          const { again } = limits
          if (again !== undefined && chance.random() < again.share) {
            const next = {
              ...judged.recording,
              story: ['that was opened, written, killed and opened again:'],
            }
            yield* explore(next, again.limits, chance, { depth: depth + 1 })
          }
        } catch (error) {
          throw error instanceof Violation ? error.after(...story()) : error
        }
      }
    }
  }
}
