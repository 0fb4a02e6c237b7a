import type { ByteRange } from '../script-remains.ts'

/** What a repair saved, and what it did not. LSNs as `hi/lo`, times as ISO 8601 with microseconds. */
export interface RepairReport {
  readonly path: string
  /** The new database. */
  readonly out: string
  /** True when nothing is missing and nothing was damaged: the new database is a copy. */
  readonly isComplete: boolean
  /** One sentence. */
  readonly verdict: string
  readonly snapshot: SavedSnapshot | undefined
  readonly tables: readonly SavedTable[]
  readonly records: {
    readonly applied: number
    /** True records that could not be applied to what is there; kept apart. */
    readonly skipped: readonly SkippedRecord[]
    /** Records of which an UPDATE found no row, because that row is lost; the statements are kept apart. */
    readonly missed: readonly SkippedRecord[]
    /** Numbers of commits that are in no file; both ends included. */
    readonly lost: readonly { readonly from: number; readonly to: number }[]
  }
  readonly lastXid: number
  readonly lastCommitTime: string | undefined
  /** What the checks of SQLite find wrong in what was saved: rows whose parent is lost, for one. */
  readonly problems: readonly string[]
  readonly apart: readonly KeptApart[]
  /** Files that may hold more, for a person to look at: nothing was taken from them. */
  readonly candidates: readonly string[]
  readonly warnings: readonly string[]
}

export interface SavedSnapshot {
  readonly path: string
  readonly lsn: string
  readonly xid: number
  readonly time: string
  readonly isWhole: boolean
  /** Definitions and groups of rows that were certain, and how many there had been, where that is known. */
  readonly chunks: number
  readonly chunksListed: number | undefined
  readonly rowsListed: number | undefined
}

export interface SavedTable {
  readonly name: string
  readonly rowsSaved: number
  /** Rows that were found and are not certain, or find no place. */
  readonly rowsApart: number
  /** Where its definition comes from; `lost`: its rows are kept apart. */
  readonly definition: 'snapshot' | 'log' | 'other-snapshot' | 'lost'
}

export interface SkippedRecord {
  readonly lsn: string
  readonly xid: number
  readonly path: string
  readonly why: string
}

/** A file in the `.rejected/` of the new database. */
export interface KeptApart {
  readonly path: string
  readonly from: string
  /** `sql`: text to read, and to run by whoever trusts it. `bytes`: as they stand in the damaged file. */
  readonly kind: 'sql' | 'bytes'
  readonly why: string
  readonly ranges: readonly ByteRange[]
}
