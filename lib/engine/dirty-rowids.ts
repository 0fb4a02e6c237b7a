import type { Rowid } from './row-reader.ts'

/** What the first event of a row in a transaction says about the time before it. */
export type Origin = 'created' | 'existed'

/** Consecutive rowids of the same origin. */
export interface DirtySpan {
  readonly lo: Rowid
  readonly hi: Rowid
  readonly origin: Origin
}

/**
 * The rows of a table with rowids that a transaction touched, and whether they existed before it. Rowids that come
 * in ascending order, as in bulk inserts and mass updates, cost no memory each.
 */
export class DirtyRowids {
  // Runs of consecutive rowids, ascending and disjoint: each begins above all that was seen before it.
  readonly #lows: number[] = []
  readonly #highs: number[] = []
  readonly #origins: Origin[] = []
  /** Rowids that came out of order, and those that a number cannot hold. */
  readonly #stragglers = new Map<Rowid, Origin>()

  /** The origin of a row that was touched before; otherwise undefined, and the row is remembered with `origin`. */
  touch(rowid: Rowid, origin: Origin): Origin | undefined {
    const last = this.#highs.length - 1
    const highest = this.#highs[last]
    if (typeof rowid === 'number' && (highest === undefined || rowid > highest)) {
      if (rowid - 1 === highest && this.#origins[last] === origin) {
        this.#highs[last] = rowid
      } else {
        this.#lows.push(rowid)
        this.#highs.push(rowid)
        this.#origins.push(origin)
      }
      return undefined
    }
    const known =
      (typeof rowid === 'number' ? this.#originInRuns(rowid) : undefined) ?? this.#stragglers.get(rowid)
    if (known === undefined) this.#stragglers.set(rowid, origin)
    return known
  }

  /** Everything that was touched, ascending and disjoint. */
  spans(): Iterable<DirtySpan> {
    return this.#stragglers.size === 0 ? this.#runs() : this.#merged()
  }

  *#runs(): Generator<DirtySpan> {
    for (const [index, lo] of this.#lows.entries()) {
      yield { lo, hi: this.#highs[index] ?? lo, origin: this.#origins[index] ?? 'existed' }
    }
  }

  *#merged(): Generator<DirtySpan> {
    const stragglers = this.#straggling()
    let next = stragglers.next()
    for (const run of this.#runs()) {
      for (; next.done !== true && next.value.lo < run.lo; next = stragglers.next()) yield next.value
      yield run
    }
    for (; next.done !== true; next = stragglers.next()) yield next.value
  }

  #originInRuns(rowid: number): Origin | undefined {
    let from = 0
    let to = this.#lows.length
    while (from < to) {
      const middle = (from + to) >>> 1
      if ((this.#highs[middle] ?? 0) < rowid) from = middle + 1
      else to = middle
    }
    const low = this.#lows[from]
    return low !== undefined && low <= rowid ? this.#origins[from] : undefined
  }

  *#straggling(): Generator<DirtySpan> {
    const sorted = [...this.#stragglers].sort(([a], [b]) => (a < b ? -1 : 1))
    const [first] = sorted
    if (first === undefined) return
    let [lo, origin] = first
    let hi = lo
    for (const [rowid, itsOrigin] of sorted.slice(1)) {
      if (itsOrigin === origin && isNext(rowid, hi)) {
        hi = rowid
        continue
      }
      yield { lo, hi, origin }
      lo = rowid
      hi = rowid
      origin = itsOrigin
    }
    yield { lo, hi, origin }
  }
}

function isNext(rowid: Rowid, previous: Rowid): boolean {
  return typeof rowid === 'number' && typeof previous === 'number' && rowid === previous + 1
}
