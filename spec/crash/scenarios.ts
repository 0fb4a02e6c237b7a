// Short explorations, each made for one kind of mistake: the planted bugs are tried on them. Run as a program with
// a scenario's name it prints a line of JSON: how many states were judged, and the broken promise, if any.

import { fileURLToPath } from 'node:url'
import { CorruptionError } from '../../lib/errors.ts'
import { CrashCursor } from '../../lib/fs/crash-cursor.ts'
import { statesAt } from '../../lib/fs/crash-states.ts'
import { type Image, imageOf } from '../../lib/fs/image.ts'
import { MemoryFiles } from '../../lib/fs/memory.ts'
import { chanceFrom } from './chance.ts'
import { type Chance, explore, type JudgedState, type Limits } from './explore-recording.ts'
import { Moment, transactionOf } from './history.ts'
import { judge } from './judge.ts'
import { play } from './play.ts'
import { BASE, DIRECTORY, Process } from './process.ts'
import { countAlone, schema, transfer, write } from './transactions.ts'
import { Violation } from './violation.ts'
import type { Step, Workload } from './workload.ts'
import { fail } from './workloads.ts'

type Scenario = (chance: Chance) => AsyncGenerator<JudgedState>

const FEW: Limits = { statesPerPoint: 4, shareOfPoints: 1 }
/** Enough to meet the one state in which a single name is durable and none of those before it. */
const MANY: Limits = { statesPerPoint: 12, shareOfPoints: 1 }
/** Enough to meet a record whose ends are on the disk and whose middle is not, whatever the seed. */
const MOST: Limits = { statesPerPoint: 30, shareOfPoints: 1 }

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'create and commit': exploring(0, [write(1), transfer(1)]),

  'two checkpoints': exploring(
    0,
    [write(1), { kind: 'checkpoint' }, transfer(1), { kind: 'checkpoint' }, write(2)],
    MANY,
  ),

  'a failed sync, then more commits': exploring(0, [
    write(1),
    fail({ on: { kind: 'sync', path: 'app.log' }, code: 'EIO' }),
    transfer(1),
    write(2),
    { kind: 'resume' },
    write(3),
  ]),

  'a failed append, then more commits': exploring(0, [
    write(1),
    fail({ on: { kind: 'append', path: 'app.log' }, code: 'ENOSPC', writtenBytes: 40 }),
    transfer(1),
    write(2),
    { kind: 'resume' },
    write(3),
  ]),

  'a failed sync, then another process': exploring(0, [
    write(1),
    fail({ on: { kind: 'sync', path: 'app.log' }, code: 'EIO' }),
    transfer(1),
    { kind: 'kill' },
    write(2),
  ]),

  'a mark that cannot be written': exploring(1000, [
    { kind: 'flush' },
    write(1),
    fail({ on: { kind: 'append', path: 'app.log' }, skip: 1, code: 'EIO', writtenBytes: 10 }),
    { kind: 'idle' },
    write(2),
    { kind: 'resume' },
    write(3),
    { kind: 'flush' },
  ]),

  'a checkpoint whose commit point is in doubt, then a close': exploring(0, [
    write(1),
    // .properties has been renamed, and cannot be put back.
    fail({ on: { kind: 'syncDir' }, skip: 2, code: 'EIO' }),
    fail({ on: { kind: 'append', path: '.properties.new' }, skip: 1, code: 'ENOSPC' }),
    { kind: 'checkpoint' },
    { kind: 'heal' },
    { kind: 'close', mode: 'normal' },
    write(2),
  ]),

  'long records': exploring(0, [write(1, 'hex(zeroblob(700))'), write(2, 'hex(zeroblob(900))')], MOST),

  'bytes of a log that never counted': staleBytes,
  'the state file of yesterday': staleStateFile,
  'two histories of one log': twoHistories,
}

/** Plays the steps after the schema and tries what a crash at any moment may leave. */
function exploring(writeDelayMillis: number, steps: readonly Step[], limits = FEW): Scenario {
  return async function* (chance) {
    const workload: Workload = { name: 'planted', writeDelayMillis, steps: [schema, ...steps] }
    const recording = await play(workload, Moment.beginning(), chance.randomHex)
    yield* explore(recording, limits, chance)
  }
}

/**
 * Three commits wait for their sync when the process is killed; the next one copies them into .log.next.new and
 * dies before the rename; then the power fails, and .log loses all but the first of them. The recovery after that
 * makes the same file once more, without the lost ones: only the salt tells the blocks of the first from its own.
 */
