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

import { checkpoint, finishCheckpoint } from '../checkpoint.ts'
import {
  type ErrorDetails,
  invariant,
  messageOf,
  OpenError,
  rootCause,
  ScriptlogError,
  systemCode,
} from '../errors.ts'
import { formatLsn, type Lsn } from '../format/lsn.ts'
import type { AppendFile } from '../fs/files.ts'
import { createLog } from '../log/create.ts'
import { type Commit, LogWriter } from '../log/writer.ts'
import { type Names, shortName } from '../names.ts'
import type { State } from '../properties.ts'
import { readScript } from '../script.ts'
import { DEFAULT_SETTINGS, parseSettings, type Settings } from '../settings.ts'
import { StateFile } from '../state-file.ts'
import { type Environment, Store } from '../store.ts'
import { allLogs, type Plan, planRecovery } from './plan.ts'
import { redoEntries } from './redo.ts'
import { type SetAside, setAside } from './set-aside.ts'
import { type Survey, survey, unreadable, withFile } from './survey.ts'

export const RECOVERY_STEPS = [
  'syncDir',
  'survey',
  'decide',
  'setAside',
  'makeBaseTrue',
  'load',
  'redo',
  'goOn',
] as const
export type RecoveryStep = (typeof RECOVERY_STEPS)[number]

/** The tables in memory, as far as recovery needs them. */
export interface RecoveryTarget {
  /** Runs the statements of a snapshot, given in pieces that end at statement borders. */
  load(pieces: Iterable<Uint8Array>): void
  beginRedo(): void
  /** Applies the statements of one record, whole or not at all. */
  redo(body: Buffer): void
  endRedo(): void
  /** The statements of a snapshot of what is there now. */
  statements(): Iterable<string, number | undefined>
}

/** What an open found and did; `status().recovery`. */
export interface RecoveryReport {
  /** Row of the decision table. */
  readonly row: string
  readonly because: string
  /** True when the database had been closed cleanly (or is new) and nothing had to be done. */
  readonly wasClean: boolean
  /** LSN of the snapshot that was loaded. */
  readonly baseLsn: string
  readonly redoneRecords: number
  /** LSN after the last record that was redone. */
  readonly endLsn: string
  readonly lastXid: number
  /** What was wrong with the log: torn, hole, corrupt, foreign or gap. */
  readonly verdict: string | undefined
  readonly detail: string | undefined
  readonly setAside: readonly SetAside[]
  /** Records that verified and could not be applied (`skip_any_corrupted_records` only). */
  readonly skippedRecords: readonly string[]
  readonly warnings: readonly string[]
  /** How writing goes on. */
  readonly wentOn: 'created' | 'same-log' | 'new-log' | 'log-next' | 'checkpoint'
  readonly timeline: number
  readonly durationMillis: number
}

export interface RecoverOptions {
  /** Settings given by the caller; they win over the file's. */
  readonly settings: Partial<Settings>
  /** False: nothing may be created. */
  readonly mayCreate: boolean
  readonly onStep?: (step: RecoveryStep, survey?: Survey) => void
}

export interface Recovered {
  readonly store: Store
  readonly settings: Settings
  readonly report: RecoveryReport
}

/**
 * Opens the files of a database, finishing what a crash left unfinished.
 * @throws {OpenError | CorruptionError} when the files do not add up; nothing was changed.
 * @throws {ScriptlogError} when a file could not be read or written; the next open begins anew.
 */
export function recover(
  environment: Environment,
  names: Names,
  target: RecoveryTarget,
  options: RecoverOptions,
): Recovered {
  const begunMicros = environment.clock()
  const onStep = options.onStep ?? (() => undefined)
  const { files } = environment

  const found = readingFiles(names, () => {
    onStep('syncDir')
    // A directory that is missing or of the wrong kind is told by the survey, in better words.
    if (files.stat(names.dir)?.kind === 'directory') files.syncDir(names.dir)
    onStep('survey')
    return survey(files, names)
  })
  const settings = settingsOf(found, options.settings)
  onStep('decide', found)
  const plan = planRecovery(found, settings.recoveryMode)
  const context: Context = { environment, names, found, plan, target, settings, onStep }
  if (plan.row.action === 'create' && !options.mayCreate) {
    throw new OpenError('there is no such database', {
      path: names.base,
      subcode: 'no-database',
      hint: 'correct the path, or leave out fileMustExist to create it',
    })
  }
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
  const durationMillis = Math.round((environment.clock() - begunMicros) / 1000)
  return { store: result.store, settings, report: { ...result.report, durationMillis } }
}

