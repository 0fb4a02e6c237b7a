/**
 * Which states a crash may leave, by the four models of a file system: the killed process, ext4 as it is mounted
 * by default, ext4 with `data=writeback`, and ALICE's generic one (Pillai et al., OSDI 2014), in which every name
 * and every sector goes its own way until it is synced. What is not durable for certain may be durable all the
 * same: the state that the program saw is always among those of its crash.
 */
import { hash } from 'node:crypto'
import { dirname } from 'node:path'
import type { Change } from './change.ts'
import { bytesOf, type Content, digestOf, zeros } from './crash-bytes.ts'
import { allChoices, type Choice, countChoices, someChoices } from './crash-choices.ts'
import { CrashCursor } from './crash-cursor.ts'
import type { CrashModel, CrashPoint } from './crash-point.ts'
import { describeState } from './crash-story.ts'
import type { Image } from './image.ts'

export interface CrashState {
  readonly image: Image
  /** The same for two states with the same names and bytes, whatever led to them. */
  readonly key: string
  /** What of the pending changes is there and what is not, for people; paths relative to `dir`. */
  describe(dir: string): string
}

export interface CrashStatesOptions {
  /** At most so many states, all different. When there are no more than these, all of them. */
  readonly limit: number
  /** Numbers in [0, 1), see `seededRandom`: decides which states are taken when there are too many. */
  readonly random: () => number
}

/**
 * The states that a crash after the first `cut` changes may leave. To try many crash points of one run, move a
 * {@link CrashCursor} and call {@link statesAt}: that does not begin anew for each of them.
 *
 * ```ts
 * const files = new MemoryFiles({ image: initial })
 * program(files)
 * for (const state of crashStates({ initial, changes: files.changes, cut: 7, model: 'ext4', limit: 100, random })) {
 *   recover(new MemoryFiles({ image: state.image }))
 * }
 * ```
 */
export function crashStates(
  options: CrashStatesOptions & {
    /** The image that the memory files began with. */
    readonly initial: Image
    readonly changes: readonly Change[]
    readonly cut: number
    readonly model: CrashModel
  },
): Generator<CrashState> {
  return statesAt(new CrashCursor(options).advanceTo(options.cut), options)
}

/** The states that a crash at this point may leave: see {@link crashStates}. */
export function* statesAt(point: CrashPoint, { limit, random }: CrashStatesOptions): Generator<CrashState> {
  const seen = new Set<string>()
  const choices = countChoices(point, limit) <= limit ? allChoices(point) : someChoices(point, limit, random)
  for (const choice of choices) {
    const state = stateOf(point, choice)
    if (seen.has(state.key)) continue
    seen.add(state.key)
    yield state
    if (seen.size >= limit) return
  }
}

function stateOf(point: CrashPoint, choice: Choice): CrashState {
  const names = choice.entries
  const isReachable = (path: string): boolean => {
    const parent = dirname(path)
    return parent === path || (names.get(parent) === 'directory' && isReachable(parent))
  }
  const files = new Map<string, Uint8Array>()
  const directories = new Set<string>()
  const parts: string[] = []
  for (const path of [...names.keys()].sort()) {
    const entry = names.get(path)
    // A name in a directory that is not durable itself cannot be found.
    if (entry === undefined || !isReachable(path)) continue
    if (entry === 'directory') {
      directories.add(path)
      parts.push(path)
      continue
    }
    const file = point.files.get(entry)
    if (file === undefined) continue
    const content = choice.contents.find((each) => each.file.id === entry) ?? wholeOf(file)
    const bytes = bytesOf(content)
    files.set(path, bytes)
    parts.push(path, digestOf(content, bytes))
  }
  const key = hash('sha1', parts.join('\0'), 'base64')
  return { image: { files, directories }, key, describe: (dir) => describeState(point, choice, dir) }
}

function wholeOf(file: Content['file']): Content {
  return { file, sizeBytes: file.bytes.byteLength, missing: [], filler: zeros }
}
