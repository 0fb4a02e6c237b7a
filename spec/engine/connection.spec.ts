import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { assertNodeCanRun, openConnection } from '../../lib/engine/connection.ts'
import { ScriptlogError } from '../../lib/errors.ts'

test('a connection keeps temporary objects in memory and is UTF-8', () => {
  const sqlite = openConnection()
  assert.is(sqlite.pragma('temp_store', { simple: true }), 2)
  assert.is(sqlite.pragma('encoding', { simple: true }), 'UTF-8')
  assert.is(sqlite.memory, true)
  sqlite.close()
})

test('better-sqlite3 13 on a Node.js with Node-API 9 is refused in words, before it can end the process', () => {
  try {
    assertNodeCanRun('13.2.0', 9)
    assert.unreachable()
  } catch (error) {
    assert.instance(error, ScriptlogError)
    assert.match(
      error instanceof Error ? error.message : '',
      /13\.2\.0.*Node-API 10.*hint: install better-sqlite3 12/s,
    )
  }
})

test('every other combination runs', () => {
  assertNodeCanRun('12.11.1', 9)
  assertNodeCanRun('12.11.1', 10)
  assertNodeCanRun('13.0.0', 10)
  assertNodeCanRun('14.1.0', 11)
})

test.run()
