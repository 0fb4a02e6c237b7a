// Every workload is crashed after each of its changes to the files, in each model of a file system; every state that
// a crash may leave (up to a bound, beyond it a sample) is opened and judged. For a share of them the recovery is
// crashed as well, and of those the recovery after that.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { chanceFrom } from "./chance.js";
import { explore } from "./explore-recording.js";
import { Moment } from "./history.js";
import { play } from "./play.js";
import { SEED, Tally } from "./tally.js";
import { WORKLOADS } from "./workloads.js";
const LIMITS = {
    statesPerPoint: 16,
    shareOfPoints: 1,
    again: {
        share: 0.008,
        limits: {
            statesPerPoint: 3,
            shareOfPoints: 0.5,
            again: { share: 0.02, limits: { statesPerPoint: 2, shareOfPoints: 0.2 } },
        },
    },
};
const tally = new Tally();
for (const workload of WORKLOADS) {
    test(`${workload.name}: whatever a crash leaves opens, holds what was acknowledged, and goes on`, async () => {
        const chance = chanceFrom(SEED);
        const recording = await play(workload, Moment.beginning(), chance.randomHex);
        for (const state of explore(recording, LIMITS, chance))
            tally.add(state);
    });
}
test('thousands of states were judged', () => {
    tally.print();
    assert.ok(tally.states >= 5000, `${tally.states} states`);
});
test.run();
