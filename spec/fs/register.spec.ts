// The register: whatever it looks like, and wherever a process is killed that enters or leaves it, the next one knows
// whether somebody has died who wrote.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LockHeldError } from '../../lib/errors.ts'
import { type ByteLocks, kernelByteLocks } from '../../lib/fs/byte-locks.ts'
import { locksBy } from '../../lib/fs/lock.ts'
import { formatSlot, freeSlot, type Role, slotBytes } from '../../lib/fs/lock-slots.ts'
import { type MemoryLocks, memoryLocks } from '../../lib/fs/memory-locks.ts'
import type { RegisterCondition } from '../../lib/fs/register.ts'
import { thrownBy } from '../bad-input/refusal.ts'
import { inQuickDirectory } from '../support/temp-directory.ts'

const PATH = '/d/app.lck'
/** A process that nobody is. */
const GONE = 4_000_000

const slot = (pid: number, role: Role) => Buffer.from(formatSlot({ pid, role })).toString()
const free = Buffer.from(freeSlot).toString()

/** Opens the database as a writer, closes it, and tells what was found. */
function openAndClose(locks: MemoryLocks) {
  const lock = locks.acquire(PATH)
  const { condition, dead } = lock
  lock.admitOthers()
  lock.release()
  return { condition, dead: dead.map(({ pid, role }) => `${role} ${pid}`) }
}

const test = suite('the register')

const found: readonly [string, string, RegisterCondition, readonly string[]][] = [
  ['nothing', '', 'missing', []],
  ['free slots', free + free, 'whole', []],
  ['a dead writer', free + slot(GONE, 'writer'), 'whole', [`writer ${GONE}`]],
  [
    'a dead reader and a dead verifier',
    slot(GONE, 'reader') + slot(7, 'verifier'),
    'whole',
    [`reader ${GONE}`, 'verifier 7'],
  ],
  ['a slot that is cut', free + slot(GONE, 'writer').slice(0, 20), 'short', []],
  ['a stranger’s text', 'what is this?\n', 'short', []],
  ['zeros', '\0'.repeat(slotBytes * 3), 'garbled', []],
  ['a role that nobody has', slot(5, 'reader').replace('reader', 'master'), 'garbled', []],
  [
    'a garbled slot beside a dead writer',
    '?'.repeat(slotBytes) + slot(GONE, 'writer'),
    'garbled',
    [`writer ${GONE}`],
  ],
  ['more than a register can hold', '?'.repeat(slotBytes * 1100), 'garbled', []],
]
for (const [name, text, condition, dead] of found) {
  test(`${name}: told, and mended by a recovery that succeeds`, () => {
    const locks = memoryLocks()
    if (text !== '') locks.write(PATH, text)
    assert.equal(openAndClose(locks), { condition, dead })
    assert.equal(openAndClose(locks), { condition: 'whole', dead: [] })
  })

  test(`${name}: a recovery that fails leaves what told of it, again and again, and no more`, () => {
    const locks = memoryLocks()
    if (text !== '') locks.write(PATH, text)
    locks.acquire(PATH).release()
    const size = locks.text(PATH)?.length
    for (let round = 0; round < 3; round++) locks.acquire(PATH).release()
    const again = locks.acquire(PATH)
    assert.is(again.condition !== 'whole', condition !== 'whole')
    // Readers are forgotten at once: nothing is to be recovered for them.
    const writers = (all: readonly string[]) => all.filter((each) => each.startsWith('writer'))
    assert.equal(
      again.dead.map(({ pid, role }) => `${role} ${pid}`),
      writers(dead),
    )
    again.release()
    assert.is(locks.text(PATH)?.length, size)
  })

  // Each of a thousand slots would be a moment to be killed at.
  if (text.length > 10_000) continue
  test(`${name}: killed at any operation, the next one knows of it unless all was over`, () => {
    const needsRecovery = condition !== 'whole' || dead.some((each) => each.startsWith('writer'))
    for (let killedAt = 0; ; killedAt++) {
      let count = 0
      const locks = memoryLocks(() => {
        if (++count > killedAt) throw new Error('killed')
      })
      if (text !== '') locks.write(PATH, text)
      let reached: 'nothing' | 'entered' | 'recovered' | 'left' = 'nothing'
      try {
        const lock = locks.acquire(PATH)
        reached = 'entered'
        lock.admitOthers()
        reached = 'recovered'
        lock.release()
        reached = 'left'
      } catch (error) {
        assert.match(String(error), /killed/)
      }
      const register = locks.text(PATH) ?? ''
      const next = memoryLocks()
      if (register !== '') next.write(PATH, register)
      const after = openAndClose(next)
      const isKnown = after.condition !== 'whole' || after.dead.some((each) => each.startsWith('writer'))
      if (needsRecovery && reached !== 'left' && reached !== 'recovered')
        assert.ok(isKnown, `killed at ${killedAt}`)
      if (reached === 'entered') assert.ok(isKnown, `killed at ${killedAt}`)
      if (reached === 'left') {
        assert.not.ok(isKnown)
        break
      }
      assert.equal(openAndClose(next), { condition: 'whole', dead: [] })
    }
  })
}

