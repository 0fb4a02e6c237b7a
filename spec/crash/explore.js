// Crashes random workloads, as long as one likes:
//
//   npm run test:crash -- [--states 1000000] [--minutes 60] [--seed N] [--workloads N]
//
// Each workload has a seed of its own, counted up from `--seed`. Ends with exit code 1 at the first broken promise,
// after telling its whole story and how to see it again.
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { tryRandom } from "./try-random.js";
const { values } = parseArgs({
    options: {
        states: { type: 'string', default: '1000000' },
        minutes: { type: 'string', default: '600' },
        seed: { type: 'string' },
        workloads: { type: 'string', default: String(Number.MAX_SAFE_INTEGER) },
        // How a worker is told which seeds are its own.
        step: { type: 'string' },
    },
});
const firstSeed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
if (values.step !== undefined)
    await work(Number(values.step));
else
    process.exitCode = await lead();
/** Tries one seed after another until it is ended. */
async function work(step) {
    for (let seed = firstSeed;; seed += step) {
        const states = {};
        try {
            for await (const { isNew, depth, doing } of tryRandom(seed)) {
                if (!isNew)
                    continue;
                const protocol = depth === 1 ? doing : `crash ${depth}, ${doing}`;
                states[protocol] = (states[protocol] ?? 0) + 1;
            }
            process.send?.({ seed, states });
        }
        catch (error) {
            const story = error instanceof Error ? (error.stack ?? error.message) : String(error);
            process.send?.({ seed, states, story });
            return;
        }
    }
}
async function lead() {
    const begun = performance.now();
    const minutes = () => (performance.now() - begun) / 60_000;
    const totals = new Map();
    const lanes = Math.min(availableParallelism(), Number(values.workloads));
    let workloads = 0;
    let states = 0;
    let nextLine = 0.25;
    let broken;
    console.log(`seed ${firstSeed}, ${lanes} processes`);
    const workers = Array.from({ length: lanes }, (_, lane) => fork(fileURLToPath(import.meta.url), ['--seed', String(firstSeed + lane), '--step', String(lanes)]));
    const endAll = () => {
        for (const worker of workers)
            worker.kill('SIGKILL');
    };
    for (const worker of workers) {
        worker.on('message', (report) => {
            workloads++;
            for (const [protocol, count] of Object.entries(report.states)) {
                states += count;
                totals.set(protocol, (totals.get(protocol) ?? 0) + count);
            }
            if (report.story !== undefined)
                broken ??= report;
            const isEnough = states >= Number(values.states) ||
                minutes() >= Number(values.minutes) ||
                workloads >= Number(values.workloads);
            if (isEnough || broken !== undefined)
                endAll();
            if (minutes() < nextLine)
                return;
            nextLine = minutes() + 0.25;
            console.error(`${minutes().toFixed(1)} min: ${workloads} workloads, ${states} states`);
        });
    }
    const codes = await Promise.all(workers.map((worker) => new Promise((resolve) => worker.on('exit', resolve))));
    for (const [protocol, count] of [...totals].sort())
        console.log(`  ${protocol.padEnd(24)} ${count}`);
    console.log(`${workloads} workloads, ${states} states, ${minutes().toFixed(1)} minutes`);
    if (broken !== undefined) {
        console.log(`\n${broken.story}\n\nagain: npm run test:crash -- --seed ${broken.seed} --workloads 1`);
        return 1;
    }
    // A worker that ended by itself has told nothing.
    return codes.every((code) => code === null) ? 0 : 1;
}
