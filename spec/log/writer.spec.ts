import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../lib/format/random.ts'
import { crashModels } from '../../lib/fs/crash-point.ts'
import { crashStates } from '../../lib/fs/crash-states.ts'
import type { AppendFile } from '../../lib/fs/files.ts'
import { imageOf } from '../../lib/fs/image.ts'
import { type Fault, MemoryFiles } from '../../lib/fs/memory.ts'
import type { Operation } from '../../lib/fs/operation.ts'
import { createLog, encodeLog } from '../../lib/log/create.ts'
import type { Commit } from '../../lib/log/entry-chunks.ts'
import { LogFailure, LogWriter } from '../../lib/log/writer.ts'
import { fileOf, type ReadLog, readLog, SOME_HEADER, SOME_TIME } from '../support/logs.ts'

const initial = imageOf({}, ['/d'])
const path = '/d/app.log'

function commit(xid: number): Commit {
  return { xid, timeMicros: SOME_TIME + xid, body: `INSERT INTO "t" VALUES(${xid});\n` }
}

function given(onOperation: (operation: Operation) => Fault | undefined = () => undefined) {
  const kinds: string[] = []
  const files = new MemoryFiles({
    image: initial,
    onOperation: (operation) => {
      kinds.push(operation.kind)
      return onOperation(operation)
    },
  })
  const log = createLog(files, '/d/app.log.create.new', path, SOME_HEADER, [])
  kinds.length = 0
  return { files, log, kinds }
}

function readBack(files: MemoryFiles): ReadLog | undefined {
  return readLog(fileOf(files.image().files.get(path) ?? new Uint8Array()))
}

function xidsOf(found: ReadLog | undefined): number[] {
  return (found?.entries ?? []).filter(({ kind }) => kind === 'record').map(({ xid }) => xid)
}

/** The unsynced commits, their bodies as text. */
function unsyncedOf(log: LogWriter): Commit[] {
  return log.unsynced.map((each) => ({ ...each, body: each.body.toString() }))
}

test('appended is not written, written is not synced, and each call does its part alone', () => {
  const { files, log, kinds } = given()
  const { end } = log.append(commit(1))
  assert.equal(kinds, [])
  assert.is(log.waitingBytes, end - log.writtenLsn)
  log.write()
  assert.equal(kinds, ['append'])
  assert.equal(xidsOf(readBack(files)), [1])
  assert.ok(log.syncedLsn < end)
  log.sync()
  assert.equal(kinds, ['append', 'sync'])
  assert.is(log.syncedLsn, end)
  log.write()
  log.sync()
  assert.equal(kinds, ['append', 'sync'])
})

test('commits that wait are handed over in one write', () => {
  const { files, log, kinds } = given()
  for (let xid = 1; xid <= 5; xid++) log.append(commit(xid))
  log.sync()
  assert.equal(kinds, ['append', 'sync'])
  assert.equal(xidsOf(readBack(files)), [1, 2, 3, 4, 5])
})

test('`sync=` names the last completed sync, and a mark proves one without a record', () => {
  const { files, log } = given()
  const start = log.endLsn
  log.append(commit(1))
  log.append(commit(2))
  log.sync()
  const synced = log.endLsn
  log.appendMark()
  log.append(commit(3))
  log.sync()
  const found = readBack(files)
  assert.equal(
    found?.entries.map(({ sync }) => sync),
    [start, start, synced, synced],
  )
  assert.is(found?.end.proven, synced)
})

test('unsynced commits are kept until a sync covers them', () => {
  const { log } = given()
  const syncedAt = { lsn: log.endLsn, crc: log.lastCrc }
  log.append(commit(1))
  log.append(commit(2))
  log.write()
  assert.equal(
    log.unsynced.map(({ xid }) => xid),
    [1, 2],
  )
  assert.equal({ lsn: log.syncedLsn, crc: log.syncedCrc }, syncedAt)
  log.sync()
  assert.equal(log.unsynced, [])
  assert.equal({ lsn: log.syncedLsn, crc: log.syncedCrc }, { lsn: log.endLsn, crc: log.lastCrc })
  log.append(commit(3))
  assert.equal(unsyncedOf(log), [commit(3)])
})

