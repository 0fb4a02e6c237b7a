// The tables of the workload, and how they change while it runs. Each statement stands on one line, because the SQL
// log has one statement a line.

import type { City } from './cities.ts'

/** What GeoNames' codes stand for. */
const FEATURES: Readonly<Record<string, string>> = {
  PPL: 'populated place',
  PPLA: 'seat of a first-order division',
  PPLA2: 'seat of a second-order division',
  PPLA3: 'seat of a third-order division',
  PPLA4: 'seat of a fourth-order division',
  PPLA5: 'seat of a fifth-order division',
  PPLC: 'capital',
  PPLCH: 'historical capital',
  PPLX: 'section of a populated place',
}

/**
 * The first transaction. Triggers keep counts that would show it if a change were applied twice; `progress` counts
 * the transactions themselves.
 */
export function creation(cities: readonly City[]): string[] {
  const features = [...new Set(cities.map(({ feature }) => feature))].sort()
  const rows = features.map((code) => `('${code}','${FEATURES[code] ?? 'other place'}')`)
  return [
    'CREATE TABLE progress(id INTEGER PRIMARY KEY CHECK(id=1), transactions INTEGER NOT NULL);',
    'CREATE TABLE feature(code TEXT PRIMARY KEY, name TEXT NOT NULL);',
    'CREATE TABLE country(code TEXT PRIMARY KEY, cities INTEGER NOT NULL DEFAULT 0, population INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;',
    'CREATE TABLE region(country TEXT NOT NULL REFERENCES country, code TEXT NOT NULL, visits INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(country, code)) WITHOUT ROWID;',
    'CREATE TABLE city(id INTEGER PRIMARY KEY, name TEXT NOT NULL, country TEXT NOT NULL, region TEXT NOT NULL, feature TEXT NOT NULL REFERENCES feature, population INTEGER NOT NULL CHECK(population >= 0), latitude REAL NOT NULL, longitude REAL NOT NULL, FOREIGN KEY(country, region) REFERENCES region(country, code));',
    'CREATE TABLE fact(city INTEGER NOT NULL REFERENCES city ON DELETE CASCADE, about TEXT NOT NULL, value);',
    'CREATE TABLE visit(id INTEGER PRIMARY KEY AUTOINCREMENT, city INTEGER NOT NULL REFERENCES city ON DELETE CASCADE, times INTEGER NOT NULL DEFAULT 1, note TEXT);',
    'CREATE INDEX city_by_region ON city(country, region);',
    'CREATE INDEX fact_by_city ON fact(city);',
    'CREATE INDEX visit_by_city ON visit(city);',
    'CREATE TRIGGER city_founded AFTER INSERT ON city BEGIN UPDATE country SET cities = cities + 1, population = population + NEW.population WHERE code = NEW.country; END;',
    'CREATE TRIGGER city_grown AFTER UPDATE OF population ON city BEGIN UPDATE country SET population = population + NEW.population - OLD.population WHERE code = NEW.country; END;',
    'CREATE TRIGGER city_gone AFTER DELETE ON city BEGIN UPDATE country SET cities = cities - 1, population = population - OLD.population WHERE code = OLD.country; END;',
    'INSERT INTO progress VALUES(1, 0);',
    `INSERT INTO feature VALUES ${rows.join(', ')};`,
  ]
}

/** What the schema allows at some point of the workload. */
export interface Abilities {
  /** The column of a visit's note. */
  readonly note: 'note' | 'remark'
  readonly hasRating: boolean
  readonly hasTwins: boolean
}

export const FIRST_ABILITIES: Abilities = { note: 'note', hasRating: false, hasTwins: false }

export interface SchemaChange {
  /** The share of the row changes after which it comes. */
  readonly after: number
  readonly statements: readonly string[]
  readonly gives: Partial<Abilities>
}

export const SCHEMA_CHANGES: readonly SchemaChange[] = [
  { after: 0.15, statements: ['CREATE INDEX city_by_population ON city(population DESC);'], gives: {} },
  {
    after: 0.3,
    statements: ['ALTER TABLE city ADD COLUMN rating INTEGER NOT NULL DEFAULT 3;'],
    gives: { hasRating: true },
  },
  {
    after: 0.45,
    statements: [
      'CREATE TABLE twin(one INTEGER NOT NULL REFERENCES city ON DELETE CASCADE, other INTEGER NOT NULL REFERENCES city ON DELETE CASCADE, PRIMARY KEY(one, other)) WITHOUT ROWID;',
      'CREATE INDEX twin_by_other ON twin(other);',
    ],
    gives: { hasTwins: true },
  },
  {
    after: 0.6,
    statements: ['ALTER TABLE visit RENAME COLUMN note TO remark;', 'DROP INDEX city_by_region;'],
    gives: { note: 'remark' },
  },
  {
    after: 0.75,
    statements: [
      'CREATE VIEW visited AS SELECT city.name, sum(visit.times) AS times FROM city JOIN visit ON visit.city = city.id GROUP BY city.id;',
      'CREATE TRIGGER visit_repeated AFTER UPDATE OF times ON visit BEGIN UPDATE region SET visits = visits + NEW.times - OLD.times WHERE (country, code) = (SELECT country, region FROM city WHERE id = NEW.city); END;',
    ],
    gives: {},
  },
]
