// `.script` cut, edited, missing, foreign, newer: never half of it is opened, and what to do is told.

import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import { crc32, formatCrc } from '../../lib/format/checksum.ts'
import { MemoryFiles } from '../../lib/fs/memory.ts'
import { readScript, writeScript } from '../../lib/script.ts'
import { verify } from '../../lib/verify.ts'
import { inQuickDirectory } from '../support/temp-directory.ts'
import { ALL_NOTES, assertNotes, closedDatabase, killedDatabase } from './note-database.ts'
import { refusal, refusalByInspection } from './refusal.ts'

/** Spoils DIR/app.script, requires the refusal, puts it back, requires that everything is there. */
function assertRefused(dir: string, spoil: (script: Buffer) => string | Uint8Array, text: string): void {
  const path = join(dir, 'app.script')
  const before = readFileSync(path)
  writeFileSync(path, spoil(before))
  assert.snapshot(withoutNumbers(refusal(dir)), text)
  assert.ok(refusalByInspection(dir) !== undefined, 'inspect says the same')
  assert.is(verify(join(dir, 'app')).isSound, false, 'verify says the same')
  writeFileSync(path, before)
}

/** Identities are random. */
function withoutNumbers(text: string): string {
  return text.replace(/db=[0-9a-f]{16}/g, 'db=…')
}

