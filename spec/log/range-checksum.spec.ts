import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { crc32 } from '../../lib/format/checksum.ts'
import { seededRandom } from '../../lib/format/random.ts'
import { RangeChecksum } from '../../lib/log/range-checksum.ts'
import { fileOf } from '../support/logs.ts'

const random = seededRandom(7)
const bytes = Buffer.from(Array.from({ length: 1_300_000 }, () => random() * 256))

test('any stretch has the checksum that zlib computes, in any order of asking', () => {
  const position = fc.oneof(
    fc.nat(bytes.length),
    fc.nat(Math.floor(bytes.length / 4096)).map((block) => block * 4096),
    fc.constantFrom(0, bytes.length),
  )
  const stretch = fc.tuple(position, position, fc.nat(0xffffffff))
  fc.assert(
    fc.property(fc.nat(9000), fc.array(stretch, { minLength: 1, maxLength: 8 }), (from, stretches) => {
      const checksum = new RangeChecksum(fileOf(bytes), from)
      for (const [one, other, seed] of stretches) {
        const begin = Math.max(from, Math.min(one, other))
        const end = Math.max(from, one, other)
        assert.is(checksum.of(begin, end, seed), crc32(bytes.subarray(begin, end), seed), `${begin}-${end}`)
      }
    }),
    { numRuns: 200 },
  )
})

test.run()
