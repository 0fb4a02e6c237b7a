import { mkdtempSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rimrafSync } from 'rimraf'

/** Runs the act with an empty directory on the real disk (its path free of links) that is gone afterwards. */
export async function inDirectory(act: (dir: string) => Promise<void> | void): Promise<void> {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'scriptlog-')))
  try {
    await act(dir)
  } finally {
    rimrafSync(dir)
  }
}
