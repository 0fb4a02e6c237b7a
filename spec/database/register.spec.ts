// Who has a database open, as an application sees it: why an open recovered, opens that may not, dead and hanging
// processes.

import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import type { DatabaseEvent } from '../../lib/database/events.ts'
import { LockHeldError, OpenError, RunRecoveryError } from '../../lib/errors.ts'
import { failchk, readRegister } from '../../lib/failchk.ts'
import { joinAsReader } from '../../lib/host.ts'
import { namesOf } from '../../lib/names.ts'
import { repair } from '../../lib/repair/repair.ts'
import { verify } from '../../lib/verify.ts'
import { thrownBy } from '../bad-input/refusal.ts'
import { MEMORY_DIR, MemoryWorld } from '../support/memory-world.ts'
import { inQuickDirectory } from '../support/temp-directory.ts'

const PATH = `${MEMORY_DIR}/app`
const LOCK = `${PATH}.lck`

/** A database with one row, closed. */
function closed(): MemoryWorld {
  const world = new MemoryWorld()
  const db = world.open()
  db.exec('CREATE TABLE t(a); INSERT INTO t VALUES(1)')
  db.close()
  return world
}

/** The same, and whoever had it open to write has died after one more commit. */
function killed(): MemoryWorld {
  const world = closed()
  world.open().exec('INSERT INTO t VALUES(2)')
  world.host.locks.drop(LOCK)
  return world
}

const kinds = (db: Database) => db.status().recovery.causes.map(({ kind }) => kind)
const count = (db: Database) => db.prepare('SELECT count(*) FROM t').pluck().get()

test('a new database, and one that was closed: no cause to recover', () => {
  const world = new MemoryWorld()
  const db = world.open()
  assert.equal(kinds(db), [])
  db.exec('CREATE TABLE t(a)')
  db.close()
  const again = world.open()
  assert.equal(kinds(again), [])
  again.close()
})

test('a writer that died: its pid, in the report and as an event, and once', () => {
  const world = killed()
  const events: DatabaseEvent[] = []
  const db = world.open({ onEvent: (event) => events.push(event) })
  assert.equal(db.status().recovery.causes, [
    { kind: 'dead-writer', pid: process.pid },
    { kind: 'files', row: 'script-and-log' },
  ])
  assert.equal(
    events.filter(({ kind }) => kind === 'processDied'),
    [{ kind: 'processDied', pid: process.pid, role: 'writer' }],
  )
  assert.is(count(db), 2)
  db.close()
  const again = world.open()
  assert.equal(kinds(again), [])
  again.close()
})

test('a writer that died and left clean files: a cause all the same', () => {
  const world = closed()
  world.open()
  world.host.locks.drop(LOCK)
  const db = world.open()
  assert.equal(kinds(db), ['dead-writer'])
  db.close()
})

for (const [condition, text] of [
  ['missing', undefined],
  ['short', 'pid 1\n'],
  ['garbled', '\0'.repeat(128)],
] as const) {
  test(`a register that is ${condition}: a cause, gone after one open`, () => {
    const world = closed()
    if (text === undefined) world.host.locks.remove(LOCK)
    else world.host.locks.write(LOCK, text)
    const files = world.image()
    const refusal = thrownBy(() => world.open({ recover: false }))
    assert.ok(refusal instanceof RunRecoveryError && refusal.code === 'SCRIPTLOG_RUN_RECOVERY')
    assert.match(refusal.message, `its register (.lck) is ${condition}`)
    if (text === undefined) assert.is(world.host.locks.text(LOCK), undefined)
    assert.equal(world.image(), files)
    const readonly = thrownBy(() => world.open({ recover: false, readonly: true }))
    assert.instance(readonly, RunRecoveryError)
    const db = world.open()
    // Behind the slot that was cut the one that was refused had its own.
    const now = condition === 'short' ? 'garbled' : condition
    assert.equal(db.status().recovery.causes, [{ kind: 'register', condition: now }])
    db.close()
    world.open({ recover: false }).close()
    world.open({ recover: false, readonly: true }).close()
  })
}

test('recover: false refuses what a dead writer left, and changes nothing; a clean or a new database it opens', () => {
  const world = killed()
  const files = world.image()
  for (const readonly of [true, false, false]) {
    const refusal = thrownBy(() => world.open({ recover: false, readonly }))
    assert.instance(refusal, RunRecoveryError)
    assert.match(String(refusal), `process ${process.pid} had it open and ended without closing it`)
    assert.equal(world.image(), files)
  }
  const db = world.open()
  assert.is(count(db), 2)
  // Somebody writes: nothing is to be recovered.
  const reader = world.open({ recover: false, readonly: true })
  reader.close()
  db.close()
  world.open({ recover: false }).close()
  new MemoryWorld().open({ recover: false }).close()
})

