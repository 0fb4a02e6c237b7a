import { accessSync, constants, mkdtempSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rimrafSync } from 'rimraf'

/** Runs the act with an empty directory on the real disk (its path free of links) that is gone afterwards. */
export async function inDirectory(act: (dir: string) => Promise<void> | void): Promise<void> {
  await within(tmpdir(), act)
}

/** The same on a file system in memory, where there is one: for what does not depend on how long a sync takes. */
export async function inQuickDirectory(act: (dir: string) => Promise<void> | void): Promise<void> {
  await within(quickRoot(), act)
}

async function within(root: string, act: (dir: string) => Promise<void> | void): Promise<void> {
  const dir = realpathSync(mkdtempSync(join(root, 'scriptlog-')))
  try {
    await act(dir)
  } finally {
    rimrafSync(dir)
  }
}

function quickRoot(): string {
  const shared = '/dev/shm'
  try {
    accessSync(shared, constants.W_OK)
    return shared
  } catch {
    return tmpdir()
  }
}
