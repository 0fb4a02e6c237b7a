/**
 * Bookkeeping for crash states: which names and bytes are durable for certain after each change, and which are
 * pending. It moves forward with the crash point, so that trying every point costs one pass over the changes.
 *
 * The rules, by model (from ALICE, OSDI 2014; ext4's jbd2; "Can Applications Recover from fsync Failures?", 2020):
 *
 * | model     | a name becomes durable                           | bytes become durable                           |
 * |-----------|--------------------------------------------------|------------------------------------------------|
 * | killed    | at once                                          | at once; the last append may be torn           |
 * | ext4      | with the journal, in order: by a sync of a file  | by a sync of the file; by the durable rename   |
 * |           | (up to its last change) or of a directory (up to | of the file over another one                   |
 * |           | the last name changed in it)                     |                                                |
 * | writeback | the same                                         | by a sync of the file                          |
 * | generic   | by a sync of its directory (both, of a rename)   | by a sync of the file                          |
 *
 * A failed sync makes the bytes it was meant for doubtful for good: no later sync makes them durable.
 */
import { dirname } from 'node:path'
import { invariant } from '../errors.ts'
import type { Change, FileId } from './change.ts'
import {
  type CrashModel,
  type CrashPoint,
  type DurableName,
  type Entry,
  type FileAtCrash,
  type PendingName,
  type Piece,
  sectorBytes,
} from './crash-point.ts'
import { GrowingBytes } from './growing-bytes.ts'
import type { Image } from './image.ts'

interface Track {
  readonly id: FileId
  path: string
  readonly bytes: GrowingBytes
  floorBytes: number
  pieces: Piece[]
  /** Number of the change that a successful sync of this file is sure to find in the journal, if there is one. */
  lastChange: number | undefined
  readonly digests: Map<number, string>
}

/** Stale bytes of more files than these would multiply the states and show nothing new. */
const keptRemoved = 3

export class CrashCursor {
  readonly #model: CrashModel
  readonly #changes: readonly Change[]
  readonly #tracks = new Map<FileId, Track>()
  readonly #durableNames = new Map<string, DurableName>()
  #pendingNames: (PendingName & { readonly unsyncedDirs: Set<string> })[] = []
  #removed: Track[] = []
  #cut = 0

  /** `changes` may grow later: it is read up to the point asked for. */
  constructor(options: {
    readonly initial: Image
    readonly changes: readonly Change[]
    readonly model: CrashModel
  }) {
    this.#model = options.model
    this.#changes = options.changes
    for (const path of options.initial.directories) {
      this.#durableNames.set(path, { entry: 'directory', index: -1 })
    }
    let id = 0
    for (const [path, bytes] of options.initial.files) {
      this.#track(id, path, bytes)
      this.#durableNames.set(path, { entry: id, index: -1 })
      id += 1
    }
  }

  /** Moves to the moment when `cut` changes had been made; only forward. */
  advanceTo(cut: number): CrashPoint {
    invariant(cut >= this.#cut && cut <= this.#changes.length, 'the crash point moves forward in the changes')
    for (; this.#cut < cut; this.#cut++) {
      if (this.#model === 'killed') this.#settleLastAppend()
      const change = this.#changes[this.#cut]
      if (change !== undefined) this.#apply(change, this.#cut)
    }
    return this.#point()
  }

  #apply(change: Change, index: number): void {
    switch (change.kind) {
      case 'create':
        this.#track(change.file, change.path, new Uint8Array(0)).lastChange = index
        this.#addName(index, change, [[change.path, change.file]])
        break
      case 'append':
        this.#append(this.#trackOf(change.file), change.bytes, index)
        break
      case 'sync':
        this.#sync(this.#trackOf(change.file), change.isFailed)
        break
      case 'rename':
        this.#trackOf(change.file).path = change.toPath
        this.#addRename(index, change)
        if (change.replaced !== undefined) this.#noteRemoved(change.replaced)
        break
      case 'remove':
        this.#addName(index, change, [[change.path, undefined]])
        this.#noteRemoved(change.file)
        break
      case 'makeDir':
        this.#addName(index, change, [[change.path, 'directory']])
        break
      case 'syncDir':
        this.#syncDir(change.path)
        break
      default:
        change satisfies never
    }
  }

  #append(track: Track, bytes: Uint8Array, index: number): void {
    const end = track.bytes.length + bytes.byteLength
    for (let offset = track.bytes.length; offset < end; ) {
      const border = Math.min(end, offset - (offset % sectorBytes) + sectorBytes)
      track.pieces.push({ index, offset, lengthBytes: border - offset, isDoubtful: false })
      offset = border
    }
    track.bytes.append(bytes)
    track.lastChange = index
  }

