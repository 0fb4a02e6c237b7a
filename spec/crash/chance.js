import { seededRandom } from "../../lib/format/random.js";
/** Everything random of one exploration, from one seed. */
export function chanceFrom(seed) {
    const random = seededRandom(seed);
    // Salts come from a stream of their own: they must not repeat however the states are sampled.
    const digits = seededRandom(seed + 0x5a17);
    return {
        random,
        randomHex: (bytes) => Array.from({ length: bytes }, () => Math.floor(digits() * 256)
            .toString(16)
            .padStart(2, '0')).join(''),
    };
}
