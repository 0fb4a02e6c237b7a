// A checkpoint, a close, a resume or an open in which the n-th operation fails, once or from then on, with or
// without an effect: writing goes on or can be resumed, and a crash at any moment loses nothing acknowledged.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { chanceFrom } from './chance.ts'
import { explore, type Limits, type Seen } from './explore-recording.ts'
import { Moment } from './history.ts'
import { play } from './play.ts'
import { SEED, Tally } from './tally.ts'
import { FAMILIES, membersOf } from './workloads.ts'

const LIMITS: Limits = { statesPerPoint: 3, shareOfPoints: 0.3 }

const tally = new Tally()

for (const family of FAMILIES) {
  test(`${family.name} in which an operation fails: nothing is lost, and writing goes on`, async () => {
    // All of a family begin alike, with the same random numbers: what they have in common is judged once.
    const beginning = Moment.beginning()
    const seen: Seen = new Map()
    const chance = chanceFrom(SEED)
    for (const workload of membersOf(family)) {
      const recording = await play(workload, beginning, chanceFrom(SEED).randomHex)
      for (const state of explore(recording, LIMITS, chance, { from: recording.faultsFrom, seen })) {
        tally.add(state)
      }
    }
  })
}

test('thousands of states were judged', () => {
  tally.print()
  assert.ok(tally.states >= 1500, `${tally.states} states`)
})

test.run()