test('each commit is synced: what is durable is not kept, and the same memory serves all of them', () => {
  const { bytes, header, position } = encodeLog(SOME_HEADER, [])
  const buffers = new Set<ArrayBufferLike>()
  let sizeBytes = bytes.length
  const file: AppendFile = {
    get sizeBytes() {
      return sizeBytes
    },
    append(more) {
      buffers.add(more.buffer)
      sizeBytes += more.length
    },
    sync: () => undefined,
    syncAsync: async () => undefined,
    close: () => undefined,
  }
  const log = new LogWriter(path, file, header, position)
  for (let xid = 1; xid <= 300; xid++) {
    log.append({ ...commit(xid), body: `SELECT '${'x'.repeat(10_000)}';\n` })
    log.sync()
  }
  assert.is(buffers.size, 1)
})

/** A log on a file whose asynchronous syncs end when the spec says so. */
function givenSlowSync() {
  const { bytes, header, position } = encodeLog(SOME_HEADER, [])
  const calls: string[] = []
  const pending: { resolve: () => void; reject: (error: Error) => void }[] = []
  let sizeBytes = bytes.length
  const file: AppendFile = {
    get sizeBytes() {
      return sizeBytes
    },
    append(more) {
      calls.push('append')
      sizeBytes += more.length
    },
    sync: () => void calls.push('sync'),
    syncAsync() {
      calls.push('syncAsync')
      return new Promise((resolve, reject) => void pending.push({ resolve, reject }))
    },
    close: () => undefined,
  }
  return { log: new LogWriter(path, file, header, position), calls, pending }
}

test('an asynchronous sync covers what was written before it started, not what came meanwhile', async () => {
  const { log, calls, pending } = givenSlowSync()
  const first = log.append(commit(1))
  const syncing = log.syncAsync()
  const crcAfterFirst = log.lastCrc
  log.append(commit(2))
  log.write()
  assert.equal(calls, ['append', 'syncAsync', 'append'])
  pending[0]?.resolve()
  await syncing
  assert.is(log.syncedLsn, first.end)
  assert.is(log.syncedCrc, crcAfterFirst)
  assert.equal(
    log.unsynced.map(({ xid }) => xid),
    [2],
  )
})

test('a sync that ends after a later one takes nothing back', async () => {
  const { log, pending } = givenSlowSync()
  log.append(commit(1))
  const early = log.syncAsync()
  const { end } = log.append(commit(2))
  log.sync()
  assert.is(log.syncedLsn, end)
  pending[0]?.resolve()
  await early
  assert.is(log.syncedLsn, end)
  assert.equal(log.unsynced, [])
})

async function rejected(promise: Promise<void>): Promise<unknown> {
  return promise.then(
    () => assert.unreachable('it succeeded'),
    (error: unknown) => error,
  )
}

test('a sync that succeeds after another one failed proves nothing: that one may have eaten the error', async () => {
  const { log, pending } = givenSlowSync()
  log.append(commit(1))
  const first = log.syncAsync()
  log.append(commit(2))
  const second = log.syncAsync()
  pending[1]?.reject(new Error('EIO'))
  assert.instance(await rejected(second), LogFailure)
  pending[0]?.resolve()
  assert.is(await rejected(first), log.failure)
  assert.equal(
    log.unsynced.map(({ xid }) => xid),
    [1, 2],
  )
})

test('after a failed write or sync the file is never touched again, and every call says why', async () => {
  for (const failing of ['append', 'sync'] as const) {
    let isBroken = false
    const { files, log, kinds } = given(({ kind }) =>
      isBroken && kind === failing ? { code: 'EIO', writtenBytes: 20 } : undefined,
    )
    log.append(commit(1))
    log.sync()
    const syncedLsn = log.syncedLsn
    isBroken = true
    log.append(commit(2))
    kinds.length = 0
    assert.throws(
      () => log.sync(),
      (error: unknown) => error instanceof LogFailure && error.operation === failing,
    )
    isBroken = false
    assert.equal(kinds, failing === 'append' ? ['append'] : ['append', 'sync'])
    const changes = files.changes.length
    const { failure } = log
    const isFailure = (error: unknown) => error === failure
    assert.throws(() => log.append(commit(3)), isFailure)
    assert.throws(() => log.appendMark(), isFailure)
    assert.throws(() => log.write(), isFailure)
    assert.throws(() => log.sync(), isFailure)
    assert.is(await rejected(log.syncAsync()), failure)
    assert.is(files.changes.length, changes)
    assert.is(log.syncedLsn, syncedLsn)
    assert.equal(
      log.unsynced.map(({ xid }) => xid),
      [2],
    )
  }
})

