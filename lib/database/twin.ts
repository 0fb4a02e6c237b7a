// With `paranoid_checks`, a snapshot is loaded into a second connection before it counts, as an open would load it:
// what a snapshot of that would say must be what it says itself.

import { openConnection } from '../engine/connection.ts'
import { MemoryTables } from '../engine/memory-tables.ts'
import { CheckedRegistrar } from '../engine/registrar.ts'
import { CorruptionError, messageOf, OpenError } from '../errors.ts'
import type { CheckedOptions } from './options.ts'

/** The statements of a snapshot loaded from `pieces`, one after another; `look` reads them before all is closed. */
export type LoadTwin = (
  pieces: Iterable<Uint8Array>,
  look: (statements: Iterable<string, number | undefined>) => void,
) => void

export function twinLoader({ nativeBinding, setup }: CheckedOptions): LoadTwin {
  return (pieces, look) => {
    const sqlite = openConnection({ nativeBinding })
    try {
      setup?.(new CheckedRegistrar(sqlite))
      const tables = new MemoryTables(sqlite, { trustsSchema: setup !== undefined })
      tables.load(pieces)
      look(tables.statements())
    } finally {
      sqlite.close()
    }
  }
}

/**
 * Loads a snapshot and compares it with what it was taken from.
 * @throws {CorruptionError} when it cannot be loaded, or says something else then.
 */
export function assertLoadsAs(
  path: string,
  pieces: Iterable<Uint8Array>,
  expected: Iterable<string, number | undefined>,
  loadTwin: LoadTwin,
): void {
  let difference: string | undefined
  try {
    loadTwin(pieces, (found) => {
      difference = firstDifference(expected, found)
    })
  } catch (cause) {
    // The disk failed while the snapshot was read: that says nothing of what is in it.
    if (cause instanceof Error && 'syscall' in cause) throw cause
    const missing = /no such (?:function|module|collation sequence): .*?(?=:|$)/.exec(messageOf(cause))?.[0]
    if (missing !== undefined) throw unloadable(path, missing, cause)
    throw unlike(path, `it cannot be loaded: ${messageOf(cause)}`, cause)
  }
  if (difference !== undefined) throw unlike(path, difference)
}

function firstDifference(expected: Iterable<string>, found: Iterable<string>): string | undefined {
  const others = found[Symbol.iterator]()
  for (const statement of expected) {
    const other = others.next()
    if (other.done === true) return `loaded, it lacks: ${start(statement)}`
    if (other.value !== statement) return `instead of ${start(statement)} it says: ${start(other.value)}`
  }
  const more = others.next()
  return more.done === true ? undefined : `loaded, it says more: ${start(more.value)}`
}

function start(statement: string): string {
  return statement.length > 200 ? `${statement.slice(0, 200)}…` : statement
}

/** The snapshot is as it should be; who opens the database must bring what the application has registered later. */
function unloadable(path: string, missing: string, cause: unknown): OpenError {
  return new OpenError(`an open could not load the snapshot: ${missing}`, {
    reason: 'checkpoint',
    severity: 'soft',
    path,
    cause,
    hint: 'register it in the option setup, which every open needs. The log holds everything; delete none of the files',
  })
}

function unlike(path: string, detail: string, cause?: unknown): CorruptionError {
  return new CorruptionError(`the snapshot is not what it was taken from: ${detail}`, {
    reason: 'checkpoint',
    path,
    cause,
    hint: 'the log holds everything, and is kept. Close the database and please report this',
  })
}
