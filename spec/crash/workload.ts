// A workload: what a process does with a database, and what happens to it meanwhile.

import type { CloseMode } from '../../lib/database/hsqldb-statement.ts'
import type { Fault } from '../../lib/fs/memory.ts'
import { isDurableStep, type Operation, type OperationKind } from '../../lib/fs/operation.ts'

export interface Workload {
  readonly name: string
  /** Of every open; a step may change it. 0: each commit is acknowledged when it returns. */
  readonly writeDelayMillis: number
  /** Size of the log, in megabytes, at which a checkpoint is made by itself. Default: that of the settings. */
  readonly logSize?: number
  readonly steps: readonly Step[]
}

export type Step =
  /** One transaction; left out when plain SQLite refuses it. */
  | { readonly kind: 'commit'; readonly sql: readonly string[] }
  | { readonly kind: 'checkpoint' }
  /** Waits for durability. */
  | { readonly kind: 'flush' }
  /** Lets the turn of the event loop end: what waits is handed to the operating system. */
  | { readonly kind: 'turn' }
  /** Lets the write delay pass as well: everything is synced, and a mark says so. */
  | { readonly kind: 'idle' }
  | { readonly kind: 'resume' }
  /** Changes nothing that is to be seen, and is saved by a checkpoint, since no record can say what it did. */
  | { readonly kind: 'vacuum' }
  /** Changes the write delay, here and in `.properties`. */
  | { readonly kind: 'delay'; readonly millis: number }
  /** Closes the database and opens it again, in another process. */
  | { readonly kind: 'close'; readonly mode: CloseMode }
  /** Kills the process and opens the database again, in another one. */
  | { readonly kind: 'kill' }
  /** From now on operations fail, as planned. */
  | { readonly kind: 'fail'; readonly fault: PlannedFault }
  /** From now on no operation fails. */
  | { readonly kind: 'heal' }

export interface PlannedFault extends Fault {
  /** Which operations fail: without a kind those that change something or make it durable. */
  readonly on: {
    readonly kind?: OperationKind | 'any'
    /** How the path ends; of a rename, the new one. */
    readonly path?: string
  }
  /** So many of them succeed first. Default 0. */
  readonly skip?: number
  /** So many of them fail. Default 1. */
  readonly times?: number
  /** Once the first of them was met, only those of these kinds fail. Default: of any. */
  readonly only?: ReadonlySet<OperationKind>
}

export function isPlannedFor({ on }: PlannedFault, operation: Operation): boolean {
  const { kind, path, toPath } = operation
  const isOfKind = on.kind === undefined ? isDurableStep(operation) : on.kind === 'any' || on.kind === kind
  return isOfKind && (toPath ?? path).endsWith(on.path ?? '')
}

/** For people, one line. */
export function describeStep(step: Step): string {
  switch (step.kind) {
    case 'commit':
      return `commit: ${step.sql.join('; ')}`
    case 'delay':
      return `SET FILES WRITE DELAY ${step.millis} MILLIS`
    case 'close':
      return `close ${step.mode}, open`
    case 'kill':
      return 'kill, open'
    case 'fail': {
      const { on, code, writtenBytes, takesEffect, skip = 0, times = 1 } = step.fault
      const which = `${on.kind ?? 'operation'}${on.path === undefined ? '' : ` of *${on.path}`}`
      const extent = [
        ...(skip > 0 ? [`after ${skip} of them`] : []),
        ...(times > 1 ? [`${times} times`] : []),
        ...(writtenBytes === undefined ? [] : [`with ${writtenBytes} bytes written`]),
        ...(takesEffect === true ? ['although it takes effect'] : []),
      ]
      return [`from now on ${which} fails with ${code}`, ...extent].join(', ')
    }
    default:
      return step.kind
  }
}
