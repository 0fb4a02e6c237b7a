// The database that the specs of bad input spoil: a table of notes, some in the snapshot, some in the log.

import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { rimrafSync } from 'rimraf'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import type { DatabaseOptions } from '../../lib/database/options.ts'

export const ALL_NOTES = ['in the snapshot', 'in the log', 'also in the log']

/** `DIR/app`, closed cleanly. */
export function closedDatabase(dir: string, name = 'app'): void {
  const db = new Database(join(dir, name), { writeDelayMillis: 0 })
  fill(db)
  db.close()
}

/** `DIR/app` as a kill of its process leaves it: the last two notes are in the log alone. */
export function killedDatabase(dir: string, name = 'app'): void {
  const elsewhere = join(dir, 'elsewhere')
  mkdirSync(elsewhere)
  const db = new Database(join(elsewhere, name), { writeDelayMillis: 0 })
  fill(db)
  cpSync(elsewhere, dir, { recursive: true })
  db.close()
  rimrafSync(elsewhere)
}

function fill(db: Database): void {
  db.exec('CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT NOT NULL)')
  const add = db.prepare('INSERT INTO note(body) VALUES(?)')
  add.run(ALL_NOTES[0])
  db.checkpoint()
  add.run(ALL_NOTES[1])
  add.run(ALL_NOTES[2])
}

/** Opens the database, requires these notes, and that one more can be written; returns what the open reported. */
export function assertNotes(
  dir: string,
  notes: readonly string[] = ALL_NOTES,
  options: DatabaseOptions = {},
  name = 'app',
): ReturnType<Database['status']>['recovery'] {
  const db = new Database(join(dir, name), { writeDelayMillis: 0, ...options })
  try {
    assert.equal(notesOf(db), notes)
    db.prepare('INSERT INTO note(body) VALUES(?)').run('one more')
    db.prepare('DELETE FROM note WHERE body = ?').run('one more')
    return db.status().recovery
  } finally {
    db.close()
  }
}

export function notesOf(db: Database): unknown[] {
  return db.prepare('SELECT body FROM note ORDER BY id').pluck().all()
}
