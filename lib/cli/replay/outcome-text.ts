import type { Paint } from '../paint.ts'
import { counted, durationText } from '../units.ts'
import type { Outcome } from './outcome.ts'

const NOUNS = { sql: 'statement', log: 'transaction', script: 'snapshot' } as const

/** One line for people about what became of a source. */
export function outcomeText(outcome: Outcome, millis: number, paint: Paint): string {
  const { source, kind, ended, applied, appliedBefore, wasBegun, skipped, at } = outcome
  const noun = NOUNS[kind]
  const isOver = ended === 'complete' && applied === 0 && skipped === 0 && wasBegun
  const what = isOver
    ? 'nothing left to replay, it is complete already'
    : `${counted(applied, noun)} replayed${appliedBefore > 0 ? `, ${counted(appliedBefore, noun)} earlier` : ''}`
  const parts = [
    `${paint.bold(source)}: ${what}`,
    skipped > 0 ? paint.yellow(`${skipped.toLocaleString('en-US')} skipped`) : undefined,
    `now at ${at}`,
    isOver ? undefined : durationText(millis),
    ENDINGS[ended],
  ]
  return parts.filter((part) => part !== undefined).join(', ')
}

const ENDINGS: Readonly<Record<Outcome['ended'], string | undefined>> = {
  complete: undefined,
  target: 'the target: more follows that was not applied',
  interrupted: 'interrupted: run the same command again to go on',
}
