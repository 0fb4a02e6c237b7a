// Crashes that are worth a look: after which step of the story, in which model of a file system, leaving what.

import { seededRandom } from '../../lib/format/random.ts'
import type { CrashModel } from '../../lib/fs/crash-point.ts'
import { type CrashState, crashStates } from '../../lib/fs/crash-states.ts'
import type { Image } from '../../lib/fs/image.ts'
import type { Story } from './story.ts'
import { BASE, DIRECTORY, textOf } from './world.ts'

export interface Scenario {
  readonly name: string
  readonly tells: string
  readonly model: CrashModel
  /** The last step before the crash: an operation, and the chapter it stands in. */
  readonly after: { readonly chapter: string; readonly operation: RegExp }
  /** Which of the states that the crash may leave is shown. Default: the first. */
  readonly isWanted?: (image: Image) => boolean
  /** The last step of the recovery before it is cut off, too. */
  readonly recoveryCutAfter?: RegExp
  /** Bytes are damaged that had been durable: no crash does that. */
  readonly damages?: { readonly path: string; readonly text: string; readonly into: string }
}

const LOG = `${BASE}.log`

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'torn',
    tells: 'the power fails while the record of a transaction is on its way to the disk',
    model: 'ext4',
    after: { chapter: 'Ada gives Bob the fourth coin', operation: /^append app\.log / },
    isWanted: (image) => {
      const text = textOf(image, LOG) ?? ''
      return text.split('BEGIN;').length === 3 && text.split('COMMIT;').length === 2
    },
  },
  {
    name: 'undone',
    tells: 'a checkpoint is cut just before its commit point: all new files are whole, and worth nothing',
    model: 'killed',
    after: { chapter: 'the second checkpoint', operation: /^sync app\.properties\.new/ },
  },
  {
    name: 'redone',
    tells: 'the same checkpoint, cut just after its commit point: now the new files count',
    model: 'killed',
    after: { chapter: 'the second checkpoint', operation: /^rename app\.properties\.new/ },
  },
  {
    name: 'half-moved',
    tells: 'the new snapshot has its place, the log that follows it has not',
    model: 'killed',
    after: { chapter: 'the second checkpoint', operation: /^rename app\.script\.new/ },
  },
  {
    name: 'twice',
    tells: 'the recovery that finishes the checkpoint is cut off itself, and begins again',
    model: 'killed',
    after: { chapter: 'the second checkpoint', operation: /^rename app\.properties\.new/ },
    recoveryCutAfter: /^rename app\.script\.new/,
  },
  {
    name: 'damage',
    tells: 'no crash: a byte has changed in a transaction that the log proves to have been durable',
    model: 'killed',
    after: { chapter: 'Ada gives Bob the fourth coin', operation: /^sync app\.log/ },
    damages: { path: LOG, text: 'Ada', into: 'Eda' },
  },
]

/** Those that are shown when none is asked for. */
export const FIRST_SCENARIOS: readonly string[] = ['torn', 'undone', 'redone']

export interface Crash {
  /** The last step before it, counted from 1. */
  readonly step: number
  /** So many changes had been made. */
  readonly cut: number
  readonly image: Image
  /** What of the pending changes survived. */
  readonly description: string
}

/** The crash of a scenario. */
export function crashOf(story: Story, { after, model, isWanted, damages }: Scenario): Crash {
  const index = story.steps.findIndex(
    ({ chapter, operation }) => chapter === after.chapter && after.operation.test(operation),
  )
  const states = statesAfter(story, index + 1, model)
  const crash = crashWith(
    story,
    index + 1,
    states.find(({ image }) => isWanted?.(image) ?? true),
  )
  if (damages === undefined) return crash
  const text = textOf(crash.image, damages.path)
  if (text?.includes(damages.text) !== true) throw new Error(`${damages.path} does not hold ${damages.text}`)
  const damaged = new TextEncoder().encode(text.replace(damages.text, damages.into))
  const files = new Map(crash.image.files).set(damages.path, damaged)
  return {
    ...crash,
    image: { ...crash.image, files },
    description: `then, on the disk, ${damages.text} became ${damages.into}`,
  }
}

/** One of the states that a crash after this step may leave; the seed decides which. */
export function crashAfter(story: Story, step: number, model: CrashModel, seed: number): Crash {
  const states = statesAfter(story, step, model)
  return crashWith(story, step, states[Math.floor(seededRandom(seed)() * states.length)])
}

function statesAfter({ initial, changes, steps }: Story, step: number, model: CrashModel): CrashState[] {
  const cut = steps[step - 1]?.changes
  if (cut === undefined) throw new Error(`the story has no step ${step}`)
  return [...crashStates({ initial, changes, cut, model, limit: 200, random: seededRandom(step) })]
}

function crashWith({ steps }: Story, step: number, state: CrashState | undefined): Crash {
  if (state === undefined) throw new Error(`step ${step} leaves no such state`)
  return {
    step,
    cut: steps[step - 1]?.changes ?? 0,
    image: state.image,
    description: state.describe(DIRECTORY),
  }
}
