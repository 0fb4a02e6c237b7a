// From the survey to a plan: the one row of the decision table, the stretch of log that follows the base it names,
// and what the recovery mode does about a log that is not whole. A refusal is thrown here, before anything changes.

import { CorruptionError, invariant, OpenError } from '../errors.ts'
import { formatLsn } from '../format/lsn.ts'
import { shortName } from '../names.ts'
import type { RecoveryMode } from '../settings.ts'
import type { Base, Chain, ChainProblem } from './chain.ts'
import { matchingRows, type Row } from './decision.ts'
import type { FoundLog, Survey } from './survey.ts'
import { TREATMENTS, type Treatment } from './treatment.ts'

export interface Plan {
  readonly row: Row
  readonly base: Base
  readonly chain: Chain
  /** What is wrong with the logs, if anything is. */
  readonly problem: ChainProblem | undefined
  /** What is done about it. */
  readonly treatment: Treatment | undefined
  readonly isNewTimeline: boolean
}

/** The one row that what was found matches. */
export function rowOf(survey: Survey): Row {
  const [row, ...others] = matchingRows(survey.situation)
  invariant(row !== undefined && others.length === 0, `one row for ${JSON.stringify(survey.situation)}`)
  return row
}

/**
 * Decides how to open.
 * @throws {OpenError | CorruptionError} when the files do not add up to a database; nothing was changed.
 */
export function planRecovery(survey: Survey, mode: RecoveryMode): Plan {
  const row = rowOf(survey)
  if (row.action === 'refuse') throw refusal(survey, row)
  const { base, chain } =
    row.action === 'finish' || row.action === 'settle'
      ? (survey.fromCheckpoint ?? survey.fromScript)
      : survey.fromScript
  const problem = chain.problem ?? (row.logs === 'by-mode' ? missingLog(survey, base) : undefined)
  if (problem === undefined) return { row, base, chain, problem, treatment: undefined, isNewTimeline: false }
  const treatment = TREATMENTS[problem.verdict][mode]
  if (treatment === 'refuse') throw damage(survey, problem, row)
  return { row, base, chain, problem, treatment, isNewTimeline: treatment === 'stop' || treatment === 'skip' }
}

/** All logs that were found, live or not. */
export function allLogs(survey: Survey): readonly FoundLog[] {
  return survey.logNew === undefined ? survey.logs : [...survey.logs, survey.logNew]
}

function missingLog(survey: Survey, base: Base): ChainProblem {
  return {
    verdict: 'gap',
    path: survey.names.log,
    lsn: base.lsn,
    sizeBytes: 0,
    detail: 'the log that should follow the snapshot is missing',
  }
}

function refusal(survey: Survey, row: Row): OpenError {
  const { names, script, scriptNew } = survey
  const details = [
    script.kind === 'damaged'
      ? `${shortName(names.script)}: ${script.detail}, at offset ${script.offset}`
      : undefined,
    scriptNew.kind === 'damaged'
      ? `${shortName(names.scriptNew)}: ${scriptNew.detail}, at offset ${scriptNew.offset}`
      : undefined,
    survey.fromScript.chain.problem === undefined
      ? undefined
      : `${shortName(survey.fromScript.chain.problem.path)}: ${survey.fromScript.chain.problem.detail}`,
  ].filter((detail) => detail !== undefined)
  return new OpenError([row.because, ...details].join('; '), {
    path: script.kind === 'damaged' ? names.script : names.base,
    offset: script.kind === 'damaged' ? script.offset : undefined,
    reason: 'recovery',
    subcode: row.name,
    severity: 'unrecoverable',
    hint: cure(survey),
  })
}

function cure(survey: Survey): string {
  const { names, script, scriptNew } = survey
  const never = 'nothing was changed: delete none of the files'
  if (scriptNew.kind === 'whole' && script.kind !== 'whole') {
    return (
      `${never}. ${shortName(names.scriptNew)} is a whole snapshot (LSN ${formatLsn(scriptNew.header.lsn)}, ` +
      `xid ${scriptNew.header.xid}): to open that state, copy all files elsewhere, then rename it to ${shortName(names.script)}`
    )
  }
  return `${never}. Put back the missing or damaged file from a backup, or copy all files elsewhere before you try anything`
}

function damage(survey: Survey, problem: ChainProblem, row: Row): CorruptionError {
  const { names } = survey
  const lostHere = problem.verdict === 'torn' || problem.verdict === 'hole'
  return new CorruptionError(
    `${shortName(problem.path)} is not whole (${problem.verdict}): ${problem.detail}`,
    {
      reason: 'recovery',
      subcode: problem.verdict,
      path: problem.path,
      offset: offsetOf(survey, problem),
      lsn: formatLsn(problem.lsn),
      hint: lostHere
        ? `recovery_mode=absolute_consistency refuses what a crash normally leaves; with tolerate_corrupted_tail_records ${shortName(names.base)} opens and the tail is set aside`
        : `nothing was changed: delete none of the files. Put the log back from a copy, or accept the loss with recovery_mode=stop_at_damage (everything before LSN ${formatLsn(problem.lsn)}) or skip_any_corrupted_records (all that verifies); the damaged file is then kept in ${shortName(names.rejected)}/`,
      cause: row.because,
    },
  )
}

function offsetOf(survey: Survey, problem: ChainProblem): number | undefined {
  const log = allLogs(survey).find(({ path }) => path === problem.path)
  if (log?.kind !== 'whole' || problem.lsn < log.header.start) return log === undefined ? undefined : 0
  return problem.lsn - log.header.start
}
