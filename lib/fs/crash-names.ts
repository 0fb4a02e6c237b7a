/** Which names are there after a crash: which sets of pending names may be durable, and what the names then lead to. */
import type { CrashModel, CrashPoint, Entry } from './crash-point.ts'

/** True where one journal makes names durable in the order of the changes. */
function persistsInOrder(model: CrashModel): boolean {
  return model !== 'generic'
}

/** Every possible set: for each pending name whether it is durable. */
export function* allNameChoices({ model, pendingNames }: CrashPoint): Generator<boolean[]> {
  if (persistsInOrder(model)) {
    for (let kept = pendingNames.length; kept >= 0; kept--) yield pendingNames.map((_, at) => at < kept)
  } else {
    for (let lost = 0; lost < 2 ** pendingNames.length; lost++) {
      yield pendingNames.map((_, bit) => (lost & (1 << bit)) === 0)
    }
  }
}

/** The set in which exactly the wanted names are durable, or as nearly so as the model allows. */
export function namesKept(
  { model, pendingNames }: CrashPoint,
  isKept: (index: number) => boolean,
): boolean[] {
  const firstLost = pendingNames.findIndex(({ index }) => !isKept(index))
  return pendingNames.map(({ index }, at) =>
    persistsInOrder(model) ? firstLost === -1 || at < firstLost : isKept(index),
  )
}

/** What each name leads to. Where several changes of a name are durable, the latest counts. */
export function namesIn(
  { durableNames, pendingNames }: CrashPoint,
  isNameKept: readonly boolean[],
): Map<string, Entry> {
  const names = new Map<string, Entry>()
  for (const [path, { entry }] of durableNames) if (entry !== undefined) names.set(path, entry)
  for (const [at, { index, entries }] of pendingNames.entries()) {
    if (isNameKept[at] !== true) continue
    for (const [path, entry] of entries) {
      if ((durableNames.get(path)?.index ?? -1) > index) continue
      if (entry === undefined) names.delete(path)
      else names.set(path, entry)
    }
  }
  return names
}

/** How many sets {@link allNameChoices} has. */
export function countNameChoices({ model, pendingNames }: CrashPoint): number {
  return persistsInOrder(model) ? pendingNames.length + 1 : 2 ** pendingNames.length
}

/** A set drawn at random. */
export function drawNames({ model, pendingNames }: CrashPoint, random: () => number): boolean[] {
  const journalled = Math.floor(random() * (pendingNames.length + 1))
  const density = [0.1, 0.5, 0.9][Math.floor(random() * 3)] ?? 0.5
  return pendingNames.map((_, at) => (persistsInOrder(model) ? at < journalled : random() < density))
}
