// A database on files in memory, whose process can be killed between two statements.

import { Database } from '../../lib/database/database.ts'
import type { DatabaseOptions } from '../../lib/database/options.ts'
import { type Image, imageOf } from '../../lib/fs/image.ts'
import { MemoryFiles, type MemoryFilesOptions } from '../../lib/fs/memory.ts'
import { type MemoryLocks, memoryLocks } from '../../lib/fs/memory-locks.ts'
import type { Host } from '../../lib/host.ts'

/** Where the databases of a {@link MemoryWorld} lie. */
export const MEMORY_DIR = '/data'

let randomCalls = 0

/** Files, locks, a clock and random numbers of their own. */
export class MemoryWorld {
  readonly files: MemoryFiles
  readonly host: Host & { readonly locks: MemoryLocks }

  /** `onOperation` makes operations fail; `image` is what is there at the start. */
  constructor(options: MemoryFilesOptions = {}) {
    this.files = new MemoryFiles({ image: imageOf({}, [MEMORY_DIR]), ...options })
    let micros = Date.UTC(2026, 10, 20, 6, 53, 29) * 1000
    this.host = {
      files: this.files,
      locks: memoryLocks(),
      clock: () => {
        micros += 1000
        return micros
      },
      randomHex: (bytes) => {
        // Never the same again, in no world: a new process does not repeat the salts of the old.
        randomCalls += 1
        return randomCalls.toString(16).padStart(bytes * 2, '5a')
      },
    }
  }

  open(options: DatabaseOptions = {}, name = 'app'): Database {
    return new Database(`${MEMORY_DIR}/${name}`, { writeDelayMillis: 0, ...options }, this.host)
  }

  image(): Image {
    return this.files.image()
  }

  /**
   * What a kill of the process leaves, in a world of its own. What is still open in this one is abandoned, not
   * closed: it must have no effect on the new one.
   */
  killed(): MemoryWorld {
    return new MemoryWorld({ image: this.image() })
  }
}
