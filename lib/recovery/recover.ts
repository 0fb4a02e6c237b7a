// Opening: what a crash cut in half is finished, and the database goes on where every acknowledged commit is.
//
//   1 syncDir        names that a killed process left may not be durable, and everything below relies on them
//   2 survey         read only
//   3 decide         one row of the table, or a refusal that changes nothing
//   4 setAside       what is rejected is kept first
//   5 makeBaseTrue   a checkpoint past its commit point is finished (its steps 4 to 6), then 2 and 3 once more
//   6 load, redo     .script, then the live logs from its LSN
//   7 goOn           after a clean end: append to the log that is there.
//                    After an unclean one nothing is ever appended to an inherited log, whose last sync may have
//                    failed unseen: a new .log.next from the last LSN that the log proves durable, with copies of
//                    the records since; or a checkpoint, when .log.next is taken or the log is long.
//
// What is visible after the open is durable. A crash at any step leaves what the same steps recover again.

import { finishCheckpoint } from '../checkpoint.ts'
import { invariant, messageOf, OpenError, pathOf, rootCause, ScriptlogError, systemCode } from '../errors.ts'
import { formatLsn } from '../format/lsn.ts'
import { readingBack } from '../fs/reading-back.ts'
import { type Names, shortName } from '../names.ts'
import type { State } from '../properties.ts'
import { DEFAULT_SETTINGS, parseSettings, type Settings } from '../settings.ts'
import { StateFile } from '../state-file.ts'
import type { Environment, Store } from '../store.ts'
import { loadBase, redoAll } from './apply.ts'
import {
  causesOf,
  NOTHING_REGISTERED,
  type RecoveryCause,
  type RegisterFinding,
  recoveryNeeded,
} from './causes.ts'
import type { Context, RecoveryTarget, Result } from './context.ts'
import { create } from './create.ts'
import { goOn } from './go-on.ts'
import { refuseLinks } from './links.ts'
import { planRecovery } from './plan.ts'
import type { RecoveryReport, RecoveryStep } from './report.ts'
import { type SetAside, setAsideRejected } from './set-aside.ts'
import { readingFiles, type Survey, survey } from './survey.ts'

export interface RecoverOptions {
  /** Settings given by the caller; they win over the file's. */
  readonly settings: Partial<Settings>
  /** False: nothing may be created. */
  readonly mayCreate: boolean
  readonly onStep?: (step: RecoveryStep, survey?: Survey) => void
  /** What the register says of those who had the database open before. Default: that all have closed it. */
  readonly register?: RegisterFinding
  /** False: what needs a recovery is refused. Default true. */
  readonly mayRecover?: boolean
  /** Hears why there is something to recover, before anything is changed. */
  readonly onDecided?: (causes: readonly RecoveryCause[]) => void
}

export interface Recovered {
  readonly store: Store
  readonly settings: Settings
  readonly report: RecoveryReport
}

/**
 * Opens the files of a database, finishing what a crash left unfinished.
 * @throws {OpenError | CorruptionError} when the files do not add up; nothing was changed.
 * @throws {RunRecoveryError} when a recovery is needed and not allowed; nothing was changed.
 * @throws {ScriptlogError} when a file could not be read or written; the next open begins anew.
 */
export function recover(
  given: Environment,
  names: Names,
  target: RecoveryTarget,
  options: RecoverOptions,
): Recovered {
  const begunMicros = given.clock()
  const onStep = options.onStep ?? (() => undefined)
  const { files } = given

  const found = readingFiles(names, () => {
    onStep('syncDir')
    // A directory that is missing or of the wrong kind is told by the survey, in better words.
    if (files.stat(names.dir)?.kind === 'directory') files.syncDir(names.dir)
    onStep('survey')
    const surveyed = survey(files, names)
    refuseLinks(files, names)
    return surveyed
  })
  const settings = settingsOf(found, options.settings)
  onStep('decide', found)
  const plan = planRecovery(found, settings.recoveryMode)
  const environment = settings.paranoidChecks ? { ...given, files: readingBack(files) } : given
  const context: Context = { environment, names, found, plan, target, settings, onStep }
  if (plan.row.action === 'create' && !options.mayCreate) throw noDatabase(names)
  const causes = causesOf(context, options.register ?? NOTHING_REGISTERED)
  if (options.mayRecover === false && causes.length > 0) throw recoveryNeeded(names.base, causes)
  options.onDecided?.(causes)
  const result = changingFiles(names, () => {
    switch (plan.row.action) {
      case 'create':
        return create(context)
      case 'open':
        return open(context, [])
      case 'finish':
      case 'settle':
        return finishThenOpen(context)
      case 'refuse':
        throw new Error('unreachable: a refusal is thrown by the plan')
      default:
        return plan.row.action satisfies never
    }
  })
  const durationMillis = Math.round((given.clock() - begunMicros) / 1000)
  return { store: result.store, settings, report: { ...result.report, causes, durationMillis } }
}