test('a recovery that fails leaves the slot of the dead writer', () => {
  const world = killed()
  const failing = () => {
    throw new Error('mine')
  }
  for (let round = 0; round < 3; round++) {
    // After the register, before the files; then after these were read, before all is done.
    assert.throws(() => world.open({ setup: failing }), /mine/)
    assert.is(failchk(PATH, {}, world.host).needsRecovery, true)
  }
  const db = world.open()
  assert.equal(kinds(db), ['dead-writer', 'files'])
  db.close()
})

test('an open whose holder the application denies fails at once; one that it knows is waited for', () => {
  const world = closed()
  const db = world.open()
  // Held elsewhere, as far as these locks know.
  const host = { ...world.host, locks: { ...world.host.locks } }
  const open = (isAlive: (pid: number, role: string) => boolean) =>
    thrownBy(() => new Database(PATH, { timeout: 30, isAlive }, host))
  const asked: string[] = []
  const answering = (isAlive: boolean) => (pid: number, role: string) => {
    asked.push(`${pid} ${role}`)
    return isAlive
  }
  const refusal = open(answering(false))
  assert.ok(refusal instanceof LockHeldError && refusal.subcode === 'unresponsive')
  assert.equal(asked, [`${process.pid} writer`])
  assert.instance(open(answering(true)), LockHeldError)
  assert.ok(asked.length > 3)
  db.close()
})

test('failchk: the living are told, dead readers forgotten, a dead writer kept until it is recovered from', () => {
  const world = closed()
  const events: DatabaseEvent[] = []
  const db = world.open({ onEvent: (event) => events.push(event) })
  const reader = joinAsReader(world.host, namesOf(PATH), 0)
  const roles = (report: {
    readonly processes: readonly { readonly role: string; readonly state: string }[]
  }) => report.processes.map(({ role, state }) => `${role} ${state}`).sort()
  assert.equal(roles(db.failchk()), ['reader alive', 'writer alive'])
  assert.equal(roles(db.failchk({ isAlive: (_, role) => role === 'writer' })), [
    'reader unresponsive',
    'writer alive',
  ])
  assert.equal(
    events.filter(({ kind }) => kind === 'processDied'),
    [],
  )
  reader.release()
  db.exec('INSERT INTO t VALUES(2)')
  joinAsReader(world.host, namesOf(PATH), 0)
  world.host.locks.drop(LOCK)
  assert.equal(roles(readRegister(PATH, world.host)), ['reader dead', 'writer dead'])
  const report = failchk(PATH, {}, world.host)
  assert.equal(roles(report), ['reader dead', 'writer dead'])
  assert.is(report.needsRecovery, true)
  assert.equal(report.causes, [
    { kind: 'dead-writer', pid: process.pid },
    { kind: 'files', row: 'script-and-log' },
  ])
  assert.equal(roles(failchk(PATH, {}, world.host)), ['writer dead'])
  world.open().close()
  assert.equal(failchk(PATH, {}, world.host).processes, [])
  assert.throws(() => new Database(':memory:').failchk(), /in memory has no register/)
})

test('what a repair has written whole needs no recovery', () => {
  const world = closed()
  repair(PATH, { out: `${MEMORY_DIR}/saved` }, world.host)
  const db = world.open({ recover: false }, 'saved')
  assert.equal(kinds(db), [])
  db.close()
})

for (const [how, text] of [
  ['cut to nothing', ''],
  ['garbled', '\0'.repeat(128)],
] as const) {
  test(`a register that is ${how} under a writer: the writer is still there, and nothing is to be recovered`, () => {
    const world = closed()
    const db = world.open()
    db.exec('INSERT INTO t VALUES(2)')
    world.host.locks.write(LOCK, text)
    assert.is(failchk(PATH, {}, world.host).needsRecovery, false)
    assert.instance(
      thrownBy(() => world.open({ timeout: 0 })),
      LockHeldError,
    )
    const reader = world.open({ readonly: true, recover: false })
    assert.is(count(reader), 2)
    reader.close()
    world.host.locks.drop(LOCK)
    assert.is(failchk(PATH, {}, world.host).needsRecovery, true)
  })
}

