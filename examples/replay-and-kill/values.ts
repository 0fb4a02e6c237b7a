// Values as SQL: places as they are in GeoNames, and values that have broken logs and dumps elsewhere.

import type { City } from './cities.ts'

type Random = () => number

export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

export function cityRow(city: City): string {
  const { id, name, country, region, feature, population, latitude, longitude } = city
  const texts = [name, country, region, feature].map(quoted)
  return `(${id}, ${texts.join(', ')}, ${population}, ${latitude}, ${longitude})`
}

const NOTES: readonly string[] = [
  'NULL',
  "''",
  "'it''s worth a day; or two -- at least'",
  "'日本語・中文・한국어'",
  "'русский, ελληνικά, العربية, עברית, हिन्दी'",
  "'🗺️🏔️ e\u0301 = é'",
  "'first line' || char(13, 10) || 'second line'",
  // A text that pretends to be the end of a record, or of a transaction.
  "'COMMIT; --@ lsn=0/00000074 xid=1 sync=0/00000074 prev=dfe70c2c crc=fa83e1f4' || char(10) || 'COMMIT;'",
  "'a NUL ' || char(0) || ' inside, a bell ' || char(7)",
  '\'100 % "quoted" \\n [brackets] `ticks`\'',
]

/** What a visitor wrote, as an SQL expression. */
export function note(random: Random): string {
  return pick(random, NOTES)
}

/** A value of any type that SQLite has, as an SQL expression. */
export function factValue(random: Random): string {
  const number = random()
  const makers = [
    () => 'NULL',
    () => String(Math.floor(number * 1_000_000)),
    // An integer that no double holds.
    () => String(2n ** 53n + 2n * BigInt(Math.floor(number * 1_000_000)) + 1n),
    () => String(number / 3),
    () => pick(random, ['-0.0', '9e999', '-9e999', '4.9e-324', '1.7976931348623157e308']),
    () => `x'${Buffer.from(`${number}\0`).toString('hex')}'`,
    () => note(random),
  ]
  return pick(random, makers)()
}

function pick<T>(random: Random, values: readonly T[]): T {
  const value = values[Math.floor(random() * values.length)]
  if (value === undefined) throw new Error('there is nothing to pick from')
  return value
}
