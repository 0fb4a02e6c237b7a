// `.properties` lost, emptied, cut or edited: the other files tell the state, and a warning tells that they did.

import { readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import { crc32, formatCrc } from '../../lib/format/checksum.ts'
import { inspect } from '../../lib/inspect.ts'
import { MEMORY_DIR, MemoryWorld } from '../support/memory-world.ts'
import { inQuickDirectory } from '../support/temp-directory.ts'
import { assertNotes, closedDatabase, killedDatabase, notesOf } from './note-database.ts'
import { filesIn, refusal, told } from './refusal.ts'

const ENDINGS = [
  ['closed cleanly', closedDatabase],
  ['killed', killedDatabase],
] as const

const DAMAGE: readonly (readonly [
  name: string,
  damage: (text: string) => string | Uint8Array,
  warning: string,
])[] = [
  ['empty', () => '', 'app.properties was damaged (it is empty): the state was rebuilt from the other files'],
  [
    'white space',
    () => ' \n\n',
    'app.properties was damaged (it holds nothing but white space): the state was rebuilt from the other files',
  ],
  [
    'zeros',
    (text) => new Uint8Array(text.length),
    'app.properties was damaged (it is not text): the state was rebuilt from the other files',
  ],
  [
    'binary',
    () => Uint8Array.from({ length: 300 }, (_, at) => (at * 7 + 128) % 256),
    'app.properties was damaged (it is not text): the state was rebuilt from the other files',
  ],
  [
    'cut in the middle',
    (text) => text.slice(0, text.length / 2),
    "app.properties was damaged (the line 'tx_timestamp=' is missing): the state was rebuilt from the other files",
  ],
  [
    'an edited state',
    (text) => text.replace(/modified=\S+/, 'modified=no-new-files'),
    'app.properties was damaged (its state lines were changed or cut): the state was rebuilt from the other files',
  ],
  [
    'an edited LSN',
    (text) => text.replace(/checkpoint_lsn=.*/, 'checkpoint_lsn=0/7FFFFFFF'),
    'app.properties was damaged (its state lines were changed or cut): the state was rebuilt from the other files',
  ],
  [
    'a state line twice',
    (text) => `${text}modified=no\n`,
    'app.properties was damaged (a state line stands twice): the state was rebuilt from the other files',
  ],
  [
    'far too large',
    (text) => text + '#'.repeat(2 << 20),
    'app.properties was damaged (it is larger than 1 MiB): the state was rebuilt from the other files',
  ],
  [
    'settings alone',
    () => 'log_size=7\n',
    'app.properties held no state: it was rebuilt from the other files',
  ],
  [
    'comments alone',
    () => '# nothing here\n',
    'app.properties held no state: it was rebuilt from the other files',
  ],
]

for (const [ending, build] of ENDINGS) {
  for (const [name, damage, warning] of DAMAGE) {
    test(`${ending}, then .properties is ${name}: rebuilt, everything is there, a warning says so`, () =>
      inQuickDirectory((dir) => {
        build(dir)
        const path = join(dir, 'app.properties')
        const damaged = damage(readFileSync(path, 'utf8'))
        writeFileSync(path, damaged)
        const before = filesIn(dir)
        assert.is(inspect(join(dir, 'app')).refusal, undefined)
        assert.equal(filesIn(dir), before)
        const report = assertNotes(dir)
        assert.snapshot(report.warnings.join('\n'), warning)
        const isKept = !name.endsWith('alone')
        assert.is(report.setAside.length, isKept ? 1 : 0)
        for (const kept of report.setAside) assert.equal(readFileSync(kept.path), Buffer.from(damaged))
        assert.equal(assertNotes(dir).warnings, [], 'the next open finds nothing unusual')
      }))
  }

  test(`${ending}, then .properties is gone: rebuilt from the headers, with a warning`, () =>
    inQuickDirectory((dir) => {
      build(dir)
      const { databaseId } = inspect(join(dir, 'app'))
      unlinkSync(join(dir, 'app.properties'))
      assert.equal(assertNotes(dir).warnings, [
        'app.properties held no state: it was rebuilt from the other files',
      ])
      assert.is(inspect(join(dir, 'app')).databaseId, databaseId, 'it is the same database')
    }))
}

test('.properties cut at any byte, after a clean end and after a kill: rebuilt, and whole again', () => {
  for (const ending of ['closed', 'killed']) {
    const world = new MemoryWorld()
    const db = world.open()
    db.exec("CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT); INSERT INTO note(body) VALUES('a')")
    db.exec('SET FILES LOG SIZE 7')
    if (ending === 'closed') db.close()
    const files = new Map(world.image().files)
    const whole = files.get(`${MEMORY_DIR}/app.properties`) ?? new Uint8Array(0)
    assert.ok(whole.length > 100)
    for (let length = 0; length < whole.length; length++) {
      files.set(`${MEMORY_DIR}/app.properties`, whole.slice(0, length))
      const cut = new MemoryWorld({ image: { ...world.image(), files } })
      let first: Database
      try {
        first = cut.open()
      } catch (error) {
        // The state is whole and half a setting stands behind it: that is for a person to mend.
        assert.match(told(error, MEMORY_DIR), /is not a setting of scriptlog|must be a whole number/)
        assert.ok(Buffer.from(whole.slice(0, length)).includes('state_crc='))
        continue
      }
      assert.equal(notesOf(first), ['a'], `cut at ${length}`)
      first.exec("UPDATE note SET body = 'b'")
      const second = cut.killed().open()
      assert.equal(notesOf(second), ['b'], `cut at ${length}`)
      assert.equal(second.status().recovery.warnings, [], `cut at ${length}: whole again`)
    }
  }
})

test('a database without a checkpoint loses .properties: the log from the beginning tells everything', () =>
  inQuickDirectory((dir) => {
    const db = new Database(join(dir, 'app'), { writeDelayMillis: 0 })
    db.exec("CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT); INSERT INTO note(body) VALUES('a')")
    db.close({ mode: 'immediately' })
    rmSync(join(dir, 'app.properties'))
    assert.snapshot(
      assertNotes(dir, ['a']).warnings.join('\n'),
      'app.properties held no state: it was rebuilt from the other files',
    )
  }))

test('an empty .properties and nothing else is damage, not a new database', () =>
  inQuickDirectory((dir) => {
    writeFileSync(join(dir, 'app.properties'), '')
    assert.snapshot(
      refusal(dir),
      `OpenError SCRIPTLOG_CANNOT_OPEN (script-and-log-missing)
there is neither a .script nor a log (DIR/app.script)
  hint: nothing was changed: delete none of the files. Put app.script back from a copy and leave the logs where they are: what was committed since is redone from them`,
    )
    rmSync(join(dir, 'app.properties'))
    new Database(join(dir, 'app')).close()
  }))

test('.properties alone, of a database whose other files are gone', () =>
  inQuickDirectory((dir) => {
    closedDatabase(dir)
    rmSync(join(dir, 'app.script'))
    rmSync(join(dir, 'app.log'))
    assert.snapshot(
      refusal(dir),
      `OpenError SCRIPTLOG_CANNOT_OPEN (script-and-log-missing)
there is neither a .script nor a log (DIR/app.script)
  hint: nothing was changed: delete none of the files. Put app.script back from a copy and leave the logs where they are: what was committed since is redone from them`,
    )
  }))

test('.properties of a newer format', () =>
  inQuickDirectory((dir) => {
    closedDatabase(dir)
    const path = join(dir, 'app.properties')
    const before = readFileSync(path, 'utf8')
    writeFileSync(path, withVersion(before, 2))
    assert.snapshot(
      refusal(dir),
      `OpenError SCRIPTLOG_CANNOT_OPEN (newer-format)
app.properties was written by a newer scriptlog (format 2) (DIR/app.properties)
  hint: open it with that version or a later one; nothing was changed`,
    )
    writeFileSync(path, before)
    assertNotes(dir)
  }))

test('.properties of another database: told as foreign, nothing opened', () =>
  inQuickDirectory((dir) => {
    closedDatabase(dir)
    closedDatabase(dir, 'other')
    const mine = readFileSync(join(dir, 'app.properties'))
    writeFileSync(join(dir, 'app.properties'), readFileSync(join(dir, 'other.properties')))
    assert.snapshot(
      refusal(dir).replace(/db=\w+/g, 'db=…'),
      `OpenError SCRIPTLOG_CANNOT_OPEN (mixed-files)
app.script and app.properties do not belong together: of the script, it belongs to another database (db=…), and the state file is that of db=… (DIR/app.script, offset 0)
  hint: nothing was changed: delete none of the files. The first line of a script or log names its database (db=): put files of one database together again. Where only app.properties is foreign, move it away: it is rebuilt from the others`,
    )
    writeFileSync(join(dir, 'app.properties'), mine)
    assertNotes(dir)
    writeFileSync(join(dir, 'app.properties'), readFileSync(join(dir, 'other.properties')))
    renameSync(join(dir, 'app.properties'), join(dir, 'moved away'))
    assert.is(assertNotes(dir).warnings.length, 1, 'the cure that was told works')
  }))

test('an older .properties beside newer files: what the flag says is not believed over the files', () =>
  inQuickDirectory((dir) => {
    closedDatabase(dir)
    const older = readFileSync(join(dir, 'app.properties'))
    const db = new Database(join(dir, 'app'), { writeDelayMillis: 0 })
    db.exec("INSERT INTO note(body) VALUES('newer')")
    db.checkpoint()
    db.exec("INSERT INTO note(body) VALUES('newest')")
    db.close({ mode: 'immediately' })
    writeFileSync(join(dir, 'app.properties'), older)
    assertNotes(dir, ['in the snapshot', 'in the log', 'also in the log', 'newer', 'newest'])
  }))

/** The file as a later version would write it: with a checksum that is right. */
function withVersion(text: string, version: number): string {
  const covered = ['version', 'modified', 'database_id', 'timeline', 'tx_timestamp', 'checkpoint_lsn']
  const changed = text.replace(/^version=.*/m, `version=${version}`)
  const lines = covered.map((key) => `${new RegExp(`^${key}=.*`, 'm').exec(changed)?.[0]}\n`)
  return changed.replace(/^state_crc=.*/m, `state_crc=${formatCrc(crc32(lines.join('')))}`)
}

test.run()