async function* staleBytes(chance: Chance): AsyncGenerator<JudgedState> {
  const initial = imageOf({}, [DIRECTORY])
  let isRenameFailing = false
  const files = new MemoryFiles({
    image: initial,
    onOperation: ({ kind, toPath }) =>
      isRenameFailing && kind === 'rename' && toPath === `${BASE}.log.next` ? { code: 'EIO' } : undefined,
  })
  const acked = momentAfter(Moment.beginning(), [schema, write(1)])
  const made = momentAfter(acked, [countAlone, countAlone, countAlone])
  const sizeOf = (image: Image, suffix: string) => image.files.get(`${BASE}${suffix}`)?.byteLength ?? 0

  const first = new Process(files, chance.randomHex, { writeDelayMillis: 1000 })
  const commitAndWrite = async (step: Step) => {
    first.database.exec(transactionOf(statements(step)))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await commitAndWrite(schema)
  await commitAndWrite(write(1))
  first.database.flush()
  await commitAndWrite(countAlone)
  const sizeBytes = sizeOf(files.image(), '.log')
  await commitAndWrite(countAlone)
  await commitAndWrite(countAlone)
  first.kill()
  isRenameFailing = true
  assertDoesNotOpen(files, chance)

  const { changes } = files
  const point = new CrashCursor({ initial, changes, model: 'ext4' }).advanceTo(changes.length)
  const state = [...statesAt(point, { limit: 10_000, random: chance.random })].find(
    ({ image }) => sizeOf(image, '.log.next.new') > 0 && sizeOf(image, '.log') === sizeBytes,
  )
  if (state === undefined) throw new Error('.log.next.new is durable in some state')
  const { recording } = judge(state.image, { acked, made }, chance.randomHex, false)
  yield* explore(recording, MANY, chance, { depth: 2 })
}

function assertDoesNotOpen(files: MemoryFiles, { randomHex }: Chance): void {
  try {
    new Process(files, randomHex, {}).kill()
  } catch {
    return
  }
  throw new Violation('it opened although its new log could not be renamed')
}

/**
 * A person puts .properties back from the time when the database was closed. A crash alone never leaves `no` beside
 * a log with records, because `yes` is durable before the first of them; but whoever believes the flag and not the
 * log loses commits here.
 */
async function* staleStateFile(chance: Chance): AsyncGenerator<JudgedState> {
  const { files, acked } = closedDatabase(chance)
  const before = files.image().files.get(`${BASE}.properties`)
  const made = commitAll(files, chance, acked, [write(2), transfer(1)])
  const image = files.image()
  if (before === undefined) throw new Error('.properties is there')
  const images = new Map([...image.files, [`${BASE}.properties`, before] as const])
  judge({ ...image, files: images }, { acked: made, made }, chance.randomHex, true)
  yield { doing: 'open', depth: 1, isNew: true }
}

/**
 * A copy of a closed database is taken; both go on, and then the log of one is put together from both. Each record
 * stands at its own LSN and verifies by itself, since both logs are the same file with the same salt: only `prev`
 * tells. No crash does this, since within one log no LSN is ever written twice.
 */
async function* twoHistories(chance: Chance): AsyncGenerator<JudgedState> {
  const { files, acked } = closedDatabase(chance)
  const other = new MemoryFiles({ image: files.image() })
  commitAll(files, chance, acked, [transfer(11), transfer(12)])
  commitAll(other, chance, acked, [transfer(21)])
  const ours = files.image()
  const mine = ours.files.get(`${BASE}.log`)
  const theirs = other.image().files.get(`${BASE}.log`)
  if (mine === undefined || theirs === undefined) throw new Error('both have a log')
  const spliced = Buffer.concat([theirs, mine.subarray(theirs.byteLength)])
  try {
    const image = { ...ours, files: new Map([...ours.files, [`${BASE}.log`, spliced] as const]) }
    const process = new Process(new MemoryFiles({ image }), chance.randomHex, {})
    process.kill()
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error
    yield { doing: 'open', depth: 1, isNew: true }
    return
  }
  throw new Violation('a log of two histories was taken for one')
}

function closedDatabase(chance: Chance): { files: MemoryFiles; acked: Moment } {
  const files = new MemoryFiles({ image: imageOf({}, [DIRECTORY]) })
  const process = new Process(files, chance.randomHex, { writeDelayMillis: 0 })
  process.database.exec(transactionOf(statements(schema))).close()
  return { files, acked: momentAfter(Moment.beginning(), [schema]) }
}

/** Commits durably in a process of its own, which is killed then. */
function commitAll(files: MemoryFiles, chance: Chance, from: Moment, steps: readonly Step[]): Moment {
  const process = new Process(files, chance.randomHex, { writeDelayMillis: 0 })
  for (const step of steps) process.database.exec(transactionOf(statements(step)))
  process.kill()
  return momentAfter(from, steps)
}

function momentAfter(from: Moment, steps: readonly Step[]): Moment {
  return steps.reduce((moment, step) => {
    const next = moment.after(statements(step))
    if (next === undefined) throw new Error('plain SQLite takes the statements')
    return next
  }, from)
}

function statements(step: Step): readonly string[] {
  return step.kind === 'commit' ? step.sql : []
}

/** Runs scenarios one after another. */
export async function tryScenario(name: string): Promise<{ states: number; violation?: string }> {
  let states = 0
  try {
    for await (const { isNew } of SCENARIOS[name]?.(chanceFrom(1)) ?? []) if (isNew) states++
    return { states }
  } catch (error) {
    if (error instanceof Violation) return { states, violation: error.message }
    throw error
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of process.argv.slice(2))
    console.log(JSON.stringify({ name, ...(await tryScenario(name)) }))
}
