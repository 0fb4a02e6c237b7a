/**
 * A file appears under its name whole or not at all.
 *
 *   1  remove a leftover of the same temporary name: of no worth, since its protocol never came to step 5
 *   2  create the temporary file, append all bytes, sync it: from here on its bytes are durable
 *   3  read it back and compare: what a disk or a file system mangled is found while the old file still stands
 *   4  a log only: sync the directory. An earlier rename whose sync of the directory failed must not become
 *      durable after this one, or a crash could show the new log beside a state from before the last one
 *   5  rename it over the final name                                   <- a crash now shows the old or the new file
 *   6  sync the directory                                                            <- commit point: the new file
 *
 * A crash before step 5 leaves the old file and perhaps a leftover. Failures up to step 4 are certain: the old
 * file stands, and the temporary one is removed. From step 5 on they are in doubt: the rename may have been done,
 * may be durable, and nothing is touched. Callers that must tell the two apart call the halves, `writeBeside` and
 * `moveIntoPlace`. Nothing is tried twice; all errors are those of the `Files` given, as they were thrown.
 */
import { dirname } from 'node:path'
import type { AppendFile, Files } from './files.ts'
import { ignoringFailure, orLetGo } from './let-go.ts'
import { systemError } from './system-error.ts'

/** Bytes compared at a time when a file is read back. */
const compareBytes = 1 << 20

/**
 * Replaces the file at `path`, which need not exist, by `bytes`. Both paths lie in one directory. Durable when it
 * returns; when it throws, the file may be the old or the new one.
 */
export function replace(files: Files, temporaryPath: string, path: string, bytes: Uint8Array): void {
  const file = writeBeside(files, temporaryPath, bytes)
  // A close may report what a write could not: then the old file has to stay.
  orRemove(files, temporaryPath, () => file.close())
  moveIntoPlace(files, temporaryPath, path)
}

/**
 * Creates a log at `path`, or replaces the one there, whole and durable when it returns. What it returns is
 * positioned at the end: the log goes on through the descriptor that was synced.
 */
export function createWhole(
  files: Files,
  temporaryPath: string,
  path: string,
  bytes: Uint8Array,
): AppendFile {
  const file = writeBeside(files, temporaryPath, bytes)
  return orLetGo(file, () => {
    orRemove(files, temporaryPath, () => files.syncDir(dirname(path)))
    moveIntoPlace(files, temporaryPath, path)
    return file
  })
}

/** Steps 1 to 3. When it throws, nothing has changed but for the temporary file, which is removed if possible. */
export function writeBeside(files: Files, temporaryPath: string, bytes: Uint8Array): AppendFile {
  if (files.stat(temporaryPath) !== undefined) files.remove(temporaryPath)
  const file = files.create(temporaryPath)
  return orRemove(files, temporaryPath, () =>
    orLetGo(file, () => {
      file.append(bytes)
      file.sync()
      compare(files, temporaryPath, bytes)
      return file
    }),
  )
}

/** Steps 5 and 6. When it throws, the rename may have been done or not, and may be durable or not. */
export function moveIntoPlace(files: Files, temporaryPath: string, path: string): void {
  files.rename(temporaryPath, path)
  files.syncDir(dirname(path))
}

function compare(files: Files, path: string, bytes: Uint8Array): void {
  const file = files.openRead(path)
  try {
    for (let offset = 0; offset <= bytes.byteLength; offset += compareBytes) {
      const expected = bytes.subarray(offset, offset + compareBytes)
      // Asking for one byte more shows a file that is too long.
      const found = file.read(offset, expected.byteLength + 1).subarray(0, compareBytes)
      if (Buffer.compare(expected, found) !== 0) {
        const cause = new Error(
          `what was read back differs from what was written, at or after offset ${offset}`,
        )
        throw systemError('EBADMSG', 'read', path, { cause })
      }
    }
  } finally {
    file.close()
  }
}

/** Does it, and removes the temporary file when that fails. */
function orRemove<T>(files: Files, temporaryPath: string, act: () => T): T {
  try {
    return act()
  } catch (error) {
    ignoringFailure(() => files.remove(temporaryPath))
    throw error
  }
}
