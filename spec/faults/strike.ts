// One situation in which one operation fails in one way: played to its end, mended, resumed or opened again, written
// to, and then crashed at any moment since the failure.

import type { Operation } from '../../lib/fs/operation.ts'
import { chanceFrom } from '../crash/chance.ts'
import { type Chance, explore, type JudgedState, type Limits, type Seen } from '../crash/explore-recording.ts'
import type { Moment } from '../crash/history.ts'
import { play } from '../crash/play.ts'
import type { SilentFailure } from '../crash/recording.ts'
import { transfer, write } from '../crash/transactions.ts'
import type { Step, Workload } from '../crash/workload.ts'
import { fail } from '../crash/workloads.ts'
import type { Situation } from './situations.ts'
import type { Way } from './ways.ts'

/** What follows: the cause is mended, writing is resumed where that is possible, and another process opens. */
const AFTER: readonly Step[] = [
  { kind: 'heal' },
  { kind: 'resume' },
  write(5),
  { kind: 'kill' },
  transfer(5),
  { kind: 'close', mode: 'normal' },
]

/** The same random numbers each time: what the plays have in common is the same bytes, and is judged once. */
const PLAY_SEED = 1

/** The operations of a situation in which nothing fails, from the first that can be struck on. */
export async function operationsOf(situation: Situation, beginning: Moment): Promise<Operation[]> {
  const { before, struck } = situation
  const earlier = before.length === 0 ? [] : await operationsIn(situation, before, beginning)
  const all = await operationsIn(situation, [...before, ...struck], beginning)
  return all.slice(earlier.length)
}

/** How one failure ended. */
export interface Struck {
  /** Operations that failed while nobody was told. */
  readonly silent: readonly SilentFailure[]
  /** States that crashes since the failure may leave, judged. */
  readonly states: readonly JudgedState[]
}

/**
 * Plays the situation with the n-th operation (from 0) failing in this way, and crashes it. `seen` is shared by all
 * failures of one situation.
 * @throws {Violation} when a promise is broken.
 */
export async function strike(
  situation: Situation,
  { n, way, beginning }: { readonly n: number; readonly way: Way; readonly beginning: Moment },
  limits: Limits,
  chance: Chance,
  seen: Seen,
): Promise<Struck> {
  const failure = fail({ on: { kind: 'any' }, skip: n, ...way })
  const steps = [...situation.before, failure, ...situation.struck, ...AFTER]
  const workload = workloadOf(situation, steps)
  const recording = await play(workload, beginning, chanceFrom(PLAY_SEED).randomHex)
  const states = [...explore(recording, limits, chance, { from: recording.faultsFrom, seen })]
  return { silent: recording.silent, states }
}

async function operationsIn(
  situation: Situation,
  steps: readonly Step[],
  beginning: Moment,
): Promise<Operation[]> {
  const operations: Operation[] = []
  const { randomHex } = chanceFrom(PLAY_SEED)
  await play(workloadOf(situation, steps), beginning, randomHex, (operation) => operations.push(operation))
  return operations
}

function workloadOf({ name, writeDelayMillis = 0, logSize }: Situation, steps: readonly Step[]): Workload {
  return { name, writeDelayMillis, ...(logSize === undefined ? {} : { logSize }), steps }
}
