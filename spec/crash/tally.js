/** Seed of this run: printed, and given back in the environment variable SEED to see the same run again. */
export const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 1e6));
/** Counts the states that were judged, by the protocol that the crash cut. */
export class Tally {
    #states = new Map();
    #repeated = 0;
    /** States judged, each once. */
    get states() {
        return [...this.#states.values()].reduce((sum, count) => sum + count, 0);
    }
    add({ isNew, depth, doing }) {
        if (!isNew) {
            this.#repeated++;
            return;
        }
        const protocol = depth === 1 ? doing : `${doing} after crash ${depth - 1}`;
        this.#states.set(protocol, (this.#states.get(protocol) ?? 0) + 1);
    }
    print() {
        const lines = [...this.#states].sort().map(([protocol, count]) => `  ${protocol.padEnd(26)} ${count}`);
        console.log([...lines, `${this.states} states judged, met ${this.#repeated} times more; SEED=${SEED}`].join('\n'));
    }
}
