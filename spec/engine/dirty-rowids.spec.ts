import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DirtyRowids, type DirtySpan, type Origin } from '../../lib/engine/dirty-rowids.ts'

const spans = (rowids: DirtyRowids): DirtySpan[] => [...rowids.spans()]

test('a bulk of new rows is one span, and so is a mass update of them', () => {
  const rowids = new DirtyRowids()
  for (let rowid = 1; rowid <= 100_000; rowid++) rowids.touch(rowid, 'created')
  for (let rowid = 1; rowid <= 100_000; rowid++) assert.is(rowids.touch(rowid, 'existed'), 'created')
  assert.equal(spans(rowids), [{ lo: 1, hi: 100_000, origin: 'created' }])
})

test('rowids that no number can hold stand among the others in their order', () => {
  const rowids = new DirtyRowids()
  for (const rowid of [5, 2n ** 60n, -(2n ** 60n), 6, 2n ** 60n + 1n]) rowids.touch(rowid, 'created')
  assert.equal(
    spans(rowids).map(({ lo, hi }) => [lo, hi]),
    [
      [-(2n ** 60n), -(2n ** 60n)],
      [5, 6],
      [2n ** 60n, 2n ** 60n],
      [2n ** 60n + 1n, 2n ** 60n + 1n],
    ],
  )
})

test('the first event of a row decides; the spans are ascending, disjoint and complete (model)', () => {
  const touches = fc.array(
    fc.oneof(
      fc.record({
        start: fc.integer({ min: -9, max: 60 }),
        length: fc.integer({ min: 1, max: 12 }),
        origin: fc.constantFrom<Origin>('created', 'existed'),
      }),
    ),
  )
  fc.assert(
    fc.property(touches, (runs) => {
      const rowids = new DirtyRowids()
      const model = new Map<number, Origin>()
      for (const { start, length, origin } of runs) {
        for (let rowid = start; rowid < start + length; rowid++) {
          assert.is(rowids.touch(rowid, origin), model.get(rowid))
          if (!model.has(rowid)) model.set(rowid, origin)
        }
      }
      const found: [number, Origin][] = []
      for (const { lo, hi, origin } of rowids.spans()) {
        for (let rowid = Number(lo); rowid <= Number(hi); rowid++) found.push([rowid, origin])
      }
      assert.equal(
        found,
        [...model].sort(([a], [b]) => a - b),
      )
    }),
    { numRuns: 300 },
  )
})

test.run()
