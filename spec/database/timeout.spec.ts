// The option timeout: how long an open waits for another process or thread to close the database.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import type { DatabaseOptions } from '../../lib/database/options.ts'
import { LockHeldError } from '../../lib/errors.ts'
import type { Locks } from '../../lib/fs/lock.ts'
import { thrownBy } from '../bad-input/refusal.ts'
import { MEMORY_DIR, MemoryWorld } from '../support/memory-world.ts'
import { outcome } from './twins.ts'

/** Opens a database that process `pid` holds until it was asked for `tries` times; each try takes a millisecond. */
function openHeld(
  options: DatabaseOptions,
  { pid, tries }: { pid: number | undefined; tries: number },
): { readonly tried: number; readonly result: unknown } {
  const world = new MemoryWorld()
  let tried = 0
  const locks: Locks = {
    ...world.host.locks,
    acquire(path: string) {
      if (++tried > tries) return world.host.locks.acquire(path)
      throw new LockHeldError('database is locked', pid, { path })
    },
  }
  const result = outcome(() => new Database(`${MEMORY_DIR}/app`, options, { ...world.host, locks }).open)
  return { tried, result }
}

const LOCKED = { thrown: 'LockHeldError', code: 'SQLITE_BUSY' }

function assertLocked(result: unknown): void {
  assert.match(JSON.stringify(result), JSON.stringify(LOCKED).slice(0, -1))
}

test('another process or thread lets go within the time: it is opened', () => {
  for (const pid of [process.pid + 1, process.pid, undefined]) {
    const { tried, result } = openHeld({ timeout: 60_000 }, { pid, tries: 3 })
    assert.equal(result, { returned: true })
    assert.is(tried, 4)
  }
  assert.equal(openHeld({}, { pid: 1, tries: 3 }).result, { returned: true })
})

test('it does not: an error that an application of better-sqlite3’s knows, after the time', () => {
  const { tried, result } = openHeld({ timeout: 10 }, { pid: 1, tries: 1_000_000 })
  assertLocked(result)
  assert.ok(tried > 1 && tried <= 11, String(tried))
})

test('no time: the error comes at once', () => {
  const { tried, result } = openHeld({ timeout: 0 }, { pid: 1, tries: 1_000_000 })
  assertLocked(result)
  assert.is(tried, 1)
})

test('a database that is open in this very thread: nobody could close it meanwhile, the error comes at once', () => {
  const world = new MemoryWorld()
  let tried = 0
  const locks: Locks = {
    ...world.host.locks,
    acquire(path: string) {
      tried++
      return world.host.locks.acquire(path)
    },
  }
  const open = () => new Database(`${MEMORY_DIR}/app`, { timeout: 60_000 }, { ...world.host, locks })
  const first = open()
  assertLocked(outcome(open))
  assert.is(tried, 2)
  first.close()
  const second = open()
  // Closed long ago: of no effect on the one that is open now.
  first.close()
  assertLocked(outcome(open))
  assert.is(tried, 4)
  second.close()
})

test('the error names the holder', () => {
  const world = new MemoryWorld()
  const db = world.open()
  const error = thrownBy(() => world.open())
  assert.instance(error, LockHeldError)
  assert.match(String(error), /database is locked: it is open in this process already/)
  assert.is(db.open, true)
})

test('what is no time, as better-sqlite3 tells it', () => {
  for (const [timeout, text] of [
    [undefined, 'TypeError: Expected the "timeout" option to be a positive integer'],
    [null, 'TypeError: Expected the "timeout" option to be a positive integer'],
    ['75', 'TypeError: Expected the "timeout" option to be a positive integer'],
    [-1, 'TypeError: Expected the "timeout" option to be a positive integer'],
    [7.5, 'TypeError: Expected the "timeout" option to be a positive integer'],
    [Number.NaN, 'TypeError: Expected the "timeout" option to be a positive integer'],
    [0x80000000, 'RangeError: Option "timeout" cannot be greater than 2147483647'],
  ] as const) {
    assert.is(String(thrownBy(() => Reflect.construct(Database, [':memory:', { timeout }]))), text)
  }
})

test.run()
