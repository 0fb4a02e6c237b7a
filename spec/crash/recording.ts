// What was done to the files while commits were made and acknowledged: from it follows what a crash at any moment
// may leave, and what must be there then.

import type { Change } from '../../lib/fs/change.ts'
import type { Image } from '../../lib/fs/image.ts'
import type { Moment } from './history.ts'
import type { Strike } from './told.ts'

/** What a database may hold: everything acknowledged, at most everything made. */
export interface Bounds {
  readonly acked: Moment
  readonly made: Moment
}

export interface JournalEntry extends Bounds {
  /** True from the moment when so many changes had been made. */
  readonly changes: number
  /** The protocol that is under way: `create`, `commit`, `checkpoint`, … */
  readonly doing: string
}

export interface Recording {
  /** For people: how it came about, one line a step. */
  readonly story: readonly string[]
  readonly initial: Image
  readonly changes: readonly Change[]
  readonly journal: readonly JournalEntry[]
  /** Before so many changes no operation was made to fail. */
  readonly faultsFrom: number
  /** Operations that failed while no call and no event told of it. */
  readonly silent: readonly SilentFailure[]
}

export interface SilentFailure extends Strike {
  /** The protocol that was under way. */
  readonly doing: string
}

/** What holds for a crash after `cut` changes: the last entry by then, since a crash may come after all of them. */
export function entryAt({ journal }: Recording, cut: number): JournalEntry {
  const entry = journal.findLast(({ changes }) => changes <= cut)
  if (entry === undefined) throw new Error('a journal begins before the first change')
  return entry
}
