// From the survey to a plan: the one row of the decision table, the stretch of log that follows the base it names,
// and what the recovery mode does about a log that is not whole. A refusal is thrown here, before anything changes.

import { CorruptionError, invariant, OpenError } from '../errors.ts'
import { formatLsn } from '../format/lsn.ts'
import { type Names, shortName } from '../names.ts'
import type { RecoveryMode } from '../settings.ts'
import type { Base, Chain, ChainProblem, Verdict } from './chain.ts'
import { matchingRows, type Row } from './decision.ts'
import { assertRoom } from './numbers.ts'
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
  assertRoom(survey)
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
  return { verdict: 'gap', path: survey.names.log, lsn: base.lsn, sizeBytes: 0, detail: 'it is missing' }
}

function refusal(survey: Survey, row: Row): OpenError {
  const { names, script, scriptNew } = survey
  if (script.kind === 'damaged' && script.reason === 'foreign') return mixed(survey, script.detail)
  const { problem } = survey.fromScript.chain
  const details = [
    script.kind === 'damaged' ? `${shortName(names.script)}: ${script.detail}` : undefined,
    scriptNew.kind === 'damaged'
      ? `${shortName(names.scriptNew)}: ${scriptNew.detail}, at offset ${scriptNew.offset}`
      : undefined,
    // Of a log nothing can be said while the snapshot that it follows cannot be read.
    problem === undefined || script.kind === 'damaged'
      ? undefined
      : `${shortName(problem.path)}: ${problem.detail}`,
  ].filter((detail) => detail !== undefined)
  return new OpenError([row.because, ...details].join('; '), {
    path: script.kind === 'whole' || scriptNew.kind !== 'absent' ? names.base : names.script,
    offset: script.kind === 'damaged' ? script.offset : undefined,
    reason: 'recovery',
    subcode: row.name,
    severity: 'unrecoverable',
    hint: `nothing was changed: delete none of the files. ${cure(survey)}`,
  })
}

/** Files of two databases lie under one name. */
function mixed({ names, properties }: Survey, detail: string): OpenError {
  const own = properties.kind === 'whole' ? properties.state.databaseId : 'unknown'
  return new OpenError(
    `${shortName(names.script)} and ${shortName(names.properties)} do not belong together: of the script, ${detail}, ` +
      `and the state file is that of db=${own}`,
    {
      path: names.script,
      offset: 0,
      reason: 'recovery',
      subcode: 'mixed-files',
      severity: 'unrecoverable',
      hint:
        'nothing was changed: delete none of the files. The first line of a script or log names its database (db=): put ' +
        `files of one database together again. Where only ${shortName(names.properties)} is foreign, move it away: it is ` +
        'rebuilt from the others',
    },
  )
}

function cure(survey: Survey): string {
  const { names, script, scriptNew } = survey
  const scriptName = shortName(names.script)
  if (scriptNew.kind === 'whole' && script.kind !== 'whole') {
    return (
      `${shortName(names.scriptNew)} is a whole snapshot (LSN ${formatLsn(scriptNew.header.lsn)}, xid ` +
      `${scriptNew.header.xid}): to open that state, copy all files elsewhere, then rename it to ${scriptName}`
    )
  }
  const putBack = `Put ${scriptName} back from a copy and leave the logs where they are: what was committed since is redone from them`
  if (script.kind !== 'damaged') {
    const isSomethingLeft = allLogs(survey).length > 0 || scriptNew.kind !== 'absent'
    return isSomethingLeft ? `${putBack}. ${withoutCopy(names)}` : putBack
  }
  switch (script.reason) {
    case 'edited':
      return `${putBack}. ${withoutCopy(names)}. An edited text is no snapshot: 'scriptlog replay NEW ${scriptName}' makes a new database of it`
    case 'not-a-script':
      return `${putBack}. SQL from elsewhere is brought in with 'scriptlog replay NEW ${scriptName}'`
    case 'cut':
    case 'empty':
      return `${putBack}. ${withoutCopy(names)}`
    case 'foreign':
      return putBack
  }
}

function withoutCopy({ base }: Names): string {
  return `Without a copy, 'scriptlog repair ${shortName(base)} --out NEW' saves into a new database what is certain`
}

/** What a person is told of a log, before the detail. */
const SAID: Readonly<Record<Verdict, string>> = {
  torn: 'has a torn tail',
  hole: 'has a hole near its end',
  corrupt: 'is damaged',
  foreign: 'does not continue what is there',
  gap: 'leaves out commits',
}

function damage(survey: Survey, problem: ChainProblem, row: Row): CorruptionError {
  const { names } = survey
  const lostHere = problem.verdict === 'torn' || problem.verdict === 'hole'
  return new CorruptionError(`${shortName(problem.path)} ${SAID[problem.verdict]}: ${problem.detail}`, {
    reason: 'recovery',
    subcode: problem.verdict,
    path: problem.path,
    offset: offsetOf(survey, problem),
    lsn: formatLsn(problem.lsn),
    hint: lostHere
      ? `recovery_mode=absolute_consistency refuses what a crash normally leaves; with tolerate_corrupted_tail_records ${shortName(names.base)} opens and the tail is set aside`
      : `nothing was changed: delete none of the files. Put the log back from a copy, or accept the loss with recovery_mode=stop_at_damage (everything before LSN ${formatLsn(problem.lsn)}) or skip_any_corrupted_records (all that verifies); the damaged file is then kept in ${shortName(names.rejected)}/. ${withoutCopy(names)}, and changes nothing here`,
    cause: row.because,
  })
}

function offsetOf(survey: Survey, problem: ChainProblem): number | undefined {
  const log = allLogs(survey).find(({ path }) => path === problem.path)
  if (log?.kind !== 'whole' || problem.lsn < log.header.start) return log === undefined ? undefined : 0
  return problem.lsn - log.header.start
}
