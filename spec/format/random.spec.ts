import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../lib/format/random.ts'

const draw = (seed: number, count: number) => Array.from({ length: count }, seededRandom(seed))

test('the same seed gives the same numbers, in every version', () => {
  assert.equal(draw(42, 5), draw(42, 5))
  assert.equal(
    draw(1, 3).map((value) => Math.floor(value * 2 ** 32)),
    [573_063_952, 3_268_221_502, 703_077_755],
  )
})

test('neighbouring seeds, large and small, give different numbers', () => {
  const seeds = [0, 1, 2, 3, 2 ** 32, 2 ** 32 + 1, 2 ** 52]
  assert.is(new Set(seeds.map((seed) => draw(seed, 1)[0])).size, seeds.length)
})

test('numbers lie in [0, 1) and fill it evenly', () => {
  const buckets = new Array<number>(16).fill(0)
  for (const value of draw(7, 160_000)) {
    assert.ok(value >= 0 && value < 1)
    const bucket = Math.floor(value * 16)
    buckets[bucket] = (buckets[bucket] ?? 0) + 1
  }
  // Five standard deviations of a fair draw are about 490.
  for (const count of buckets) assert.ok(Math.abs(count - 10_000) < 490, String(buckets))
})

test.run()
