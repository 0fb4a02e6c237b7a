// What a person is told of an operation that failed: an error with a class, the file, the code of the operating system,
// and what to do. It is told as it was, however many layers it passed through.

import { messageOf, pathOf, rootCause, ScriptlogError, systemCode } from '../../lib/errors.ts'
import type { Operation } from '../../lib/fs/operation.ts'
import { DIRECTORY } from './process.ts'
import { describeError, Violation } from './violation.ts'

/** An operation that was made to fail. */
export interface Strike {
  readonly operation: Operation
  readonly code: string
}

/**
 * One of these strikes is what the error tells of.
 * @throws {Violation} when it is an error without a class, a path, a code, a hint or a cause.
 */
export function assertTold(error: unknown, strikes: readonly Strike[]): void {
  const lack = lackOf(error, strikes)
  if (lack !== undefined) throw new Violation(`an error ${lack}`, describeError(error))
}

function lackOf(error: unknown, strikes: readonly Strike[]): string | undefined {
  if (!(error instanceof ScriptlogError)) return 'has no class of its own'
  if (error.path === undefined) return 'names no file'
  if (!error.path.startsWith(DIRECTORY)) return 'names a file that is none of the database'
  if (error.hint === undefined) return 'does not say what to do'
  if (!strikes.some(({ code }) => code === error.subcode)) return `has the subcode ${error.subcode}`
  const cause = rootCause(error)
  const caused = strikes.find(
    ({ code, operation }) => code === systemCode(cause) && operation.path === pathOf(cause),
  )
  if (caused === undefined) return `lost its cause on the way: ${messageOf(cause)}`
  return undefined
}