test('readers beside a writer: each has a slot, and leaves it free', () => {
  const locks = memoryLocks()
  const writer = locks.acquire(PATH)
  writer.admitOthers()
  const [one, two] = [locks.join(PATH), locks.join(PATH)]
  const roles = () =>
    locks.look(PATH, { mayFree: false }).processes.map(({ role, state }) => `${role} ${state}`)
  assert.equal(roles().sort(), ['reader alive', 'reader alive', 'writer alive'])
  one?.release()
  one?.release()
  assert.equal(roles().sort(), ['reader alive', 'writer alive'])
  writer.release()
  assert.equal(roles(), ['reader alive'])
  const third = locks.join(PATH)
  assert.is(locks.text(PATH)?.length, 3 * slotBytes)
  two?.release()
  third?.release()
})

test('while somebody recovers, nobody else enters; a reader that comes first tells nobody that all is well', () => {
  const locks = memoryLocks()
  const reader = locks.join(PATH)
  const recovering = locks.acquire(PATH)
  assert.is(recovering.condition, 'garbled')
  assert.throws(
    () => locks.join(PATH),
    (error: unknown) => error instanceof LockHeldError,
  )
  assert.throws(() => locks.acquire(PATH), /being opened in this process/)
  recovering.admitOthers()
  locks.join(PATH)?.release()
  assert.throws(() => locks.acquire(PATH), /is open in this process/)
  recovering.release()
  reader?.release()
  assert.is(locks.join('/d/none.lck', { mayCreate: false }), undefined)
  assert.not.ok(locks.exists('/d/none.lck'))
})

test('the application’s word: a live process that it denies does not respond, and keeps what it holds', () => {
  const locks = memoryLocks()
  const writer = locks.acquire(PATH)
  writer.admitOthers()
  locks.join(PATH)
  const asked: string[] = []
  const isAlive = (pid: number, role: Role) => {
    asked.push(`${role} ${pid === process.pid}`)
    return false
  }
  const states = () =>
    locks.look(PATH, { isAlive, mayFree: true }).processes.map(({ role, state }) => `${role} ${state}`)
  assert.equal(states().sort(), ['reader unresponsive', 'writer unresponsive'])
  assert.equal(asked.sort(), ['reader true', 'writer true'])
  assert.equal(states().length, 2)
  const refusal = thrownBy(() => locks.acquire(PATH, { isAlive }))
  assert.ok(refusal instanceof LockHeldError && refusal.subcode === 'unresponsive')
  assert.match(refusal.message, /which does not respond/)
  // Of the dead it is not asked.
  locks.drop(PATH)
  assert.equal(states().sort(), ['reader dead', 'writer dead'])
  assert.equal(states(), ['writer dead'])
  writer.release()
})

test('where slots have no locks, a reader lives by the application’s word, or while there is a process of its number', () =>
  inQuickDirectory((dir) => {
    const path = `${dir}/app.lck`
    const slotless: ByteLocks = {
      take: (file, byte) => (typeof byte === 'number' ? () => undefined : kernelByteLocks.take(file, byte)),
      isTaken: () => undefined,
      hasGuards: false,
    }
    const locks = locksBy(slotless)
    const reader = locks.join(path)
    const states = (isAlive?: () => boolean) =>
      locks.look(path, { isAlive, mayFree: false }).processes.map(({ state }) => state)
    assert.equal(states(), ['alive'])
    assert.equal(
      states(() => false),
      ['dead'],
    )
    reader?.release()
    assert.equal(states(), [])
  }))

test.run()
