/**
 * The real disk: the only file that imports `node:fs`. Files are created with mode 0600 and directories with
 * 0700 (less what the umask takes away), because a database's files hold everything that its tables hold.
 */
import {
  close,
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  realpathSync,
  renameSync,
  statfsSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { systemCode } from '../errors.ts'
import type { AppendFile, FileStat, Files, ReadFile } from './files.ts'
import { retryWhileHeld } from './retry.ts'
import { naming, systemError, withPath } from './system-error.ts'

const isWindows = process.platform === 'win32'

/** Node takes at most 2^31 - 1 bytes in one call; larger requests are cut into pieces of this size. */
const maxCallBytes = 1 << 30

export const diskFiles: Files = {
  create(path) {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
    const fd = naming(path, () => openSync(path, flags, 0o600))
    return withSyncDescriptor(path, fd, 0)
  },

  openAppend(path) {
    const fd = openSync(path, constants.O_WRONLY)
    return withSyncDescriptor(path, fd, sizeOfOpen(path, fd))
  },

  openRead(path) {
    const fd = openSync(path, constants.O_RDONLY)
    return new DiskReadFile(path, fd, sizeOfOpen(path, fd))
  },

  // ENOTDIR is thrown on purpose: it says that the caller's idea of the directory is wrong, and reading it as
  // "no such file" could pass a mistyped path off as an empty database.
  stat(path): FileStat | undefined {
    try {
      const stat = statSync(path)
      const kind = stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : 'other'
      return { kind, sizeBytes: stat.size }
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw error
    }
  },

  list(dirPath) {
    return readdirSync(dirPath).sort()
  },

  rename(fromPath, toPath) {
    // On Windows a virus scanner or an indexer may hold either file for a moment; elsewhere these codes are final.
    const attempt = () => renameSync(fromPath, toPath)
    naming(fromPath, isWindows ? () => retryWhileHeld(attempt) : attempt)
  },

  remove(path) {
    naming(path, () => unlinkSync(path))
  },

  makeDir(dirPath) {
    naming(dirPath, () => mkdirSync(dirPath, 0o700))
  },

  syncDir(dirPath) {
    const fd = openSync(dirPath, constants.O_RDONLY)
    try {
      naming(dirPath, () => fsyncSync(fd))
    } catch (error) {
      // Windows has no way to sync a directory: NTFS journals names itself and refuses the call.
      if (!(isWindows && systemCode(error) === 'EPERM')) throw error
    } finally {
      closeSync(fd)
    }
  },

  realPath(path) {
    try {
      return realpathSync.native(path)
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
      return join(realpathSync.native(dirname(path)), basename(path))
    }
  },

  freeBytes(dirPath) {
    const { bavail, bsize } = statfsSync(dirPath)
    return bavail * bsize
  },
}

/** A link would lead the slots into a file that is somebody else's. Windows lets only administrators make links. */
const SLOT_FLAGS = constants.O_RDWR | (isWindows ? 0 : constants.O_NOFOLLOW)

/** A file some of whose bytes are locked, to say or to find out who is at work. Nothing here is synced: not for data. */
export interface SlotFile {
  readonly path: string
  /** For the calls that lock bytes of it. */
  readonly fd: number
  /** Up to `lengthBytes` bytes from `offset`. */
  read(offset: number, lengthBytes: number): Uint8Array
  write(offset: number, bytes: Uint8Array): void
  /**
   * False once the path leads to another file or to none: then a lock of this one keeps nobody out.
   * @throws what the operating system says when it cannot be told.
   */
  isStillAtPath(): boolean
  close(): void
}

/** Opens the file, creating it if need be. It is never truncated and never unlinked. */
export function openSlotFile(path: string): SlotFile {
  return slotFile(
    path,
    naming(path, () => openSync(path, SLOT_FLAGS | constants.O_CREAT, 0o600)),
  )
}

/** Opens the file; undefined when there is none. */
export function openExistingSlotFile(path: string): SlotFile | undefined {
  try {
    return slotFile(
      path,
      naming(path, () => openSync(path, SLOT_FLAGS)),
    )
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

function slotFile(path: string, fd: number): SlotFile {
  // Numbers of files exceed 2^53 on Windows and on some network file systems.
  const opened = closedWhenFailing(fd, () => {
    const stat = naming(path, () => fstatSync(fd, { bigint: true }))
    // A pipe or a device, which keeps no slots.
    if (!stat.isFile()) throw systemError('ENXIO', 'open', path)
    return stat
  })
  return {
    path,
    fd,
    read(offset, lengthBytes) {
      const bytes = Buffer.alloc(lengthBytes)
      return bytes.subarray(
        0,
        naming(path, () => readSync(fd, bytes, 0, lengthBytes, offset)),
      )
    },
    write(offset, bytes) {
      const written = naming(path, () => writeSync(fd, bytes, 0, bytes.byteLength, offset))
      if (written < bytes.byteLength) throw systemError('EIO', 'write', path)
    },
    // As long as the file is open, no other one gets its number.
    isStillAtPath() {
      const found = naming(path, () => statSync(path, { bigint: true, throwIfNoEntry: false }))
      return found !== undefined && found.ino === opened.ino && found.dev === opened.dev
    },
    close() {
      naming(path, () => closeSync(fd))
    },
  }
}

function closedWhenFailing<T>(fd: number, act: () => T): T {
  try {
    return act()
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** Whether there is a process of this number, as far as this one can see. */
export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it is somebody else's.
    return systemCode(error) !== 'ESRCH'
  }
}

/** Whether the process is stopped (SIGSTOP, a debugger); false also where that cannot be told. */
export function isProcessStopped(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name stands in parentheses and may hold anything; the state is the letter behind it.
    return /^[Tt]/.test(stat.slice(stat.lastIndexOf(')') + 2))
  } catch {
    return false
  }
}

/**
 * Syncs on another thread get a descriptor of their own, opened while the file still has the name it was given.
 * Linux reports a failed write-back once to each open file: were one descriptor shared, the sync under way on the
 * other thread could take the error, and a `sync` meanwhile would report success for the very bytes that were lost.
 */
function withSyncDescriptor(path: string, fd: number, sizeBytes: number): AppendFile {
  try {
    return new DiskAppendFile(path, fd, openSync(path, constants.O_WRONLY), sizeBytes)
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/**
 * Writes at a position of its own, not with O_APPEND: so the bytes of a write that failed half way are counted
 * once, are never written over, and a stranger who appends to the same file is not followed silently.
 */
class DiskAppendFile implements AppendFile {
  readonly #path: string
  readonly #fd: number
  readonly #syncFd: number
  #sizeBytes: number
  #syncsUnderWay = 0
  #isCloseWanted = false

  constructor(path: string, fd: number, syncFd: number, sizeBytes: number) {
    this.#path = path
    this.#fd = fd
    this.#syncFd = syncFd
    this.#sizeBytes = sizeBytes
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  append(bytes: Uint8Array): void {
    this.#assertOpen('write')
    let done = 0
    while (done < bytes.byteLength) {
      const length = Math.min(bytes.byteLength - done, maxCallBytes)
      const written = naming(this.#path, () => writeSync(this.#fd, bytes, done, length, this.#sizeBytes))
      // POSIX allows a write of nothing without an error; repeating it could go on for ever.
      if (written === 0) throw systemError('EIO', 'write', this.#path)
      done += written
      this.#sizeBytes += written
    }
  }

  sync(): void {
    this.#assertOpen('fdatasync')
    naming(this.#path, () => fdatasyncSync(this.#fd))
  }

  syncAsync(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#assertOpen('fdatasync')
      this.#syncsUnderWay += 1
      fdatasync(this.#syncFd, (error) => {
        this.#syncsUnderWay -= 1
        this.#closeIfIdle((closeError) => {
          const failure = error ?? closeError
          if (failure === null || failure === undefined) resolve()
          else reject(withPath(failure, this.#path))
        })
      })
    })
  }

  /**
   * While a sync runs on another thread the descriptor is kept until it has ended: closed at once, its number
   * could be given to another file, and the sync would reach that one. A failed close then fails that sync.
   */
  close(): void {
    this.#assertOpen('close')
    this.#isCloseWanted = true
    try {
      naming(this.#path, () => closeSync(this.#fd))
    } finally {
      if (this.#syncsUnderWay === 0) naming(this.#path, () => closeSync(this.#syncFd))
    }
  }

  #closeIfIdle(done: (error?: Error | null) => void): void {
    if (this.#isCloseWanted && this.#syncsUnderWay === 0) close(this.#syncFd, done)
    else done()
  }

  // A descriptor's number is used again after close: a late call must not reach a stranger's file.
  #assertOpen(syscall: string): void {
    if (this.#isCloseWanted) throw systemError('EBADF', syscall, this.#path)
  }
}

class DiskReadFile implements ReadFile {
  readonly sizeBytes: number
  readonly #path: string
  readonly #fd: number
  #isClosed = false

  constructor(path: string, fd: number, sizeBytes: number) {
    this.#path = path
    this.#fd = fd
    this.sizeBytes = sizeBytes
  }

  read(offset: number, lengthBytes: number): Uint8Array {
    this.#assertOpen('read')
    const bytes = Buffer.allocUnsafe(lengthBytes)
    let done = 0
    while (done < lengthBytes) {
      const length = Math.min(lengthBytes - done, maxCallBytes)
      const got = naming(this.#path, () => readSync(this.#fd, bytes, done, length, offset + done))
      if (got === 0) break
      done += got
    }
    return bytes.subarray(0, done)
  }

  close(): void {
    this.#assertOpen('close')
    this.#isClosed = true
    naming(this.#path, () => closeSync(this.#fd))
  }

  #assertOpen(syscall: string): void {
    if (this.#isClosed) throw systemError('EBADF', syscall, this.#path)
  }
}

/** Size of what was opened; closes it again if that is a directory, which Linux would let one open and never read. */
function sizeOfOpen(path: string, fd: number): number {
  try {
    const stat = naming(path, () => fstatSync(fd))
    if (stat.isDirectory()) throw systemError('EISDIR', 'open', path)
    return stat.size
  } catch (error) {
    closeSync(fd)
    throw error
  }
}
