// Crashes a recording after each of its changes, in each model of a file system, and judges what may be left; for a
// share of the states the recovery is crashed in its turn.
import { CrashCursor } from "../../lib/fs/crash-cursor.js";
import { crashModels } from "../../lib/fs/crash-point.js";
import { statesAt } from "../../lib/fs/crash-states.js";
import { assertWithin, judge } from "./judge.js";
import { entryAt } from "./recording.js";
import { describeImage, Violation } from "./violation.js";
/** Opening twice costs as much as all the rest. */
const SHARE_OPENED_TWICE = 0.2;
/**
 * `from`: the first crash point that is tried. `seen` is shared by recordings that begin alike.
 * @throws {Violation} at the first state in which a promise is broken.
 */
export function* explore(recording, limits, chance, { from = 0, seen = new Map(), depth = 1 } = {}) {
    const { initial, changes } = recording;
    for (const model of crashModels) {
        const cursor = new CrashCursor({ initial, changes, model });
        for (let cut = from; cut <= changes.length; cut++) {
            if (limits.shareOfPoints < 1 && chance.random() >= limits.shareOfPoints)
                continue;
            const point = cursor.advanceTo(cut);
            const entry = entryAt(recording, cut);
            for (const state of statesAt(point, { limit: limits.statesPerPoint, random: chance.random })) {
                const story = () => [
                    ...recording.story,
                    `while: ${entry.doing}; ${entry.acked.count} transactions acknowledged, ${entry.made.count} made`,
                    state.describe('/db'),
                    describeImage(state.image),
                ];
                try {
                    const known = seen.get(state.key);
                    if (known !== undefined) {
                        assertWithin(known, entry);
                        yield { doing: entry.doing, depth, isNew: false };
                        continue;
                    }
                    const isOpenedTwice = chance.random() < SHARE_OPENED_TWICE;
                    const judged = judge(state.image, entry, chance.randomHex, isOpenedTwice);
                    seen.set(state.key, judged.moment);
                    yield { doing: entry.doing, depth, isNew: true };
                    const { again } = limits;
                    if (again !== undefined && chance.random() < again.share) {
                        const next = {
                            ...judged.recording,
                            story: ['that was opened, written, killed and opened again:'],
                        };
                        yield* explore(next, again.limits, chance, { depth: depth + 1 });
                    }
                }
                catch (error) {
                    throw error instanceof Violation ? error.after(...story()) : error;
                }
            }
        }
    }
}
