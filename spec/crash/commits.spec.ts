// Commits, checkpoints, closes and schema changes, crashed after each change to the files.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { crashEverywhere } from './crash-everywhere.ts'
import { SEED, Tally } from './tally.ts'
import { DDL, FIRST_STEPS, TRAPPED_VALUES, WRITE_DELAY } from './workloads.ts'

const tally = new Tally()

for (const workload of [FIRST_STEPS, TRAPPED_VALUES, WRITE_DELAY, DDL]) {
  test(`${workload.name}: whatever a crash leaves opens, holds what was acknowledged, and goes on`, async () => {
    for await (const state of crashEverywhere(workload, SEED)) tally.add(state)
  })
}

test('thousands of states were judged', () => {
  tally.print()
  assert.ok(tally.states >= 1500, `${tally.states} states`)
})

test.run()
