// Links, pipes, devices and directories in the place of files: nothing is waited for, and nothing elsewhere is written.

import { execFileSync } from 'node:child_process'
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import { ScriptlogError } from '../../lib/errors.ts'
import { inspect } from '../../lib/inspect.ts'
import { readLog } from '../../lib/read-log.ts'
import { verify } from '../../lib/verify.ts'
import { ALL_NOTES, killedDatabase, notesOf } from '../bad-input/note-database.ts'
import { thrownBy } from '../bad-input/refusal.ts'
import { skip } from '../support/skip.ts'
import { inQuickDirectory } from '../support/temp-directory.ts'

const SUFFIXES = ['.properties', '.script', '.script.new', '.log', '.log.next', '.log.new']

type Door = (path: string) => unknown

const DOORS: Readonly<Record<string, Door>> = {
  open: (path) => new Database(path, { timeout: 0 }).close(),
  readonly: (path) => new Database(path, { readonly: true }).close(),
  inspect: (path) => inspect(path),
  verify: (path) =>
    verify(path).problems.map((problem) => {
      throw new ScriptlogError('PROBLEM', problem, { reason: 'open' })
    }),
  readLog: (path) => [...readLog(path)],
}

/** Every door answers, with the name of the file where it is one that it reads. */
function assertAnswered(dir: string, suffix: string): void {
  for (const [name, door] of Object.entries(DOORS)) {
    if (name === 'readLog' && !suffix.startsWith('.log')) continue
    const error = thrownBy(() => door(join(dir, 'app')))
    assert.instance(error, ScriptlogError, `${name} of ${suffix}: ${String(error)}`)
    assert.match(String(error), `app${suffix}`, name)
  }
}

if (process.platform === 'win32') skip(test, 'links, pipes and devices', 'Windows has none of that kind')
else {
  for (const [what, put] of [
    ['a pipe', (path: string) => execFileSync('mkfifo', [path])],
    ['a link to /dev/zero', (path: string) => symlinkSync('/dev/zero', path)],
    ['a link to itself', (path: string) => symlinkSync(path, path)],
    ['a link to a directory', (path: string) => symlinkSync('/', path)],
    ['a directory', (path: string) => mkdirSync(path)],
  ] as const) {
    test(`${what} in the place of each file: told at once, by every door`, () =>
      inQuickDirectory((dir) => {
        killedDatabase(dir)
        for (const suffix of SUFFIXES) {
          const path = join(dir, `app${suffix}`)
          const isThere = existsSync(path)
          if (isThere) renameSync(path, join(dir, 'kept'))
          put(path)
          assertAnswered(dir, suffix)
          rmSync(path, { recursive: true })
          if (isThere) renameSync(join(dir, 'kept'), path)
        }
        const db = new Database(join(dir, 'app'))
        assert.equal(notesOf(db), ALL_NOTES)
        db.close()
      }))
  }

  test('a link in the place of .lck: what it leads to is not written', () =>
    inQuickDirectory((dir) => {
      killedDatabase(dir)
      const victim = join(dir, 'victim')
      const lock = join(dir, 'app.lck')
      for (const put of [
        () => symlinkSync(victim, lock),
        () => symlinkSync('/dev/zero', lock),
        () => execFileSync('mkfifo', [lock]),
        () => mkdirSync(lock),
      ]) {
        writeFileSync(victim, 'mine')
        rmSync(lock, { force: true, recursive: true })
        put()
        for (const open of [DOORS.open, DOORS.verify]) {
          const error = thrownBy(() => open?.(join(dir, 'app')))
          assert.instance(error, ScriptlogError)
          assert.match(String(error), /app\.lck/)
        }
        assert.is(readFileSync(victim, 'utf8'), 'mine')
      }
    }))

  test('a link in the place of a file that an open would write: refused, and read where nothing is written', () =>
    inQuickDirectory((dir) => {
      for (const suffix of ['.properties', '.script', '.log']) {
        const [home, away] = [join(dir, `home${suffix}`), join(dir, `away${suffix}`)]
        mkdirSync(home)
        mkdirSync(away)
        killedDatabase(home)
        renameSync(join(home, `app${suffix}`), join(away, 'elsewhere'))
        symlinkSync(join(away, 'elsewhere'), join(home, `app${suffix}`))
        const before = readFileSync(join(away, 'elsewhere'))
        const error = thrownBy(() => new Database(join(home, 'app')))
        assert.instance(error, ScriptlogError)
        assert.match(String(error), /is a link to another place|ELOOP/)
        assert.match(String(error), `app${suffix}`)
        const reader = new Database(join(home, 'app'), { readonly: true })
        assert.equal(notesOf(reader), ALL_NOTES)
        reader.close()
        assert.ok(lstatSync(join(home, `app${suffix}`)).isSymbolicLink())
        assert.equal(readFileSync(join(away, 'elsewhere')), before)
        assert.equal(readdirSync(away), ['elsewhere'])
      }
    }))

  test('a link in the place of .rejected: no bytes of a stranger are put elsewhere', () =>
    inQuickDirectory((dir) => {
      killedDatabase(dir)
      mkdirSync(join(dir, 'autostart'))
      symlinkSync(join(dir, 'autostart'), join(dir, 'app.rejected'))
      writeFileSync(
        join(dir, 'app.log'),
        Buffer.concat([readFileSync(join(dir, 'app.log')), Buffer.from('torn')]),
      )
      assert.match(String(thrownBy(() => new Database(join(dir, 'app')))), /app\.rejected is a link/)
      assert.equal(readdirSync(join(dir, 'autostart')), [])
    }))

  test('a hard link: a checkpoint replaces the name, and leaves the other as it was', () =>
    inQuickDirectory((dir) => {
      killedDatabase(dir)
      for (const suffix of ['.script', '.log', '.properties'])
        linkSync(join(dir, `app${suffix}`), join(dir, `copy${suffix}`))
      const before = ['.script', '.log', '.properties'].map((suffix) =>
        readFileSync(join(dir, `copy${suffix}`)),
      )
      const db = new Database(join(dir, 'app'))
      db.exec("INSERT INTO note(body) VALUES('more')")
      db.close()
      assert.equal(
        ['.script', '.log', '.properties'].map((suffix) => readFileSync(join(dir, `copy${suffix}`))),
        before,
      )
    }))
}

test.run()
