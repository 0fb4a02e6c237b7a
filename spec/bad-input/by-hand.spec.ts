// What people do with files: copy, move, rename, leave some behind, mix two databases.

import { cpSync, mkdirSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import { inQuickDirectory } from '../support/temp-directory.ts'
import { ALL_NOTES, assertNotes, closedDatabase, killedDatabase, notesOf } from './note-database.ts'
import { filesIn, refusal } from './refusal.ts'

const ENDINGS = [
  ['closed', closedDatabase],
  ['killed', killedDatabase],
] as const

/** All files of DIR/app under another base path. */
function transfer(act: (from: string, to: string) => void, dir: string, toDir: string, name: string): void {
  for (const file of readdirSync(dir)) {
    if (file.startsWith('app.')) act(join(dir, file), join(toDir, `${name}${file.slice('app'.length)}`))
  }
}

for (const [ending, build] of ENDINGS) {
  test(`a ${ending} database is copied: two databases, each with everything`, () =>
    inQuickDirectory((dir) => {
      build(dir)
      const before = filesIn(dir)
      mkdirSync(join(dir, 'copy'))
      transfer(cpSync, dir, join(dir, 'copy'), 'app')
      const db = new Database(join(dir, 'copy', 'app'))
      db.exec("INSERT INTO note(body) VALUES('in the copy')")
      assert.equal(notesOf(db), [...ALL_NOTES, 'in the copy'])
      db.close()
      for (const [name, bytes] of before) assert.is(filesIn(dir).get(name), bytes)
      assertNotes(dir)
    }))

  test(`a ${ending} database is moved and renamed, to a name that is hard to write`, () =>
    inQuickDirectory((dir) => {
      build(dir)
      const name = "it's .script my – データ.log"
      mkdirSync(join(dir, 'some where'))
      transfer(renameSync, dir, join(dir, 'some where'), name)
      assertNotes(join(dir, 'some where'), ALL_NOTES, {}, name)
      // Nothing of the old name is left to be found.
      assert.throws(
        () => new Database(join(dir, 'app'), { fileMustExist: true }),
        /unable to open database file/,
      )
    }))
}

test('a name of 200 characters', () =>
  inQuickDirectory((dir) => {
    const name = 'n'.repeat(200)
    closedDatabase(dir, name)
    assertNotes(dir, ALL_NOTES, {}, name)
  }))

test('a name for which the file system has no room', () =>
  inQuickDirectory((dir) => {
    assert.snapshot(
      refusal(dir, {}, 'n'.repeat(252)).replace(/n{200,}/g, 'n…'),
      `OpenError SCRIPTLOG_CANNOT_OPEN (ENAMETOOLONG)
the database cannot be opened: ENAMETOOLONG: name too long, open 'DIR/n….lck' (DIR/n….lck)
  hint: mend the cause and open again; nothing was changed`,
    )
  }))

test('two names of which one begins with the other: neither touches the other’s files', () =>
  inQuickDirectory((dir) => {
    const inner = new Database(join(dir, 'app.log'))
    const outer = new Database(join(dir, 'app2'))
    outer.exec("CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT); INSERT INTO note(body) VALUES('2')")
    inner.exec("CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT); INSERT INTO note(body) VALUES('log')")
    outer.close()
    inner.close()
    assertNotes(dir, ['2'], {}, 'app2')
    assertNotes(dir, ['log'], {}, 'app.log')
  }))

test('only .script was renamed: it opens as of the last checkpoint, with a warning; the rest is refused, not emptied', () =>
  inQuickDirectory((dir) => {
    killedDatabase(dir)
    renameSync(join(dir, 'app.script'), join(dir, 'other.script'))
    assert.equal(assertNotes(dir, ALL_NOTES.slice(0, 1), {}, 'other').warnings, [
      'other.properties held no state: it was rebuilt from the other files',
    ])
    assert.match(refusal(dir), /there is no \.script/)
    cpSync(join(dir, 'other.script'), join(dir, 'app.script'))
    assert.match(refusal(dir), /^CorruptionError|^OpenError/)
  }))

for (const swapped of ['script', 'log', 'properties'] as const) {
  test(`two databases have exchanged their .${swapped}: both refused, nothing changed, and both are there when it is put right`, () =>
    inQuickDirectory((dir) => {
      killedDatabase(dir)
      killedDatabase(dir, 'other')
      const swap = () => {
        renameSync(join(dir, `app.${swapped}`), join(dir, 'between'))
        renameSync(join(dir, `other.${swapped}`), join(dir, `app.${swapped}`))
        renameSync(join(dir, 'between'), join(dir, `other.${swapped}`))
      }
      swap()
      for (const name of ['app', 'other']) {
        assert.match(refusal(dir, {}, name), /belong/)
        // Damage may be accepted; the files of another database may not be taken for one's own.
        if (swapped !== 'log') {
          for (const recoveryMode of ['stop_at_damage', 'skip_any_corrupted_records'] as const) {
            refusal(dir, { recoveryMode }, name)
          }
        }
      }
      swap()
      assertNotes(dir)
      assertNotes(dir, ALL_NOTES, {}, 'other')
    }))
}

test.run()
