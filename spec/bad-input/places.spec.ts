// Where a database cannot be: a wrong path, something else under its name, a directory or disk that takes nothing.

import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, renameSync, rmdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import { systemCode } from '../../lib/errors.ts'
import { inspect } from '../../lib/inspect.ts'
import { verify } from '../../lib/verify.ts'
import { MEMORY_DIR, MemoryWorld } from '../support/memory-world.ts'
import { skip } from '../support/skip.ts'
import { inQuickDirectory } from '../support/temp-directory.ts'
import { ALL_NOTES, assertNotes, closedDatabase, killedDatabase, notesOf } from './note-database.ts'
import { refusal, refusalOf, thrownBy, told } from './refusal.ts'

test('a missing directory: named, not created', () =>
  inQuickDirectory((dir) => {
    assert.snapshot(
      String(thrownBy(() => new Database(join(dir, 'data', 'app')))),
      'TypeError: Cannot open database because the directory does not exist',
    )
    assert.equal(readdirSync(dir), [])
    mkdirSync(join(dir, 'data'))
    new Database(join(dir, 'data', 'app')).close()
  }))

test('a path through a file', () =>
  inQuickDirectory((dir) => {
    writeFileSync(join(dir, 'file'), 'mine')
    assert.snapshot(
      refusal(dir, {}, 'file/app'),
      `OpenError SCRIPTLOG_CANNOT_OPEN (not-a-directory)
the database would lie in something that is not a directory (DIR/file)
  hint: correct the path`,
    )
  }))

test('a path through a link that leads nowhere', () =>
  inQuickDirectory((dir) => {
    symlinkSync(join(dir, 'gone'), join(dir, 'link'))
    assert.snapshot(
      String(thrownBy(() => new Database(join(dir, 'link', 'app')))),
      'TypeError: Cannot open database because the directory does not exist',
    )
  }))

test('a base name that is a directory', () =>
  inQuickDirectory((dir) => {
    mkdirSync(join(dir, 'app'))
    assert.snapshot(
      refusal(dir),
      `OpenError SCRIPTLOG_CANNOT_OPEN (is-directory)
the path of the database is a directory (DIR/app)
  hint: give a name inside it, such as DIR/app/app`,
    )
    rmdirSync(join(dir, 'app'))
    closedDatabase(dir)
    assertNotes(dir)
  }))

test('a SQLite file under the base name is told as one, and stays as it is', () =>
  inQuickDirectory((dir) => {
    new BetterSqlite3(join(dir, 'app')).exec('CREATE TABLE t(a)').close()
    assert.snapshot(
      refusal(dir),
      `OpenError SCRIPTLOG_CANNOT_OPEN (sqlite-file)
this is a SQLite file, not a scriptlog database (DIR/app)
  hint: 'sqlite3 app .dump | scriptlog replay NEW -' copies it into a scriptlog database NEW`,
    )
    assert.snapshot(
      refusalOf(dir, () => inspect(join(dir, 'app'))),
      `OpenError SCRIPTLOG_CANNOT_OPEN (sqlite-file)
this is a SQLite file, not a scriptlog database (DIR/app)
  hint: 'sqlite3 app .dump | scriptlog replay NEW -' copies it into a scriptlog database NEW`,
    )
  }))

test('the path of one of its files instead of the database’s', () =>
  inQuickDirectory((dir) => {
    killedDatabase(dir)
    assert.snapshot(
      refusal(dir, {}, 'app.script'),
      `OpenError SCRIPTLOG_CANNOT_OPEN (one-of-its-files)
this is one file of a database, not the path of a database (DIR/app.script)
  hint: give the path without the suffix: DIR/app`,
    )
    assert.snapshot(
      refusal(dir, {}, 'app.log'),
      `OpenError SCRIPTLOG_CANNOT_OPEN (one-of-its-files)
this is one file of a database, not the path of a database (DIR/app.log)
  hint: give the path without the suffix: DIR/app`,
    )
    assertNotes(dir)
  }))

test('any other file under the base name is nobody’s business', () =>
  inQuickDirectory((dir) => {
    writeFileSync(join(dir, 'app'), 'a program, perhaps')
    closedDatabase(dir)
    assertNotes(dir)
  }))

