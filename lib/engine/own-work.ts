import { systemCode } from '../errors.ts'
import type { NativeDatabase } from './native.ts'
import { unsafeModeOf } from './unsafe-mode.ts'

/**
 * Runs statements of ours on TEMP objects, also while an iterator is open, which may be beside a write, and under a
 * `query_only` of the user's. `act` may be run a second time from the beginning.
 */
export function asOwnWork(sqlite: NativeDatabase, act: () => void): void {
  unsafeModeOf(sqlite).lift(() => {
    try {
      act()
    } catch (error) {
      if (systemCode(error) !== 'SQLITE_READONLY') throw error
      sqlite.pragma('query_only=OFF')
      try {
        act()
      } finally {
        sqlite.pragma('query_only=ON')
      }
    }
  })
}
