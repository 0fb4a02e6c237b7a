// A checkpoint, a close, a resume or an open in which the n-th operation fails, once or from then on, with or
// without an effect: writing goes on or can be resumed, and a crash at any moment loses nothing acknowledged.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { chanceFrom } from "./chance.js";
import { explore } from "./explore-recording.js";
import { Moment } from "./history.js";
import { play } from "./play.js";
import { SEED, Tally } from "./tally.js";
import { FAMILIES, membersOf } from "./workloads.js";
const LIMITS = { statesPerPoint: 2, shareOfPoints: 0.15 };
const tally = new Tally();
for (const family of FAMILIES) {
    test(`${family.name} in which an operation fails: nothing is lost, and writing goes on`, async () => {
        // All of a family begin alike, with the same random numbers: what they have in common is judged once.
        const beginning = Moment.beginning();
        const seen = new Map();
        const chance = chanceFrom(SEED);
        for (const workload of membersOf(family)) {
            const recording = await play(workload, beginning, chanceFrom(SEED).randomHex);
            for (const state of explore(recording, LIMITS, chance, { from: recording.faultsFrom, seen })) {
                tally.add(state);
            }
        }
    });
}
test('thousands of states were judged', () => {
    tally.print();
    assert.ok(tally.states >= 2500, `${tally.states} states`);
});
test.run();
