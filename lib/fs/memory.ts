/**
 * A file system in memory that can lose power and fail on demand: it keeps what every operation changed, from
 * which `crash-states.ts` computes what a crash at any moment may leave. The idea is Pebble's `vfs.MemFS`.
 */
import { basename, dirname, resolve } from 'node:path'
import { invariant } from '../errors.ts'
import type { Change, FileId } from './change.ts'
import type { AppendFile, FileStat, Files, ReadFile } from './files.ts'
import { GrowingBytes } from './growing-bytes.ts'
import { type Image, imageOf } from './image.ts'
import type { Operation } from './operation.ts'
import { systemError } from './system-error.ts'

/** How an operation is to fail. */
export interface Fault {
  /** `EIO`, `ENOSPC`, `EDQUOT`, … */
  readonly code: string
  /** Of an append: so many of its bytes reach the file before it fails. Default 0. */
  readonly writtenBytes?: number
  /**
   * Of a create, rename, remove or makeDir: it is done, and reported as failed all the same, as when the answer
   * of a disk or a server is lost. Default false.
   */
  readonly takesEffect?: boolean
}

export interface MemoryFilesOptions {
  /** What is there at the start, all of it durable. Default: the root directory alone. */
  readonly image?: Image
  /**
   * Asked before each operation, reads and opens included, `index` counting from 0; what it returns makes the
   * operation fail. A failed sync leaves the bytes that it should have made durable *doubtful for good*: a later
   * sync of the same file succeeds and proves nothing about them, as in real kernels.
   */
  readonly onOperation?: (operation: Operation, index: number) => Fault | undefined
  /** What `freeBytes` tells; nothing is refused for it. Default: as much as a number can say. */
  readonly freeBytes?: () => number
}

interface MemoryFile {
  readonly id: FileId
  /** The name it has, or had last. */
  path: string
  readonly bytes: GrowingBytes
}

/** Errors have Node's shape (`ENOENT`, `EEXIST`, `ENOTDIR`, `EISDIR`, `EBADF`). Directories cannot be renamed. */
export class MemoryFiles implements Files {
  readonly #files = new Map<string, MemoryFile>()
  readonly #directories: Set<string>
  readonly #changes: Change[] = []
  /** One for each file that was opened and not closed. */
  readonly #handles = new Set<{ readonly path: string }>()
  readonly #onOperation: (operation: Operation, index: number) => Fault | undefined
  readonly #freeBytes: () => number
  #operationCount = 0
  #nextId = 0

  constructor(options: MemoryFilesOptions = {}) {
    const image = options.image ?? imageOf({}, [resolve('/')])
    for (const [path, bytes] of image.files) this.#addFile(path, new GrowingBytes(bytes))
    this.#directories = new Set(image.directories)
    this.#onOperation = options.onOperation ?? (() => undefined)
    this.#freeBytes = options.freeBytes ?? (() => Number.MAX_SAFE_INTEGER)
  }

  /** Operations asked for so far: the index of the next one. */
  get operationCount(): number {
    return this.#operationCount
  }

  /** What the operations so far have changed, in order; `length` is a moment at which to crash. */
  get changes(): readonly Change[] {
    return this.#changes
  }

