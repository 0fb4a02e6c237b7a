// Why an open has something to recover: what the register says, and what the files say themselves.

import { RunRecoveryError } from '../errors.ts'
import type { RegisterCondition, RegisteredProcess } from '../fs/register.ts'
import type { Context } from './context.ts'
import { isCleanEnd } from './go-on.ts'

/** One reason for a recovery; an open may have several. */
export type RecoveryCause =
  /** A process that had the database open to write ended without closing it. */
  | { readonly kind: 'dead-writer'; readonly pid: number }
  /** The register cannot tell who had the database open. */
  | { readonly kind: 'register'; readonly condition: Exclude<RegisterCondition, 'whole'> }
  /** The database was not closed cleanly; `row` is that of the decision table. */
  | { readonly kind: 'files'; readonly row: string }

/** What is known of those who had the database open before. */
export interface RegisterFinding {
  readonly condition: RegisterCondition
  readonly deadWriters: readonly number[]
}

/** A register that says nothing against the files. */
export const NOTHING_REGISTERED: RegisterFinding = { condition: 'whole', deadWriters: [] }

/** What a look at the register found that concerns recovery. */
export function findingOf({
  condition,
  dead,
}: {
  readonly condition: RegisterCondition
  readonly dead: readonly RegisteredProcess[]
}): RegisterFinding {
  return { condition, deadWriters: dead.filter(({ role }) => role === 'writer').map(({ pid }) => pid) }
}

/** Empty when there is nothing to recover, as before the first open of a new database. */
export function causesOf(
  context: Pick<Context, 'found' | 'plan' | 'names'>,
  { condition, deadWriters }: RegisterFinding,
): RecoveryCause[] {
  const { action, logs, name } = context.plan.row
  if (action === 'create') return []
  const causes: RecoveryCause[] = deadWriters.map((pid) => ({ kind: 'dead-writer', pid }))
  if (condition !== 'whole') causes.push({ kind: 'register', condition })
  // A script that was handed over alone is read and not recovered.
  if (logs !== 'none' && !isCleanEnd(context)) causes.push({ kind: 'files', row: name })
  return causes
}

/** One clause for people. */
export function causeText(cause: RecoveryCause): string {
  switch (cause.kind) {
    case 'dead-writer':
      return `process ${cause.pid} had it open and ended without closing it`
    case 'register':
      return `its register (.lck) is ${cause.condition}`
    case 'files':
      return `it was not closed cleanly (${cause.row})`
  }
}

/** What an open says that is not allowed to recover. */
export function recoveryNeeded(path: string, causes: readonly RecoveryCause[]): RunRecoveryError {
  return new RunRecoveryError(`the database needs a recovery: ${causes.map(causeText).join('; ')}`, {
    path,
    subcode: causes[0]?.kind,
    hint: 'open it once with recovery allowed (recover: true, which is the default); nothing was changed, and nothing is lost. Delete none of the files',
  })
}