  #sync(track: Track, isFailed: boolean): void {
    // The kernel of a killed process lives on: what it could not write to the disk, it still has.
    if (this.#model === 'killed') return
    if (isFailed) {
      track.pieces = track.pieces.map((piece) => ({ ...piece, isDoubtful: true }))
      // The journal may have failed with the bytes: a later sync that has nothing to write proves no name.
      track.lastChange = undefined
      return
    }
    this.#makeDurable(track, track.bytes.length)
    const { lastChange } = track
    if (lastChange !== undefined && this.#model !== 'generic') this.#commitJournal(lastChange)
  }

  #syncDir(path: string): void {
    if (this.#model === 'generic') {
      for (const name of this.#pendingNames) name.unsyncedDirs.delete(path)
      const durable = this.#pendingNames.filter((name) => name.unsyncedDirs.size === 0)
      this.#pendingNames = this.#pendingNames.filter((name) => name.unsyncedDirs.size > 0)
      for (const name of durable) this.#makeNameDurable(name)
    } else {
      const last = this.#pendingNames.findLast((name) => name.unsyncedDirs.has(path))
      if (last !== undefined) this.#commitJournal(last.index)
    }
  }

  /** Makes durable the bytes of a file up to a border between appends, but never the doubtful ones. */
  #makeDurable(track: Track, sizeBytes: number): void {
    const isDurable = (piece: Piece) => !piece.isDoubtful && piece.offset < sizeBytes
    const last = track.pieces.findLast(isDurable)
    if (last === undefined) return
    track.floorBytes = Math.max(track.floorBytes, last.offset + last.lengthBytes)
    track.pieces = track.pieces.filter((piece) => !isDurable(piece))
  }

  #commitJournal(throughIndex: number): void {
    for (const name of this.#pendingNames) if (name.index <= throughIndex) this.#makeNameDurable(name)
    this.#pendingNames = this.#pendingNames.filter((name) => name.index > throughIndex)
  }

  #makeNameDurable({ index, entries, flushed }: PendingName): void {
    for (const [path, entry] of entries) {
      // A later change of the same name may have become durable before, in the generic model.
      if ((this.#durableNames.get(path)?.index ?? -1) < index) this.#durableNames.set(path, { entry, index })
    }
    if (flushed !== undefined) this.#makeDurable(this.#trackOf(flushed.file), flushed.sizeBytes)
  }

  #addRename(index: number, change: Change & { kind: 'rename' }): void {
    const { file, path, toPath, replaced } = change
    const flushes = this.#model === 'ext4' && replaced !== undefined
    this.#addName(
      index,
      change,
      [
        [toPath, file],
        [path, undefined],
      ],
      flushes ? { file, sizeBytes: this.#trackOf(file).bytes.length } : undefined,
    )
  }

  #addName(index: number, change: Change, entries: PendingName['entries'], flushed?: PendingName['flushed']) {
    const unsyncedDirs = new Set(entries.map(([path]) => dirname(path)))
    const name = { index, change, entries, flushed, unsyncedDirs }
    if (this.#model === 'killed') this.#makeNameDurable(name)
    else this.#pendingNames.push(name)
  }

  #settleLastAppend(): void {
    const last = this.#changes[this.#cut - 1]
    if (last?.kind === 'append') {
      const track = this.#trackOf(last.file)
      this.#makeDurable(track, track.bytes.length)
    }
  }

  #noteRemoved(file: FileId): void {
    const track = this.#trackOf(file)
    if (track.bytes.length > 0) this.#removed = [track, ...this.#removed].slice(0, keptRemoved)
  }

  #track(id: FileId, path: string, first: Uint8Array): Track {
    const bytes = new GrowingBytes(first)
    const track: Track = {
      id,
      path,
      bytes,
      floorBytes: first.byteLength,
      pieces: [],
      lastChange: undefined,
      digests: new Map(),
    }
    this.#tracks.set(id, track)
    return track
  }

  #trackOf(id: FileId): Track {
    const track = this.#tracks.get(id)
    invariant(track !== undefined, `file ${id} is in the first image or was created`)
    return track
  }

  #point(): CrashPoint {
    const files = new Map<FileId, FileAtCrash>()
    const add = (entry: Entry | undefined) => {
      if (typeof entry === 'number' && !files.has(entry)) files.set(entry, atCrash(this.#trackOf(entry)))
    }
    for (const { entry } of this.#durableNames.values()) add(entry)
    for (const { entries } of this.#pendingNames) for (const [, entry] of entries) add(entry)
    return {
      model: this.#model,
      cut: this.#cut,
      lastChange: this.#changes[this.#cut - 1],
      durableNames: new Map(this.#durableNames),
      pendingNames: [...this.#pendingNames],
      files,
      removed: this.#removed.map(atCrash),
    }
  }
}

function atCrash(track: Track): FileAtCrash {
  const { id, path, floorBytes, digests } = track
  return {
    id,
    path,
    bytes: track.bytes.prefix(track.bytes.length),
    floorBytes,
    pieces: [...track.pieces],
    digests,
  }
}