  /** Names of the files that are open, once for each time, in the order in which they were opened. */
  get openPaths(): readonly string[] {
    return [...this.#handles].map(({ path }) => path)
  }

  /** What a reader sees now, and what is left when the process alone is killed. */
  image(): Image {
    const files = new Map<string, Uint8Array>()
    for (const [path, { bytes }] of this.#files) files.set(path, bytes.prefix(bytes.length))
    return { files, directories: new Set(this.#directories) }
  }

  create(givenPath: string): AppendFile {
    const path = resolve(givenPath)
    const created = this.#attempt({ kind: 'create', path }, 'open', () => {
      this.#assertParent(path, 'open')
      if (this.#files.has(path) || this.#directories.has(path)) throw systemError('EEXIST', 'open', path)
      const file = this.#addFile(path, new GrowingBytes())
      this.#changes.push({ kind: 'create', file: file.id, path })
      return file
    })
    return this.#appendFile(created)
  }

  openAppend(givenPath: string): AppendFile {
    const path = resolve(givenPath)
    return this.#appendFile(
      this.#attempt({ kind: 'openAppend', path }, 'open', () => this.#fileAt(path, 'open')),
    )
  }

  openRead(givenPath: string): ReadFile {
    const path = resolve(givenPath)
    return this.#readFile(this.#attempt({ kind: 'openRead', path }, 'open', () => this.#fileAt(path, 'open')))
  }

  stat(givenPath: string): FileStat | undefined {
    const path = resolve(givenPath)
    return this.#attempt({ kind: 'stat', path }, 'stat', () => {
      const file = this.#files.get(path)
      if (file !== undefined) return { kind: 'file', sizeBytes: file.bytes.length }
      if (this.#directories.has(path)) return { kind: 'directory', sizeBytes: 0 }
      if (this.#isBelowFile(path)) throw systemError('ENOTDIR', 'stat', path)
      return undefined
    })
  }

  list(givenPath: string): string[] {
    const path = resolve(givenPath)
    return this.#attempt({ kind: 'list', path }, 'scandir', () => {
      this.#assertDirectory(path, 'scandir')
      return [...this.#files.keys(), ...this.#directories]
        .filter((each) => dirname(each) === path && each !== path)
        .map((each) => basename(each))
        .sort()
    })
  }

  rename(givenFrom: string, givenTo: string): void {
    const path = resolve(givenFrom)
    const toPath = resolve(givenTo)
    this.#attempt({ kind: 'rename', path, toPath }, 'rename', () => {
      invariant(!this.#directories.has(path), 'MemoryFiles renames files, not directories')
      this.#assertParent(path, 'rename', { path, dest: toPath })
      this.#assertParent(toPath, 'rename', { path, dest: toPath })
      const file = this.#fileAt(path, 'rename', toPath)
      if (this.#directories.has(toPath)) throw systemError('EISDIR', 'rename', path, { dest: toPath })
      // POSIX: a rename of a file onto itself does nothing.
      if (path === toPath) return
      const replaced = this.#files.get(toPath)?.id
      this.#files.delete(path)
      this.#files.set(toPath, file)
      file.path = toPath
      this.#changes.push({ kind: 'rename', file: file.id, path, toPath, replaced })
    })
  }

  remove(givenPath: string): void {
    const path = resolve(givenPath)
    this.#attempt({ kind: 'remove', path }, 'unlink', () => {
      const { id } = this.#fileAt(path, 'unlink')
      this.#files.delete(path)
      this.#changes.push({ kind: 'remove', file: id, path })
    })
  }

  makeDir(givenPath: string): void {
    const path = resolve(givenPath)
    this.#attempt({ kind: 'makeDir', path }, 'mkdir', () => {
      if (this.#files.has(path) || this.#directories.has(path)) throw systemError('EEXIST', 'mkdir', path)
      this.#assertParent(path, 'mkdir')
      this.#directories.add(path)
      this.#changes.push({ kind: 'makeDir', path })
    })
  }

  syncDir(givenPath: string): void {
    const path = resolve(givenPath)
    this.#attempt({ kind: 'syncDir', path }, 'fsync', () => {
      this.#assertDirectory(path, 'open')
      this.#changes.push({ kind: 'syncDir', path })
    })
  }

  realPath(givenPath: string): string {
    const path = resolve(givenPath)
    return this.#attempt({ kind: 'realPath', path }, 'realpath', () => {
      if (this.#isBelowFile(path)) throw systemError('ENOTDIR', 'realpath', path)
      if (!this.#directories.has(path)) this.#assertDirectory(dirname(path), 'realpath')
      return path
    })
  }

  freeBytes(givenPath: string): number {
    const path = resolve(givenPath)
    return this.#attempt({ kind: 'freeBytes', path }, 'statfs', () => {
      this.#assertDirectory(path, 'statfs')
      return this.#freeBytes()
    })
  }

  #appendFile(file: MemoryFile): AppendFile {
    let sizeBytes = file.bytes.length
    const { assertOpen, close } = this.#opened(file)
    const sync = () => {
      assertOpen('fdatasync')
      const fault = this.#begin({ kind: 'sync', path: file.path })
      this.#changes.push({ kind: 'sync', file: file.id, path: file.path, isFailed: fault !== undefined })
      if (fault !== undefined) throw systemError(fault.code, 'fdatasync', file.path)
    }
    return {
      get sizeBytes() {
        return sizeBytes
      },
      append: (bytes) => {
        assertOpen('write')
        const fault = this.#begin({ kind: 'append', path: file.path, lengthBytes: bytes.byteLength })
        invariant(sizeBytes === file.bytes.length, `two handles append to ${file.path}`)
        const length = fault === undefined ? bytes.byteLength : (fault.writtenBytes ?? 0)
        // Not `slice`: a Buffer's shares its memory with the caller, who may fill it anew.
        const part = new Uint8Array(bytes.subarray(0, length))
        if (part.byteLength > 0) {
          this.#changes.push({
            kind: 'append',
            file: file.id,
            path: file.path,
            offset: sizeBytes,
            bytes: part,
          })
          file.bytes.append(part)
          sizeBytes += part.byteLength
        }
        if (fault !== undefined) throw systemError(fault.code, 'write', file.path)
      },
      sync,
      syncAsync: async () => sync(),
      close,
    }
  }

  #readFile(file: MemoryFile): ReadFile {
    const { assertOpen, close } = this.#opened(file)
    return {
      sizeBytes: file.bytes.length,
      read: (offset, lengthBytes) => {
        assertOpen('read')
        return this.#attempt({ kind: 'read', path: file.path, lengthBytes }, 'read', () => {
          const all = file.bytes.prefix(file.bytes.length)
          return new Uint8Array(all.subarray(offset, offset + lengthBytes))
        })
      },
      close,
    }
  }

  #opened(file: MemoryFile): { assertOpen(syscall: string): void; close(): void } {
    const handle = {
      get path() {
        return file.path
      },
    }
    this.#handles.add(handle)
    const assertOpen = (syscall: string) => {
      if (!this.#handles.has(handle)) throw systemError('EBADF', syscall, file.path)
    }
    const close = () => {
      assertOpen('close')
      // As in Linux, a close that fails has closed all the same.
      this.#handles.delete(handle)
      this.#attempt({ kind: 'close', path: file.path }, 'close', () => undefined)
    }
    return { assertOpen, close }
  }

  #begin(operation: Operation): Fault | undefined {
    const index = this.#operationCount
    this.#operationCount += 1
    return this.#onOperation(operation, index)
  }

  #attempt<T>(operation: Operation, syscall: string, effect: () => T): T {
    const fault = this.#begin(operation)
    if (fault === undefined) return effect()
    if (fault.takesEffect === true) effect()
    throw systemError(fault.code, syscall, operation.path, { dest: operation.toPath })
  }

  #addFile(path: string, bytes: GrowingBytes): MemoryFile {
    const file = { id: this.#nextId, path, bytes }
    this.#nextId += 1
    this.#files.set(path, file)
    return file
  }

  #fileAt(path: string, syscall: string, dest?: string): MemoryFile {
    const file = this.#files.get(path)
    if (file !== undefined) return file
    const isDirectory = this.#directories.has(path)
    const code = isDirectory ? 'EISDIR' : this.#isBelowFile(path) ? 'ENOTDIR' : 'ENOENT'
    throw systemError(code, syscall, path, { dest })
  }

  #assertParent(path: string, syscall: string, told: { path: string; dest?: string } = { path }): void {
    if (this.#directories.has(dirname(path))) return
    throw systemError(this.#isBelowFile(path) ? 'ENOTDIR' : 'ENOENT', syscall, told.path, told)
  }

  #assertDirectory(path: string, syscall: string): void {
    if (this.#directories.has(path)) return
    const isNoDirectory = this.#files.has(path) || this.#isBelowFile(path)
    throw systemError(isNoDirectory ? 'ENOTDIR' : 'ENOENT', syscall, path)
  }

  #isBelowFile(path: string): boolean {
    const parent = dirname(path)
    return parent !== path && (this.#files.has(parent) || this.#isBelowFile(parent))
  }
}
