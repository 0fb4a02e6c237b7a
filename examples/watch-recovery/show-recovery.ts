// Shows a recovery step by step, and judges what it left: the only crash-proof answer is a prefix of the commits that
// has all acknowledged ones.

import { basename } from 'node:path'
import kleur from 'kleur'
import type { Image } from '../../lib/fs/image.ts'
import { explainRecovery } from '../explain-recovery.ts'
import { countOf, say, size, verdict } from '../show.ts'
import { PURPOSE_OF_RECOVERY_STEP, type Step } from './narrate.ts'
import type { Opened, WatchedRecovery, WatchedStep } from './recovery.ts'
import { ALL_COINS } from './story.ts'

/** Shows the steps; when `last` is given, up to this operation, after which the recovery was cut off. */
export function showSteps({ steps }: WatchedRecovery, last?: Step): void {
  for (const step of steps) {
    say(`${kleur.bold(step.step.padEnd(12))} ${PURPOSE_OF_RECOVERY_STEP[step.step]}${extentOf(step)}`)
    for (const operation of step.operations) {
      showOperation('', operation)
      if (operation === last) return
    }
  }
}

function extentOf({ step, operations, readBytes }: WatchedStep): string {
  if (readBytes > 0) return kleur.dim(` (${size(readBytes)} read)`)
  return operations.length > 0 || step === 'decide' ? '' : kleur.dim(' (nothing to do)')
}

export function showOperation(label: string, { operation, purpose }: Step): void {
  say(`${label.padStart(12)} ${operation.padEnd(50)} ${kleur.dim(purpose)}`)
}

export function showOpened({ report, coins }: Opened, image: Image, acknowledgedCommits: number): boolean {
  for (const sentence of explainRecovery(report)) say(sentence)
  const files = [...image.files].map(([path, { byteLength }]) => `${basename(path)} (${size(byteLength)})`)
  say(`files now: ${files.sort().join(', ')}`)
  if (coins === undefined) {
    return verdict(acknowledgedCommits === 0, 'there is no table yet, and no commit had been acknowledged')
  }
  const ada = coins.get('Ada') ?? 0
  const bob = coins.get('Bob') ?? 0
  // The first commit opened the accounts; each one since gave Bob a coin.
  const commits = 1 + bob
  const isWhole = verdict(ada + bob === ALL_COINS, `Ada has ${ada} and Bob ${bob} coins: no half transaction`)
  const isAllThere = verdict(
    commits >= acknowledgedCommits,
    `that is after ${countOf(commits, 'commit')}; ${acknowledgedCommits} had been acknowledged`,
  )
  return isWhole && isAllThere
}