test('a register that cannot be read: the error has a class, file and cure, from every function that looks', () =>
  inQuickDirectory((dir) => {
    const path = join(dir, 'app')
    new Database(path).close()
    rmSync(`${path}.lck`)
    mkdirSync(`${path}.lck`)
    for (const look of [
      () => readRegister(path),
      () => failchk(path),
      () => verify(path),
      () => new Database(path),
    ]) {
      const error = thrownBy(look)
      assert.ok(error instanceof OpenError && error.subcode === 'EISDIR', String(error))
      assert.is(error.path, `${path}.lck`)
      assert.match(error.hint ?? '', 'move away what lies there')
    }
  }))

test('where there is no database and none may be created, no register is made either', () =>
  inQuickDirectory((dir) => {
    const path = join(dir, 'app')
    for (const recover of [true, false]) {
      const error = thrownBy(() => new Database(path, { fileMustExist: true, recover }))
      assert.match(String(error), 'unable to open database file')
      assert.equal(readdirSync(dir), [])
    }
  }))

test('a dead reader: an event for who looks, nothing to recover', () => {
  const world = closed()
  joinAsReader(world.host, namesOf(PATH), 0)
  world.host.locks.drop(LOCK)
  const events: DatabaseEvent[] = []
  const db = world.open({ recover: false, onEvent: (event) => events.push(event) })
  assert.equal(events[0], { kind: 'processDied', pid: process.pid, role: 'reader' })
  assert.equal(kinds(db), [])
  db.close()
})

test('a reader waits while somebody recovers, no longer than its time, and makes no register for nothing', () => {
  const world = killed()
  const names = namesOf(PATH)
  const recovering = world.host.locks.acquire(LOCK)
  assert.instance(
    thrownBy(() => joinAsReader(world.host, names, 20)),
    LockHeldError,
  )
  recovering.admitOthers()
  joinAsReader(world.host, names, 0).release()
  recovering.release()
  joinAsReader(world.host, namesOf(`${MEMORY_DIR}/nothing`), 0).release()
  assert.is(world.host.locks.text(`${MEMORY_DIR}/nothing.lck`), undefined)
  // Where nobody may write, one reads without a slot; what is broken is told.
  for (const [code, isTold] of [
    ['EROFS', false],
    ['EACCES', false],
    ['EIO', true],
  ] as const) {
    const join = () => {
      throw Object.assign(new Error(code), { code })
    }
    const host = { ...world.host, locks: { ...world.host.locks, join } }
    if (isTold)
      assert.instance(
        thrownBy(() => joinAsReader(host, names, 0)),
        OpenError,
      )
    else joinAsReader(host, names, 0).release()
  }
})

test('verify where the lock file may not be written, as on a medium that is only read: it says so, and checks', () => {
  const world = new MemoryWorld()
  world.open().exec('CREATE TABLE t(a); INSERT INTO t VALUES(1)').close()
  for (const code of ['EROFS', 'EACCES', 'EIO']) {
    const acquire = () => {
      throw Object.assign(new Error(code), { code })
    }
    const host = { ...world.host, locks: { ...world.host.locks, acquire } }
    if (code === 'EIO') {
      assert.instance(
        thrownBy(() => verify(PATH, {}, host)),
        OpenError,
      )
      continue
    }
    const { isSound, remarks } = verify(PATH, {}, host)
    assert.ok(isSound)
    assert.match(remarks.join(), `app.lck cannot be written (${code})`)
  }
})

test('verify leaves no register where there was none, is no dead writer, and keeps writers out meanwhile', () =>
  inQuickDirectory((dir) => {
    const path = join(dir, 'app')
    const db = new Database(path)
    db.exec('CREATE TABLE t(a)')
    db.close()
    const before = readFileSync(`${path}.lck`, 'latin1')
    let refusal: unknown
    const setup = () => {
      refusal = thrownBy(() => new Database(path, { timeout: 0 }))
    }
    assert.ok(verify(path, { setup }).isSound)
    assert.instance(refusal, LockHeldError)
    assert.is(readFileSync(`${path}.lck`, 'latin1').length, before.length)
    rmSync(`${path}.lck`)
    const names = readdirSync(dir)
    assert.ok(verify(path).isSound)
    assert.equal(readdirSync(dir), names)
    // Somebody opens it while it is verified: then it is verified again, under the lock.
    let opened: Database | undefined
    assert.instance(
      thrownBy(() =>
        verify(path, {
          setup: () => {
            opened ??= new Database(path)
          },
        }),
      ),
      LockHeldError,
    )
    opened?.close()
  }))

test.run()
