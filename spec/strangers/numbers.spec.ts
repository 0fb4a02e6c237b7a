// Numbers near 2^53, at which the next commit could not be written, and schemas that make much of little.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LOADING_DOORS, type Planted, worldOf } from './doors.ts'
import { forgedLog, forgedProperties, forgedScript, planted } from './forge.ts'

const LAST = Number.MAX_SAFE_INTEGER
const TABLE = 'CREATE TABLE t(a);\n'

function assertRefused(files: Planted, why: RegExp): void {
  for (const [name, door] of Object.entries(LOADING_DOORS)) {
    const message = door(files)?.message
    assert.ok(message !== undefined, `${name}: opened`)
    assert.match(message, why, name)
    assert.match(message, /nothing was changed|delete none of the files/, name)
  }
}

// A log with xid or time at 2^53 opened, and every commit after that failed.
test('a number that leaves none for the next commit: refused by name, before anything is changed', () => {
  for (const number of [LAST, LAST - 1, 2 ** 53 - 2 ** 40]) {
    assertRefused(
      { '.log': forgedLog([TABLE], { fields: { xid: number } }) },
      /number of a commit.*\/data\/app\.log/s,
    )
    assertRefused(
      { '.log': forgedLog([TABLE], { fields: { timeMicros: number } }) },
      /time of a commit.*app\.log/s,
    )
    assertRefused({ '.script': forgedScript(TABLE, { xid: number }) }, /number of a commit.*app\.script/s)
    assertRefused(
      { '.script': forgedScript(TABLE, { timeMicros: number }) },
      /time of a commit.*app\.script/s,
    )
    assertRefused({ '.script': forgedScript(TABLE, { lsn: number }) }, /position in the log.*app\.script/s)
  }
  assertRefused({ '.script': forgedScript(TABLE, { timeline: 9_999_999_999 }) }, /a timeline.*app\.script/s)
  const files = {
    '.script': forgedScript(TABLE),
    '.log': forgedLog([]),
    '.properties': forgedProperties({ timeline: 9_999_999_999 }),
  }
  assertRefused(files, /a timeline.*app\.properties/s)
})

test('a timeline that the headers have no room for is damage of the state file, which is rebuilt', () => {
  const world = worldOf({
    '.script': forgedScript(TABLE),
    '.log': forgedLog([]),
    '.properties': forgedProperties({ timeline: 99_999_999_999, modified: 'no' }),
  })
  const db = world.open()
  db.exec('INSERT INTO t VALUES(1)')
  assert.is(db.status().timeline, 1)
  db.close()
  world.open().close()
})

test('numbers far from the end: opened, and written to', () => {
  const world = worldOf({ '.script': forgedScript(TABLE, { xid: 2 ** 52, lsn: 2 ** 52, timeline: 2 ** 32 }) })
  const db = world.open()
  db.exec('INSERT INTO t VALUES(1)')
  db.close()
  assert.is(world.open().prepare('SELECT count(*) FROM t').pluck().get(), 1)
})

test('gigabytes made of a few bytes: refused before the memory is gone', () => {
  const rows = Array.from({ length: 20 }, (_, index) => `(${index})`).join()
  for (const sql of [
    `CREATE TABLE u(a, b AS (zeroblob(20000000 + a)) STORED);\nINSERT INTO "u"("a") VALUES${rows};`,
    `CREATE TABLE u(a, b DEFAULT (zeroblob(20000000)));\nINSERT INTO "u"("a") VALUES${rows};`,
    `CREATE TABLE u(a);\nINSERT INTO "u"("a") VALUES${rows};\nCREATE INDEX i ON u(zeroblob(20000000 + a));`,
  ]) {
    const message = LOADING_DOORS.open?.(planted(sql, 'script'))?.message
    assert.match(message ?? 'opened', /would not be enough memory/)
  }
  assert.ok(process.memoryUsage().rss < 1e9)
})

test.run()
