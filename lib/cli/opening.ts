import { Database } from '../database/database.ts'
import type { DatabaseEvent } from '../database/events.ts'
import type { CloseMode } from '../database/hsqldb-statement.ts'
import { messageOf } from '../errors.ts'
import { locate, systemHost } from '../host.ts'
import { shortName } from '../names.ts'
import { checkSettings } from '../settings.ts'
import type { Arguments } from './arguments.ts'
import { inspectExisting } from './existing.ts'
import type { Output } from './output.ts'
import { recoveryText } from './recovery-text.ts'
import { durationText, sizeText } from './units.ts'

/** A checkpoint on closing that takes longer is worth a line. */
const LONG_CLOSE_MS = 1000

/** An open database, for the time that a command works with it. */
export interface Session {
  readonly db: Database
  /** How it will be closed; `immediately` when the work was broken off. */
  closeMode: CloseMode
}

/**
 * Opens a database with the settings among the arguments, runs `work`, and closes it, whatever happens. What the
 * database tells meanwhile goes to stderr.
 * @throws what opening, working or closing throws; of several, the first.
 */
export async function withDatabase<T>(
  args: Arguments,
  output: Output,
  options: { readonly mayCreate: boolean },
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const settings = checkSettings({
    writeDelayMillis: args.wholeNumber('write-delay-millis'),
    logSize: args.wholeNumber('log-size'),
    recoveryMode: args.text('recovery-mode'),
  })
  let isClosing = false
  // In better words than better-sqlite3 has for it.
  if (options.mayCreate) locate(systemHost(), args.database)
  else inspectExisting(args.database)
  const db = new Database(args.database, {
    ...settings,
    fileMustExist: !options.mayCreate,
    recover: !args.has('no-recover'),
    // Who types a command sees at once that somebody else has the database.
    timeout: 0,
    onEvent: (event) => {
      const isWorthALine = event.kind !== 'checkpoint' || !isClosing || event.durationMillis >= LONG_CLOSE_MS
      if (isWorthALine) tell(event, output)
    },
  })
  const session: Session = { db, closeMode: 'normal' }
  let result: T
  try {
    result = await work(session)
  } catch (error) {
    isClosing = true
    try {
      db.close({ mode: session.closeMode })
    } catch (second) {
      const message = messageOf(second)
      output.warning(`closing failed too: ${message}`, { event: 'close-failed', message })
    }
    throw error
  }
  isClosing = true
  db.close({ mode: session.closeMode })
  return result
}

function tell(event: DatabaseEvent, output: Output): void {
  switch (event.kind) {
    case 'recovered': {
      const { report } = event
      const hadNothingToDo = report.wasClean && report.setAside.length === 0 && report.warnings.length === 0
      if (!hadNothingToDo) output.event(recoveryText(report), { event: 'recovered', ...report })
      break
    }
    case 'checkpoint': {
      const { lsn, scriptBytes, durationMillis } = event
      output.event(`checkpoint at LSN ${lsn}: ${sizeText(scriptBytes)} in ${durationText(durationMillis)}`, {
        event: 'checkpoint',
        lsn,
        scriptBytes,
        durationMillis: Math.round(durationMillis),
      })
      break
    }
    case 'backgroundError':
      output.warning(messageOf(event.error), {
        event: 'backgroundError',
        reason: event.reason,
        severity: event.severity,
        code: event.error.code,
        message: event.error.message,
        path: event.error.path === undefined ? undefined : shortName(event.error.path),
      })
      break
    case 'unloggedWrite':
      output.warning(`what is written into the attached database ${event.database} is not logged`, event)
      break
    case 'processDied':
      output.event(`process ${event.pid} (${event.role}) ended without closing it`, {
        event: 'processDied',
        pid: event.pid,
        role: event.role,
      })
      break
    case 'errorRecoveryEnd':
      if (event.error === undefined) output.event('writing was resumed', { event: 'errorRecoveryEnd' })
      break
    case 'refreshed':
    case 'refreshFailed':
    case 'recoveryProgress':
    case 'errorRecoveryBegin':
      break
    default:
      event satisfies never
  }
}
