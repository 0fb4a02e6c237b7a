import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LOWER_HEX, putDecimal, putHex8, putText, UPPER_HEX } from '../../lib/format/ascii.ts'
import { formatCrc, putCrc } from '../../lib/format/checksum.ts'
import { formatLsn, putLsn } from '../../lib/format/lsn.ts'
import { formatMicros, putMicros } from '../../lib/format/time.ts'

/** What is put at position 3 of 40 bytes; whatever stands elsewhere stays. */
function put(act: (to: Buffer, at: number) => number): string {
  const to = Buffer.alloc(40, '.')
  const end = act(to, 3)
  assert.is(to.toString('latin1', 0, 3) + to.toString('latin1', end), '.'.repeat(43 - end))
  return to.toString('latin1', 3, end)
}

test('text and digits stand where they were put, and nothing else has changed', () => {
  assert.is(
    put((to, at) => putText(to, at, Buffer.from(' xid='))),
    ' xid=',
  )
  assert.is(
    put((to, at) => putHex8(to, at, 0xcbf4_3926, LOWER_HEX)),
    'cbf43926',
  )
  assert.is(
    put((to, at) => putHex8(to, at, 0x5_0000_00ab, UPPER_HEX)),
    '000000AB',
  )
  for (const value of [0, 9, 10, 99, 100, 999_999, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    assert.is(
      put((to, at) => putDecimal(to, at, value)),
      String(value),
    )
  }
  assert.is(
    put((to, at) => putDecimal(to, at, 42, 6)),
    '000042',
  )
  assert.is(
    put((to, at) => putDecimal(to, at, 1_234_567, 6)),
    '1234567',
  )
})

test('whatever number: the same characters as in its string', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.nat(0xffffffff), fc.maxSafeInteger(), (lsn, crc, micros) => {
      assert.is(
        put((to, at) => putDecimal(to, at, lsn)),
        String(lsn),
      )
      assert.is(
        put((to, at) => putLsn(to, at, lsn)),
        formatLsn(lsn),
      )
      assert.is(
        put((to, at) => putCrc(to, at, crc)),
        formatCrc(crc),
      )
      assert.is(
        put((to, at) => putMicros(to, at, micros)),
        formatMicros(micros),
      )
    }),
  )
  for (const lsn of [0, 0xffffffff, 0x1_0000_0000, 0xf_ffff_ffff, 0x10_0000_0000, Number.MAX_SAFE_INTEGER]) {
    assert.is(
      put((to, at) => putLsn(to, at, lsn)),
      formatLsn(lsn),
    )
  }
})

test.run()
