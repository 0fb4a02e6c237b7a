// A world in memory that can lose power: files, locks, a clock that ticks once for each look at it. The same at every
// run, so that what is shown can be talked about.

import { join, resolve } from 'node:path'
import { seededRandom } from '../../lib/format/random.ts'
import type { Image } from '../../lib/fs/image.ts'
import { MemoryFiles } from '../../lib/fs/memory.ts'
import { memoryLocks } from '../../lib/fs/memory-locks.ts'
import { type TracedOperation, traced } from '../../lib/fs/trace.ts'
import type { Host } from '../../lib/host.ts'

export const DIRECTORY = resolve('/lab')
export const BASE = join(DIRECTORY, 'app')

const BEGINNING = Date.UTC(2026, 10, 20, 8) * 1000

export interface World {
  readonly host: Host
  readonly files: MemoryFiles
}

/** A world with these files; `onOperation` hears of every operation when it has ended. */
export function worldWith(image: Image, onOperation: (operation: TracedOperation) => void): World {
  const files = new MemoryFiles({ image })
  const random = seededRandom(image.files.size)
  let micros = BEGINNING
  return {
    files,
    host: {
      files: traced(files, onOperation),
      locks: memoryLocks(),
      clock: () => {
        micros += 1
        return micros
      },
      randomHex: (bytes) =>
        Array.from({ length: bytes }, () =>
          Math.floor(random() * 256)
            .toString(16)
            .padStart(2, '0'),
        ).join(''),
    },
  }
}

/** `.log.next` for `/lab/app.log.next`, empty for the directory. */
export function suffixOf(path: string): string {
  return path.startsWith(BASE) ? path.slice(BASE.length) : ''
}

export function textOf(image: Image, path: string): string | undefined {
  const bytes = image.files.get(path)
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes)
}