interface Context {
  readonly environment: Environment
  readonly names: Names
  readonly found: Survey
  readonly plan: Plan
  readonly target: RecoveryTarget
  readonly settings: Settings
  readonly onStep: (step: RecoveryStep, survey?: Survey) => void
}

interface Result {
  readonly store: Store
  readonly report: Omit<RecoveryReport, 'durationMillis'>
}

/** Create: `.properties` no-new-files, then the log at 0/0; `yes` comes with the first write. */
function create({ environment, names, found, plan }: Context): Result {
  const { files } = environment
  const isBegun = found.properties.kind === 'whole'
  const state: State = isBegun
    ? found.properties.state
    : {
        modified: 'no-new-files',
        databaseId: environment.randomHex(8),
        timeline: 1,
        checkpointXid: 0,
        checkpointLsn: 0,
      }
  const stateFile = new StateFile(files, names, state)
  if (!isBegun) stateFile.set({})
  const header = {
    databaseId: state.databaseId,
    timeline: state.timeline,
    start: 0,
    salt: environment.randomHex(8),
    prev: 0,
  }
  const log = createLog(files, names.logCreateNew, names.log, header, [])
  const store = new Store(environment, names, stateFile, log, { xid: 0, timeMicros: 0 })
  return {
    store,
    report: {
      row: plan.row.name,
      because: plan.row.because,
      wasClean: true,
      baseLsn: formatLsn(0),
      redoneRecords: 0,
      endLsn: formatLsn(log.endLsn),
      lastXid: 0,
      verdict: undefined,
      detail: undefined,
      setAside: [],
      skippedRecords: [],
      warnings: [],
      wentOn: 'created',
      timeline: state.timeline,
    },
  }
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
  finishCheckpoint(files, names, new StateFile(files, names, knownState(context)), 'yes')
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

function warningsAbout({ properties, names }: Survey): string[] {
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

/** Keeps the torn tail, or the whole of every log when damage is accepted, or a `.properties` that is damaged. */
function setAsideRejected({ environment, names, found, plan }: Context): SetAside[] {
  const { files } = environment
  const kept: SetAside[] = []
  if (found.properties.kind === 'damaged') {
    kept.push(setAside(files, names, { path: names.properties, offset: 0, lsn: 0, why: 'damaged' }))
  }
  const { problem, treatment } = plan
  if (problem === undefined || treatment === undefined) return kept
  if (treatment === 'set-aside') {
    const log = plan.chain.segments.at(-1)?.log
    invariant(log !== undefined && log.path === problem.path, 'a tail is set aside of the last log')
    const offset = problem.lsn - log.header.start
    kept.push(setAside(files, names, { path: log.path, offset, lsn: problem.lsn, why: problem.verdict }))
    return kept
  }
  for (const log of allLogs(found)) {
    if (files.stat(log.path) === undefined) continue
    kept.push(setAside(files, names, { path: log.path, offset: 0, lsn: problem.lsn, why: problem.verdict }))
  }
  return kept
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

interface LoadedBase {
  readonly xid: number
  readonly timeMicros: number
}

function loadBase({ environment, names, found, plan, target }: Context): LoadedBase {
  if (found.script.kind !== 'whole') return { xid: 0, timeMicros: 0 }
  return withFile(environment.files, names.script, (file) => {
    const script = readScript(file)
    invariant(
      script.kind === 'whole' && script.header.lsn === plan.base.lsn,
      'the base is the script in force',
    )
    try {
      target.load(script.pieces())
    } catch (error) {
      // The disk failed while the file was read: that says nothing of what is in it.
      if (error instanceof Error && 'syscall' in error) throw error
      const offset = error instanceof ScriptlogError ? error.offset : undefined
      throw inapplicable(error, 'the snapshot cannot be loaded', { path: names.script, offset })
    }
    return { xid: script.header.xid, timeMicros: script.header.timeMicros }
  })
}

interface Redone {
  readonly records: number
  readonly xid: number
  readonly timeMicros: number
  readonly end: Lsn
  readonly lastCrc: number
  readonly skipped: readonly string[]
  /** What a new log would hold, from the last LSN that the log proves durable; undefined when it is too much. */
  readonly since:
    | { readonly start: Lsn; readonly prev: number; readonly commits: readonly Commit[] }
    | undefined
}

/** More than this is not copied into a new log: a checkpoint is made instead. */
const MOST_COPIED_BYTES = 8 << 20

function redoAll(context: Context, base: LoadedBase): Redone {
  const { environment, found, plan, target } = context
  const last = plan.chain.segments.at(-1)
  const start = Math.max(plan.base.lsn, last?.log.end.proven ?? 0)
  let prevAtStart = start === plan.base.lsn ? plan.base.prev : undefined
  if (last !== undefined && start === last.log.header.start + last.log.header.sizeBytes) {
    prevAtStart = last.log.header.crc
  }
  let { xid, timeMicros } = base
  let records = 0
  let end = plan.chain.end
  let lastCrc = lastCrcOf(plan)
  let copiedBytes = 0
  const commits: Commit[] = []
  const skipped: string[] = []
  target.beginRedo()
  redoEntries(environment.files, found, plan, (entry) => {
    if (entry.end === start) prevAtStart = entry.crc
    if (entry.end > end) {
      end = entry.end
      lastCrc = entry.crc
    }
    if (entry.kind === 'mark') return
    try {
      target.redo(entry.body)
    } catch (error) {
      // Behind skipped damage a record may find its rows missing. Anywhere else this is an error.
      if (plan.treatment !== 'skip' && plan.treatment !== 'apply-later') {
        throw unredoable(error, context, entry.lsn)
      }
      skipped.push(`LSN ${formatLsn(entry.lsn)} (xid ${entry.xid}): ${messageOf(error)}`)
      return
    }
    records++
    xid = Math.max(xid, entry.xid)
    timeMicros = Math.max(timeMicros, entry.timeMicros)
    if (entry.lsn < start) return
    copiedBytes += entry.body.length
    if (copiedBytes > MOST_COPIED_BYTES) commits.length = 0
    else commits.push({ xid: entry.xid, timeMicros: entry.timeMicros, body: entry.body.toString() })
  })
  target.endRedo()
  const isCopyable = prevAtStart !== undefined && copiedBytes <= MOST_COPIED_BYTES
  const since = isCopyable ? { start, prev: prevAtStart ?? 0, commits } : undefined
  return { records, xid, timeMicros, end, lastCrc, skipped, since }
}

function lastCrcOf(plan: Plan): number {
  const last = plan.chain.segments.at(-1)
  return last?.log.crcAt.get(plan.chain.end) ?? plan.base.prev
}

function goOn(
  context: Context,
  stateFile: StateFile,
  redone: Redone,
): { readonly store: Store; readonly wentOn: RecoveryReport['wentOn'] } {
  const { environment, names, found, plan, target, settings } = context
  const { files } = environment
  const { databaseId, timeline } = stateFile.state
  const last = { xid: redone.xid, timeMicros: redone.timeMicros }
  const storeWith = (log: LogWriter) => new Store(environment, names, stateFile, log, last)

  if (plan.row.logs === 'none') {
    // The script says all there is to say, or nobody left anything beside it.
    const header = {
      databaseId,
      timeline,
      start: plan.base.lsn,
      prev: plan.base.prev,
      salt: environment.randomHex(8),
    }
    const log = createLog(files, names.logCreateNew, names.log, header, [])
    if (found.properties.kind !== 'whole') stateFile.set({ modified: 'no' })
    return { store: storeWith(log), wentOn: 'new-log' }
  }

  const inherited = plan.chain.segments[0]?.log
  if (isCleanEnd(context) && inherited !== undefined) {
    const position = { endLsn: inherited.end.end, lastCrc: inherited.end.lastCrc }
    const log = new LogWriter(names.log, files.openAppend(names.log), inherited.header, position)
    return { store: storeWith(log), wentOn: 'same-log' }
  }

  // `yes` is durable before a new log counts, and before the numbers of this end are used again.
  if (found.properties.kind !== 'whole' || stateFile.state.modified !== 'yes')
    stateFile.set({ modified: 'yes' })

  const isPlain = plan.treatment === undefined || plan.treatment === 'set-aside'
  const isShort = redone.end - plan.base.lsn <= (settings.logSize * 1_000_000) / 2 || settings.logSize === 0
  if (isPlain && isShort && redone.since !== undefined && files.stat(names.logNext) === undefined) {
    const { start, prev, commits } = redone.since
    const header = { databaseId, timeline, start, prev, salt: environment.randomHex(8) }
    return {
      store: storeWith(createLog(files, names.logNextNew, names.logNext, header, commits)),
      wentOn: 'log-next',
    }
  }

  const store = storeWith(inheritedLog(context, redone))
  checkpoint(store, {
    statements: () => target.statements(),
    settleAs: 'yes',
    newTimeline: plan.isNewTimeline,
    // Past every byte of the old logs, torn ones too, so that no LSN ever names two records.
    abandonLog: { pastLsn: pastEverything(found) },
  })
  return { store, wentOn: 'checkpoint' }
}

/** True after a clean close: one empty log that follows the script, written whole and never appended to since. */
function isCleanEnd({ found, plan, names }: Context): boolean {
  if (found.situation.state !== 'clean' && found.situation.state !== 'fresh') return false
  const [log, ...others] = plan.chain.segments.map((segment) => segment.log)
  return (
    log !== undefined &&
    others.length === 0 &&
    plan.problem === undefined &&
    log.path === names.log &&
    log.end.records === 0 &&
    log.end.end === log.header.start + log.header.sizeBytes &&
    log.sizeBytes === log.header.sizeBytes
  )
}

/** A log that is never appended to: a checkpoint takes its end over and puts another in its place. */
function inheritedLog({ names, plan, environment }: Context, redone: Redone): LogWriter {
  const { header } = plan.chain.segments.at(-1)?.log ?? {}
  const start = header?.start ?? plan.base.lsn
  const file: AppendFile = {
    sizeBytes: redone.end - start,
    append: () => invariant(false, 'an inherited log is never appended to'),
    sync: () => invariant(false, 'an inherited log is never synced'),
    syncAsync: async () => invariant(false, 'an inherited log is never synced'),
    close: () => undefined,
  }
  const stand = header ?? {
    databaseId: plan.base.databaseId ?? environment.randomHex(8),
    timeline: plan.base.timeline ?? 1,
    start,
    salt: '',
    prev: plan.base.prev,
    crc: 0,
    sizeBytes: 0,
  }
  return new LogWriter(names.log, file, stand, { endLsn: redone.end, lastCrc: redone.lastCrc })
}

function pastEverything(found: Survey): Lsn {
  const ends = allLogs(found).map((log) => (log.kind === 'whole' ? log.header.start : 0) + log.sizeBytes)
  return Math.max(0, ...ends)
}

function settingsOf(found: Survey, given: Partial<Settings>): Settings {
  const { properties, names } = found
  const inFile = 'settings' in properties ? parseSettings(properties.settings, names.properties) : {}
  return { ...DEFAULT_SETTINGS, ...inFile, ...given }
}

function unredoable(error: unknown, { names, plan }: Context, lsn: Lsn): OpenError {
  return inapplicable(error, 'a record of the log cannot be applied', {
    path: plan.chain.segments.find(({ from, to }) => from <= lsn && lsn < to)?.log.path ?? names.log,
    lsn: formatLsn(lsn),
  })
}

/** The files are whole, and what they say cannot be done. */
function inapplicable(
  error: unknown,
  what: string,
  where: Pick<ErrorDetails, 'path' | 'offset' | 'lsn'>,
): OpenError {
  const refused = error instanceof ScriptlogError ? error.hint : undefined
  // Without where and hint, which stand at the end of this one.
  const headline = messageOf(error)
    .split('\n')[0]
    ?.replace(/ \((?:offset|LSN)[^()]*\)$/, '')
  const hint = refused ?? 'if it needs a function of yours, register it with the option setup'
  return new OpenError(`${what}: ${headline}`, {
    ...where,
    reason: 'recovery',
    subcode: refused === undefined ? 'sql' : 'refused-statement',
    cause: error,
    hint: `delete none of the files. ${hint.charAt(0).toUpperCase()}${hint.slice(1)}`,
  })
}

function readingFiles<T>(names: Names, act: () => T): T {
  try {
    return act()
  } catch (error) {
    if (error instanceof ScriptlogError || systemCode(error) === undefined) throw error
    throw unreadable(error, names)
  }
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
    const path =
      typeof error === 'object' && error !== null && 'path' in error ? String(error.path) : names.base
    throw new OpenError(`the database cannot be opened: ${messageOf(cause)}`, {
      path,
      subcode: code,
      isRetryable: true,
      cause: error,
      hint: 'mend the cause and open again; no file needs to be deleted, and nothing is lost',
    })
  }
}
