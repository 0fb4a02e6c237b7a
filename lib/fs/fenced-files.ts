import type { Fence } from './fence.ts'
import type { AppendFile, Files } from './files.ts'

/**
 * The same files for as long as a writer's lock is its own: names are changed in sections, files are created and syncs
 * believed only after a look. Once the lock is lost, nothing is written any more; see `fence.ts`.
 */
export function fencedFiles(files: Files, fence: Fence): Files {
  const appendFile = (file: AppendFile): AppendFile => ({
    get sizeBytes() {
      return file.sizeBytes
    },
    append(bytes) {
      fence.assertNotKnownLost()
      file.append(bytes)
    },
    sync() {
      fence.assertNotKnownLost()
      file.sync()
      fence.assertHeld()
    },
    async syncAsync() {
      fence.assertNotKnownLost()
      await file.syncAsync()
      fence.assertHeld()
    },
    close: () => file.close(),
  })
  return {
    create(path) {
      fence.assertHeld()
      return appendFile(files.create(path))
    },
    openAppend: (path) => appendFile(files.openAppend(path)),
    openRead: (path) => files.openRead(path),
    stat: (path) => files.stat(path),
    list: (path) => files.list(path),
    rename: (path, toPath) => fence.section(() => files.rename(path, toPath)),
    remove: (path) => fence.section(() => files.remove(path)),
    makeDir(path) {
      fence.assertHeld()
      files.makeDir(path)
    },
    syncDir: (path) => files.syncDir(path),
    realPath: (path) => files.realPath(path),
    freeBytes: (path) => files.freeBytes(path),
  }
}
