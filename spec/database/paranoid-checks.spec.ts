// paranoid_checks: what was written is read back after each sync, and each snapshot is loaded before it counts.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import { assertLoadsAs } from '../../lib/database/twin.ts'
import {
  CheckpointIncompleteError,
  CommitInDoubtError,
  CorruptionError,
  ReadOnlyModeError,
} from '../../lib/errors.ts'
import type { AppendFile, Files } from '../../lib/fs/files.ts'
import { traced } from '../../lib/fs/trace.ts'
import { thrown } from '../protocol/stage.ts'
import { MEMORY_DIR, MemoryWorld } from '../support/memory-world.ts'

/** The files of a world, of a disk that changes a byte of what is appended where it is told to. */
function mangled(world: MemoryWorld, isMangled: (path: string) => boolean): Files {
  const wrap = (path: string, file: AppendFile): AppendFile => ({
    get sizeBytes() {
      return file.sizeBytes
    },
    append(bytes) {
      const changed = Buffer.from(bytes)
      // In a text, so that only a checksum or a comparison can tell.
      const at = changed.indexOf('body')
      if (isMangled(path) && at >= 0) changed[at] = 'B'.charCodeAt(0)
      file.append(changed)
    },
    sync: () => file.sync(),
    syncAsync: () => file.syncAsync(),
    close: () => file.close(),
  })
  return Object.assign(
    traced(world.files, () => undefined),
    {
      create: (path: string) => wrap(path, world.files.create(path)),
      openAppend: (path: string) => wrap(path, world.files.openAppend(path)),
    },
  )
}

test('the disk mangles the log: without paranoid_checks nobody notices until an open; with it the commit does', () => {
  for (const paranoidChecks of [false, true]) {
    const world = new MemoryWorld()
    let isOn = false
    const files = mangled(world, (path) => isOn && path.includes('.log'))
    const db = new Database(
      `${MEMORY_DIR}/app`,
      { writeDelayMillis: 0, paranoidChecks },
      { ...world.host, files },
    )
    db.exec('CREATE TABLE note(body TEXT)')
    isOn = true
    const insert = () => db.exec("INSERT INTO note VALUES('some body')")
    if (!paranoidChecks) {
      insert()
      continue
    }
    const error = thrown(CommitInDoubtError, insert)
    assert.is(error.severity, 'unrecoverable')
    assert.is(error.subcode, 'EBADMSG')
    assert.is(db.status().failure?.severity, 'unrecoverable')
    assert.is(db.prepare('SELECT count(*) FROM note').pluck().get(), 1)
  }
})

test('a snapshot that cannot be loaded again does not count: the checkpoint is undone, the log is kept', () => {
  const world = new MemoryWorld()
  let isLoading = false
  const open = (options = {}) =>
    world.open({
      ...options,
      setup: (registrar) =>
        registrar.function('fine', { deterministic: true }, (value) => {
          if (isLoading) throw new Error('not today')
          return value
        }),
    })
  const db = open({ paranoidChecks: true })
  db.exec('CREATE TABLE note(body TEXT); CREATE INDEX fine_notes ON note(fine(body))')
  db.exec("INSERT INTO note VALUES('a')")
  db.checkpoint()
  db.exec("INSERT INTO note VALUES('b')")
  isLoading = true
  const error = thrown(CheckpointIncompleteError, () => db.checkpoint())
  isLoading = false
  assert.is(error.severity, 'unrecoverable')
  assert.match(error.message, 'not today')
  thrown(ReadOnlyModeError, () => db.exec("INSERT INTO note VALUES('c')"))
  const again = new MemoryWorld({ image: world.image() })
  const reopened = again.open({
    setup: (registrar) => registrar.function('fine', { deterministic: true }, (value) => value),
  })
  assert.is(reopened.prepare('SELECT group_concat(body) FROM note').pluck().get(), 'a,b')
})

test('every kind of content is the same in the second connection: no false alarm', () => {
  const world = new MemoryWorld()
  const db = world.open({ paranoidChecks: true })
  db.exec(`CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT, x REAL, y BLOB, z TEXT COLLATE NOCASE, g AS (x*2) STORED);
    CREATE TABLE w(k TEXT PRIMARY KEY, v) WITHOUT ROWID;
    CREATE VIRTUAL TABLE s USING fts5(t);
    CREATE VIRTUAL TABLE r USING rtree(id, x0, x1);
    CREATE VIEW v AS SELECT * FROM a;
    CREATE TRIGGER tr AFTER INSERT ON a BEGIN INSERT INTO w VALUES(new.id, new.z); END;
    CREATE UNIQUE INDEX i ON a(z) WHERE z IS NOT NULL;
    PRAGMA user_version=7`)
  const insert = db.prepare('INSERT INTO a(x,y,z) VALUES(?,?,?)')
  for (const x of [0.1, -0, 1e308, Number.POSITIVE_INFINITY, 5e-324])
    insert.run(x, Buffer.from([0, 255]), `n\n${x}\0`)
  db.exec(
    "INSERT INTO s VALUES('a word'),('another'); INSERT INTO r VALUES(1,0,1); DELETE FROM a WHERE id=2; ANALYZE",
  )
  db.checkpoint()
  db.exec("INSERT INTO s VALUES('more')").close()
  assert.is(world.open().prepare('SELECT count(*) FROM s').pluck().get(), 3)
})

test('a snapshot that says something else once it is loaded: told with the place', () => {
  const twin = (...statements: string[]) => [
    '/d/app.script.new',
    [],
    ['CREATE TABLE a(x);\n', "INSERT INTO a VALUES('1');\n"],
    (_pieces: Iterable<Uint8Array>, look: (found: Iterable<string, number | undefined>) => void) =>
      look(withCount(statements)),
  ]
  const outcome = (...statements: string[]) =>
    thrown(CorruptionError, () => Reflect.apply(assertLoadsAs, undefined, twin(...statements))).message
  assert.match(
    outcome('CREATE TABLE a(x);\n', "INSERT INTO a VALUES('2');\n"),
    "it says: INSERT INTO a VALUES('2')",
  )
  assert.match(outcome('CREATE TABLE a(x);\n'), "it lacks: INSERT INTO a VALUES('1')")
  const more = outcome('CREATE TABLE a(x);\n', "INSERT INTO a VALUES('1');\n", 'CREATE TABLE b(x);\n')
  assert.match(more, 'it says more: CREATE TABLE b')
})

function* withCount(statements: readonly string[]): Generator<string, number | undefined> {
  yield* statements
  return undefined
}

test('the schema calls a function that setup does not register: told as such, and no reason to refuse writes', () => {
  const database = new MemoryWorld().open({ paranoidChecks: true, setup: () => undefined })
  database.function('even', { deterministic: true }, (value) => Number(Number(value) % 2 === 0))
  database.exec('CREATE TABLE t(x CHECK(even(x)))')
  const error = thrown(CheckpointIncompleteError, () => database.checkpoint())
  assert.match(error.message, /no such function: even/)
  assert.match(error.message, /option setup/)
  assert.is(error.severity, 'soft')
  database.exec('INSERT INTO t VALUES(2)')
  assert.ok(database.status().isWritable)
})

test.run()