const SPOILS: readonly (readonly [
  name: string,
  spoil: (script: Buffer) => string | Uint8Array,
  text: string,
])[] = [
  [
    'empty',
    () => '',
    `OpenError SCRIPTLOG_CANNOT_OPEN (script-damaged)
.script is not whole; app.script: it is empty (DIR/app.script, offset 0)
  hint: nothing was changed: delete none of the files. Put app.script back from a copy and leave the logs where they are: what was committed since is redone from them. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain`,
  ],
  [
    'cut in its first line',
    (script) => script.subarray(0, 40),
    `OpenError SCRIPTLOG_CANNOT_OPEN (script-damaged)
.script is not whole; app.script: it ends within its first line (DIR/app.script, offset 40)
  hint: nothing was changed: delete none of the files. Put app.script back from a copy and leave the logs where they are: what was committed since is redone from them. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain`,
  ],
  [
    'cut in the middle of a row',
    (script) => script.subarray(0, script.indexOf('snapshot') + 3),
    `OpenError SCRIPTLOG_CANNOT_OPEN (script-damaged)
.script is not whole; app.script: its last line is missing (DIR/app.script, offset 314)
  hint: nothing was changed: delete none of the files. Put app.script back from a copy and leave the logs where they are: what was committed since is redone from them. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain`,
  ],
  [
    'without its last line',
    (script) => script.subarray(0, script.lastIndexOf('\n--@ end') + 1),
    `OpenError SCRIPTLOG_CANNOT_OPEN (script-damaged)
.script is not whole; app.script: its last line is missing (DIR/app.script, offset 409)
  hint: nothing was changed: delete none of the files. Put app.script back from a copy and leave the logs where they are: what was committed since is redone from them. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain`,
  ],
  [
    'without its last byte',
    (script) => script.subarray(0, -1),
    `OpenError SCRIPTLOG_CANNOT_OPEN (script-damaged)
.script is not whole; app.script: its last line is missing (DIR/app.script, offset 565)
  hint: nothing was changed: delete none of the files. Put app.script back from a copy and leave the logs where they are: what was committed since is redone from them. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain`,
  ],
  [
    'with a value edited',
    (script) => script.toString().replace('in the snapshot', 'by my own hand!'),
    `OpenError SCRIPTLOG_CANNOT_OPEN (script-damaged)
.script is not whole; app.script: its checksum does not fit: somebody, or the disk, changed it after it was written (DIR/app.script, offset 261)
  hint: nothing was changed: delete none of the files. Put app.script back from a copy and leave the logs where they are: what was committed since is redone from them. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain. An edited text is no snapshot: 'scriptlog replay NEW app.script' makes a new database of it`,
  ],
  [
    'with a row added',
    (script) => script.toString().replace("(1,'in", "(7,'mine'),\n(1,'in"),
    `OpenError SCRIPTLOG_CANNOT_OPEN (script-damaged)
.script is not whole; app.script: its last line stands at byte 421 instead of 409 (DIR/app.script, offset 421)
  hint: nothing was changed: delete none of the files. Put app.script back from a copy and leave the logs where they are: what was committed since is redone from them. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain. An edited text is no snapshot: 'scriptlog replay NEW app.script' makes a new database of it`,
  ],
  [
    'with Windows line ends',
    (script) => script.toString().replaceAll('\n', '\r\n'),
    `OpenError SCRIPTLOG_CANNOT_OPEN (script-damaged)
.script is not whole; app.script: its first line is damaged (DIR/app.script, offset 0)
  hint: nothing was changed: delete none of the files. Put app.script back from a copy and leave the logs where they are: what was committed since is redone from them. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain. An edited text is no snapshot: 'scriptlog replay NEW app.script' makes a new database of it`,
  ],
  [
    'with a line behind its end',
    (script) => `${script}DROP TABLE note;\n`,
    `OpenError SCRIPTLOG_CANNOT_OPEN (script-damaged)
.script is not whole; app.script: its last line is missing (DIR/app.script, offset 583)
  hint: nothing was changed: delete none of the files. Put app.script back from a copy and leave the logs where they are: what was committed since is redone from them. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain`,
  ],
  [
    'zeros',
    (script) => new Uint8Array(script.length),
    `OpenError SCRIPTLOG_CANNOT_OPEN (script-damaged)
.script is not whole; app.script: it is not a script of scriptlog (DIR/app.script, offset 0)
  hint: nothing was changed: delete none of the files. Put app.script back from a copy and leave the logs where they are: what was committed since is redone from them. SQL from elsewhere is brought in with 'scriptlog replay NEW app.script'`,
  ],
  [
    'with zeros behind its end',
    (script) => Buffer.concat([script, Buffer.alloc(100)]),
    `OpenError SCRIPTLOG_CANNOT_OPEN (script-damaged)
.script is not whole; app.script: its last line is missing (DIR/app.script, offset 666)
  hint: nothing was changed: delete none of the files. Put app.script back from a copy and leave the logs where they are: what was committed since is redone from them. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain`,
  ],
  [
    'with its first line edited',
    (script) => script.toString().replace('timeline=1', 'timeline=2'),
    `OpenError SCRIPTLOG_CANNOT_OPEN (script-damaged)
.script is not whole; app.script: its first line is damaged (DIR/app.script, offset 0)
  hint: nothing was changed: delete none of the files. Put app.script back from a copy and leave the logs where they are: what was committed since is redone from them. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain. An edited text is no snapshot: 'scriptlog replay NEW app.script' makes a new database of it`,
  ],
  [
    'a script of HSQLDB',
    () => 'SET DATABASE UNIQUE NAME HSQLDB5A3F\nCREATE SCHEMA PUBLIC\n',
    `OpenError SCRIPTLOG_CANNOT_OPEN (script-damaged)
.script is not whole; app.script: it is a script of HSQLDB (DIR/app.script, offset 0)
  hint: nothing was changed: delete none of the files. Put app.script back from a copy and leave the logs where they are: what was committed since is redone from them. SQL from elsewhere is brought in with 'scriptlog replay NEW app.script'`,
  ],
  [
    'somebody’s SQL',
    () => 'CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT);\n',
    `OpenError SCRIPTLOG_CANNOT_OPEN (script-damaged)
.script is not whole; app.script: it is not a script of scriptlog (DIR/app.script, offset 0)
  hint: nothing was changed: delete none of the files. Put app.script back from a copy and leave the logs where they are: what was committed since is redone from them. SQL from elsewhere is brought in with 'scriptlog replay NEW app.script'`,
  ],
  [
    'of a newer format',
    (script) => newer(script),
    `OpenError SCRIPTLOG_CANNOT_OPEN (newer-format)
app.script was written by a newer scriptlog (DIR/app.script)
  hint: open it with that version or a later one; nothing was changed`,
  ],
]

