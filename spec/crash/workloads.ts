// The workloads whose every crash state is tried.

import { commit, countAlone, remove, schema, TRAPS, transfer, write } from './transactions.ts'
import type { PlannedFault, Step, Workload } from './workload.ts'

const checkpoint: Step = { kind: 'checkpoint' }
const flush: Step = { kind: 'flush' }
const turn: Step = { kind: 'turn' }
const idle: Step = { kind: 'idle' }
const kill: Step = { kind: 'kill' }
const resume: Step = { kind: 'resume' }
const heal: Step = { kind: 'heal' }
const close: Step = { kind: 'close', mode: 'normal' }
const closeImmediately: Step = { kind: 'close', mode: 'immediately' }

export function fail(fault: PlannedFault): Step {
  return { kind: 'fail', fault }
}

export const FIRST_STEPS: Workload = {
  name: 'create, commit, checkpoint, close, open',
  writeDelayMillis: 0,
  steps: [
    schema,
    write(1),
    transfer(7),
    checkpoint,
    write(2),
    close,
    transfer(3),
    remove(1),
    closeImmediately,
    write(3),
  ],
}

export const TRAPPED_VALUES: Workload = {
  name: 'values that look like log text',
  writeDelayMillis: 0,
  steps: [
    schema,
    ...TRAPS.map((value, index) => write(index, value)),
    checkpoint,
    write(1, TRAPS[1]),
    kill,
    write(2),
  ],
}

export const WRITE_DELAY: Workload = {
  name: 'write delay',
  writeDelayMillis: 500,
  steps: [
    schema,
    write(1),
    turn,
    transfer(1),
    write(2),
    flush,
    transfer(2),
    turn,
    write(3),
    turn,
    checkpoint,
    transfer(3),
    idle,
    write(4),
    turn,
    kill,
    transfer(4),
    turn,
    { kind: 'delay', millis: 0 },
    write(5),
    { kind: 'delay', millis: 100 },
    transfer(5),
    turn,
    close,
    write(6),
    turn,
    transfer(6),
    closeImmediately,
    write(7),
    turn,
  ],
}

export const KILLS: Workload = {
  name: 'killed again and again',
  writeDelayMillis: 0,
  steps: [
    schema,
    write(1),
    kill,
    transfer(1),
    kill,
    write(2),
    kill,
    kill,
    transfer(2),
    close,
    kill,
    write(3),
    kill,
  ],
}

export const KILLS_WITH_DELAY: Workload = {
  name: 'killed with commits waiting',
  writeDelayMillis: 500,
  steps: [
    schema,
    write(1),
    flush,
    transfer(1),
    write(2),
    turn,
    kill,
    transfer(2),
    turn,
    write(3),
    kill,
    write(3),
    turn,
    checkpoint,
    transfer(4),
    turn,
    kill,
    transfer(5),
    kill,
  ],
}

export const DDL: Workload = {
  name: 'schema changes',
  writeDelayMillis: 0,
  steps: [
    schema,
    write(1),
    commit(
      'ALTER TABLE note ADD COLUMN "author ""x""" TEXT DEFAULT \'nobody\'',
      `UPDATE note SET "author ""x"""='somebody'`,
    ),
    commit(
      'CREATE INDEX by_body ON note(body) WHERE weight>0',
      'CREATE VIEW heavy AS SELECT * FROM note WHERE weight>1',
    ),
    commit(
      "CREATE TRIGGER noted AFTER INSERT ON note BEGIN\n  INSERT INTO entry(note, what) VALUES(new.id, 'COMMIT; --@ by trigger');\nEND",
    ),
    write(2),
    checkpoint,
    write(3),
    commit(
      'ALTER TABLE entry RENAME TO line',
      'CREATE TABLE entry(a, b)',
      "INSERT INTO entry VALUES(1.5, x'00')",
    ),
    commit('DROP TRIGGER noted', 'DROP TABLE account', 'PRAGMA user_version=7'),
    kill,
    commit('ALTER TABLE line RENAME COLUMN what TO "was"', 'INSERT INTO line(note, "was") VALUES(2, NULL)'),
    countAlone,
    close,
    commit('CREATE TABLE again AS SELECT * FROM note'),
  ],
}

