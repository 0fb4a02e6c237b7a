// Every protocol in which an operation may fail, with what leads there.

import { commit, countAlone, schema, transfer, write } from '../crash/transactions.ts'
import type { Step } from '../crash/workload.ts'
import { fail } from '../crash/workloads.ts'

export interface Situation {
  /** What fails. */
  readonly name: string
  readonly writeDelayMillis?: number
  readonly logSize?: number
  /** Nothing fails in these but what they plan themselves. When there are none, the creation is struck too. */
  readonly before: readonly Step[]
  /** The steps of which every operation fails in its turn. */
  readonly struck: readonly Step[]
}

const checkpoint: Step = { kind: 'checkpoint' }
const turn: Step = { kind: 'turn' }
const kill: Step = { kind: 'kill' }
const close: Step = { kind: 'close', mode: 'normal' }
const resume: Step = { kind: 'resume' }
const heal: Step = { kind: 'heal' }
const DELAY = 500

const failedSync: readonly Step[] = [
  fail({ on: { kind: 'sync', path: 'app.log' }, code: 'EIO' }),
  transfer(1),
]
const failedAppend: readonly Step[] = [
  fail({ on: { kind: 'append', path: 'app.log' }, code: 'ENOSPC', writtenBytes: 40 }),
  transfer(1),
]
/** A checkpoint that stops behind its commit point, and a commit after it. */
const halfCheckpoint: readonly Step[] = [
  fail({ on: { kind: 'rename', path: 'app.script' }, code: 'EIO' }),
  checkpoint,
  write(2),
]

export const SITUATIONS: readonly Situation[] = [
  { name: 'create and the first commit', before: [], struck: [schema] },
  { name: 'the first commit after a close', before: [schema, close], struck: [write(1)] },
  {
    name: 'commits',
    before: [schema],
    struck: [
      write(1),
      countAlone,
      commit('CREATE INDEX by_body ON note(body)', 'ALTER TABLE note ADD COLUMN seen INT DEFAULT 1'),
    ],
  },
  {
    name: 'commits under a write delay, handed over at the end of the turn, flushed',
    writeDelayMillis: DELAY,
    before: [schema, { kind: 'flush' }],
    struck: [write(1), turn, transfer(1), { kind: 'flush' }, write(2)],
  },
  {
    name: 'commits under a write delay, synced in the background, with a mark',
    writeDelayMillis: DELAY,
    before: [schema, { kind: 'flush' }],
    struck: [write(1), { kind: 'idle' }, transfer(1)],
  },
  { name: 'a setting', before: [schema], struck: [{ kind: 'delay', millis: 100 }, write(1), turn] },
  { name: 'checkpoint', before: [schema, write(1), close, write(2)], struck: [checkpoint, transfer(1)] },
  {
    name: 'checkpoint after one that stopped half way',
    before: [schema, write(1), ...halfCheckpoint],
    struck: [checkpoint, transfer(1)],
  },
  {
    name: 'checkpoint with .log.next in use',
    before: [schema, write(1), kill, write(2)],
    struck: [checkpoint, transfer(1)],
  },
  {
    name: 'automatic checkpoint',
    logSize: 1,
    before: [schema, write(1, 'hex(zeroblob(220000))')],
    struck: [write(2, 'hex(zeroblob(80000))'), countAlone],
  },
  {
    name: 'VACUUM, which owes a checkpoint',
    before: [schema, write(1)],
    struck: [{ kind: 'vacuum' }, countAlone],
  },
  { name: 'close', before: [schema, write(1)], struck: [close] },
  { name: 'close compact', before: [schema, close, write(1)], struck: [{ kind: 'close', mode: 'compact' }] },
  { name: 'close script', before: [schema, write(1)], struck: [{ kind: 'close', mode: 'script' }] },
  {
    name: 'close immediately',
    writeDelayMillis: DELAY,
    before: [schema, write(1)],
    struck: [{ kind: 'close', mode: 'immediately' }],
  },
  {
    name: 'close after the log failed',
    before: [schema, write(1), ...failedSync],
    struck: [close],
  },
  { name: 'open after a clean close', before: [schema, write(1), close], struck: [kill] },
  { name: 'open after a kill', before: [schema, write(1), close, write(2)], struck: [kill] },
  { name: 'open with .log.next taken', before: [schema, write(1), kill, write(2)], struck: [kill] },
  {
    name: 'open that sets a torn tail aside',
    before: [schema, write(1), close, ...failedAppend],
    struck: [kill],
  },
  {
    name: 'open that finishes a checkpoint',
    before: [schema, write(1), close, ...halfCheckpoint],
    struck: [kill],
  },
  {
    name: 'open after an open that failed',
    before: [
      schema,
      write(1),
      kill,
      write(2),
      fail({ on: { kind: 'rename', path: 'app.properties' }, code: 'EIO', takesEffect: true }),
    ],
    struck: [kill, kill],
  },
  { name: 'resume after a failed append', before: [schema, write(1), ...failedAppend], struck: [resume] },
  { name: 'resume after a failed sync', before: [schema, write(1), ...failedSync], struck: [resume] },
  {
    name: 'resume by a checkpoint, .log.next being in use',
    before: [
      schema,
      write(1),
      kill,
      write(2),
      fail({ on: { kind: 'append', path: 'app.log.next' }, code: 'ENOSPC', writtenBytes: 9 }),
      transfer(1),
    ],
    struck: [resume],
  },
  {
    name: 'resume after a resume that failed',
    before: [
      schema,
      write(1),
      ...failedSync,
      fail({ on: { kind: 'syncDir' }, skip: 1, code: 'EIO' }),
      resume,
      heal,
    ],
    struck: [resume],
  },
  {
    name: 'resume of a checkpoint whose commit point is in doubt',
    before: [
      schema,
      write(1),
      fail({ on: { kind: 'syncDir' }, skip: 2, code: 'EIO' }),
      fail({ on: { kind: 'append', path: '.properties.new' }, skip: 1, code: 'ENOSPC' }),
      checkpoint,
      heal,
    ],
    struck: [resume],
  },
]