for (const [suffix, text] of [
  [
    '.script',
    `OpenError SCRIPTLOG_CANNOT_OPEN (not-a-file)
app.script is a directory (DIR/app.script)
  hint: move it away: scriptlog keeps a file under this name`,
  ],
  [
    '.log',
    `OpenError SCRIPTLOG_CANNOT_OPEN (not-a-file)
app.log is a directory (DIR/app.log)
  hint: move it away: scriptlog keeps a file under this name`,
  ],
  [
    '.log.next',
    `OpenError SCRIPTLOG_CANNOT_OPEN (not-a-file)
app.log.next is a directory (DIR/app.log.next)
  hint: move it away: scriptlog keeps a file under this name`,
  ],
  [
    '.properties',
    `OpenError SCRIPTLOG_CANNOT_OPEN (not-a-file)
app.properties is a directory (DIR/app.properties)
  hint: move it away: scriptlog keeps a file under this name`,
  ],
  [
    '.script.new',
    `OpenError SCRIPTLOG_CANNOT_OPEN (not-a-file)
app.script.new is a directory (DIR/app.script.new)
  hint: move it away: scriptlog keeps a file under this name`,
  ],
] as const) {
  test(`a directory where app${suffix} should be`, () =>
    inQuickDirectory((dir) => {
      killedDatabase(dir)
      const there = readdirSync(dir).includes(`app${suffix}`)
      if (there) renameSync(join(dir, `app${suffix}`), join(dir, 'kept'))
      mkdirSync(join(dir, `app${suffix}`))
      assert.snapshot(refusal(dir), text)
      rmdirSync(join(dir, `app${suffix}`))
      if (there) renameSync(join(dir, 'kept'), join(dir, `app${suffix}`))
      assertNotes(dir)
    }))
}

if (process.platform === 'win32') skip(test, 'a pipe in place of a log', 'there are no named pipes here')
else {
  test('a pipe in place of a log: refused, not read from for ever', () =>
    inQuickDirectory((dir) => {
      killedDatabase(dir)
      renameSync(join(dir, 'app.log'), join(dir, 'kept'))
      execFileSync('mkfifo', [join(dir, 'app.log')])
      assert.snapshot(
        refusal(dir),
        `OpenError SCRIPTLOG_CANNOT_OPEN (not-a-file)
app.log is a special file (DIR/app.log)
  hint: move it away: scriptlog keeps a file under this name`,
      )
    }))
}

test('no database, and none may be created', () =>
  inQuickDirectory((dir) => {
    const error = thrownBy(() => new Database(join(dir, 'app'), { fileMustExist: true }))
    assert.is(String(error), 'SqliteError: unable to open database file')
    assert.is(systemCode(error), 'SQLITE_CANTOPEN')
    assert.equal(readdirSync(dir), [])
  }))

for (const [path, text] of [
  [
    'a\0b',
    `UsageError SCRIPTLOG_USAGE
the path contains a NUL character
  hint: correct the path`,
  ],
] as const) {
  test(`${JSON.stringify(path)} is no path`, () =>
    inQuickDirectory((dir) => {
      assert.snapshot(
        told(
          thrownBy(() => new Database(path)),
          dir,
        ),
        text,
      )
    }))
}

test('a path that is no text', () => {
  for (const path of [7, {}, ['app']]) {
    assert.throws(() => Reflect.construct(Database, [path]), /Expected first argument to be a string/)
  }
})

/** Acts as a user who may not write everywhere. */
function unprivileged<T>(act: () => T): T {
  const { geteuid, seteuid } = process
  if (geteuid === undefined || seteuid === undefined || geteuid.call(process) !== 0) return act()
  seteuid.call(process, 65_534)
  try {
    return act()
  } finally {
    seteuid.call(process, 0)
  }
}

if (process.platform === 'win32')
  skip(test, 'a directory that may not be written', 'Windows has other rights')
else {
  test('a directory that may not be written: a new database cannot be, and nothing is there afterwards', () =>
    inQuickDirectory((dir) => {
      mkdirSync(join(dir, 'data'))
      chmodSync(dir, 0o755)
      chmodSync(join(dir, 'data'), 0o555)
      assert.snapshot(
        unprivileged(() => refusal(dir, {}, 'data/app')),
        `OpenError SCRIPTLOG_CANNOT_OPEN (EACCES)
the database cannot be opened: EACCES: permission denied, open 'DIR/data/app.lck' (DIR/data/app.lck)
  hint: a database is opened by who may write its directory and files; nothing was changed. inspect() and readLog() only read`,
      )
      assert.equal(readdirSync(join(dir, 'data')), [])
      chmodSync(join(dir, 'data'), 0o755)
    }))

  test('files that may not be read: refused, and open again once they may', () =>
    inQuickDirectory((dir) => {
      closedDatabase(dir)
      chmodSync(dir, 0o777)
      chmodSync(join(dir, 'app.lck'), 0o666)
      chmodSync(join(dir, 'app.script'), 0o000)
      const seen = unprivileged(() =>
        told(
          thrownBy(() => new Database(join(dir, 'app'))),
          dir,
        ),
      )
      assert.snapshot(
        seen,
        `OpenError SCRIPTLOG_CANNOT_OPEN (EACCES)
the database cannot be opened: EACCES: permission denied, open 'DIR/app.log' (DIR/app.log)
  hint: a database is opened by who may write its directory and files; nothing was changed. inspect() and readLog() only read`,
      )
      chmodSync(join(dir, 'app.script'), 0o600)
      assertNotes(dir)
    }))
}