test('a commit that comes after the failure is kept with those in doubt, and does not reach the file', () => {
  let isBroken = false
  const { files, log } = given(({ kind }) => (kind === 'append' && isBroken ? { code: 'EIO' } : undefined))
  log.append(commit(1))
  log.sync()
  isBroken = true
  const { end } = log.append(commit(2))
  assert.throws(() => log.write())
  isBroken = false
  assert.equal(log.keep(commit(3)), { xid: 3, lsn: end, end })
  assert.equal(unsyncedOf(log), [commit(2), commit(3)])
  assert.equal(xidsOf(readBack(files)), [1])
})

test('a failed asynchronous sync fails the log as well', async () => {
  let isBroken = false
  const { log } = given(({ kind }) => (isBroken && kind === 'sync' ? { code: 'EIO' } : undefined))
  isBroken = true
  log.append(commit(1))
  assert.instance(await rejected(log.syncAsync()), LogFailure)
  assert.is(log.failure?.operation, 'sync')
  assert.throws(() => log.append(commit(2)))
})

test('a log that is created with commits in it holds copies of them, with positions of their own', () => {
  const files = new MemoryFiles({ image: initial })
  const commits = [commit(7), commit(8)]
  const log = createLog(files, '/d/app.log.next.new', path, { ...SOME_HEADER, start: 5000, prev: 9 }, commits)
  log.append(commit(9))
  log.sync()
  const found = readBack(files)
  assert.equal(xidsOf(found), [7, 8, 9])
  assert.equal(
    found?.entries.map(({ timeMicros }) => timeMicros),
    [SOME_TIME + 7, SOME_TIME + 8, SOME_TIME + 9],
  )
  assert.is(found?.end.end, log.endLsn)
  assert.is(found?.end.proven, found?.entries[2]?.lsn)
  assert.equal(files.list('/d'), ['app.log'])
})

test('a crash anywhere, in every model: all that was synced is there, a prefix of the rest, and `sync=` never lies', () => {
  const seed = 1
  const random = seededRandom(seed)
  let states = 0
  for (let run = 0; run < 12; run++) {
    const { files, log } = given()
    const synced: { readonly changes: number; readonly xids: number }[] = []
    let xid = 0
    for (let step = 0; step < 14; step++) {
      const dice = random()
      if (dice < 0.45) log.append(commit(++xid))
      else if (dice < 0.65) log.write()
      else if (dice < 0.75) log.appendMark()
      else {
        log.sync()
        synced.push({ changes: files.changes.length, xids: xid })
      }
    }
    const { changes } = files
    const begun = changes.findLastIndex(({ kind }) => kind === 'rename') + 2
    for (const model of crashModels) {
      for (let cut = begun; cut <= changes.length; cut++) {
        const acknowledged = synced.filter((each) => each.changes <= cut).at(-1)?.xids ?? 0
        for (const state of crashStates({ initial, changes, cut, model, limit: 40, random })) {
          const told = `seed ${seed}, run ${run}, ${state.describe('/d')}`
          const found = readLog(fileOf(state.image.files.get(path) ?? new Uint8Array()))
          const xids = xidsOf(found)
          assert.equal(
            xids,
            Array.from({ length: xids.length }, (_, index) => index + 1),
            told,
          )
          assert.ok(xids.length >= acknowledged, `${xids.length} of ${acknowledged} acknowledged: ${told}`)
          const kind = found?.end.tail.kind
          assert.ok(kind === 'clean' || kind === 'torn' || kind === 'hole', `${kind}: ${told}`)
          states++
        }
      }
    }
  }
  assert.ok(states > 3000, `${states} states`)
})

test.run()