/** The header of a later format, with a checksum that is right. */
function newer(script: Buffer): string {
  const text = script.toString()
  const line = text.slice(0, text.indexOf(' crc=')).replace('script 1 ', 'script 2 ')
  return `${line} crc=${formatCrc(crc32(line))}\nand what nobody knows yet\n`
}

for (const [name, spoil, text] of SPOILS) {
  test(`.script ${name}, after a kill and after a clean end: refused, and whole again when it is put back`, () =>
    inQuickDirectory((dir) => {
      killedDatabase(dir)
      assertRefused(dir, spoil, text)
      assertNotes(dir)
      const path = join(dir, 'app.script')
      const before = readFileSync(path)
      writeFileSync(path, spoil(before))
      refusal(dir)
      writeFileSync(path, before)
      assertNotes(dir)
    }))
}

test('a SQLite file in place of .script', () =>
  inQuickDirectory((dir) => {
    killedDatabase(dir)
    renameSync(join(dir, 'app.script'), join(dir, 'kept'))
    new BetterSqlite3(join(dir, 'app.script')).exec('CREATE TABLE t(a)').close()
    assert.snapshot(
      refusal(dir),
      `OpenError SCRIPTLOG_CANNOT_OPEN (script-damaged)
.script is not whole; app.script: it is a SQLite database file (DIR/app.script, offset 0)
  hint: nothing was changed: delete none of the files. Put app.script back from a copy and leave the logs where they are: what was committed since is redone from them. SQL from elsewhere is brought in with 'scriptlog replay NEW app.script'`,
    )
    renameSync(join(dir, 'kept'), join(dir, 'app.script'))
    assertNotes(dir)
  }))

test('.script is gone, the log is there', () =>
  inQuickDirectory((dir) => {
    killedDatabase(dir)
    renameSync(join(dir, 'app.script'), join(dir, 'kept'))
    assert.snapshot(
      refusal(dir),
      `OpenError SCRIPTLOG_CANNOT_OPEN (script-missing)
there is no .script, and the logs do not hold everything from the beginning on; app.log: it begins past 0/00000000: what was committed before it is in no file (DIR/app.script)
  hint: nothing was changed: delete none of the files. Put app.script back from a copy and leave the logs where they are: what was committed since is redone from them. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain`,
    )
    renameSync(join(dir, 'kept'), join(dir, 'app.script'))
    assertNotes(dir)
  }))

test('only .script.new is left: told what it holds and how to open it, and that works', () =>
  inQuickDirectory((dir) => {
    closedDatabase(dir)
    renameSync(join(dir, 'app.script'), join(dir, 'app.script.new'))
    for (const file of ['app.properties', 'app.log']) rmSync(join(dir, file))
    assert.snapshot(
      refusal(dir).replace(/LSN \S+,/, 'LSN …,'),
      `OpenError SCRIPTLOG_CANNOT_OPEN (only-new-files)
only a prepared snapshot (.script.new) is there, without .properties, .script and .log (DIR/app)
  hint: nothing was changed: delete none of the files. app.script.new is a whole snapshot (LSN …, xid 4): to open that state, copy all files elsewhere, then rename it to app.script`,
    )
    renameSync(join(dir, 'app.script.new'), join(dir, 'app.script'))
    assertNotes(dir)
  }))

test('only half of a .script.new is left', () =>
  inQuickDirectory((dir) => {
    closedDatabase(dir)
    const script = readFileSync(join(dir, 'app.script'))
    writeFileSync(join(dir, 'app.script.new'), script.subarray(0, script.length / 2))
    for (const file of ['app.properties', 'app.log', 'app.script']) rmSync(join(dir, file))
    assert.snapshot(
      refusal(dir).replace(/offset \d+/g, 'offset …'),
      `OpenError SCRIPTLOG_CANNOT_OPEN (only-new-files)
only a prepared snapshot (.script.new) is there, without .properties, .script and .log; app.script.new: its last line is missing, at offset … (DIR/app)
  hint: nothing was changed: delete none of the files. Put app.script back from a copy and leave the logs where they are: what was committed since is redone from them. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain`,
    )
  }))

