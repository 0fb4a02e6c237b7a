// Makes the workload: transactions over related tables, the same for the same seed. A model of which rows exist
// keeps each statement valid and tells how many rows it changes; what triggers and cascades change comes on top.

import { seededRandom } from '../../lib/format/random.ts'
import type { City } from './cities.ts'
import { LiveIds } from './live-ids.ts'
import { type Abilities, creation, FIRST_ABILITIES, SCHEMA_CHANGES } from './schema.ts'
import { cityRow, factValue, note, quoted } from './values.ts'

export interface Transaction {
  readonly statements: readonly string[]
  readonly inserted: number
  readonly updated: number
  readonly deleted: number
  readonly isSchemaChange: boolean
}

/** Shares of the row changes; the rest are INSERTs. */
const UPDATES = 0.34
const DELETES = 0.102
/** Rows of one transaction; a new place may bring its country and its region with it. */
const MOST_ROWS = 48
const MOST_ROWS_OF_STATEMENT = 6

/** Yields transactions until they have made `changes` row changes. */
export function* makeWorkload(
  cities: readonly City[],
  seed: number,
  changes: number,
): Generator<Transaction> {
  const model = new Model(cities, seededRandom(seed))
  const first = model.transaction(() => model.statements.push(...creation(cities)))
  yield { ...first, isSchemaChange: true }
  const due = [...SCHEMA_CHANGES]
  for (let done = 0; done < changes; ) {
    const next = due[0]
    if (next !== undefined && done >= next.after * changes) {
      due.shift()
      const changed = model.transaction(() => model.statements.push(...next.statements))
      model.abilities = { ...model.abilities, ...next.gives }
      yield { ...changed, isSchemaChange: true }
      continue
    }
    const made = model.transaction(() => model.change(Math.min(MOST_ROWS, changes - done)))
    done += made.inserted + made.updated + made.deleted
    yield made
  }
}

class Model {
  statements: string[] = []
  abilities: Abilities = FIRST_ABILITIES
  readonly #random: () => number
  /** Places that do not exist yet. */
  readonly #unfounded: City[]
  readonly #known = new Set<string>()
  readonly #cities = new LiveIds()
  readonly #visits = new LiveIds()
  readonly #visitsOf = new Map<number, number[]>()
  readonly #twins = new Set<string>()
  #lastVisit = 0
  #inserted = 0
  #updated = 0
  #deleted = 0

  constructor(cities: readonly City[], random: () => number) {
    this.#random = random
    this.#unfounded = shuffled(cities, random)
  }

  /** What `act` does, as one transaction that counts itself. */
  transaction(act: () => void): Transaction {
    this.statements = []
    this.#inserted = 0
    this.#updated = 0
    this.#deleted = 0
    act()
    this.statements.push('UPDATE progress SET transactions = transactions + 1;')
    return {
      statements: this.statements,
      inserted: this.#inserted,
      updated: this.#updated,
      deleted: this.#deleted,
      isSchemaChange: false,
    }
  }

