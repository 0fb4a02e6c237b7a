/** What is known at one crash point: the words that the crash states are computed in. */
import type { Change, FileId } from './change.ts'

export const crashModels = ['killed', 'ext4', 'writeback', 'generic'] as const
export type CrashModel = (typeof crashModels)[number]

/** The unit in which disks write. */
export const sectorBytes = 512

/** What a name leads to. */
export type Entry = FileId | 'directory'

/** Some appended bytes that are not durable for certain: all of one append that lies in one sector. */
export interface Piece {
  /** Number of the change that appended them. */
  readonly index: number
  readonly offset: number
  readonly lengthBytes: number
  /** They were to be made durable by a sync that failed. */
  readonly isDoubtful: boolean
}

export interface PendingName {
  /** Number of the change. */
  readonly index: number
  readonly change: Change
  /** What each of the names concerned leads to once this is durable; nothing when undefined. */
  readonly entries: readonly (readonly [path: string, entry: Entry | undefined])[]
  /** Bytes that cannot be durable later than this name (ext4: the source of a rename over another file). */
  readonly flushed: { readonly file: FileId; readonly sizeBytes: number } | undefined
}

/** One file at a crash point. */
export interface FileAtCrash {
  readonly id: FileId
  /** Its last name, for descriptions. */
  readonly path: string
  /** All its bytes, as the program that crashed saw them. */
  readonly bytes: Uint8Array
  /** So many bytes of size are durable for certain. */
  readonly floorBytes: number
  /** In the order of their offsets. Those that are not doubtful lie at or after `floorBytes`. */
  readonly pieces: readonly Piece[]
  /** Digests of the first n bytes, computed when needed; they stay true as the file grows. */
  readonly digests: Map<number, string>
}

/** Everything that decides what a crash at one point may leave. Never changes, also when its cursor moves on. */
export interface CrashPoint {
  readonly model: CrashModel
  /** So many changes had been made. */
  readonly cut: number
  readonly lastChange: Change | undefined
  readonly durableNames: ReadonlyMap<string, DurableName>
  readonly pendingNames: readonly PendingName[]
  /** All files that some name may lead to. */
  readonly files: ReadonlyMap<FileId, FileAtCrash>
  /** The latest files that lost their name and had bytes, latest first: their blocks may turn up in others. */
  readonly removed: readonly FileAtCrash[]
}

export interface DurableName {
  readonly entry: Entry | undefined
  /** Number of the change that made it so: a pending change before it no longer matters. */
  readonly index: number
}
