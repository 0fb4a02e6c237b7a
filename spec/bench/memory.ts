// Memory while a database is open: what the process takes beyond what it took before, each in a process of its own.

import { execFileSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rimrafSync } from 'rimraf'

export interface MemoryUse {
  readonly rows: number
  /** Open since it was filled; opened from its files; SQLite in memory with the same rows. In bytes. */
  readonly filledBytes: number
  readonly reopenedBytes: number
  readonly peerBytes: number
}

const CHILD = fileURLToPath(new URL('./memory-child.ts', import.meta.url))

export function memoryUse(rows: number): MemoryUse {
  const dir = mkdtempSync(join(tmpdir(), 'scriptlog-bench-'))
  const used = (kind: string) => {
    const args = ['--expose-gc', '--import', 'tsx', CHILD, kind, dir, String(rows)]
    return Number(execFileSync(process.execPath, args, { encoding: 'utf8' }))
  }
  try {
    return {
      rows,
      filledBytes: used('scriptlog'),
      reopenedBytes: used('reopened'),
      peerBytes: used('sqlite'),
    }
  } finally {
    rimrafSync(dir)
  }
}
