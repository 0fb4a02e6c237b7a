// One random workload with its crash states: what `npm test` does for some seeds and `npm run test:crash` for many.
import { chanceFrom } from "./chance.js";
import { explore } from "./explore-recording.js";
import { Moment } from "./history.js";
import { play } from "./play.js";
import { randomWorkload } from "./random-workload.js";
const LIMITS = {
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
};
/** @throws {Violation} when a promise is broken; the same seed breaks it again. */
export async function* tryRandom(seed) {
    const chance = chanceFrom(seed);
    const recording = await play(randomWorkload(seed, chance.random), Moment.beginning(), chance.randomHex);
    yield* explore(recording, LIMITS, chance);
}
