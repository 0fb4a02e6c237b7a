import type { ByteLocks } from './byte-locks.ts'
import type { SlotFile } from './disk.ts'
import { type Locks, locksBy, type SlotFiles } from './lock.ts'
import type { LockByte } from './lock-slots.ts'

/** Locks for files in memory: one holder for each byte, all within this object. */
export interface MemoryLocks extends Locks {
  /** What deleting the lock file at the path is to those who have it open. */
  remove(path: string): void
  /** What the end of the process that has it is to all locks of the file at the path. */
  drop(path: string): void
  /** The register's text; undefined when there is none. */
  text(path: string): string | undefined
  /** Puts a text in its place. */
  write(path: string, text: string): void
}

interface Register {
  bytes: Uint8Array
  /** By the file that was opened. */
  readonly holders: Map<LockByte, SlotFile>
}

/** `onOperation` is called before each operation on a lock file, which is not done when that throws. */
export function memoryLocks(onOperation: () => void = () => undefined): MemoryLocks {
  const registers = new Map<string, Register>()
  const registerOf = new WeakMap<SlotFile, Register>()

  function slotFile(path: string, register: Register): SlotFile {
    const file: SlotFile = {
      path,
      fd: -1,
      read(offset, lengthBytes) {
        onOperation()
        return register.bytes.slice(offset, offset + lengthBytes)
      },
      write(offset, bytes) {
        onOperation()
        const end = Math.max(register.bytes.byteLength, offset + bytes.byteLength)
        const written = new Uint8Array(end)
        written.set(register.bytes)
        written.set(bytes, offset)
        register.bytes = written
      },
      isStillAtPath() {
        onOperation()
        return registers.get(path) === register
      },
      close() {
        for (const [byte, holder] of register.holders) if (holder === file) register.holders.delete(byte)
      },
    }
    registerOf.set(file, register)
    return file
  }
  const files: SlotFiles = {
    open(path) {
      onOperation()
      const register = registers.get(path) ?? { bytes: new Uint8Array(), holders: new Map() }
      registers.set(path, register)
      return slotFile(path, register)
    },
    openExisting(path) {
      onOperation()
      const register = registers.get(path)
      return register === undefined ? undefined : slotFile(path, register)
    },
  }
  const bytes: ByteLocks = {
    take(file, byte) {
      onOperation()
      const holders = registerOf.get(file)?.holders
      if (holders === undefined || (holders.get(byte) ?? file) !== file) return undefined
      holders.set(byte, file)
      return () => {
        onOperation()
        if (holders.get(byte) === file) holders.delete(byte)
      }
    },
    isTaken: (file, byte) => (registerOf.get(file)?.holders.get(byte) ?? file) !== file,
    // One thread: no section is ever under way when another one begins.
    hasGuards: false,
  }
  return {
    ...locksBy(bytes, files),
    remove: (path) => void registers.delete(path),
    drop: (path) => registers.get(path)?.holders.clear(),
    text: (path) => {
      const register = registers.get(path)
      return register && Buffer.from(register.bytes).toString('latin1')
    },
    write: (path, text) =>
      void registers.set(path, {
        bytes: Buffer.from(text, 'latin1'),
        holders: registers.get(path)?.holders ?? new Map(),
      }),
  }
}
