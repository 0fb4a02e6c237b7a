/** The keys of the rows that exist at some point of the workload, from which one can be drawn. */
export class LiveIds {
  readonly #ids: number[] = []
  readonly #places = new Map<number, number>()

  get size(): number {
    return this.#ids.length
  }

  add(id: number): void {
    this.#places.set(id, this.#ids.length)
    this.#ids.push(id)
  }

  /** Removing an id that is not there does nothing. */
  remove(id: number): void {
    const place = this.#places.get(id)
    const last = this.#ids.pop()
    if (place === undefined || last === undefined) {
      if (last !== undefined) this.#ids.push(last)
      return
    }
    this.#places.delete(id)
    if (last === id) return
    this.#ids[place] = last
    this.#places.set(last, place)
  }

  /** `count` different ids, or all when there are fewer. */
  draw(random: () => number, count: number): number[] {
    const drawn = new Set<number>()
    while (drawn.size < Math.min(count, this.#ids.length)) {
      const id = this.#ids[Math.floor(random() * this.#ids.length)]
      if (id !== undefined) drawn.add(id)
    }
    return [...drawn]
  }
}