test('a lone copy of a .script opens, with a warning', () =>
  inQuickDirectory((dir) => {
    closedDatabase(dir, 'other')
    copyFileSync(join(dir, 'other.script'), join(dir, 'app.script'))
    assert.equal(assertNotes(dir).warnings, [
      'app.properties held no state: it was rebuilt from the other files',
    ])
    assert.equal(assertNotes(dir).warnings, [])
    assertNotes(dir, ALL_NOTES, {}, 'other')
  }))

test('the .script of another database beside .properties and .log', () =>
  inQuickDirectory((dir) => {
    killedDatabase(dir)
    closedDatabase(dir, 'other')
    assertRefused(
      dir,
      () => readFileSync(join(dir, 'other.script')),
      `OpenError SCRIPTLOG_CANNOT_OPEN (mixed-files)
app.script and app.properties do not belong together: of the script, it belongs to another database (db=…), and the state file is that of db=… (DIR/app.script, offset 0)
  hint: nothing was changed: delete none of the files. The first line of a script or log names its database (db=): put files of one database together again. Where only app.properties is foreign, move it away: it is rebuilt from the others`,
    )
    assertNotes(dir)
  }))

test('the .script of another database beside .log alone', () =>
  inQuickDirectory((dir) => {
    killedDatabase(dir)
    closedDatabase(dir, 'other')
    renameSync(join(dir, 'app.properties'), join(dir, 'kept'))
    assertRefused(
      dir,
      () => readFileSync(join(dir, 'other.script')),
      `CorruptionError SCRIPTLOG_CORRUPT (foreign)
app.log does not continue what is there: it belongs to another database (db=…) (DIR/app.log, offset 465, LSN 0/000003A9)
  hint: nothing was changed: delete none of the files. Put the log back from a copy, or accept the loss with recovery_mode=stop_at_damage (everything before LSN 0/000003A9) or skip_any_corrupted_records (all that verifies); the damaged file is then kept in app.rejected/. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain, and changes nothing here`,
    )
    renameSync(join(dir, 'kept'), join(dir, 'app.properties'))
    assertNotes(dir)
  }))

test('an older .script is put back beside newer files: the commits between the two are missing, which is told', () =>
  inQuickDirectory((dir) => {
    closedDatabase(dir)
    copyFileSync(join(dir, 'app.script'), join(dir, 'older'))
    const db = new Database(join(dir, 'app'), { writeDelayMillis: 0 })
    db.exec("INSERT INTO note(body) VALUES('newer')")
    db.checkpoint()
    db.exec("INSERT INTO note(body) VALUES('newest')")
    db.close({ mode: 'immediately' })
    assertRefused(
      dir,
      () => readFileSync(join(dir, 'older')),
      `CorruptionError SCRIPTLOG_CORRUPT (gap)
app.log leaves out commits: it begins past the snapshot: the log between the two is missing (DIR/app.log, offset 0, LSN 0/000003A9)
  hint: nothing was changed: delete none of the files. Put the log back from a copy, or accept the loss with recovery_mode=stop_at_damage (everything before LSN 0/000003A9) or skip_any_corrupted_records (all that verifies); the damaged file is then kept in app.rejected/. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain, and changes nothing here`,
    )
    assertNotes(dir, [...ALL_NOTES, 'newer', 'newest'])
    assertRefused(
      dir,
      () => readFileSync(join(dir, 'older')),
      `CorruptionError SCRIPTLOG_CORRUPT (gap)
app.log leaves out commits: it begins past the snapshot: the log between the two is missing (DIR/app.log, offset 0, LSN 0/000003A9)
  hint: nothing was changed: delete none of the files. Put the log back from a copy, or accept the loss with recovery_mode=stop_at_damage (everything before LSN 0/000003A9) or skip_any_corrupted_records (all that verifies); the damaged file is then kept in app.rejected/. Without a copy, 'scriptlog repair app --out NEW' saves into a new database what is certain, and changes nothing here`,
    )
    assertNotes(dir, [...ALL_NOTES, 'newer', 'newest'])
  }))