/** What is said where nothing is, and nothing may be created. */
export function noDatabase(names: Names): OpenError {
  return new OpenError('there is no such database', {
    path: names.base,
    subcode: 'no-database',
    hint: 'correct the path, or leave out fileMustExist to create it',
  })
}

/**
 * Finishes the checkpoint, then looks again: from there on the files are those of an unclean end, which `.script`
 * and the logs describe alone. Damage that the first look found and the caller accepts is kept aside first.
 */
function finishThenOpen(context: Context): Result {
  const { environment, names, found, plan, settings, onStep } = context
  const { files } = environment
  const aside: SetAside[] = []
  const isAccepted = plan.row.logs === 'by-mode'
  if (isAccepted) {
    onStep('setAside')
    aside.push(...setAsideRejected(context))
  }
  onStep('makeBaseTrue')
  finishCheckpoint(files, names, new StateFile(files, names, knownState(context)), {
    settleAs: 'yes',
    wereSetAside: isAccepted,
  })
  onStep('survey')
  const foundNow = survey(files, names)
  onStep('decide', foundNow)
  const planNow = isAccepted
    ? { ...plan, chain: planRecovery(foundNow, settings.recoveryMode).chain }
    : { ...planRecovery(foundNow, settings.recoveryMode), row: plan.row }
  invariant(found.properties.kind === 'whole', 'a checkpoint is finished only on the word of .properties')
  return open({ ...context, found: foundNow, plan: planNow }, aside)
}

function open(context: Context, asideBefore: readonly SetAside[]): Result {
  const { environment, names, found, plan, onStep } = context
  onStep('setAside')
  const aside = asideBefore.length > 0 ? asideBefore : setAsideRejected(context)
  const stateFile = new StateFile(environment.files, names, knownState(context))

  onStep('load')
  const base = loadBase(context)

  onStep('redo')
  const redone = redoAll(context, base)

  onStep('goOn')
  const { store, wentOn } = goOn(context, stateFile, redone)
  return {
    store,
    report: {
      row: plan.row.name,
      because: plan.row.because,
      wasClean: wentOn === 'same-log',
      baseLsn: formatLsn(plan.base.lsn),
      redoneRecords: redone.records,
      endLsn: formatLsn(redone.end),
      lastXid: redone.xid,
      verdict: plan.problem?.verdict,
      detail: plan.problem?.detail,
      setAside: aside,
      skippedRecords: redone.skipped,
      warnings: warningsAbout(found),
      wentOn,
      timeline: store.stateFile.state.timeline,
    },
  }
}

/** What a person should know of the state file. */
export function warningsAbout({ properties, names }: Survey): string[] {
  const name = shortName(names.properties)
  switch (properties.kind) {
    case 'whole':
    case 'newer':
      return []
    case 'damaged':
      return [`${name} was damaged (${properties.detail}): the state was rebuilt from the other files`]
    case 'absent':
    case 'settings-only':
      return [`${name} held no state: it was rebuilt from the other files`]
  }
}

/** The state as the files tell it: `.properties`, or else the headers of the others. */
function knownState({ found, plan, environment }: Context): State {
  if (found.properties.kind === 'whole') return found.properties.state
  const header = found.script.kind === 'whole' ? found.script.header : plan.chain.segments[0]?.log.header
  return {
    modified: 'yes',
    databaseId: header?.databaseId ?? environment.randomHex(8),
    timeline: header?.timeline ?? 1,
    checkpointXid: found.script.kind === 'whole' ? found.script.header.xid : 0,
    checkpointLsn: plan.base.lsn,
  }
}

/** The settings in force: those of the caller, then those of the file, then the defaults. */
export function settingsOf(found: Survey, given: Partial<Settings>): Settings {
  const { properties, names } = found
  const inFile = 'settings' in properties ? parseSettings(properties.settings, names.properties) : {}
  return { ...DEFAULT_SETTINGS, ...inFile, ...given }
}

function changingFiles<T>(names: Names, act: () => T): T {
  try {
    return act()
  } catch (error) {
    // What can be tried again: the disk failed a write, a sync or a rename, of a checkpoint or of the state too.
    if (error instanceof ScriptlogError && !error.retryable) throw error
    const cause = rootCause(error)
    const code = systemCode(cause)
    if (code === undefined) throw error
    const path = pathOf(error) ?? names.base
    throw new OpenError(`the database cannot be opened: ${messageOf(cause)}`, {
      path,
      subcode: code,
      isRetryable: true,
      cause: error,
      hint: 'mend the cause and open again; no file needs to be deleted, and nothing is lost',
    })
  }
}
