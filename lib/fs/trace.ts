import { relative } from 'node:path'
import { systemCode } from '../errors.ts'
import type { AppendFile, Files, ReadFile } from './files.ts'
import type { Operation } from './operation.ts'

/** An operation and how it ended. */
export interface TracedOperation extends Operation {
  /** The error's code (`EIO`), or `failed` when it had none. Absent after success. */
  readonly errorCode?: string
}

/**
 * The same files, with every operation reported to `sink` when it has ended, failed ones included. A sync off
 * the main thread is reported when it settles. An open file that is renamed is reported under its new name.
 *
 * ```ts
 * const operations: TracedOperation[] = []
 * const files = traced(diskFiles, (operation) => operations.push(operation))
 * …
 * console.log(formatTrace(operations, '/data'))
 * ```
 */
export function traced(files: Files, sink: (operation: TracedOperation) => void): Files {
  const openFiles = new Set<{ path: string }>()

  function report<T>(operation: Operation, call: () => T, lengthOf?: (result: T) => number): T {
    let result: T
    try {
      result = call()
    } catch (error) {
      sink({ ...operation, errorCode: codeOf(error) })
      throw error
    }
    sink(lengthOf === undefined ? operation : { ...operation, lengthBytes: lengthOf(result) })
    return result
  }

  function appendFile(path: string, inner: AppendFile): AppendFile {
    const name = { path }
    openFiles.add(name)
    return {
      get sizeBytes() {
        return inner.sizeBytes
      },
      append: (bytes) =>
        report({ kind: 'append', path: name.path, lengthBytes: bytes.byteLength }, () => inner.append(bytes)),
      sync: () => report({ kind: 'sync', path: name.path }, () => inner.sync()),
      async syncAsync() {
        try {
          await inner.syncAsync()
        } catch (error) {
          sink({ kind: 'sync', path: name.path, errorCode: codeOf(error) })
          throw error
        }
        sink({ kind: 'sync', path: name.path })
      },
      close() {
        openFiles.delete(name)
        report({ kind: 'close', path: name.path }, () => inner.close())
      },
    }
  }

  function readFile(path: string, inner: ReadFile): ReadFile {
    const name = { path }
    openFiles.add(name)
    return {
      sizeBytes: inner.sizeBytes,
      read: (offset, lengthBytes) =>
        report(
          { kind: 'read', path: name.path, lengthBytes },
          () => inner.read(offset, lengthBytes),
          (bytes) => bytes.byteLength,
        ),
      close() {
        openFiles.delete(name)
        report({ kind: 'close', path: name.path }, () => inner.close())
      },
    }
  }

  return {
    create: (path) =>
      appendFile(
        path,
        report({ kind: 'create', path }, () => files.create(path)),
      ),
    openAppend: (path) =>
      appendFile(
        path,
        report({ kind: 'openAppend', path }, () => files.openAppend(path)),
      ),
    openRead: (path) =>
      readFile(
        path,
        report({ kind: 'openRead', path }, () => files.openRead(path)),
      ),
    stat: (path) => report({ kind: 'stat', path }, () => files.stat(path)),
    list: (path) => report({ kind: 'list', path }, () => files.list(path)),
    rename(path, toPath) {
      report({ kind: 'rename', path, toPath }, () => files.rename(path, toPath))
      for (const name of openFiles) if (name.path === path) name.path = toPath
    },
    remove: (path) => report({ kind: 'remove', path }, () => files.remove(path)),
    makeDir: (path) => report({ kind: 'makeDir', path }, () => files.makeDir(path)),
    syncDir: (path) => report({ kind: 'syncDir', path }, () => files.syncDir(path)),
    realPath: (path) => report({ kind: 'realPath', path }, () => files.realPath(path)),
    freeBytes: (path) => report({ kind: 'freeBytes', path }, () => files.freeBytes(path)),
  }
}

/**
 * One short line for each operation, paths relative to `dir`: the same on every machine and at every run.
 *
 * ```
 * create app.script.new
 * append app.script.new 120
 * sync app.script.new
 * rename app.script.new -> app.script
 * syncdir .
 * append app.log 80 failed ENOSPC
 * ```
 */
export function formatTrace(operations: readonly TracedOperation[], dir: string): string {
  return operations.map((operation) => formatOperation(operation, dir)).join('\n')
}

/** One line of {@link formatTrace}. */
export function formatOperation(operation: TracedOperation, dir: string): string {
  const { kind, path, toPath, lengthBytes, errorCode } = operation
  const words = [kind.toLowerCase(), nameIn(dir, path)]
  if (toPath !== undefined) words.push('->', nameIn(dir, toPath))
  if (lengthBytes !== undefined) words.push(String(lengthBytes))
  if (errorCode !== undefined) words.push('failed', errorCode)
  return words.join(' ')
}

/** A path relative to `dir`, the same on every platform; `.` for the directory itself. */
export function nameIn(dir: string, path: string): string {
  return relative(dir, path).replaceAll('\\', '/') || '.'
}

function codeOf(error: unknown): string {
  return systemCode(error) ?? 'failed'
}
