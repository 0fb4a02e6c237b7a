import { openConnection } from './engine/connection.ts'
import { MemoryTables } from './engine/memory-tables.ts'
import type { NativeDatabase, Registrar } from './engine/native.ts'
import { CheckedRegistrar } from './engine/registrar.ts'
import { letSchemaCall } from './engine/schema-trust.ts'
import { messageOf, ScriptlogError } from './errors.ts'
import { formatLsn } from './format/lsn.ts'
import type { WriterLock } from './fs/lock.ts'
import { type Host, locate, lockIfThere, mayNotWrite, systemHost } from './host.ts'
import { type Names, shortName } from './names.ts'
import { loadWhatIsThere, lookAt } from './recovery/look.ts'

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
  for (;;) {
    let lock: WriterLock | undefined
    try {
      // Without a lock file nobody has the database open, and none is left behind. Who opens it meanwhile makes one.
      lock = lockIfThere(host, names, { role: 'verifier' })
    } catch (error) {
      // On a medium that may only be read, a copy of a database among a backup's, say.
      if (!mayNotWrite(error)) throw error
      const found = verifyFiles(host, names, options)
      const remark = `${shortName(names.lock)} cannot be written (${error.subcode}): nothing kept others from writing meanwhile`
      return { ...found, remarks: [remark, ...found.remarks] }
    }
    try {
      // What was to be recovered is left in the register: nothing was.
      const found = verifyFiles(host, names, options)
      if (lock !== undefined || !host.locks.exists(names.lock)) return found
    } finally {
      lock?.release()
    }
  }
}

function verifyFiles(host: Host, names: Names, options: VerifyOptions): Verification {
  let sqlite: NativeDatabase | undefined
  try {
    sqlite = openConnection()
    const problems: string[] = []
    const remarks: string[] = []
    options.setup?.(new CheckedRegistrar(sqlite))
    let redoneRecords = 0
    let snapshotLsn: string | undefined
    let endLsn: string | undefined
    try {
      const target = new MemoryTables(sqlite, { trustsSchema: options.setup !== undefined })
      const context = lookAt(host, names, target, {})
      const { plan, found } = context
      if (plan.problem !== undefined) {
        remarks.push(
          `${plan.problem.path}: ${plan.problem.verdict} at LSN ${formatLsn(plan.problem.lsn)}: ${plan.problem.detail}`,
        )
      }
      if (found.script.kind === 'whole') snapshotLsn = formatLsn(found.script.header.lsn)
      redoneRecords = loadWhatIsThere(context).records
      endLsn = formatLsn(plan.chain.end)
      letSchemaCall(sqlite, options.setup !== undefined)
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
  }
}
