// A sync off the main thread takes its time, and things happen meanwhile: more commits, a checkpoint, a failure.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Database } from '../../lib/database/database.ts'
import { CommitInDoubtError, ReadOnlyModeError } from '../../lib/errors.ts'
import type { AppendFile, Files } from '../../lib/fs/files.ts'
import { imageOf } from '../../lib/fs/image.ts'
import { type Fault, MemoryFiles } from '../../lib/fs/memory.ts'
import { chanceFrom } from '../crash/chance.ts'
import { DIRECTORY, Process } from '../crash/process.ts'
import { endOfTurn, thrown } from './stage.ts'

const INSERT = 'INSERT INTO t VALUES(1)'

class SlowDisk {
  readonly #memory: MemoryFiles
  readonly #randomHex = chanceFrom(1).randomHex
  readonly #process: Process
  #underWay: (() => void)[] = []
  #failure: Fault | undefined

  constructor() {
    this.#memory = new MemoryFiles({
      image: imageOf({}, [DIRECTORY]),
      onOperation: ({ kind }) => (kind === 'sync' ? this.#takeFailure() : undefined),
    })
    this.#process = new Process(this.#slow(), this.#randomHex, { writeDelayMillis: 600_000 })
    this.database.exec('CREATE TABLE t(x)').flush()
  }

  get database(): Database {
    return this.#process.database
  }

  /** The next sync that is done fails. */
  failOnce(): void {
    this.#failure = { code: 'EIO' }
  }

  /** Lets the syncs that were begun be done; their number. */
  async finish(): Promise<number> {
    const underWay = this.#underWay
    this.#underWay = []
    for (const finish of underWay) finish()
    // What follows from it takes another turn.
    await endOfTurn()
    await endOfTurn()
    return underWay.length
  }

  /** Kills the process; the rows that another one finds. */
  rowsAfterKill(): unknown {
    this.#process.kill()
    const next = new Process(this.#memory, this.#randomHex, {})
    try {
      return next.database.prepare('SELECT count(*) FROM t').pluck().get()
    } finally {
      next.kill()
    }
  }

  #takeFailure(): Fault | undefined {
    const failure = this.#failure
    this.#failure = undefined
    return failure
  }

  #slow(): Files {
    const memory = this.#memory
    const slow = (file: AppendFile): AppendFile => ({
      get sizeBytes() {
        return file.sizeBytes
      },
      append: (bytes) => file.append(bytes),
      sync: () => file.sync(),
      syncAsync: async () => {
        await new Promise<void>((resolve) => this.#underWay.push(resolve))
        file.sync()
      },
      close: () => file.close(),
    })
    return {
      create: (path) => slow(memory.create(path)),
      openAppend: (path) => slow(memory.openAppend(path)),
      openRead: (path) => memory.openRead(path),
      stat: (path) => memory.stat(path),
      list: (path) => memory.list(path),
      rename: (path, toPath) => memory.rename(path, toPath),
      remove: (path) => memory.remove(path),
      makeDir: (path) => memory.makeDir(path),
      syncDir: (path) => memory.syncDir(path),
      realPath: (path) => memory.realPath(path),
      freeBytes: (path) => memory.freeBytes(path),
    }
  }
}

/** What became of a promise: `pending`, `kept`, or what broke it. */
class Watched {
  outcome: unknown = 'pending'
  constructor(promise: Promise<unknown>) {
    promise.then(
      () => {
        this.outcome = 'kept'
      },
      (error: unknown) => {
        this.outcome = error
      },
    )
  }
}

test('a commit while a sync is under way is not covered by it: it gets the next one, shared by all who wait', async () => {
  const disk = new SlowDisk()
  const first = new Watched(disk.database.exec(INSERT).flushed())
  await endOfTurn()
  disk.database.exec(INSERT)
  const others = new Watched(Promise.all([disk.database.flushed(), disk.database.flushed()]))
  assert.is(await disk.finish(), 1)
  assert.is(first.outcome, 'kept')
  assert.is(others.outcome, 'pending')
  assert.is(await disk.finish(), 1)
  assert.is(others.outcome, 'kept')
  assert.is(disk.rowsAfterKill(), 2)
})

test('a checkpoint while a sync is under way: who waited is told, although the sync finds its file closed', async () => {
  const disk = new SlowDisk()
  const flushed = new Watched(disk.database.exec(INSERT).flushed())
  await endOfTurn()
  disk.database.checkpoint()
  await disk.finish()
  assert.is(flushed.outcome, 'kept')
  assert.ok(disk.database.status().isWritable)
  assert.is(disk.rowsAfterKill(), 1)
})

test('flush fails while a sync is under way: what that proves late is not believed; a resume keeps every promise', async () => {
  const disk = new SlowDisk()
  const flushed = new Watched(disk.database.exec(INSERT).flushed())
  await endOfTurn()
  disk.database.exec(INSERT)
  disk.failOnce()
  thrown(CommitInDoubtError, () => disk.database.flush())
  await disk.finish()
  assert.instance(flushed.outcome, CommitInDoubtError)
  assert.not(disk.database.status().isWritable)
  disk.database.resume()
  assert.is(disk.rowsAfterKill(), 2)
})

test('resumed while a sync of the failed log is under way: who waited is told when the new log has it', async () => {
  const disk = new SlowDisk()
  const flushed = new Watched(disk.database.exec(INSERT).flushed())
  await endOfTurn()
  disk.database.exec(INSERT)
  disk.failOnce()
  thrown(CommitInDoubtError, () => disk.database.flush())
  disk.database.resume()
  await disk.finish()
  assert.is(flushed.outcome, 'kept')
  assert.is(disk.rowsAfterKill(), 2)
})

test('the sync under way fails after more commits: all of them are in doubt, and durable when resumed', async () => {
  const disk = new SlowDisk()
  const flushed = new Watched(disk.database.exec(INSERT).flushed())
  await endOfTurn()
  disk.database.exec(INSERT)
  disk.failOnce()
  await disk.finish()
  assert.instance(flushed.outcome, CommitInDoubtError)
  thrown(ReadOnlyModeError, () => disk.database.exec(INSERT))
  disk.database.resume()
  assert.is(disk.rowsAfterKill(), 2)
})

test.run()
