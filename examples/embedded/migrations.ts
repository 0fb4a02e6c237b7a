// The schema, as the steps that made it. A database of any earlier version is brought to the newest one at the open;
// steps are only ever added at the end.

import type { Database } from '../../lib/index.ts'

const MIGRATIONS: readonly string[] = [
  `CREATE TABLE project(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
   CREATE TABLE work(
     id INTEGER PRIMARY KEY,
     project INTEGER NOT NULL REFERENCES project,
     begun INTEGER NOT NULL, -- seconds since 1970
     ended INTEGER CHECK(ended >= begun)
   );`,
  `ALTER TABLE work ADD COLUMN note TEXT NOT NULL DEFAULT '';
   CREATE UNIQUE INDEX one_at_a_time ON work(ended IS NULL) WHERE ended IS NULL;`,
]

/**
 * Brings the schema to the newest version, which `PRAGMA user_version` counts. Each step and its number are one
 * transaction: a crash leaves the version before it or after it, never half a step.
 */
export function migrate(database: Database): void {
  const version = Number(database.pragma('user_version', { simple: true }))
  if (version > MIGRATIONS.length)
    throw new Error('these files were written by a newer version of this program')
  for (const [index, statements] of MIGRATIONS.entries()) {
    if (index < version) continue
    database.transaction(() => {
      database.exec(statements)
      database.pragma(`user_version = ${index + 1}`)
    })()
  }
}
