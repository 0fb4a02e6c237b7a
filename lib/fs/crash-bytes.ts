/**
 * What may be left of one file's bytes after a crash. A *content* is a size and the pieces below it that never
 * reached the disk. In the models killed and ext4 bytes persist as a prefix, so that only doubtful pieces can be
 * missing below the size; in the others any piece can, and the disk may hold anything in its place.
 */
import { hash } from 'node:crypto'
import type { CrashModel, FileAtCrash, Piece } from './crash-point.ts'

/** What the disk holds where a piece is missing: bytes by their position in the file. */
export interface Filler {
  readonly name: string
  fill(target: Uint8Array, start: number, end: number): void
}

/** One possible content of a file. */
export interface Content {
  readonly file: FileAtCrash
  readonly sizeBytes: number
  /** Pieces that begin below the size and are not there. */
  readonly missing: readonly Piece[]
  readonly filler: Filler
}

/** All contents that one file may have: sizes from `floorBytes` up to that of `file.bytes`. */
export interface ContentSpace {
  readonly file: FileAtCrash
  readonly floorBytes: number
  /** Pieces that may be missing below the size, in the order of their offsets. */
  readonly optional: readonly Piece[]
  readonly fillers: readonly Filler[]
}

export const zeros: Filler = {
  name: 'zeros',
  fill: (target, start, end) => void target.fill(0, start, end),
}

/** The same noise at the same position in every run, in no rhythm that a file format could have. */
const noise = Uint8Array.from({ length: 4099 }, (_, index) => Math.imul(index + 1, 0x9e3779b1) >>> 24)
export const garbage: Filler = cyclic('garbage', noise)

/** The bytes that a deleted file had at the same positions, as when its blocks are given to a new one. */
export function stale(file: FileAtCrash): Filler {
  return cyclic(`stale bytes of ${file.path}`, file.bytes)
}

function cyclic(name: string, source: Uint8Array): Filler {
  return {
    name,
    fill(target, start, end) {
      for (let at = start; at < end; at++) target[at] = source[at % source.byteLength] ?? 0
    },
  }
}

/** True where bytes persist in the order in which they were appended. */
export function persistsAsPrefix(model: CrashModel): boolean {
  return model === 'killed' || model === 'ext4'
}

export function spaceOf(
  model: CrashModel,
  file: FileAtCrash,
  floorBytes: number,
  fillers: readonly Filler[],
): ContentSpace {
  const optional = persistsAsPrefix(model) ? file.pieces.filter((piece) => piece.isDoubtful) : file.pieces
  return { file, floorBytes, optional, fillers }
}

/** How many contents there are, counted as choices: two of them may hold the same bytes. */
export function countContents({ file, floorBytes, optional, fillers }: ContentSpace): number {
  let count = 0
  let size = floorBytes
  for (let pieces = 0; pieces <= optional.length; pieces++) {
    // Sizes up to the next piece's offset have the same pieces below them.
    const last = Math.min(optional[pieces]?.offset ?? Number.POSITIVE_INFINITY, file.bytes.byteLength)
    if (last < size) continue
    count += (last - size + 1) * (1 + (2 ** pieces - 1) * fillers.length)
    size = last + 1
  }
  return count
}

/** Every content, when {@link countContents} is small enough to want them all. */
export function* allContents(space: ContentSpace): Generator<Content> {
  const { file, floorBytes, optional, fillers } = space
  for (let sizeBytes = file.bytes.byteLength; sizeBytes >= floorBytes; sizeBytes--) {
    const below = optional.filter((piece) => piece.offset < sizeBytes)
    for (let mask = 0; mask < 2 ** below.length; mask++) {
      const missing = below.filter((_, bit) => (mask & (1 << bit)) !== 0)
      for (const filler of mask === 0 ? [zeros] : fillers) yield { file, sizeBytes, missing, filler }
    }
  }
}

/** The content in which exactly the wanted changes persisted, or as nearly so as the model allows. */
export function contentOf(
  model: CrashModel,
  space: ContentSpace,
  isWanted: (piece: Piece) => boolean,
  filler: Filler = zeros,
): Content {
  const { file, floorBytes, optional } = space
  const firstLost = persistsAsPrefix(model)
    ? file.pieces.find((piece) => !piece.isDoubtful && piece.offset >= floorBytes && !isWanted(piece))
    : undefined
  const reach = firstLost?.offset ?? file.bytes.byteLength
  const lastKept = file.pieces.findLast((piece) => piece.offset < reach && isWanted(piece))
  const sizeBytes = Math.max(floorBytes, lastKept === undefined ? 0 : lastKept.offset + lastKept.lengthBytes)
  const missing = optional.filter((piece) => piece.offset < sizeBytes && !isWanted(piece))
  return { file, sizeBytes, missing, filler }
}

/** A content drawn at random, with a leaning to the sizes and gaps that programs mistake for whole files. */
export function drawContent(space: ContentSpace, random: () => number): Content {
  const { file, floorBytes, optional, fillers } = space
  const sizeBytes = drawSize(file, floorBytes, random)
  const density = pick([0, 0.2, 0.5, 0.9], random) ?? 0
  const missing = optional.filter((piece) => piece.offset < sizeBytes && random() < density)
  return { file, sizeBytes, missing, filler: pick(fillers, random) ?? zeros }
}

function drawSize(file: FileAtCrash, floorBytes: number, random: () => number): number {
  const liveBytes = file.bytes.byteLength
  const kind = random()
  if (kind < 0.35) return liveBytes
  if (kind < 0.5) return floorBytes
  if (kind < 0.75) return Math.max(floorBytes, pick(file.pieces, random)?.offset ?? liveBytes)
  return floorBytes + Math.floor(random() * (liveBytes - floorBytes + 1))
}

function pick<T>(values: readonly T[], random: () => number): T | undefined {
  return values[Math.floor(random() * values.length)]
}

/** The bytes of a content; shared with the file where nothing is missing. */
export function bytesOf({ file, sizeBytes, missing, filler }: Content): Uint8Array {
  const whole = file.bytes.subarray(0, sizeBytes)
  if (missing.length === 0) return whole
  const bytes = new Uint8Array(whole)
  for (const { offset, lengthBytes } of missing) {
    filler.fill(bytes, offset, Math.min(sizeBytes, offset + lengthBytes))
  }
  return bytes
}

/** A digest of the bytes, remembered for the contents without a gap. */
export function digestOf(content: Content, bytes: Uint8Array): string {
  if (content.missing.length > 0) return hash('sha1', bytes, 'base64')
  const { digests } = content.file
  let digest = digests.get(content.sizeBytes)
  if (digest === undefined) {
    digest = hash('sha1', bytes, 'base64')
    digests.set(content.sizeBytes, digest)
  }
  return digest
}
