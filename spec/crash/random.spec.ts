// Random workloads, other ones at each run; `npm run test:crash` goes on with them.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { SEED, Tally } from './tally.ts'
import { tryRandom } from './try-random.ts'

const tally = new Tally()

test('random commits, checkpoints, failures and kills: whatever a crash leaves is a prefix of what was made', async () => {
  for (let seed = SEED; tally.states < 4000; seed++) {
    for await (const state of tryRandom(seed)) tally.add(state)
  }
  tally.print()
  assert.ok(tally.states >= 4000)
})

test.run()
