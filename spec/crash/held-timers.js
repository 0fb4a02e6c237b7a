// Timers that fire when they are told to: what is played then does not depend on how fast it is played.
const { setTimeout: originalSet, clearTimeout: originalClear } = globalThis;
export class HeldTimers {
    #held = new Map();
    /** From now on nobody's timers run. */
    constructor() {
        const set = (act) => {
            const timer = { unref: () => timer };
            this.#held.set(timer, act);
            return timer;
        };
        const clear = (timer) => {
            if (timer !== undefined)
                this.#held.delete(timer);
        };
        Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
    }
    /** Lets those fire that are due by now, whatever their delay. */
    fire() {
        const due = [...this.#held.values()];
        this.#held.clear();
        for (const act of due)
            act();
    }
    release() {
        Object.assign(globalThis, { setTimeout: originalSet, clearTimeout: originalClear });
    }
}
