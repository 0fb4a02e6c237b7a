// Every way to look at a stranger's files, each on a copy of its own.

import { ScriptlogError } from '../../lib/errors.ts'
import { type Image, imageOf } from '../../lib/fs/image.ts'
import { inspect } from '../../lib/inspect.ts'
import { readLog } from '../../lib/read-log.ts'
import { verify } from '../../lib/verify.ts'
import { MEMORY_DIR, MemoryWorld } from '../support/memory-world.ts'

const BASE = `${MEMORY_DIR}/app`

/** Files in memory, by suffix. */
export type Planted = Readonly<Record<string, string | Uint8Array>>

export function worldOf(planted: Planted): MemoryWorld {
  return new MemoryWorld({ image: imageFor(planted) })
}

function imageFor(planted: Planted): Image {
  const files = Object.entries(planted).map(([suffix, bytes]) => [`${BASE}${suffix}`, bytes] as const)
  return imageOf(Object.fromEntries(files), [MEMORY_DIR])
}

/** What one door says: why it refuses, or undefined when it opens. */
export type Answer = ScriptlogError | undefined

/** The doors that load and redo what is there. Whatever else than an error of ours comes out of one is thrown. */
export const LOADING_DOORS: Readonly<Record<string, (planted: Planted) => Answer>> = {
  open: (planted) => answerOf(() => worldOf(planted).open().close()),
  readonly: (planted) => answerOf(() => worldOf(planted).open({ readonly: true }).close()),
  verify: (planted) => {
    const { problems } = verify(BASE, {}, worldOf(planted).host)
    const [problem] = problems
    return problem === undefined ? undefined : new ScriptlogError('PROBLEM', problem, { reason: 'recovery' })
  },
}

/** The doors that run nothing: they only must not fail in other words than ours. */
export function lookAround(planted: Planted): void {
  answerOf(() => inspect(BASE, worldOf(planted).host))
  answerOf(() => [...readLog(BASE, worldOf(planted).host)])
}

export function answerOf(act: () => unknown): Answer {
  try {
    act()
    return undefined
  } catch (error) {
    if (error instanceof ScriptlogError) return error
    throw error
  }
}
