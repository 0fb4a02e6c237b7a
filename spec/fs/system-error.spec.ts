import { readSync, renameSync } from 'node:fs'
import { constants } from 'node:os'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { naming, systemError, withPath } from '../../lib/fs/system-error.ts'

function thrownBy(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

test('what is built is what Node throws', () => {
  const real = thrownBy(() => renameSync('/nowhere/a', '/nowhere/b'))
  const built = systemError('ENOENT', 'rename', '/nowhere/a', { dest: '/nowhere/b' })
  assert.ok(real instanceof Error)
  assert.is(built.message, real.message)
  assert.equal({ ...built }, { ...real })
})

test('an error on a descriptor is told with its file', () => {
  const error = thrownBy(() => naming('/d/app.log', () => readSync(1_000_000, new Uint8Array(1))))
  assert.ok(error instanceof Error)
  assert.is(error.message, "EBADF: bad file descriptor, read '/d/app.log'")
  assert.equal({ ...error }, { ...systemError('EBADF', 'read', '/d/app.log') })
})

test('an error for which libuv has no name gets its usual one', () => {
  // Node's own: `Unknown system error -122: Unknown system error -122, write`.
  const errno = -constants.errno.EDQUOT
  const nameless = Object.assign(new Error('?'), {
    code: `Unknown system error ${errno}`,
    errno,
    syscall: 'write',
  })
  const error = withPath(nameless, '/d/app.log')
  assert.ok(error instanceof Error && 'code' in error)
  assert.is(error.code, 'EDQUOT')
  assert.is(error.cause, nameless)
})

test('errors that are complete, and those that are not of the system, stay what they are', () => {
  const complete = systemError('EIO', 'write', '/d/a')
  assert.is(withPath(complete, '/d/b'), complete)
  const own = new TypeError('no')
  assert.is(withPath(own, '/d/b'), own)
  assert.is(withPath('thrown text', '/d/b'), 'thrown text')
})

test.run()
