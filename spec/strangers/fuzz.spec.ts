// Any bytes in any file give a clear error or what was committed: never a crash, a hang or another content. Every door
// looks at the same bytes, and they must agree. More cases: FUZZ_CASES=100000, others: SEED=7, one alone: CASE=123.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { SqliteError } from '../../lib/engine/sqlite.ts'
import { ScriptlogError } from '../../lib/errors.ts'
import { seededRandom } from '../../lib/format/random.ts'
import { imageOf } from '../../lib/fs/image.ts'
import { inspect } from '../../lib/inspect.ts'
import { readLog } from '../../lib/read-log.ts'
import { RECOVERY_MODES } from '../../lib/settings.ts'
import { verify } from '../../lib/verify.ts'
import { contentOf } from '../support/content.ts'
import { MEMORY_DIR, MemoryWorld } from '../support/memory-world.ts'
import { type Files, filesOf, type History, livedThrough } from './histories.ts'
import { Dice, resealed, SUFFIXES, spoilt } from './mutations.ts'

const SEED = Number(process.env.SEED ?? 20261120)
const CASES = Number(process.env.FUZZ_CASES ?? 1250)
const BASE = `${MEMORY_DIR}/app`
/** Many times what any case has needed. */
const MOST_MEMORY_BYTES = 1.5e9

const MOST_FAILURES = 10

interface Case {
  readonly files: Files
  readonly isSealed: boolean
}

function spoiltFiles(history: History, dice: Dice): Case {
  const files = new Map(dice.one(history.moments))
  for (let rounds = 1 + dice.below(3); rounds > 0; rounds--) {
    const other = [...dice.one(history.moments)]
    const [otherSuffix, otherBytes] = dice.one(other)
    const suffix = dice.chance(0.8) ? dice.one([...files.keys(), '.log']) : dice.one(SUFFIXES)
    switch (dice.below(8)) {
      case 0:
        if (files.size > 1) files.delete(suffix)
        break
      case 1:
        files.set(otherSuffix, otherBytes)
        break
      case 2:
        files.set(suffix, otherBytes)
        break
      default:
        files.set(suffix, spoilt(files.get(suffix) ?? Buffer.alloc(0), otherBytes, dice))
    }
  }
  return { files, isSealed: false }
}

function sealedFiles(history: History, dice: Dice): Case {
  let files: Files = dice.one(history.moments)
  for (let rounds = 1 + dice.below(2); rounds > 0; rounds--) files = resealed(files, dice) ?? files
  return { files, isSealed: true }
}

function worldOf(files: Files): MemoryWorld {
  const all = [...files].map(([suffix, bytes]) => [`${BASE}${suffix}`, bytes] as const)
  return new MemoryWorld({ image: imageOf(Object.fromEntries(all), [MEMORY_DIR]) })
}

type Answer<T> =
  | { readonly said: T; readonly error?: never }
  | { readonly said?: never; readonly error: ScriptlogError }

/** Errors that are none of ours end the case. */
function asked<T>(act: () => T): Answer<T> {
  try {
    return { said: act() }
  } catch (error) {
    if (!(error instanceof ScriptlogError)) throw error
    assert.ok(error.path !== undefined, `no file is named: ${error.message}`)
    assert.ok(error.hint !== undefined, `no hint is given: ${error.message}`)
    return { error }
  }
}

/** What a user sees; undefined where a module cannot make anything of what a sealed file says. */
function seen(read: () => string, isSealed: boolean): string | undefined {
  try {
    return read()
  } catch (error) {
    if (isSealed && error instanceof SqliteError) return undefined
    throw error
  }
}

/** What was refused because of what the SQL says, which is known when the checkpoint it stands in was finished. */
const TOLD_BY_LOADING = ['sql', 'refused-statement']

