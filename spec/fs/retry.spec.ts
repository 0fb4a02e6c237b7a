import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { retryWhileHeld } from '../../lib/fs/retry.ts'
import { systemError } from '../../lib/fs/system-error.ts'

/** Fails as told, then succeeds; counts the attempts and the time waited. */
function attempts(codes: string[]) {
  const counted = { attempts: 0, waitedMs: 0 }
  const run = () =>
    retryWhileHeld(
      () => {
        const code = codes[counted.attempts]
        counted.attempts += 1
        if (code !== undefined) throw systemError(code, 'rename', 'a', { dest: 'b' })
      },
      (delayMs) => {
        counted.waitedMs += delayMs
      },
    )
  return { run, counted }
}

test('a file that others let go of is renamed', () => {
  const { run, counted } = attempts(['EBUSY', 'EPERM', 'EACCES'])
  run()
  assert.equal(counted, { attempts: 4, waitedMs: 35 })
})

test('a file that is never let go of: the error, after a bounded time', () => {
  const { run, counted } = attempts(Array<string>(100).fill('EBUSY'))
  assert.throws(run, /EBUSY/)
  assert.equal(counted, { attempts: 9, waitedMs: 1275 })
})

test('any other failure is thrown at once', () => {
  const { run, counted } = attempts(['ENOSPC'])
  assert.throws(run, /ENOSPC/)
  assert.equal(counted, { attempts: 1, waitedMs: 0 })
})

test('the wait itself is real', () => {
  let isFirst = true
  const start = performance.now()
  retryWhileHeld(() => {
    if (isFirst) {
      isFirst = false
      throw systemError('EBUSY', 'rename', 'a')
    }
  })
  assert.ok(performance.now() - start >= 4)
})

test.run()
