// `scriptlog repair`: what it prints, and how it ends.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import { inQuickDirectory } from '../support/temp-directory.ts'
import { cli } from './run-cli.ts'

function given(dir: string): string {
  const db = new Database(join(dir, 'app'), { writeDelayMillis: 0 })
  db.exec("CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT); INSERT INTO note VALUES(1,'one'),(2,'two')")
  db.exec('CREATE TABLE other(id INTEGER PRIMARY KEY); INSERT INTO other VALUES(7)')
  db.close()
  return join(dir, 'app')
}

test('a sound database is copied: exit code 0', () =>
  inQuickDirectory(async (dir) => {
    const app = given(dir)
    const { code, out: printed } = await cli(['repair', app, '--out', join(dir, 'saved')], { cwd: dir })
    assert.is(code, 0)
    assert.match(printed, /saved: nothing was damaged: the new database is a copy of all 3 rows of 2 tables/)
  }))

test('a damaged one: what was saved and what is kept apart is listed, exit code 8; nothing is saved twice under one name', () =>
  inQuickDirectory(async (dir) => {
    const app = given(dir)
    const script = readFileSync(`${app}.script`, 'utf8')
    writeFileSync(`${app}.script`, script.replace("(1,'one')", "(1,'One')"))
    const out = join(dir, 'saved')
    const { code, out: printed } = await cli(['repair', app, '--out', out], { cwd: dir })
    assert.is(code, 8)
    assert.match(printed, /note: 0 rows, 2 kept apart/)
    assert.match(printed, /other: 1 row\n/)
    assert.match(printed, /kept: saved.rejected.app\.script\.unverified\.sql/)
    assert.match(readFileSync(`${out}.rejected/app.script.unverified.sql`, 'utf8'), /VALUES \(2,'two'\);/)
    const again = await cli(['repair', app, '--out', out], { cwd: dir })
    assert.is(again.code, 2)
    assert.match(again.err, /there is something at/)
    const asJson = await cli(['repair', app, '--out', join(dir, 'second'), '--json'], { cwd: dir })
    assert.is(asJson.code, 8)
    assert.equal(JSON.parse(asJson.out).tables[0], {
      name: 'note',
      rowsSaved: 0,
      rowsApart: 2,
      definition: 'snapshot',
    })
    const verified = await cli(['verify', out], { cwd: dir })
    assert.is(verified.code, 0)
  }))

test('nothing to be saved: exit code 6; no --out: 2; no database: 1', () =>
  inQuickDirectory(async (dir) => {
    const app = given(dir)
    assert.is((await cli(['repair', app], { cwd: dir })).code, 2)
    assert.is((await cli(['repair', join(dir, 'none'), '--out', join(dir, 'new')], { cwd: dir })).code, 1)
    for (const suffix of ['script', 'log']) writeFileSync(`${app}.${suffix}`, 'garbage')
    const { code, err } = await cli(['repair', app, '--out', join(dir, 'new')], { cwd: dir })
    assert.is(code, 6)
    assert.match(err, /nothing in the files of the database can be verified/)
  }))

test.run()