function judge({ files, isSealed }: Case, { contents }: History, dice: Dice): string {
  const recoveryMode = dice.chance(0.75) ? undefined : dice.one(RECOVERY_MODES)
  const options = recoveryMode === undefined ? {} : { recoveryMode }
  const world = worldOf(files)
  const opened = asked(() => {
    const db = world.open({ ...options, writeDelayMillis: 0 })
    const content = seen(() => contentOf(db), isSealed)
    const again = asked(() => db.close())
    return { content, again }
  })
  const isLoadRefusal = TOLD_BY_LOADING.includes(opened.error?.subcode ?? '')
  if (opened.error !== undefined && !(isSealed && isLoadRefusal)) {
    assertUnchanged(world, files, `refused: ${opened.error.message}`)
  }
  const content = opened.said?.content
  const mayLose = recoveryMode === 'skip_any_corrupted_records' || recoveryMode === 'stop_at_damage'
  if (opened.said !== undefined && !isSealed && !mayLose && !asksToLose(files)) {
    assert.ok(contents.has(content ?? ''), `content that never was:\n${content}`)
  }
  if (opened.said !== undefined && !isSealed) {
    const reopened = world.killed().open()
    assert.is(contentOf(reopened), content, 'a second open shows the same')
    reopened.close()
  }

  const look = worldOf(files)
  const inspected = asked(() => inspect(BASE, look.host))
  if (recoveryMode === undefined && !isLoadRefusal) {
    const refusal = inspected.error?.message ?? inspected.said?.refusal
    if (opened.error !== undefined)
      assert.ok(refusal !== undefined, `inspect: nothing, open: ${opened.error.message}`)
    else assert.is(refusal, undefined, 'inspect refuses what is opened')
  }
  const verified = asked(() => verify(BASE, {}, look.host))
  if (recoveryMode === undefined) {
    const isSound = verified.said?.isSound ?? false
    if (opened.error !== undefined) assert.not(isSound, `verify: sound, open: ${opened.error.message}`)
    else if (!isSealed) assert.ok(isSound, `verify: ${verified.said?.problems ?? verified.error?.message}`)
  }
  asked(() => [...readLog(BASE, look.host)])
  const read = asked(() => {
    try {
      const db = look.open({ ...options, readonly: true })
      return seen(() => contentOf(db), isSealed)
    } catch (error) {
      if (error instanceof SqliteError && error.code === 'SQLITE_CANTOPEN') return 'nothing there'
      throw error
    }
  })
  if (opened.error !== undefined)
    assert.ok(read.error !== undefined, `readonly opens, open: ${opened.error.message}`)
  else if (read.said !== 'nothing there') assert.is(read.said, content, 'readonly sees the same')
  assertUnchanged(look, files, 'looked at')
  return opened.error === undefined ? 'opened' : 'refused'
}

function assertUnchanged(world: MemoryWorld, before: Files, when: string): void {
  const [old, now] = [filesOf(worldOf(before).image()), filesOf(world.image())]
  const changed = [...new Set([...old.keys(), ...now.keys()])].filter(
    (suffix) => !Buffer.from(old.get(suffix) ?? []).equals(Buffer.from(now.get(suffix) ?? [])),
  )
  assert.equal(changed, [], when)
}

/** A person asked for it in the settings. */
function asksToLose(files: Files): boolean {
  return /skip_any|stop_at/.test(Buffer.from(files.get('.properties') ?? []).toString('latin1'))
}

const history = livedThrough()

function fuzz(name: string, make: (history: History, dice: Dice) => Case): void {
  test(name, () => {
    const only = process.env.CASE
    const failures: string[] = []
    const tally = new Map<string, number>()
    for (let index = Number(only ?? 0); index < (only === undefined ? CASES : Number(only) + 1); index++) {
      const dice = new Dice(seededRandom(SEED * 1_000_003 + index))
      const made = make(history, dice)
      try {
        const outcome = judge(made, history, dice)
        tally.set(outcome, (tally.get(outcome) ?? 0) + 1)
      } catch (error) {
        failures.push(`SEED=${SEED} CASE=${index}: ${error instanceof Error ? error.stack : error}`)
        if (failures.length === MOST_FAILURES) break
      }
    }
    assert.is(failures.length, 0, failures.join('\n'))
    const { rss } = process.memoryUsage()
    assert.ok(rss < MOST_MEMORY_BYTES, `${rss} bytes of memory`)
    console.log(
      `SEED=${SEED}: ${CASES} cases of ${history.moments.length} moments, ${[...tally].join(', ').replaceAll(',', ' ')}`,
    )
  })
}

fuzz('bytes that were spoilt: a clear error, or what was committed', spoiltFiles)
fuzz('statements and fields that were changed and sealed again: a clear error, or an open', sealedFiles)

test.run()
