import { messageOf, ScriptlogError } from '../errors.ts'

/** Where a statement stands in its input. */
export interface Place {
  /** From 1. */
  readonly line: number
  /** In bytes. */
  readonly offset: number
}

/** A statement of an input cannot be run, or there is none where one should be. */
export class StatementError extends ScriptlogError {
  override readonly name = 'StatementError'
  readonly line: number
  constructor(
    message: string,
    place: Place,
    details: { readonly hint?: string | undefined; readonly cause?: unknown },
  ) {
    super('SCRIPTLOG_STATEMENT_FAILED', `line ${place.line}: ${message}`, {
      reason: 'sql',
      severity: 'soft',
      offset: place.offset,
      ...details,
    })
    this.line = place.line
  }
}

/** The point at which a replay should stop does not lie in what there is to replay. */
export class TargetNotReachableError extends ScriptlogError {
  override readonly name = 'TargetNotReachableError'
  constructor(message: string, hint: string) {
    super('SCRIPTLOG_TARGET_NOT_REACHABLE', message, { reason: 'usage', severity: 'soft', hint })
  }
}

/** An error's own words, without the hint that its message carries for programs that print only that. */
export function sentenceOf(error: unknown): string {
  const message = messageOf(error)
  const hint = error instanceof ScriptlogError ? error.hint : undefined
  return hint === undefined ? message : message.replace(`\n  hint: ${hint}`, '')
}

/** What an error advises, then what else there is to say. */
export function hintFor(error: unknown, more: string | undefined): string | undefined {
  const own = error instanceof ScriptlogError ? error.hint : undefined
  const hints = [own, more].filter((hint) => hint !== undefined)
  return hints.length === 0 ? undefined : hints.join('; ')
}
