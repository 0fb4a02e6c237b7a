import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { formatMicros, parseMicros } from '../../lib/format/time.ts'

test('a time has 27 characters, microseconds included', () => {
  assert.is(formatMicros(1_795_157_609_000_001), '2026-11-20T06:53:29.000001Z')
  assert.is(formatMicros(0), '1970-01-01T00:00:00.000000Z')
})

test('every time up to the last exact one is read as it was printed, and sorts as text', () => {
  const micros = fc.maxSafeNat()
  fc.assert(
    fc.property(micros, micros, (one, other) => {
      assert.is(parseMicros(formatMicros(one)), one)
      assert.is(formatMicros(one) < formatMicros(other), one < other)
    }),
  )
})

test('nothing else is a time', () => {
  const others = [
    '',
    '2026-11-20',
    '2026-11-20T06:53:29Z',
    '2026-11-20T06:53:29.000Z',
    '2026-11-20 06:53:29.000001Z',
  ]
  const impossible = [
    '2026-13-20T06:53:29.000001Z',
    '2026-02-30T06:53:29.000001Z',
    '2026-11-20T24:00:00.000000Z',
  ]
  // Times whose microseconds a number cannot hold.
  const inexact = ['2255-06-05T23:47:34.740992Z', '9999-12-31T23:59:59.999968Z']
  for (const text of [
    ...others,
    ...impossible,
    ...inexact,
    '2026-11-20T06:53:29.000001',
    '2026-11-20T06:53:29.000001Z\n',
  ]) {
    assert.is(parseMicros(text), undefined, text)
  }
})

test.run()