test('an older .script beside a log that goes on from it: nothing is missing, it opens', () =>
  inQuickDirectory((dir) => {
    killedDatabase(dir)
    copyFileSync(join(dir, 'app.script'), join(dir, 'older'))
    copyFileSync(join(dir, 'app.log'), join(dir, 'app.log.kept'))
    copyFileSync(join(dir, 'app.properties'), join(dir, 'app.properties.kept'))
    assertNotes(dir)
    // The whole of an older copy is a database: that of then.
    renameSync(join(dir, 'older'), join(dir, 'app.script'))
    renameSync(join(dir, 'app.log.kept'), join(dir, 'app.log'))
    renameSync(join(dir, 'app.properties.kept'), join(dir, 'app.properties'))
    assert.not(existsSync(join(dir, 'app.log.next')))
    assertNotes(dir)
  }))

test('a script with statements that scriptlog never writes: refused with its place, and none of them is run', () =>
  inQuickDirectory((dir) => {
    closedDatabase(dir)
    const path = join(dir, 'app.script')
    for (const [sql, text] of [
      [
        "ATTACH 'spec-stolen' AS stolen;",
        `OpenError SCRIPTLOG_CANNOT_OPEN (refused-statement)
the snapshot cannot be loaded: the statement ATTACH is refused: "ATTACH 'spec-stolen' AS stolen;\\n…" (DIR/app.script, offset …)
  hint: delete none of the files. Scriptlog runs only what it writes itself; to run other SQL, replay the file into a database`,
      ],
      [
        'PRAGMA writable_schema=ON;',
        `OpenError SCRIPTLOG_CANNOT_OPEN (refused-statement)
the snapshot cannot be loaded: the statement PRAGMA is refused: "PRAGMA writable_schema=ON;\\n…" (DIR/app.script, offset …)
  hint: delete none of the files. Scriptlog runs only what it writes itself; to run other SQL, replay the file into a database`,
      ],
      [
        `INSERT INTO note(body) VALUES(load_extension('evil'));`,
        `OpenError SCRIPTLOG_CANNOT_OPEN (refused-statement)
the snapshot cannot be loaded: a statement on rows that scriptlog does not write is refused: "INSERT INTO note(body) VALUES(load_extension('evil'));\\n…" (DIR/app.script, offset …)
  hint: delete none of the files. Scriptlog runs only what it writes itself; to run other SQL, replay the file into a database`,
      ],
      [
        "VACUUM INTO 'spec-stolen';",
        `OpenError SCRIPTLOG_CANNOT_OPEN (refused-statement)
the snapshot cannot be loaded: the statement VACUUM is refused: "VACUUM INTO 'spec-stolen';\\n…" (DIR/app.script, offset …)
  hint: delete none of the files. Scriptlog runs only what it writes itself; to run other SQL, replay the file into a database`,
      ],
    ] as const) {
      const before = readFileSync(path)
      writeFileSync(path, forged(before, sql))
      assert.snapshot(
        refusal(dir)
          .replace(/offset \d+/g, 'offset …')
          .replace(/--@[^"]*/, '…'),
        text,
      )
      assert.not(existsSync('spec-stolen'))
      writeFileSync(path, before)
    }
    assertNotes(dir)
  }))

/** The script with a statement more, and checksums that are right. */
function forged(script: Buffer, sql: string): Uint8Array {
  const files = new MemoryFiles()
  const file = files.create('/app.script')
  const found = readScript({
    sizeBytes: script.length,
    read: (at, size) => script.subarray(at, at + size),
    close: () => undefined,
  })
  assert.is(found.kind, 'whole')
  if (found.kind !== 'whole') return script
  const body = script.toString().split(/^BEGIN;$|^COMMIT;$/m)[1] ?? ''
  const statements = body.split(/^--@ chunk .*$/m).map((statement) => statement.trimStart())
  writeScript(file, found.header, [...statements, `${sql}\n`])
  return files.openRead('/app.script').read(0, file.sizeBytes)
}

test.run()
