// What can be wrong with an SQL file that is replayed, and what to do about it.

import { ScriptlogError } from '../../errors.ts'
import { hintFor, type Place, StatementError, sentenceOf, TargetNotReachableError } from '../errors.ts'
import type { Input } from '../input.ts'
import type { InputPosition, InputStatement } from '../statement-cutter.ts'
import { counted } from '../units.ts'

/** `begunOnLine` is where the transaction begins that is rolled back because of it. */
export function statementFailed(
  statement: InputStatement,
  error: unknown,
  begunOnLine: number | undefined,
): StatementError {
  const fate =
    begunOnLine === undefined
      ? 'everything before it stays'
      : `the transaction that begins on line ${begunOnLine} is rolled back; what was committed before it stays`
  const cure =
    'Mend the file from there on and run the same command again, or go over such statements with --on-error skip'
  return new StatementError(sentenceOf(error), statement, {
    hint: hintFor(error, `${fate}. ${cure}`),
    cause: error,
  })
}

export function cutStatement(input: Input, rest: InputStatement): StatementError {
  const text = rest.text.replace(/\s+/g, ' ')
  const excerpt = text.length > 60 ? `${text.slice(0, 60)}…` : text
  return new StatementError(`${input.name} ends within a statement, which was not run: ${excerpt}`, rest, {
    hint: 'everything committed before it stays. If the file is whole, end it with a semicolon; if it was cut, complete it; then run the same command again',
  })
}

export function unfinishedTransaction(input: Input, begun: Place): StatementError {
  return new StatementError(
    `${input.name} ends within the transaction that begins here: it is rolled back`,
    begun,
    { hint: 'what was committed before it stays. Complete the file and run the same command again' },
  )
}

/** `proven` is how far it was the same before. */
export function otherContent(input: Input, proven: InputPosition): ScriptlogError {
  return new ScriptlogError(
    'SCRIPTLOG_REPLAY_OTHER_CONTENT',
    `${input.name} is not what was replayed before: its first ${counted(proven.offset, 'byte')} (up to line ${proven.line}) have changed`,
    {
      reason: 'usage',
      severity: 'soft',
      path: input.path === '-' ? undefined : input.path,
      hint: 'nothing was applied. With --restart the earlier replay is forgotten and this one begins at the beginning',
    },
  )
}

export function linePassed(input: Input, line: number, untilLine: number): TargetNotReachableError {
  return new TargetNotReachableError(
    `${input.name} is replayed up to line ${line} already, past line ${untilLine}`,
    'replay into a new database to get an earlier state',
  )
}

/** Of standard input, whose length shows only at its end. */
export function lineMissing(input: Input, line: number, untilLine: number): TargetNotReachableError {
  return new TargetNotReachableError(
    `${input.name} ends on line ${line}, before line ${untilLine}`,
    'everything in it was applied',
  )
}
