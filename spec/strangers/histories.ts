// Databases in every state in which files may be found: closed, killed, in the midst of a checkpoint, after a recovery.

import type { Database } from '../../lib/database/database.ts'
import type { Image } from '../../lib/fs/image.ts'
import { contentOf } from '../support/content.ts'
import { MEMORY_DIR, MemoryWorld } from '../support/memory-world.ts'

/** The files of a database at one moment, by suffix. */
export type Files = ReadonlyMap<string, Uint8Array>

export interface History {
  /** Moments at which the files may have been left. */
  readonly moments: readonly Files[]
  /** What was committed at some time. */
  readonly contents: ReadonlySet<string>
}

const BASE = `${MEMORY_DIR}/app`

export function filesOf(image: Image): Files {
  return new Map(
    [...image.files].flatMap(([path, bytes]) =>
      path.startsWith(BASE) ? [[path.slice(BASE.length), bytes]] : [],
    ),
  )
}

const COMMITS: readonly string[] = [
  'CREATE TABLE note(id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL, size AS (length(body)), UNIQUE(body))',
  "INSERT INTO note(body) VALUES('one'), ('two' || char(10) || 'lines'), ('it''s; --@ mark lsn=')",
  'CREATE TABLE pair(a, b, PRIMARY KEY(a, b)) WITHOUT ROWID',
  "INSERT INTO pair VALUES(1, x'00ff'), ('k', ''), (-1.5, 9223372036854775807)",
  'CREATE INDEX by_size ON note(length(body)) WHERE id > 1',
  'CREATE VIEW long AS SELECT * FROM note WHERE size > 5',
  "CREATE TRIGGER copy AFTER INSERT ON note BEGIN INSERT OR IGNORE INTO pair VALUES(new.id, ';'); END",
  "INSERT INTO note(body) VALUES('fired')",
  'CREATE VIRTUAL TABLE search USING fts5(text)',
  "INSERT INTO search VALUES('a red fox'), ('a grey wolf')",
  "UPDATE note SET body = body || '!' WHERE id = 2",
  'UPDATE pair SET b = 7 WHERE a = 1',
  'DELETE FROM note WHERE id = 1',
  'PRAGMA user_version = 5',
  "ALTER TABLE note ADD COLUMN more DEFAULT 'x'",
  'ANALYZE',
  'DROP VIEW long',
  "INSERT INTO note(body) VALUES('last'), ('very last')",
]

/** Lives through all commits, with kills, closes and checkpoints between them, and keeps what the files were meanwhile. */
export function livedThrough(): History {
  const moments: Files[] = []
  const contents = new Set<string>(['', emptyContent()])
  let isWatched = false
  const watched = (image?: Image): MemoryWorld => {
    const world: MemoryWorld = new MemoryWorld({
      ...(image === undefined ? {} : { image }),
      onOperation: ({ kind }) => {
        if (isWatched && (kind === 'rename' || kind === 'remove' || kind === 'create')) {
          moments.push(filesOf(world.files.image()))
        }
        return undefined
      },
    })
    return world
  }
  let world = watched()
  let db: Database = world.open()
  const goOn = (image: Image) => {
    world = watched(image)
    db = world.open()
  }
  for (const [index, sql] of COMMITS.entries()) {
    db.exec(sql)
    contents.add(contentOf(db))
    isWatched = true
    if (index % 6 === 1) goOn(world.image())
    if (index % 6 === 3) db.checkpoint()
    if (index % 9 === 5) {
      db.close()
      goOn(world.image())
    }
    isWatched = false
    moments.push(filesOf(world.image()))
  }
  isWatched = true
  db.close()
  isWatched = false
  moments.push(filesOf(world.image()))
  return { moments: moments.filter((files) => files.size > 0), contents }
}

function emptyContent(): string {
  const db = new MemoryWorld().open()
  try {
    return contentOf(db)
  } finally {
    db.close()
  }
}
