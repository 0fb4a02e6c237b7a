/** Which of the possible crash states to try: all of them, or the telling ones and a sample. */
import type { FileId } from './change.ts'
import {
  allContents,
  type Content,
  type ContentSpace,
  contentOf,
  countContents,
  drawContent,
  type Filler,
  garbage,
  persistsAsPrefix,
  spaceOf,
  stale,
  zeros,
} from './crash-bytes.ts'
import { allNameChoices, countNameChoices, drawNames, namesIn, namesKept } from './crash-names.ts'
import type { CrashPoint, Entry, FileAtCrash } from './crash-point.ts'

/** One state, as a decision on everything that is pending. */
export interface Choice {
  /** For each pending name: whether it is durable. */
  readonly isNameKept: readonly boolean[]
  /** What the names lead to then. */
  readonly entries: ReadonlyMap<string, Entry>
  /** Of the files whose bytes were not all durable for certain. */
  readonly contents: readonly Content[]
}

/** The names of a state, and what may become of the files they lead to. */
interface NamedSpaces {
  readonly names: Omit<Choice, 'contents'>
  readonly spaces: readonly ContentSpace[]
}

/** How many choices there are, or some number above `limit`. */
export function countChoices(point: CrashPoint, limit: number): number {
  if (countNameChoices(point) > limit) return Number.POSITIVE_INFINITY
  let count = 0
  for (const isNameKept of allNameChoices(point)) {
    count += spacesOf(point, isNameKept).spaces.reduce((product, space) => product * countContents(space), 1)
    if (count > limit) break
  }
  return count
}

/** Every choice, when {@link countChoices} is small enough to want them all. */
export function* allChoices(point: CrashPoint): Generator<Choice> {
  for (const isNameKept of allNameChoices(point)) {
    const { names, spaces } = spacesOf(point, isNameKept)
    for (const contents of product(spaces, 0)) yield { ...names, contents }
  }
}

function* product(spaces: readonly ContentSpace[], from: number): Generator<Content[]> {
  const space = spaces[from]
  if (space === undefined) {
    yield []
    return
  }
  for (const first of allContents(space)) {
    for (const rest of product(spaces, from + 1)) yield [first, ...rest]
  }
}

/** First the states that have shown bugs elsewhere, then as many drawn ones as may be needed to find `limit` new ones. */
export function* someChoices(point: CrashPoint, limit: number, random: () => number): Generator<Choice> {
  yield keeping(point, () => true)
  yield keeping(point, () => false)
  // In a random order, so that a limit below their number does not always leave out the same ones.
  const telling = tellingChoices(point)
  while (telling.length > 0) {
    const at = Math.floor(random() * telling.length)
    for (const choose of telling.splice(at, 1)) yield choose()
  }
  for (let attempt = 0; attempt < limit * 4; attempt++) yield drawChoice(point, random)
}

/** Names without bytes and the reverse; every prefix, one omitted, one alone; torn appends; gaps. */
function tellingChoices(point: CrashPoint): (() => Choice)[] {
  const appends = new Map<number, { file: FileId; offset: number; end: number }>()
  for (const { id, pieces } of point.files.values()) {
    for (const { index, offset, lengthBytes } of pieces) {
      const first = appends.get(index)?.offset ?? offset
      appends.set(index, { file: id, offset: first, end: offset + lengthBytes })
    }
  }
  const units = [...point.pendingNames.map(({ index }) => index), ...appends.keys()].sort((a, b) => a - b)
  const choices = [
    () => keeping(point, (index) => !appends.has(index)),
    () => keeping(point, (index) => appends.has(index)),
  ]
  for (const unit of units) {
    choices.push(
      () => keeping(point, (index) => index <= unit),
      () => keeping(point, (index) => index !== unit),
      () => keeping(point, (index) => index === unit),
    )
  }
  for (const { file, offset, end } of appends.values()) {
    for (const sizeBytes of tornSizes(offset, end)) choices.push(() => tearing(point, file, sizeBytes))
  }
  if (!persistsAsPrefix(point.model)) {
    for (const filler of fillersFor(point, () => false)) {
      for (const index of appends.keys()) {
        choices.push(() => holed(point, (piece) => piece === index, filler))
      }
      choices.push(() => holed(point, () => true, filler))
    }
  }
  return choices
}

/** Sizes at which an append is torn: its first byte, half, all but the last byte, borders of sectors and pages. */
function tornSizes(offset: number, end: number): Set<number> {
  const sizes = new Set([offset + 1, offset + Math.floor((end - offset) / 2), end - 1])
  for (const unit of [512, 4096]) {
    sizes.add(Math.ceil((offset + 1) / unit) * unit)
    sizes.add(Math.floor((end - 1) / unit) * unit)
  }
  return new Set([...sizes].filter((size) => size > offset && size < end))
}

/** The changes that `isKept` persisted and no other, as far as the model allows. */
function keeping(point: CrashPoint, isKept: (index: number) => boolean): Choice {
  const { names, spaces } = spacesOf(point, namesKept(point, isKept))
  return {
    ...names,
    contents: spaces.map((space) => contentOf(point.model, space, (piece) => isKept(piece.index))),
  }
}

/** Everything persisted, but one file ends at `sizeBytes` (or later, where more of it is durable for certain). */
function tearing(point: CrashPoint, file: FileId, sizeBytes: number): Choice {
  const whole = keeping(point, () => true)
  const contents = whole.contents.map((content) => {
    if (content.file.id !== file) return content
    return { ...content, sizeBytes: Math.max(floorOf(point, content.file, whole.isNameKept), sizeBytes) }
  })
  return { ...whole, contents }
}

/** All names and sizes persisted, but the bytes of some appends did not: the size outran them. */
function holed(point: CrashPoint, isLost: (index: number) => boolean, filler: Filler): Choice {
  const kept = namesKept(point, () => true)
  const { names, spaces } = spacesOf(point, kept)
  const contents = spaces.map(({ file, optional }) => ({
    file,
    sizeBytes: file.bytes.byteLength,
    missing: optional.filter((piece) => isLost(piece.index)),
    filler,
  }))
  return { ...names, contents }
}

function drawChoice(point: CrashPoint, random: () => number): Choice {
  const { names, spaces } = spacesOf(point, drawNames(point, random))
  return { ...names, contents: spaces.map((space) => drawContent(space, random)) }
}

function spacesOf(point: CrashPoint, isNameKept: readonly boolean[]): NamedSpaces {
  const entries = namesIn(point, isNameKept)
  const named = new Set(entries.values())
  const fillers = fillersFor(point, (file) => named.has(file))
  const spaces: ContentSpace[] = []
  for (const file of point.files.values()) {
    if (!named.has(file.id) || file.pieces.length === 0) continue
    spaces.push(spaceOf(point.model, file, floorOf(point, file, isNameKept), fillers))
  }
  return { names: { isNameKept, entries }, spaces }
}

/** Blocks are given to another file only once their own has no name any more. */
function fillersFor({ model, removed }: CrashPoint, isNamed: (file: FileId) => boolean): Filler[] {
  if (persistsAsPrefix(model)) return [zeros]
  return [zeros, garbage, ...removed.filter(({ id }) => !isNamed(id)).map(stale)]
}

/** The size that is durable for certain, given the names that are. */
function floorOf({ pendingNames }: CrashPoint, file: FileAtCrash, isNameKept: readonly boolean[]): number {
  return pendingNames.reduce(
    (floor, { flushed }, at) =>
      flushed?.file === file.id && isNameKept[at] === true ? Math.max(floor, flushed.sizeBytes) : floor,
    file.floorBytes,
  )
}