const CHANGING = new Set(['create', 'append', 'rename', 'remove', 'makeDir', 'sync', 'syncDir'])
for (const code of ['EROFS', 'EACCES', 'ENOSPC', 'EDQUOT', 'EIO'] as const) {
  test(`${code} from any write of an open on: told as one that can be mended, and everything is there afterwards`, () => {
    const before = new MemoryWorld()
    const db = before.open()
    db.exec('CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT NOT NULL)')
    for (const note of ALL_NOTES) db.prepare('INSERT INTO note(body) VALUES(?)').run(note)
    const once = before.killed()
    once.open()
    // Opened once after a kill, and again, so that the second has to make a checkpoint.
    for (const image of [before.image(), once.image()]) {
      let isRefused = true
      for (let failing = 0; isRefused; failing++) {
        let asked = 0
        const world = new MemoryWorld({
          image,
          onOperation: ({ kind }) => (CHANGING.has(kind) && asked++ >= failing ? { code } : undefined),
        })
        try {
          world.open()
          isRefused = false
        } catch (error) {
          const text = told(error, MEMORY_DIR)
          assert.match(text, new RegExp(`^OpenError SCRIPTLOG_CANNOT_OPEN \\(${code}\\)\n`))
          assert.match(text, /\(DIR.*\)\n/)
          assert.match(text, /hint: mend the cause and open again/)
        }
        assert.ok(isRefused || failing > 5, 'an open writes')
        assert.equal(notesOf(world.killed().open()), ALL_NOTES)
      }
    }
  })
}

test('a file that cannot be read (EIO) is no evidence of anything: each read of an open fails once, nothing changes', () => {
  const before = new MemoryWorld()
  const db = before.open()
  db.exec('CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT NOT NULL)')
  db.checkpoint()
  for (const note of ALL_NOTES) db.prepare('INSERT INTO note(body) VALUES(?)').run(note)
  const image = before.image()
  let reads = 0
  new MemoryWorld({
    image,
    onOperation: ({ kind }) => {
      if (kind === 'read' || kind === 'openRead' || kind === 'stat') reads++
      return undefined
    },
  }).open()
  assert.ok(reads > 10)
  for (let failing = 0; failing < reads; failing++) {
    let asked = 0
    const world = new MemoryWorld({
      image,
      onOperation: ({ kind }) => {
        if (kind !== 'read' && kind !== 'openRead' && kind !== 'stat') return undefined
        return asked++ === failing ? { code: 'EIO' } : undefined
      },
    })
    try {
      // A read may be one whose failure does no harm.
      assert.equal(notesOf(world.open()), ALL_NOTES)
    } catch (error) {
      const text = told(error, MEMORY_DIR)
      assert.match(text, /\(EIO\)\n/, `read ${failing}`)
      assert.match(text, /hint: /, `read ${failing}`)
    }
    assert.equal(notesOf(world.killed().open()), ALL_NOTES, `read ${failing}`)
  }
})

/** A file system of 256 kB, or why there is none. */
function smallDisk(dir: string): string | undefined {
  if (process.platform !== 'linux' || process.geteuid?.() !== 0) return 'needs root on Linux'
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'none', dir], { stdio: 'pipe' })
    return undefined
  } catch (error) {
    return `tmpfs cannot be mounted: ${systemCode(error) ?? 'refused'}`
  }
}

test('a real disk that fills up: the commit is in doubt, reads go on, and space brings everything back', () =>
  inQuickDirectory((dir) => {
    const why = smallDisk(dir)
    if (why !== undefined) {
      console.log(`skipped: a real disk that fills up (${why})`)
      return
    }
    try {
      const db = new Database(join(dir, 'app'), { writeDelayMillis: 0 })
      db.exec('CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT NOT NULL)')
      writeFileSync(join(dir, 'ballast'), Buffer.alloc(131_072))
      const add = db.prepare('INSERT INTO note(body) VALUES(?)')
      let acknowledged = 0
      const failure = thrownBy(() => {
        for (;;) {
          add.run('x'.repeat(500))
          acknowledged++
        }
      })
      assert.snapshot(
        told(failure, dir)
          .replace(/LSN \S+/, 'LSN …')
          .replace(/: .*\n/, ': …\n'),
        `CommitInDoubtError SCRIPTLOG_COMMIT_IN_DOUBT (ENOSPC)
the commit is visible and may not be durable: …
  hint: mend the cause; do not repeat the transaction, it was not rolled back`,
      )
      assert.is(notesOf(db).length, acknowledged + 1)
      assert.throws(() => add.run('more'), /writes are refused/)
      assert.throws(() => db.resume())
      execFileSync('rm', [join(dir, 'ballast')])
      db.resume()
      add.run('more')
      const notes = notesOf(db)
      assert.is(notes.length, acknowledged + 2)
      db.close({ mode: 'immediately' })
      assert.equal(verify(join(dir, 'app')).problems, [])
      const again = new Database(join(dir, 'app'))
      assert.equal(notesOf(again), notes)
      again.close({ mode: 'immediately' })
    } finally {
      execFileSync('umount', [dir])
    }
  }))

test.run()
