// Who has a database open, and whether somebody died who had: looked at from outside, without opening it.

import type { IsAlive, RegisterCondition, RegisteredProcess } from './fs/register.ts'
import { type Host, isThere, locate, lookAtRegister, systemHost } from './host.ts'
import type { Names } from './names.ts'
import { causesOf, findingOf, type RecoveryCause, recoveryNeeded } from './recovery/causes.ts'
import { planRecovery } from './recovery/plan.ts'
import { settingsOf } from './recovery/recover.ts'
import { readingFiles, survey } from './recovery/survey.ts'

/** What stands in the register of a database. */
export interface RegisterReport {
  readonly path: string
  readonly condition: RegisterCondition
  /** One for each slot in use. */
  readonly processes: readonly RegisteredProcess[]
}

export interface FailchkOptions {
  /**
   * What the application knows, and the kernel cannot, about a process that has the database open. Where slots have no
   * locks (musl, macOS), a reader is dead by this word, or else when there is no process of its number.
   */
  readonly isAlive?: IsAlive | undefined
}

export interface FailchkReport extends RegisterReport {
  /** True when the next open to write has something to recover. False while somebody has it open to write. */
  readonly needsRecovery: boolean
  readonly causes: readonly RecoveryCause[]
}

/**
 * Lists who has the database at `path` open, and changes nothing.
 * @throws {OpenError} when the directory is not there, or the register cannot be read.
 */
export function readRegister(path: string, host: Host = systemHost()): RegisterReport {
  const names = locate(host, path)
  const { condition, processes } = lookAtRegister(host, names, { mayFree: false })
  return { path: names.base, condition, processes }
}

/**
 * Looks at every process that is registered for the database at `path`: the slots of dead readers are freed; a dead
 * writer stays until the next open has recovered. What a live process holds is never taken from it: one that `isAlive`
 * denies is told as `unresponsive`, and has to be ended by who knows that.
 *
 * ```js
 * const { needsRecovery, processes } = failchk('data/app', { isAlive: (pid) => supervisor.knows(pid) })
 * ```
 * @throws {OpenError | CorruptionError} when a file cannot be read, or they do not add up to a database.
 */
export function failchk(
  path: string,
  options: FailchkOptions = {},
  host: Host = systemHost(),
): FailchkReport {
  const names = locate(host, path)
  const { condition, processes, isWriterThere } = lookAtRegister(host, names, {
    isAlive: options.isAlive,
    mayFree: true,
  })
  const living = processes.filter(({ state }) => state !== 'dead').map(({ role }) => role)
  // A register that was garbled under a writer does not name it: who has its byte writes, unless it is known to verify.
  const isWritten = living.includes('writer') || (isWriterThere === true && !living.includes('verifier'))
  const causes = isWritten ? [] : causesIn(host, names, condition, processes)
  return { path: names.base, condition, processes, needsRecovery: causes.length > 0, causes }
}

/**
 * For who reads, and does not want to read what is to be recovered.
 * @throws {RunRecoveryError} when it is, and nobody is writing.
 */
export function assertNeedsNoRecovery(path: string, options: FailchkOptions, host: Host): void {
  const { causes } = failchk(path, options, host)
  if (causes.length > 0) throw recoveryNeeded(locate(host, path).base, causes)
}

function causesIn(
  host: Host,
  names: Names,
  condition: RegisterCondition,
  processes: readonly RegisteredProcess[],
): RecoveryCause[] {
  if (!isThere(host, names)) return []
  const found = readingFiles(names, () => survey(host.files, names))
  const plan = planRecovery(found, settingsOf(found, {}).recoveryMode)
  const dead = processes.filter(({ state }) => state === 'dead')
  return causesOf({ found, plan, names }, findingOf({ condition, dead }))
}
