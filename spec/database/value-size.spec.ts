import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { assertStorable } from '../../lib/database/value-size.ts'
import { MemoryWorld } from '../support/memory-world.ts'

const test = suite('values that no record could hold')

test('a blob of 270 MB is refused before it is in the table, and the database goes on', () => {
  const world = new MemoryWorld()
  const db = world.open({})
  db.exec('CREATE TABLE t(a)')
  const insert = db.prepare('INSERT INTO t VALUES(?)')
  assert.throws(() => insert.run(Buffer.alloc(270_000_000)), /too large to be logged/)
  assert.throws(() => insert.bind(Buffer.alloc(270_000_000)), /too large to be logged/)
  assert.is(db.prepare('SELECT count(*) FROM t').pluck().get(), 0)
  insert.run('x')
  assert.is(db.prepare('SELECT a FROM t').pluck().get(), 'x')
  db.close()
})

test('values count together, in lists and by name; what surely fits passes', () => {
  const half = Buffer.alloc(130_000_000)
  assert.throws(() => assertStorable([half, half]), /too large/)
  assert.throws(() => assertStorable([[half, half]]), /too large/)
  assert.throws(() => assertStorable([{ a: half, b: half }]), /too large/)
  assert.throws(() => assertStorable(['x'.repeat(84_000_000)]), /too large/)
  assertStorable([half, 1, 2n, null, undefined, 'x'.repeat(30_000_000)])
})

test.run()