  /** Row changes of any kind: often a few, at times many, at most `most`. */
  change(most: number): void {
    const wanted = Math.ceil(most * this.#random() ** 2)
    for (;;) {
      const left = wanted - this.#inserted - this.#updated - this.#deleted
      if (left <= 0) return
      const rows = Math.min(left, 1 + Math.floor(this.#random() * MOST_ROWS_OF_STATEMENT))
      const kind = this.#random()
      if (kind < UPDATES && this.#visits.size > 0) this.#update(rows)
      else if (kind < UPDATES + DELETES && this.#visits.size > 0) this.#delete(rows)
      else this.#insert(rows)
    }
  }

  #insert(rows: number): void {
    const kind = this.#random()
    if (this.#cities.size < 2 || (kind < 0.45 && this.#unfounded.length > 0)) this.#insertCities(rows)
    else if (kind < 0.8) this.#insertVisits(rows)
    else if (kind < 0.92 || !this.abilities.hasTwins) this.#insertFacts(rows)
    else this.#insertTwins(rows)
  }

  #insertCities(rows: number): void {
    const founded = this.#unfounded.splice(-rows)
    for (const { country, region } of founded) {
      this.#insertOnce(country, `INSERT INTO country(code) VALUES(${quoted(country)});`)
      const values = `${quoted(country)}, ${quoted(region)}`
      this.#insertOnce(`${country}.${region}`, `INSERT INTO region(country, code) VALUES(${values});`)
    }
    const columns = 'id, name, country, region, feature, population, latitude, longitude'
    this.#insertRows(`city(${columns})`, founded.map(cityRow))
    for (const { id } of founded) this.#cities.add(id)
  }

  #insertOnce(key: string, statement: string): void {
    if (this.#known.has(key)) return
    this.#known.add(key)
    this.statements.push(statement)
    this.#inserted += 1
  }

  #insertVisits(rows: number): void {
    const visited = this.#cities.draw(this.#random, rows)
    const notes = visited.map((city) => `(${city}, ${note(this.#random)})`)
    this.#insertRows(`visit(city, ${this.abilities.note})`, notes)
    for (const city of visited) {
      this.#lastVisit += 1
      this.#visits.add(this.#lastVisit)
      this.#visitsOf.set(city, [...(this.#visitsOf.get(city) ?? []), this.#lastVisit])
    }
  }

  #insertFacts(rows: number): void {
    const about = this.#cities.draw(this.#random, rows)
    const values = about.map((city) => `(${city}, 'fact ${city % 7}', ${factValue(this.#random)})`)
    this.#insertRows('fact', values)
  }

  #insertTwins(rows: number): void {
    const [one, ...others] = this.#cities.draw(this.#random, rows + 1)
    const twins = others.map((other) => `(${one}, ${other})`).filter((twin) => !this.#twins.has(twin))
    for (const twin of twins) this.#twins.add(twin)
    this.#insertRows('twin', twins)
  }

  #insertRows(into: string, rows: readonly string[]): void {
    if (rows.length === 0) return
    this.statements.push(`INSERT INTO ${into} VALUES ${rows.join(', ')};`)
    this.#inserted += rows.length
  }

  #update(rows: number): void {
    const kind = this.#random()
    if (kind < 0.4) {
      this.#updateRows('visit', 'times = times + 1', this.#visits, rows)
    } else if (kind < 0.5) {
      this.#updateRows('visit', `${this.abilities.note} = ${note(this.#random)}`, this.#visits, rows)
    } else if (kind < 0.65 && this.abilities.hasRating) {
      this.#updateRows('city', 'rating = rating % 5 + 1', this.#cities, rows)
    } else {
      const births = Math.floor(this.#random() * 100)
      this.#updateRows('city', `population = population + ${births}`, this.#cities, rows)
    }
  }

  #updateRows(table: string, assignment: string, ids: LiveIds, rows: number): void {
    const drawn = ids.draw(this.#random, rows)
    this.statements.push(`UPDATE ${table} SET ${assignment} WHERE id IN (${drawn.join(', ')});`)
    this.#updated += drawn.length
  }

  #delete(rows: number): void {
    if (this.#random() < 0.9 || this.#cities.size < 100) {
      const visits = this.#visits.draw(this.#random, rows)
      this.#deleteRows('visit', visits)
      for (const visit of visits) this.#visits.remove(visit)
      return
    }
    const cities = this.#cities.draw(this.#random, rows)
    this.#deleteRows('city', cities)
    for (const city of cities) {
      this.#cities.remove(city)
      // The foreign keys' ON DELETE CASCADE does the same to the rows.
      for (const visit of this.#visitsOf.get(city) ?? []) this.#visits.remove(visit)
      this.#visitsOf.delete(city)
    }
  }

  #deleteRows(table: string, ids: readonly number[]): void {
    this.statements.push(`DELETE FROM ${table} WHERE id IN (${ids.join(', ')});`)
    this.#deleted += ids.length
  }
}

function shuffled<T>(values: readonly T[], random: () => number): T[] {
  return values
    .map((value) => ({ value, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ value }) => value)
}
