import { openConnection } from './engine/connection.ts'
import { MemoryTables } from './engine/memory-tables.ts'
import type { NativeDatabase, Registrar } from './engine/native.ts'
import { registrarOf } from './engine/registrar.ts'
import { messageOf, ScriptlogError } from './errors.ts'
import { formatLsn } from './format/lsn.ts'
import { type Host, locate, lockFor, systemHost } from './host.ts'
import { recoveryModeOf } from './inspect.ts'
import { planRecovery } from './recovery/plan.ts'
import { redoEntries } from './recovery/redo.ts'
import { survey, withFile } from './recovery/survey.ts'
import { readScript } from './script.ts'

/** What a verification found. */
export interface Verification {
  readonly path: string
  readonly isSound: boolean
  /** What is wrong, each with file, position and what to do; empty when nothing is. */
  readonly problems: readonly string[]
  /** What is unusual and harmless, such as a torn tail that an open would set aside. */
  readonly remarks: readonly string[]
  readonly snapshotLsn: string | undefined
  readonly redoneRecords: number
  readonly endLsn: string | undefined
}

export interface VerifyOptions {
  /** As at an open: registers functions that the schema uses. */
  readonly setup?: ((registrar: Registrar) => void) | undefined
}

/**
 * Checks the files of a database as an open would, in memory, without changing anything: every checksum, the load of
 * the snapshot, the redo of the log, then SQLite's own integrity and foreign key checks. The database must not be
 * open elsewhere.
 *
 * @throws {LockHeldError} when it is open.
 */
export function verify(path: string, options: VerifyOptions = {}, host: Host = systemHost()): Verification {
  const names = locate(host, path)
  const lock = lockFor(host, names)
  let sqlite: NativeDatabase | undefined
  try {
    sqlite = openConnection()
    const problems: string[] = []
    const remarks: string[] = []
    options.setup?.(registrarOf(sqlite))
    let redoneRecords = 0
    let snapshotLsn: string | undefined
    let endLsn: string | undefined
    try {
      const found = survey(host.files, names)
      const plan = planRecovery(found, recoveryModeOf(found))
      if (plan.problem !== undefined) {
        remarks.push(
          `${plan.problem.path}: ${plan.problem.verdict} at LSN ${formatLsn(plan.problem.lsn)}: ${plan.problem.detail}`,
        )
      }
      const target = new MemoryTables(sqlite, { trustsSchema: options.setup !== undefined })
      const isFinishing = plan.row.action === 'finish'
      const script = isFinishing ? found.scriptNew : found.script
      if (script.kind === 'whole') {
        snapshotLsn = formatLsn(script.header.lsn)
        withFile(host.files, isFinishing ? names.scriptNew : names.script, (file) => {
          const whole = readScript(file)
          if (whole.kind === 'whole') target.load(whole.pieces())
        })
      }
      target.beginRedo()
      redoEntries(host.files, found, plan, (entry) => {
        if (entry.kind === 'mark') return
        target.redo(entry.body)
        redoneRecords++
      })
      target.endRedo()
      endLsn = formatLsn(plan.chain.end)
      problems.push(...target.integrityProblems())
    } catch (error) {
      if (!(error instanceof ScriptlogError)) throw error
      problems.push(messageOf(error))
    }
    return {
      path: names.base,
      isSound: problems.length === 0,
      problems,
      remarks,
      snapshotLsn,
      redoneRecords,
      endLsn,
    }
  } finally {
    sqlite?.close()
    lock.release()
  }
}
