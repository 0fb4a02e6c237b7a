/**
 * One writer, by a lock of the kernel that dies with its process: no heartbeat, no stale lock to break. A second
 * open is refused from another process, from a worker thread and from the same process, under whatever name.
 *
 *   1  open `.lck`, creating it if need be
 *   2  take the writer's lock, or say who has it
 *   3  if the path leads to another file by now, begin again: whoever replaced it is not kept out by this lock
 *   4  write this process into the writer's slot, for those who are refused
 *
 * The file is never unlinked: a process that waited on the old one and one that creates a new one would both
 * have "the" lock.
 */
import { createRequire } from 'node:module'
import { LockHeldError, systemCode } from '../errors.ts'
import { openSlotFile, type SlotFile } from './disk.ts'
import {
  formatSlot,
  parseSlot,
  slotBytes,
  slotLockOffset,
  slotOffset,
  writerLockOffset,
  writerSlot,
} from './lock-slots.ts'
import { systemError, withPath } from './system-error.ts'

/** The right to write a database. */
export interface WriterLock {
  /** Of this process. */
  readonly pid: number
  /** Lets others write. A second call does nothing. */
  release(): void
}

export interface Locks {
  /**
   * Takes the writer's lock of the database whose `.lck` is at `path` (absolute, links in its directory followed).
   * @throws {LockHeldError} with the holder's pid where it is known
   * @throws what the operating system says when the file cannot be opened or the file system has no locks
   */
  acquire(path: string): WriterLock
}

/** One way to keep others out of an open lock file: returns how to let them in again, undefined when one is there. */
export type Exclusion = (file: SlotFile) => (() => void) | undefined

/** How often a `.lck` may be replaced under our hands before this is given up as somebody's mischief. */
const maxAttempts = 10

/** Locks that keep others out in the given way; the protocol and the text in the file are the same for all. */
export function locksBy(exclude: Exclusion): Locks {
  return {
    acquire(path) {
      for (let attempt = 0; attempt < maxAttempts; attempt++) {
        const lock = acquireUnlessReplaced(path, exclude)
        if (lock !== undefined) return lock
      }
      throw systemError('ESTALE', 'lock', path)
    },
  }
}

/** Steps 1 to 4; undefined when step 3 says to begin again. */
function acquireUnlessReplaced(path: string, exclude: Exclusion): WriterLock | undefined {
  const file = openSlotFile(path)
  let letIn: (() => void) | undefined
  try {
    letIn = exclude(file)
    // For an instant after the lock was taken the slot may still name the holder before, or nobody.
    if (letIn === undefined) throw held(path, parseSlot(file.read(slotOffset(writerSlot), slotBytes)))
    if (file.isStillAtPath()) {
      file.write(slotOffset(writerSlot), formatSlot(process.pid))
      return new KernelWriterLock(file, letIn)
    }
  } catch (error) {
    leave(file, letIn)
    throw error
  }
  leave(file, letIn)
  return undefined
}

function leave(file: SlotFile, letIn: (() => void) | undefined): void {
  try {
    letIn?.()
  } finally {
    file.close()
  }
}

class KernelWriterLock implements WriterLock {
  readonly pid = process.pid
  readonly #file: SlotFile
  readonly #letIn: () => void
  #isHeld = true

  constructor(file: SlotFile, letIn: () => void) {
    this.#file = file
    this.#letIn = letIn
  }

  release(): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    try {
      this.#file.write(slotOffset(writerSlot), formatSlot(undefined))
    } catch {
      // The text only informs: once the lock is gone nobody takes this process for the holder.
    }
    leave(this.#file, this.#letIn)
  }
}

/** The part of fs-native-extensions that is used; it comes without types. */
interface NativeLocks {
  /** False when another open file holds the range. */
  tryLock(fd: number, offset: number, lengthBytes: number): boolean
  unlock(fd: number, offset: number, lengthBytes: number): void
}

/**
 * Locks by the kernel: of byte ranges on Linux (of the open file description, so that closing another descriptor
 * of the file does not drop them, as it does with POSIX's) and Windows, of the whole file on macOS, where the
 * second byte is locked by the same descriptor and so granted.
 */
export const kernelLocks: Locks = locksBy((file) => {
  const native = requireNative()
  if (!take(native, file, writerLockOffset)) return undefined
  if (!take(native, file, slotLockOffset(writerSlot))) {
    native.unlock(file.fd, writerLockOffset, 1)
    return undefined
  }
  return () => {
    native.unlock(file.fd, slotLockOffset(writerSlot), 1)
    native.unlock(file.fd, writerLockOffset, 1)
  }
})

/** False where fs-native-extensions has no binary for the platform (musl): then another {@link Locks} is needed. */
export function hasKernelLocks(): boolean {
  try {
    requireNative()
    return true
  } catch (error) {
    const code = systemCode(error)
    if (code === 'ADDON_NOT_FOUND' || code === 'CANNOT_LOAD' || code === 'MODULE_NOT_FOUND') return false
    throw error
  }
}

// Not imported at the top: where there is no binary, that would make the whole library fail to load.
function requireNative(): NativeLocks {
  const native: NativeLocks = createRequire(import.meta.url)('fs-native-extensions')
  return native
}

function take(native: NativeLocks, file: SlotFile, offset: number): boolean {
  try {
    return native.tryLock(file.fd, offset, 1)
  } catch (error) {
    // EAGAIN is told by the result; POSIX allows EACCES for the same, and Windows' "lock violation" is EBUSY.
    const code = systemCode(error)
    if (code === 'EACCES' || code === 'EBUSY') return false
    throw withPath(error, file.path)
  }
}

/** Locks for files in memory: one holder for each path, all within this object. */
export function memoryLocks(): Locks {
  const heldPaths = new Set<string>()
  return {
    acquire(path) {
      if (heldPaths.has(path)) throw held(path, process.pid)
      heldPaths.add(path)
      let isHeld = true
      return {
        pid: process.pid,
        release() {
          if (isHeld) heldPaths.delete(path)
          isHeld = false
        },
      }
    },
  }
}

function held(path: string, pid: number | undefined): LockHeldError {
  const holder =
    pid === undefined
      ? 'by another process'
      : pid === process.pid
        ? `in this process already (pid ${pid})`
        : `by process ${pid}`
  return new LockHeldError(`database is locked: it is open ${holder}`, pid, {
    path,
    hint: 'close it there, or end that process; deleting the .lck file does not help and risks two writers',
  })
}
