// Processes that are killed, and logs that fail, crashed after each change to the files.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { crashEverywhere } from './crash-everywhere.ts'
import { SEED, Tally } from './tally.ts'
import { KILLS, KILLS_WITH_DELAY, LOG_FAILURES, LOG_FAILURES_WITH_DELAY } from './workloads.ts'

const tally = new Tally()

for (const workload of [KILLS, KILLS_WITH_DELAY, LOG_FAILURES, LOG_FAILURES_WITH_DELAY]) {
  test(`${workload.name}: whatever a crash leaves opens, holds what was acknowledged, and goes on`, async () => {
    for await (const state of crashEverywhere(workload, SEED)) tally.add(state)
  })
}

test('thousands of states were judged', () => {
  tally.print()
  assert.ok(tally.states >= 2000, `${tally.states} states`)
})

test.run()
