/**
 * Locks of single bytes of an open file, by the kernel: they die with their process. On Linux they belong to the open
 * file description, so that closing another descriptor of the file does not drop them, as it does with POSIX's.
 */
import { createRequire } from 'node:module'
import { systemCode } from '../errors.ts'
import type { SlotFile } from './disk.ts'
import { type LockByte, lockOffset } from './lock-slots.ts'
import { withPath } from './system-error.ts'

export interface ByteLocks {
  /** Keeps all other open files out of the byte: returns how to let them in, undefined when one of them has it. */
  take(file: SlotFile, byte: LockByte): (() => void) | undefined
  /** Whether another open file has the byte; undefined where that cannot be told without taking it. */
  isTaken(file: SlotFile, byte: LockByte): boolean | undefined
  /** Whether bytes of logs can be locked too, while others read, write and rename them. */
  readonly hasGuards: boolean
}

/** The part of fs-native-extensions that is used; it comes without types. */
interface NativeLocks {
  /** False when another open file holds the range in a way that excludes this one. */
  tryLock(fd: number, offset: number, lengthBytes: number, options?: { readonly shared: boolean }): boolean
  unlock(fd: number, offset: number, lengthBytes: number): void
}

export const kernelByteLocks: ByteLocks = {
  take(file, byte) {
    const offset = lockOffset(byte)
    if (!tryLock(file, offset, false)) return undefined
    return () => requireNative().unlock(file.fd, offset, 1)
  },

  // By a shared lock: who asks at the same moment is not in the way, and takes nobody for alive because of it.
  isTaken(file, byte) {
    const offset = lockOffset(byte)
    if (!tryLock(file, offset, true)) return true
    requireNative().unlock(file.fd, offset, 1)
    return false
  },

  // Windows renames no file that is open.
  hasGuards: process.platform === 'linux',
}

/**
 * False where fs-native-extensions has no binary for the platform (musl), or can lock whole files alone (macOS).
 */
export function hasKernelByteLocks(): boolean {
  if (process.platform !== 'linux' && process.platform !== 'win32') return false
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

function tryLock(file: SlotFile, offset: number, shared: boolean): boolean {
  try {
    return requireNative().tryLock(file.fd, offset, 1, { shared })
  } catch (error) {
    // EAGAIN is told by the result; POSIX allows EACCES for the same, and Windows' "lock violation" is EBUSY.
    const code = systemCode(error)
    if (code === 'EACCES' || code === 'EBUSY') return false
    throw withPath(error, file.path)
  }
}
