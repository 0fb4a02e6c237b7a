// `.lck` is deleted or replaced under a writer: it acknowledges nothing more and changes no name, and says FencedError;
// the files of whoever opens the database then are whole.

import { copyFileSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import type { DatabaseEvent } from '../../lib/database/events.ts'
import type { CloseMode } from '../../lib/database/hsqldb-statement.ts'
import { kernelLocks } from '../../lib/engine/lock-fallback.ts'
import { CommitInDoubtError, FencedError, fencedBy, LockHeldError } from '../../lib/errors.ts'
import { kernelByteLocks } from '../../lib/fs/byte-locks.ts'
import { diskFiles, openExistingSlotFile } from '../../lib/fs/disk.ts'
import type { Files } from '../../lib/fs/files.ts'
import type { Locks } from '../../lib/fs/lock.ts'
import { systemHost } from '../../lib/host.ts'
import { namesOf } from '../../lib/names.ts'
import { thrownBy } from '../bad-input/refusal.ts'
import { MEMORY_DIR, MemoryWorld } from '../support/memory-world.ts'
import { inQuickDirectory } from '../support/temp-directory.ts'

const LOCK = `${MEMORY_DIR}/app.lck`
const CHANGING = new Set(['create', 'rename', 'remove', 'append', 'makeDir'])

const test = suite('a fenced writer')

/** A writer with one durable row, and what it does to files from then on. */
function writing(options: { readonly writeDelayMillis?: number; readonly isClean?: boolean } = {}) {
  const changes: string[] = []
  let isListening = false
  const world = new MemoryWorld({
    onOperation: ({ kind, path }) => {
      if (isListening && CHANGING.has(kind)) changes.push(`${kind} ${path}`)
      return undefined
    },
  })
  const events: DatabaseEvent[] = []
  const { writeDelayMillis = 0 } = options
  const first = world.open()
  first.exec('CREATE TABLE t(a); INSERT INTO t VALUES(1)')
  first.close()
  const db = world.open({ writeDelayMillis, onEvent: (event) => events.push(event) })
  if (options.isClean !== true) {
    db.exec('INSERT INTO t VALUES(2)')
    db.flush()
  }
  const fence = () => {
    world.host.locks.remove(LOCK)
    isListening = true
  }
  return { world, db, changes, events, fence }
}

/** What another writer finds now, and that it can write. */
function rowsFor(world: MemoryWorld): unknown {
  // Another process, as far as the locks know.
  const db = new Database(`${MEMORY_DIR}/app`, {}, { ...world.host, locks: { ...world.host.locks } })
  const rows = db.prepare('SELECT a FROM t ORDER BY a').pluck().all()
  db.exec('INSERT INTO t VALUES(100)')
  db.close()
  return rows
}

function assertFenced(act: () => unknown): void {
  const error = thrownBy(act)
  assert.instance(error, FencedError)
  assert.match(
    String(error),
    /deleted or replaced while it was open \(\/data\/app\.lck\)\n {2}hint: close the database/,
  )
}

test('a commit with write delay 0 is not acknowledged, and no later one is tried', () => {
  const { db, fence, world, changes } = writing()
  fence()
  assertFenced(() => db.exec('INSERT INTO t VALUES(3)'))
  // It is in doubt: the record had been written before the look.
  assert.equal(changes, [`append ${MEMORY_DIR}/app.log`])
  for (let n = 0; n < 2; n++) {
    assert.ok(fencedBy(thrownBy(() => db.exec('INSERT INTO t VALUES(4)'))))
    assert.ok(fencedBy(thrownBy(() => db.checkpoint())))
    assert.ok(fencedBy(thrownBy(() => db.resume())))
  }
  assert.equal(db.prepare('SELECT a FROM t').pluck().all(), [1, 2, 3])
  assertFenced(() => db.close())
  assert.not.ok(db.open)
  assert.is(changes.length, 1)
  assert.equal(rowsFor(world), [1, 2, 3])
})

test('with a write delay commits return, and flush and flushed do not', async () => {
  for (const way of ['flush', 'flushed'] as const) {
    const { db, fence, world, changes } = writing({ writeDelayMillis: 10_000 })
    fence()
    db.exec('INSERT INTO t VALUES(3)')
    if (way === 'flush') assertFenced(() => db.flush())
    else {
      const error: unknown = await db.flushed().then(
        () => undefined,
        (reason: unknown) => reason,
      )
      assert.instance(error, FencedError)
    }
    assertFenced(() => db.close())
    assert.equal(changes, [`append ${MEMORY_DIR}/app.log`])
    assert.equal(rowsFor(world), [1, 2, 3])
  }
})

test('the first write after a clean open changes no state', () => {
  const { db, fence, world, changes } = writing({ isClean: true })
  fence()
  assertFenced(() => db.exec('INSERT INTO t VALUES(3)'))
  assert.equal(changes, [])
  assertFenced(() => db.close())
  assert.equal(rowsFor(world), [1])
})

for (const mode of ['normal', 'immediately', 'compact', 'script'] satisfies CloseMode[]) {
  test(`close ${mode} writes nothing, closes all the same, and says why`, () => {
    for (const isClean of [true, false]) {
      const { db, fence, world, changes } = writing({ isClean })
      fence()
      assertFenced(() => db.close({ mode }))
      assert.not.ok(db.open)
      assert.equal(changes, [])
      assert.equal(rowsFor(world), isClean ? [1] : [1, 2])
    }
  })
}

test('at any operation of a checkpoint: nothing is renamed or removed after it, and nothing is lost', () => {
  for (let fencedAt = 0; ; fencedAt++) {
    let count = -1
    const after: string[] = []
    const world: MemoryWorld = new MemoryWorld({
      onOperation: ({ kind, path }) => {
        if (count < 0) return undefined
        if (count++ === fencedAt) world.host.locks.remove(LOCK)
        else if (count > fencedAt + 1 && (kind === 'rename' || kind === 'remove'))
          after.push(`${kind} ${path}`)
        return undefined
      },
    })
    const db = world.open()
    db.exec('CREATE TABLE t(a); INSERT INTO t VALUES(1)')
    count = 0
    let error: unknown
    try {
      db.checkpoint()
      db.exec('INSERT INTO t VALUES(2)')
    } catch (thrown) {
      error = thrown
    }
    if (count <= fencedAt) break
    assert.ok(error === undefined || error instanceof FencedError, String(error))
    assert.equal(after, [], `operation ${fencedAt}`)
    assertFenced(() => db.close())
    count = -1
    const rows = rowsFor(world)
    // A fence after the last look: the commit was acknowledged, so it is there.
    const least = error === undefined ? [1, 2] : [1]
    assert.ok(
      least.every((row) => Array.isArray(rows) && rows.includes(row)),
      `operation ${fencedAt}`,
    )
  }
})

test('a look that fails acknowledges nothing, and is no fence: writing goes on when it can be told again', () => {
  for (const code of ['EACCES', 'EIO']) {
    const world = new MemoryWorld()
    let isFailing = false
    const locks: Locks = {
      ...world.host.locks,
      acquire(path: string) {
        const lock = world.host.locks.acquire(path)
        const assertHeld = () => {
          if (isFailing) throw Object.assign(new Error(`${code}: stat`), { code, path })
          lock.fence.assertHeld()
        }
        return {
          pid: lock.pid,
          condition: lock.condition,
          dead: lock.dead,
          fence: { ...lock.fence, assertHeld },
          admitOthers: () => lock.admitOthers(),
          release: () => lock.release(),
        }
      },
    }
    const db = new Database(`${MEMORY_DIR}/app`, { writeDelayMillis: 0 }, { ...world.host, locks })
    db.exec('CREATE TABLE t(a)')
    isFailing = true
    const error = thrownBy(() => db.exec('INSERT INTO t VALUES(1)'))
    assert.ok(error instanceof CommitInDoubtError && error.subcode === code)
    isFailing = false
    db.close()
    assert.equal(rowsFor(world), [1])
  }
})

const onDisk = suite('a fenced writer on the disk')

onDisk('.lck deleted, replaced by a copy, moved away and put back: fenced, and for good', () =>
  inQuickDirectory((dir) => {
    const path = join(dir, 'app')
    for (const way of ['delete', 'replace', 'put back'] as const) {
      const db = new Database(path, { writeDelayMillis: 0 })
      db.exec(`CREATE TABLE IF NOT EXISTS t(a); INSERT INTO t VALUES('${way}')`)
      if (way === 'delete') rmSync(`${path}.lck`)
      else renameSync(`${path}.lck`, `${path}.old`)
      if (way === 'replace') copyFileSync(`${path}.old`, `${path}.lck`)
      const names = readdirSync(dir)
      assert.instance(
        thrownBy(() => db.exec('INSERT INTO t VALUES(3)')),
        FencedError,
      )
      if (way === 'put back') renameSync(`${path}.old`, `${path}.lck`)
      const log = readFileSync(`${path}.log`)
      assert.ok(fencedBy(thrownBy(() => db.exec('INSERT INTO t VALUES(4)'))))
      assert.instance(
        thrownBy(() => db.close()),
        FencedError,
      )
      assert.equal(readFileSync(`${path}.log`), log)
      if (way !== 'put back') assert.equal(readdirSync(dir), names)
      rmSync(`${path}.old`, { force: true })
    }
    const db = new Database(path)
    assert.is(
      db.prepare("SELECT count(*) FROM t WHERE a IN ('delete', 'replace', 'put back')").pluck().get(),
      3,
    )
    db.close()
  }),
)

onDisk('two writers at once: what the new one has acknowledged stays, whatever the old one tries', () =>
  inQuickDirectory((dir) => {
    const path = join(dir, 'app')
    const old = new Database(path, { writeDelayMillis: 0 })
    old.exec("CREATE TABLE t(a); INSERT INTO t VALUES('old')")
    rmSync(`${path}.lck`)
    const fresh = new Database(path, { writeDelayMillis: 0 }, { ...systemHost(), locks: { ...kernelLocks } })
    fresh.exec("INSERT INTO t VALUES('new')")
    for (const act of [
      () => old.exec("INSERT INTO t VALUES('late')"),
      () => old.checkpoint(),
      () => old.resume(),
      () => old.close(),
    ])
      assert.ok(fencedBy(thrownBy(act)))
    fresh.exec("INSERT INTO t VALUES('newer')")
    fresh.close()
    const db = new Database(path)
    assert.equal(db.prepare('SELECT a FROM t').pluck().all(), ['old', 'new', 'newer'])
    db.close()
  }),
)

if (kernelByteLocks.hasGuards) {
  onDisk('whatever is renamed or removed while there is a log, the guard of every log is held', () =>
    inQuickDirectory((dir) => {
      const path = join(dir, 'app')
      const names = namesOf(path)
      let checked = 0
      /** Whether nobody else could begin a section now. */
      const assertGuarded = () => {
        for (const logPath of [names.log, names.logNext, names.logNew]) {
          const log = openExistingSlotFile(logPath)
          if (log === undefined) continue
          assert.is(kernelByteLocks.take(log, 'guard'), undefined, logPath)
          log.close()
          checked++
        }
      }
      const files: Files = {
        ...diskFiles,
        rename(from, to) {
          assertGuarded()
          diskFiles.rename(from, to)
        },
        remove(removed) {
          assertGuarded()
          diskFiles.remove(removed)
        },
      }
      // The second one finds what the first one left open.
      for (const round of [1, 2]) {
        const locks: Locks = { ...kernelLocks }
        const db = new Database(path, { writeDelayMillis: 0 }, { ...systemHost(), files, locks })
        db.exec(`CREATE TABLE t${round}(a)`)
        db.checkpoint()
        db.exec(`INSERT INTO t${round} VALUES(1)`)
        rmSync(`${path}.lck`)
      }
      assert.ok(checked > 20, String(checked))
      new Database(path).close()
    }),
  )

  onDisk('an open waits for a rename that a fenced writer has begun', () =>
    inQuickDirectory((dir) => {
      const path = join(dir, 'app')
      new Database(path).close()
      const log = openExistingSlotFile(namesOf(path).log)
      assert.ok(log)
      const free = kernelByteLocks.take(log, 'guard')
      const refusal = thrownBy(() => new Database(path, { timeout: 20 }))
      assert.ok(refusal instanceof LockHeldError && refusal.subcode === 'fenced-writer')
      assert.match(refusal.message, /in the middle of renaming a file/)
      free?.()
      log.close()
      new Database(path, { timeout: 0 }).close()
    }),
  )
}

test.run()
onDisk.run()
