// How long each spec file took the last time, so that the longest begin first and nobody waits for one at the end.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** Seconds by file name; empty when nothing usable was kept. */
export function readDurations(path: string): Map<string, number> {
  try {
    const kept: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (typeof kept !== 'object' || kept === null) return new Map()
    return new Map(
      Object.entries(kept).filter((entry): entry is [string, number] => Number.isFinite(entry[1])),
    )
  } catch {
    // Missing or cut: the order is then that of the names.
    return new Map()
  }
}

export function keepDurations(path: string, durations: ReadonlyMap<string, number>): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, JSON.stringify(Object.fromEntries(durations)))
}
