import {
  CorruptionError,
  FencedError,
  LockHeldError,
  OpenError,
  RunRecoveryError,
  ScriptlogError,
  systemCode,
  UsageError,
} from '../errors.ts'
import { StatementError, TargetNotReachableError } from './errors.ts'

/** What the process ends with. */
export const EXIT = {
  ok: 0,
  error: 1,
  usage: 2,
  targetReached: 3,
  recoveryNeeded: 4,
  locked: 5,
  corruption: 6,
  targetNotReachable: 7,
  verificationFailed: 8,
  fenced: 9,
} as const
/** One of `EXIT`, or 128 and the number of the signal that ended the work. */
export type ExitCode = number

/** Which error ends the process with which code: the first row that fits. */
const CODES: readonly { readonly fits: (error: unknown) => boolean; readonly code: ExitCode }[] = [
  { fits: (error) => error instanceof LockHeldError, code: EXIT.locked },
  { fits: (error) => error instanceof RunRecoveryError, code: EXIT.recoveryNeeded },
  { fits: (error) => error instanceof FencedError, code: EXIT.fenced },
  { fits: (error) => error instanceof CorruptionError, code: EXIT.corruption },
  { fits: (error) => error instanceof TargetNotReachableError, code: EXIT.targetNotReachable },
  // What the input says is no mistake on the command line.
  { fits: (error) => error instanceof StatementError, code: EXIT.error },
  // Files that contradict each other; a missing database is a plain error.
  {
    fits: (error) => error instanceof OpenError && error.severity === 'unrecoverable',
    code: EXIT.corruption,
  },
  // A wrong value in `.properties` is not one of the command line.
  {
    fits: (error) =>
      error instanceof UsageError && !(error.reason === 'settings' && error.path !== undefined),
    code: EXIT.usage,
  },
]

export function exitCodeOf(error: unknown): ExitCode {
  return CODES.find(({ fits }) => fits(error))?.code ?? EXIT.error
}

/** True for errors that a person can do something about; any other one is a mistake of ours. */
export function isExpected(error: unknown): boolean {
  return error instanceof ScriptlogError || systemCode(error) !== undefined
}
