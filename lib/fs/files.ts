/**
 * The one seam for durable I/O. Everything that scriptlog puts on a disk goes through this interface; it has an
 * implementation on the real disk (`disk.ts`), one in memory that can lose power (`memory.ts`), and a tracer
 * that wraps any other (`trace.ts`). All paths are absolute. Every failure is thrown, as Node throws it: an Error
 * with `code` (`ENOENT`, `EIO`, …), `syscall` and `path`. Nothing is retried except short writes.
 */
export interface Files {
  /** Creates a file that must not exist yet (EEXIST), to be filled by appending. Its name is not durable before `syncDir`. */
  create(path: string): AppendFile
  /** Opens an existing file to append at its end. */
  openAppend(path: string): AppendFile
  openRead(path: string): ReadFile
  /** What is at `path` (links followed), or undefined when there is nothing (ENOENT only; other failures are thrown). */
  stat(path: string): FileStat | undefined
  /** Names in a directory, sorted, without `.` and `..`. */
  list(dirPath: string): string[]
  /** Renames over whatever has the new name. Durable only after `syncDir`. */
  rename(fromPath: string, toPath: string): void
  /** Unlinks a file. Durable only after `syncDir`. */
  remove(path: string): void
  makeDir(dirPath: string): void
  /** Makes the names in a directory durable. */
  syncDir(dirPath: string): void
  /** The path with every link followed; of a file that is not there, its directory's real path and its name. */
  realPath(path: string): string
  /** Bytes that may still be written to the file system of a directory. A quota may leave less. */
  freeBytes(dirPath: string): number
}

export interface FileStat {
  readonly kind: 'file' | 'directory' | 'other'
  readonly sizeBytes: number
}

/** A file that grows at its end. */
export interface AppendFile {
  /** Bytes in the file as far as this handle knows: those at opening and those appended since. */
  readonly sizeBytes: number
  /** Hands all of `bytes` to the operating system, or throws; after a throw any part of them may be in the file. */
  append(bytes: Uint8Array): void
  /** fdatasync: makes bytes and size durable, or throws. Never call it again on a file on which it threw. */
  sync(): void
  /** The same off the main thread. */
  syncAsync(): Promise<void>
  close(): void
}

export interface ReadFile {
  /** Size when the file was opened. */
  readonly sizeBytes: number
  /** Up to `lengthBytes` bytes from `offset`: fewer only at the end of the file. */
  read(offset: number, lengthBytes: number): Uint8Array
  close(): void
}
