import { formatLsn } from '../format/lsn.ts'
import { createLog } from '../log/create.ts'
import type { State } from '../properties.ts'
import { StateFile } from '../state-file.ts'
import { Store } from '../store.ts'
import type { Context, Result } from './context.ts'

/** Create: `.properties` no-new-files, then the log at 0/0; `yes` comes with the first write. */
export function create({ environment, names, found, plan }: Context): Result {
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
