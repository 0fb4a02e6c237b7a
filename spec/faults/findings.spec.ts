// Failures that were told wrongly, or did harm, before they were tried: one story each.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import { CheckpointIncompleteError, OpenError, ScriptlogError } from '../../lib/errors.ts'
import { type Image, imageOf } from '../../lib/fs/image.ts'
import type { Fault } from '../../lib/fs/memory.ts'
import type { Operation, OperationKind } from '../../lib/fs/operation.ts'
import { systemError } from '../../lib/fs/system-error.ts'
import { thrown } from '../protocol/stage.ts'
import { MEMORY_DIR, MemoryWorld } from '../support/memory-world.ts'

/** A world in which operations fail once `failing` says so. */
class FailingWorld extends MemoryWorld {
  readonly plan: { failing: (operation: Operation) => Fault | undefined }

  constructor(image: Image = imageOf({}, [MEMORY_DIR])) {
    const plan: FailingWorld['plan'] = { failing: () => undefined }
    super({ image, onOperation: (operation) => plan.failing(operation) })
    this.plan = plan
  }

  text(suffix: string): string {
    return Buffer.from(this.image().files.get(`${MEMORY_DIR}/app${suffix}`) ?? []).toString()
  }
}

/** The first operation of this kind on a file whose path ends so. */
function failingAt(kind: OperationKind, path: string, code = 'EIO') {
  let isMet = false
  return (operation: Operation): Fault | undefined => {
    if (isMet || operation.kind !== kind || !operation.path.endsWith(path)) return undefined
    isMet = true
    return { code }
  }
}

// A failed read of the text that is to be kept was taken for "there is none": a person's settings were gone.
for (const [kind, code] of [
  ['openRead', 'EMFILE'],
  ['read', 'EIO'],
  ['stat', 'EACCES'],
] as const) {
  test(`.properties cannot be read (${kind}) when the state changes: refused, and a person’s settings are still there`, () => {
    const world = new FailingWorld(imageOf({ [`${MEMORY_DIR}/app.properties`]: '# mine\nlog_size=7\n' }))
    const database = world.open()
    world.plan.failing = failingAt(kind, 'app.properties', code)
    const error = thrown(ScriptlogError, () => database.exec('CREATE TABLE t(x)'))
    assert.is(error.reason, 'state-file')
    assert.is(error.subcode, code)
    assert.match(error.message, 'app.properties')
    world.plan.failing = () => undefined
    if (error.severity === 'fatal') {
      database.close()
      world.open().exec('CREATE TABLE t(x)').close()
    } else database.resume().exec('CREATE TABLE t(x)').close()
    assert.match(world.text('.properties'), /^# mine\nlog_size=7$/m)
  })
}

// The log that a checkpoint had left behind was still the one to be appended to, although a newer one counted.
test('the old log cannot be closed behind the commit point: the checkpoint is done, commits go to the new log', () => {
  const world = new FailingWorld()
  const database = world.open().exec('CREATE TABLE t(x)')
  world.plan.failing = failingAt('close', 'app.log')
  const { lsn } = database.checkpoint()
  database.exec('INSERT INTO t VALUES(1)')
  assert.is(database.status().log.startLsn, lsn)
  world.plan.failing = () => undefined
  const reopened = world.killed().open()
  assert.is(reopened.prepare('SELECT count(*) FROM t').pluck().get(), 1)
})

test('a file cannot be closed after a write to it failed: the first failure is told', () => {
  const world = new FailingWorld()
  const database = world.open().exec('CREATE TABLE t(x)')
  const [write, close] = [failingAt('append', 'app.log.new', 'ENOSPC'), failingAt('close', 'app.log.new')]
  world.plan.failing = (operation) => write(operation) ?? close(operation)
  const error = thrown(CheckpointIncompleteError, () => database.checkpoint())
  assert.is(error.subcode, 'ENOSPC')
})

test('an open that fails behind the commit point of its checkpoint: no file stays open', () => {
  const before = new MemoryWorld()
  before.open().exec('CREATE TABLE t(x)')
  const again = before.killed()
  again.open().exec('INSERT INTO t VALUES(1)')
  const world = new FailingWorld(again.image())
  world.plan.failing = failingAt('rename', 'app.script.new')
  thrown(OpenError, () => world.open())
  assert.equal(world.files.openPaths, [])
  world.plan.failing = () => undefined
  assert.is(world.open().prepare('SELECT count(*) FROM t').pluck().get(), 1)
})

// The error of the operating system passed through as it was thrown.
test('the register cannot be written when the recovery has succeeded: an error of the open, with file and code', () => {
  const world = new MemoryWorld()
  const acquire: typeof world.host.locks.acquire = (path: string) => {
    const lock = world.host.locks.acquire(path)
    const admitOthers = () => {
      throw systemError('EIO', 'write', path)
    }
    return { ...lock, admitOthers, release: () => lock.release() }
  }
  const host = { ...world.host, locks: { ...world.host.locks, acquire } }
  const error = thrown(OpenError, () => new Database(`${MEMORY_DIR}/app`, {}, host))
  assert.is(error.subcode, 'EIO')
  assert.is(error.path, `${MEMORY_DIR}/app.lck`)
  assert.equal(world.files.openPaths, [])
  world.open().close()
})

test.run()
