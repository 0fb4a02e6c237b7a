// How writing goes on after an open, so that what is visible is durable and no byte of an old log is trusted.

import { type CheckpointOptions, checkpoint } from '../checkpoint.ts'
import { invariant } from '../errors.ts'
import type { Lsn } from '../format/lsn.ts'
import type { AppendFile } from '../fs/files.ts'
import { orLetGo } from '../fs/let-go.ts'
import { createLog } from '../log/create.ts'
import { LogWriter } from '../log/writer.ts'
import type { StateFile } from '../state-file.ts'
import { Store } from '../store.ts'
import type { Redone } from './apply.ts'
import type { Context } from './context.ts'
import { allLogs } from './plan.ts'
import type { RecoveryReport } from './report.ts'
import type { Survey } from './survey.ts'

export function goOn(
  context: Context,
  stateFile: StateFile,
  redone: Redone,
): { readonly store: Store; readonly wentOn: RecoveryReport['wentOn'] } {
  const { environment, names, found, plan, target, settings } = context
  const { files } = environment
  const { databaseId } = stateFile.state
  // A state that speaks of a checkpoint which is undone may name the timeline that it would have begun.
  const timeline = plan.base.timeline ?? stateFile.state.timeline
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
    orLetGo(log, () => {
      if (found.properties.kind !== 'whole') stateFile.set({ modified: 'no' })
    })
    return { store: storeWith(log), wentOn: 'new-log' }
  }

  const inherited = plan.chain.segments[0]?.log
  if (isCleanEnd(context) && inherited !== undefined) {
    const position = { endLsn: inherited.end.end, lastCrc: inherited.end.lastCrc }
    const log = new LogWriter(names.log, files.openAppend(names.log), inherited.header, position)
    return { store: storeWith(log), wentOn: 'same-log' }
  }

  // `yes` is durable before a new log counts, and before the numbers of this end are used again.
  const isStated = stateFile.state.modified === 'yes' && stateFile.state.timeline === timeline
  if (found.properties.kind !== 'whole' || !isStated) stateFile.set({ modified: 'yes', timeline })

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
  const checkpointOptions: CheckpointOptions = {
    statements: () => target.statements(),
    settleAs: 'yes',
    newTimeline: plan.isNewTimeline,
    // Past every byte of the old logs, torn ones too, so that no LSN ever names two records.
    abandonLog: { pastLsn: pastEverything(found), wereSetAside: !isPlain },
  }
  try {
    checkpoint(store, checkpointOptions)
  } catch (error) {
    // Behind its commit point the checkpoint has opened a log: nobody is going to write to it.
    store.log.close()
    throw error
  }
  return { store, wentOn: 'checkpoint' }
}

/** True after a clean close: one empty log that follows the script, written whole and never appended to since. */
export function isCleanEnd({ found, plan, names }: Pick<Context, 'found' | 'plan' | 'names'>): boolean {
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