export const LOG_FAILURES: Workload = {
  name: 'the log fails, writing is resumed',
  writeDelayMillis: 0,
  steps: [
    schema,
    write(1),
    fail({ on: { kind: 'append', path: 'app.log' }, code: 'ENOSPC', writtenBytes: 40 }),
    transfer(1),
    write(2),
    resume,
    write(3),
    fail({ on: { kind: 'sync', path: 'app.log.next' }, code: 'EIO' }),
    transfer(2),
    resume,
    write(4),
    fail({ on: { kind: 'sync', path: 'app.log' }, code: 'EIO' }),
    transfer(3),
    kill,
    write(5),
    fail({ on: { kind: 'sync' }, code: 'EIO' }),
    transfer(4),
    close,
    write(6),
  ],
}

export const LOG_FAILURES_WITH_DELAY: Workload = {
  name: 'the log fails under a write delay',
  writeDelayMillis: 500,
  steps: [
    schema,
    write(1),
    flush,
    transfer(1),
    fail({ on: { kind: 'append', path: 'app.log' }, code: 'EIO', writtenBytes: 100 }),
    turn,
    write(2),
    resume,
    write(3),
    turn,
    fail({ on: { kind: 'sync' }, code: 'EIO' }),
    flush,
    write(4),
    resume,
    transfer(5),
    turn,
    fail({ on: { kind: 'sync' }, code: 'EIO' }),
    checkpoint,
    kill,
    write(6),
    turn,
  ],
}

/** One workload for each operation of a protocol, in which that operation fails. */
export interface Family {
  readonly name: string
  readonly before: readonly Step[]
  readonly protocol: readonly Step[]
  readonly after: readonly Step[]
  /** More operations than the protocol has. */
  readonly operations: number
}

export const FAILING_CHECKPOINT: Family = {
  name: 'checkpoint',
  before: [schema, write(1), close, write(2)],
  protocol: [checkpoint],
  after: [transfer(1), resume, write(3), checkpoint, transfer(2)],
  operations: 22,
}

export const FAILING_CLOSE: Family = {
  name: 'close',
  before: [schema, write(1)],
  protocol: [close],
  after: [transfer(1), write(2)],
  operations: 22,
}

export const FAILING_RESUME: Family = {
  name: 'resume',
  before: [schema, write(1), fail({ on: { kind: 'sync', path: 'app.log' }, code: 'EIO' }), transfer(1)],
  protocol: [resume],
  after: [resume, write(2), heal, resume, write(3), kill, transfer(2)],
  operations: 8,
}

export const FAILING_RESUME_BY_CHECKPOINT: Family = {
  name: 'resume by checkpoint',
  before: [
    schema,
    write(1),
    kill,
    write(2),
    fail({ on: { kind: 'append', path: 'app.log.next' }, code: 'ENOSPC', writtenBytes: 9 }),
    transfer(1),
  ],
  protocol: [resume],
  after: [resume, write(3), heal, resume, write(4), kill, transfer(2)],
  operations: 24,
}

export const FAILING_OPEN: Family = {
  name: 'open after a kill',
  before: [schema, write(1), close, write(2)],
  protocol: [kill],
  after: [heal, transfer(1), kill, write(3)],
  operations: 12,
}

export const FAILING_OPEN_WITH_CHECKPOINT: Family = {
  name: 'open with a checkpoint',
  before: [schema, write(1), kill, write(2)],
  protocol: [kill],
  after: [heal, transfer(1), kill, write(3)],
  operations: 24,
}

export const FAMILIES = [
  FAILING_CHECKPOINT,
  FAILING_CLOSE,
  FAILING_RESUME,
  FAILING_RESUME_BY_CHECKPOINT,
  FAILING_OPEN,
  FAILING_OPEN_WITH_CHECKPOINT,
]

/** How an operation fails: once and for all, with and without an effect. */
const WAYS: readonly { readonly name: string; readonly fault: Omit<PlannedFault, 'on'> }[] = [
  { name: 'fails', fault: { code: 'EIO' } },
  { name: 'fails although it takes effect', fault: { code: 'EIO', takesEffect: true, writtenBytes: 30 } },
  { name: 'and all after it fail', fault: { code: 'ENOSPC', times: 1000 } },
  { name: 'and the next fail', fault: { code: 'EIO', takesEffect: true, times: 3 } },
]

export function* membersOf(family: Family): Generator<Workload> {
  for (const { name, fault } of WAYS) {
    for (let skip = 0; skip < family.operations; skip++) {
      yield {
        name: `${family.name}: operation ${skip + 1} ${name}`,
        writeDelayMillis: 0,
        steps: [
          ...family.before,
          fail({ on: {}, ...fault, skip }),
          ...family.protocol,
          heal,
          ...family.after,
        ],
      }
    }
  }
}
