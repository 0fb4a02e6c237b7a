/**
 * Files that believe no sync: what it should have made durable is read again and compared, before the sync returns.
 * That finds a disk, a driver or a file system that mangles bytes on their way while the process that has them in
 * memory is still there; it cannot find what a crash would show, since what is read may come from the kernel's memory.
 */
import { crc32 } from '../format/checksum.ts'
import type { AppendFile, Files } from './files.ts'
import { systemError } from './system-error.ts'

/** Bytes read at a time. */
const PIECE_BYTES = 1 << 20

/** What was appended and is not yet compared. */
interface Stretch {
  readonly offset: number
  readonly lengthBytes: number
  readonly crc: number
}

/** The same files; a `sync` throws EBADMSG where other bytes are read than were appended. */
export function readingBack(files: Files): Files {
  const openFiles = new Set<{ path: string }>()

  function compare(path: string, stretches: readonly Stretch[]): void {
    const file = files.openRead(path)
    try {
      for (const { offset, lengthBytes, crc } of stretches) {
        let found = 0
        for (let done = 0; done < lengthBytes; done += PIECE_BYTES) {
          found = crc32(file.read(offset + done, Math.min(PIECE_BYTES, lengthBytes - done)), found)
        }
        if (found === crc) continue
        const cause = new Error(
          `the ${lengthBytes} bytes from offset ${offset} on are not those that were written`,
        )
        throw systemError('EBADMSG', 'read', path, { cause })
      }
    } finally {
      file.close()
    }
  }

  function checked(path: string, inner: AppendFile): AppendFile {
    const name = { path }
    openFiles.add(name)
    let waiting: Stretch[] = []
    // What a sync under way covers waits until that has ended: another one that ends before it covers it too.
    const compareUpTo = (endBytes: number) => {
      const covered = waiting.filter(({ offset }) => offset < endBytes)
      waiting = waiting.slice(covered.length)
      compare(name.path, covered)
    }
    return {
      get sizeBytes() {
        return inner.sizeBytes
      },
      append(bytes) {
        const offset = inner.sizeBytes
        inner.append(bytes)
        waiting.push({ offset, lengthBytes: bytes.byteLength, crc: crc32(bytes) })
      },
      sync() {
        inner.sync()
        compareUpTo(inner.sizeBytes)
      },
      async syncAsync() {
        const coveredBytes = inner.sizeBytes
        await inner.syncAsync()
        compareUpTo(coveredBytes)
      },
      close() {
        openFiles.delete(name)
        inner.close()
      },
    }
  }

  return {
    create: (path) => checked(path, files.create(path)),
    openAppend: (path) => checked(path, files.openAppend(path)),
    openRead: (path) => files.openRead(path),
    stat: (path) => files.stat(path),
    list: (path) => files.list(path),
    rename(path, toPath) {
      files.rename(path, toPath)
      for (const name of openFiles) if (name.path === path) name.path = toPath
    },
    remove: (path) => files.remove(path),
    makeDir: (path) => files.makeDir(path),
    syncDir: (path) => files.syncDir(path),
    realPath: (path) => files.realPath(path),
    freeBytes: (path) => files.freeBytes(path),
  }
}
