// Opens what a crash left and keeps each step that the recovery takes, with what it does to the files.

import type { Change } from '../../lib/fs/change.ts'
import type { Image } from '../../lib/fs/image.ts'
import { isDurableStep } from '../../lib/fs/operation.ts'
import { Database, type RecoveryReport, ScriptlogError } from '../../lib/index.ts'
import type { RecoveryStep } from '../../lib/recovery/report.ts'
import { type Step, stepOf } from './narrate.ts'
import { BASE, worldWith } from './world.ts'

export interface WatchedStep {
  readonly step: RecoveryStep
  readonly operations: readonly Step[]
  readonly readBytes: number
}

export interface WatchedRecovery {
  readonly steps: readonly WatchedStep[]
  readonly changes: readonly Change[]
  /** The files afterwards. */
  readonly image: Image
  readonly outcome: Opened | Refused
}

export interface Opened {
  readonly kind: 'opened'
  readonly report: RecoveryReport
  /** What each owner has; undefined when the accounts were never opened. */
  readonly coins: ReadonlyMap<string, number> | undefined
}

export interface Refused {
  readonly kind: 'refused'
  readonly message: string
}

export function watchRecovery(image: Image): WatchedRecovery {
  const steps: { step: RecoveryStep; operations: Step[]; readBytes: number }[] = []
  const world = worldWith(image, (operation) => {
    const current = steps.at(-1)
    // The lock, and looking for the directory, come before the first step.
    if (current === undefined) return
    if (operation.kind === 'read') current.readBytes += operation.lengthBytes ?? 0
    if (isDurableStep(operation)) current.operations.push(stepOf(operation, world.files))
  })
  const watched = (outcome: Opened | Refused): WatchedRecovery => ({
    steps,
    changes: world.files.changes,
    image: world.files.image(),
    outcome,
  })
  try {
    const database = new Database(
      BASE,
      {
        writeDelayMillis: 0,
        logSize: 0,
        onEvent: (event) => {
          if (event.kind !== 'recoveryProgress') return
          steps.push({ step: event.step, operations: [], readBytes: 0 })
        },
      },
      world.host,
    )
    const { recovery: report } = database.status()
    return watched({ kind: 'opened', report, coins: coinsIn(database) })
  } catch (error) {
    if (!(error instanceof ScriptlogError)) throw error
    return watched({ kind: 'refused', message: error.message })
  }
}

function coinsIn(database: Database): ReadonlyMap<string, number> | undefined {
  const tables = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'account'").all()
  if (tables.length === 0) return undefined
  const coins = new Map<string, number>()
  for (const row of database.prepare('SELECT owner, coins FROM account ORDER BY owner').raw().iterate()) {
    const [owner, held]: unknown[] = Array.isArray(row) ? row : []
    coins.set(String(owner), Number(held))
  }
  return coins
}
