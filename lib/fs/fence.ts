/**
 * A writer whose `.lck` is deleted or replaced does not know it: it may be stopped anywhere, for any time, while
 * another one opens the database, recovers, commits and makes checkpoints. It must do no harm when it goes on.
 *
 *   commit    append → sync → look → acknowledge. The look says that `.lck` is still at its path: then whoever opens
 *             the database later sees the record
 *   rename, remove   a *section*: lock the guard byte of each log that is there; see that each name still leads to the
 *             log that was locked, else again → look → act → free the guards
 *   open      after taking `.lck`, an empty section: it waits for one that a fenced writer has begun, who may be
 *             stopped in the middle of it; every later one sees the other `.lck`, and does nothing
 *
 * A section holds every log that has a name when it begins, and a single rename or removal leaves one of these its
 * name: so whoever opens meets it. Only the creation of a database has no log yet: nothing is acknowledged there. What
 * a fenced writer appends goes to a log that recovery has read already and never appends to.
 * Every interleaving is tried by a model: `spec/process/fencing-model.spec.ts`.
 */
import { FencedError, systemCode } from '../errors.ts'
import type { ByteLocks } from './byte-locks.ts'
import { openExistingSlotFile, type SlotFile } from './disk.ts'
import { sleep } from './retry.ts'
import { systemError } from './system-error.ts'

/** What a writer asks before it acknowledges, and what it does renames and removals in. */
export interface Fence {
  /**
   * Looks whether the lock file is still at its path.
   * @throws {FencedError} when it is not, and ever after.
   * @throws what the operating system says when it cannot be told.
   */
  assertHeld(): void
  /** @throws {FencedError} when an earlier look has found it lost. Does not look itself. */
  assertNotKnownLost(): void
  /** @throws {FencedError} when the lock is lost. What cannot be told now is told by the next look. */
  assertNotSeenLost(): void
  /** Does a single rename or removal, unless the lock is lost. */
  section<T>(act: () => T): T
}

/** How long a section waits for another one: a writer that opens, and is not kept out. */
const longestWaitMs = 5000
const waitStepMs = 1
/** How often logs may be renamed between our looking and our locking before this is taken for a section under way. */
const maxAttempts = 10

/** A fence by the lock file, and by guards of the logs at `logPaths`. */
export function fenceOf(file: SlotFile, locks: ByteLocks, logPaths: readonly string[]): Fence {
  let lost: FencedError | undefined
  const assertNotKnownLost = () => {
    if (lost !== undefined) throw lost
  }
  const assertHeld = () => {
    assertNotKnownLost()
    if (file.isStillAtPath()) return
    lost = new FencedError('the lock file of this database was deleted or replaced while it was open', {
      path: file.path,
      hint:
        'close the database: another process may write its files by now. What was acknowledged before is in them, ' +
        'nothing was acknowledged since. Do not put the old lock file back; open again to go on',
    })
    throw lost
  }
  return {
    assertHeld,
    assertNotKnownLost,
    assertNotSeenLost() {
      try {
        assertHeld()
      } catch (error) {
        if (error instanceof FencedError) throw error
      }
    },
    section(act) {
      for (let waitedMs = 0; ; waitedMs += waitStepMs) {
        assertHeld()
        const free = takeGuards(locks, logPaths)
        if (free !== undefined) {
          try {
            assertHeld()
            return act()
          } finally {
            free()
          }
        }
        if (waitedMs >= longestWaitMs) throw systemError('EBUSY', 'lock', logPaths[0] ?? file.path)
        sleep(waitStepMs)
      }
    },
  }
}

/** Locks the guard byte of each log that is there: returns how to free them, undefined when another has one of them. */
export function takeGuards(locks: ByteLocks, logPaths: readonly string[]): (() => void) | undefined {
  if (!locks.hasGuards) return () => undefined
  const held: { readonly file: SlotFile; readonly free: () => void }[] = []
  const free = () => {
    for (const each of held.splice(0)) {
      each.free()
      each.file.close()
    }
  }
  try {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      for (const path of logPaths) {
        const file = openLog(path)
        if (file === undefined) continue
        const letIn = locks.take(file, 'guard')
        held.push({ file, free: letIn ?? (() => undefined) })
        if (letIn !== undefined) continue
        free()
        return undefined
      }
      const names = new Set(held.map(({ file }) => file.path))
      const areStillThere = held.every(({ file }) => file.isStillAtPath())
      if (areStillThere && logPaths.every((path) => names.has(path) || openAndClose(path) === undefined))
        return free
      free()
    }
    return undefined
  } catch (error) {
    free()
    throw error
  }
}

function openAndClose(path: string): SlotFile | undefined {
  const file = openLog(path)
  file?.close()
  return file
}

/** A directory, a pipe or a link of that name is no log; recovery says so in better words. */
function openLog(path: string): SlotFile | undefined {
  try {
    return openExistingSlotFile(path)
  } catch (error) {
    if (['EISDIR', 'ENXIO', 'ELOOP'].includes(systemCode(error) ?? '')) return undefined
    throw error
  }
}
