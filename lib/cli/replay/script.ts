import { constants } from 'node:buffer'
import type { Database } from '../../database/database.ts'
import { CorruptionError, invariant, messageOf, OpenError, ScriptlogError } from '../../errors.ts'
import { formatLsn } from '../../format/lsn.ts'
import { formatMicros } from '../../format/time.ts'
import type { ReadFile } from '../../fs/files.ts'
import { readScript, type WholeScript } from '../../script.ts'
import { isStatementFault } from '../run-statement.ts'
import { keyOf } from './log-source.ts'
import type { Outcome, ReplayContext } from './outcome.ts'
import { ENSURE_TABLE, type Position, Positions, positionText } from './position.ts'

/** A script of scriptlog that is to be replayed. */
export interface ScriptSource {
  readonly name: string
  readonly path: string
  readonly sizeBytes: number
  readonly script: WholeScript
}

/**
 * Reads a script from end to end before anything is applied.
 * @throws {CorruptionError | OpenError} when it is not whole, or of a newer scriptlog.
 */
export function verifiedScript(file: ReadFile, path: string): WholeScript {
  const script = readScript(file)
  if (script.kind === 'whole') return script
  if (script.reason === 'newer-format') {
    throw new OpenError(`the script cannot be read: ${script.detail}`, { path, subcode: script.reason })
  }
  throw new CorruptionError(`the script is not whole: ${script.detail}`, {
    reason: 'script',
    subcode: script.reason,
    path,
    offset: script.offset,
    hint: 'nothing was applied. Take another copy of it; what is left of it is SQL, which stock sqlite3 runs',
  })
}

/**
 * Applies a script as one transaction, into a database without tables.
 * @throws {ScriptlogError} when it cannot be applied; nothing of it is there then.
 */
export function replayScript(db: Database, source: ScriptSource, context: ReplayContext): Outcome {
  const { script, name, path } = source
  const { header } = script
  const key = keyOf(header.databaseId)
  const positions = new Positions(db)
  if (context.isRestart) positions.forget(key)
  const before = positions.read(key)
  if (before !== undefined && before.position >= header.lsn) return outcomeOf(source, before, 0)
  const position: Position = {
    source: key,
    position: header.lsn,
    checksum: '',
    line: null,
    xid: header.xid,
    time: formatMicros(header.timeMicros),
    settings: '',
    // Transactions are counted, and nobody knows how many a snapshot holds.
    applied: before?.applied ?? 0,
    skipped: before?.skipped ?? 0,
  }
  try {
    db.redo([bodyOf(source) + ENSURE_TABLE + positionText(position)])
  } catch (error) {
    if (!isStatementFault(db, error)) throw error
    throw new ScriptlogError('SCRIPTLOG_STATEMENT_FAILED', `${name} cannot be applied: ${messageOf(error)}`, {
      reason: 'sql',
      severity: 'soft',
      path,
      hint: hasTables(db)
        ? 'nothing of it was applied. A script is a whole snapshot and this database has tables already: replay it into a new one'
        : 'nothing of it was applied',
      cause: error,
    })
  }
  return outcomeOf(source, position, 1)
}

function outcomeOf({ name }: ScriptSource, reached: Position, applied: number): Outcome {
  return {
    source: name,
    kind: 'script',
    ended: 'complete',
    applied,
    appliedBefore: 0,
    wasBegun: applied === 0,
    skipped: 0,
    at: `xid ${reached.xid ?? 0}, LSN ${formatLsn(reached.position)}`,
  }
}

const OPENING = 'PRAGMA foreign_keys=OFF;\nBEGIN;\n'
const CLOSING = 'COMMIT;\n'

/** What stands between BEGIN and COMMIT. */
function bodyOf({ script, path }: ScriptSource): string {
  const pieces = [...script.pieces()]
  const sizeBytes = pieces.reduce((total, { length }) => total + length, 0)
  if (sizeBytes > constants.MAX_STRING_LENGTH / 2) {
    throw new ScriptlogError('SCRIPTLOG_TOO_LARGE', 'the script is too large to be one transaction', {
      reason: 'script',
      path,
      hint: 'copy the files of the database instead: .script, .log and .properties',
    })
  }
  const text = Buffer.concat(pieces).toString()
  const begin = text.indexOf('\n') + 1
  invariant(text.startsWith(OPENING, begin) && text.endsWith(CLOSING), 'a whole script has its frame')
  return text.slice(begin + OPENING.length, -CLOSING.length)
}

function hasTables(db: Database): boolean {
  return (
    db
      .prepare(
        "SELECT 1 FROM sqlite_schema WHERE name NOT LIKE 'sqlite@_%' ESCAPE '@' AND name<>'scriptlog_replay'",
      )
      .get() !== undefined
  )
}
