// Workloads drawn at random: the same seed gives the same workload.
import { commit, countAlone, remove, schema, TRAPS, transfer, write } from "./transactions.js";
export function randomWorkload(seed, random) {
    const length = 5 + whole(random, 14);
    const steps = [schema];
    while (steps.length < length)
        steps.push(...randomSteps(random));
    return { name: `random, seed ${seed}`, writeDelayMillis: pick(random, [0, 0, 500]), steps };
}
/** Mostly one step; a failure comes with what a person would do about it, or not. */
function randomSteps(random) {
    const kind = random();
    if (kind < 0.5)
        return [randomCommit(random)];
    if (kind < 0.6)
        return [{ kind: 'checkpoint' }];
    if (kind < 0.65)
        return [{ kind: 'turn' }];
    if (kind < 0.68)
        return [{ kind: 'idle' }];
    if (kind < 0.73)
        return [{ kind: 'flush' }];
    if (kind < 0.83)
        return [{ kind: 'kill' }];
    if (kind < 0.89)
        return [{ kind: 'close', mode: pick(random, ['normal', 'immediately', 'compact']) }];
    if (kind < 0.91)
        return [{ kind: 'delay', millis: pick(random, [0, 300]) }];
    if (kind < 0.94)
        return [{ kind: 'resume' }];
    const fault = { kind: 'fail', fault: randomFault(random) };
    const consequence = random();
    if (consequence < 0.3)
        return [fault];
    if (consequence < 0.6)
        return [fault, randomCommit(random), { kind: 'resume' }];
    if (consequence < 0.8)
        return [fault, { kind: 'checkpoint' }, { kind: 'heal' }, { kind: 'resume' }];
    return [fault, randomCommit(random), { kind: 'kill' }];
}
function randomFault(random) {
    const times = pick(random, [1, 1, 2, 4, 40]);
    const failure = { code: pick(random, ['EIO', 'ENOSPC']), skip: whole(random, 9), times };
    const takesEffect = random() < 0.3;
    switch (whole(random, 6)) {
        case 0:
            return { on: { kind: 'append' }, ...failure, writtenBytes: whole(random, 200) };
        case 1:
            return { on: { kind: 'sync' }, ...failure };
        case 2:
            return { on: { kind: 'rename' }, ...failure, takesEffect };
        case 3:
            return { on: { kind: 'syncDir' }, ...failure };
        case 4:
            return {
                on: { path: pick(random, ['.properties', '.log', '.next', '.new', '.script']) },
                ...failure,
                takesEffect,
            };
        default:
            return { on: {}, ...failure, takesEffect, writtenBytes: whole(random, 60) };
    }
}
function randomCommit(random) {
    const id = whole(random, 8);
    switch (whole(random, 12)) {
        case 0:
            return countAlone;
        case 1:
        case 2:
            return transfer(whole(random, 50));
        case 3:
        case 4:
        case 5:
            return write(id, pick(random, TRAPS));
        case 6:
            return remove(id);
        case 7:
            return commit(pick(random, SCHEMA_CHANGES));
        case 8:
            return commit(pick(random, SCHEMA_CHANGES), ...statementsOf(write(id)), pick(random, SCHEMA_CHANGES));
        case 9:
            return commit('SAVEPOINT a', ...statementsOf(write(id)), 'SAVEPOINT b', pick(random, CHANGES), pick(random, ['ROLLBACK TO b', 'RELEASE b']), 'RELEASE a');
        case 10:
            // More than one sector.
            return write(id, `hex(zeroblob(${200 + whole(random, 900)}))`);
        default:
            return commit(pick(random, CHANGES), pick(random, CHANGES));
    }
}
const CHANGES = [
    'UPDATE note SET weight=weight+1',
    'UPDATE entry SET what=id',
    'UPDATE note SET id=-id WHERE id<3',
    'DELETE FROM entry WHERE id%2=0',
    "INSERT INTO account VALUES('third', 3) ON CONFLICT DO UPDATE SET amount=amount+1",
    "UPDATE account SET name='LEFT' WHERE name='left'",
    "INSERT OR IGNORE INTO entry(id, what) VALUES(3, 'third')",
    'DELETE FROM note',
    "INSERT INTO note(body) SELECT 'copy of '||id FROM note LIMIT 3",
];
const SCHEMA_CHANGES = [
    'ALTER TABLE note ADD COLUMN added INTEGER DEFAULT 5',
    'ALTER TABLE note RENAME COLUMN added TO more',
    'ALTER TABLE note DROP COLUMN more',
    'CREATE INDEX IF NOT EXISTS by_weight ON note(weight, body)',
    'DROP INDEX IF EXISTS by_weight',
    'CREATE UNIQUE INDEX IF NOT EXISTS by_what ON entry(note, what, id)',
    "CREATE TRIGGER IF NOT EXISTS noted AFTER INSERT ON note BEGIN INSERT INTO entry(note, what) VALUES(new.id, '--@'); END",
    'DROP TRIGGER IF EXISTS noted',
    'CREATE TABLE IF NOT EXISTS other(a UNIQUE, b TEXT)',
    "INSERT OR REPLACE INTO other VALUES(1, 'COMMIT;'),(2, '--@ end'),(1, 'again')",
    'ALTER TABLE other RENAME TO another',
    'DROP TABLE IF EXISTS other',
    'CREATE VIEW IF NOT EXISTS heavy AS SELECT id FROM note -- COMMIT; --@ lsn=0/00000000',
    'PRAGMA user_version=41',
];
function statementsOf(step) {
    return step.kind === 'commit' ? step.sql.slice(0, -1) : [];
}
function whole(random, below) {
    return Math.floor(random() * below);
}
function pick(random, values) {
    const value = values[whole(random, values.length)];
    if (value === undefined)
        throw new Error('there is something to pick from');
    return value;
}
