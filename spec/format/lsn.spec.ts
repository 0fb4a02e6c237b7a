import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { formatLsn, parseLsn } from '../../lib/format/lsn.ts'

test('an LSN is printed as PostgreSQL prints it', () => {
  const printed: readonly (readonly [number, string])[] = [
    [0, '0/00000000'],
    [0x12ab, '0/000012AB'],
    [0xffffffff, '0/FFFFFFFF'],
    [0x1_0000_0000, '1/00000000'],
    [Number.MAX_SAFE_INTEGER, '1FFFFF/FFFFFFFF'],
  ]
  for (const [lsn, text] of printed) {
    assert.is(formatLsn(lsn), text)
    assert.is(parseLsn(text), lsn)
  }
})

test('every LSN is read as it was printed', () => {
  fc.assert(fc.property(fc.maxSafeNat(), (lsn) => parseLsn(formatLsn(lsn)) === lsn))
})

test('nothing else is an LSN', () => {
  const others = [
    '',
    '0',
    '0/0',
    '0/000012ab',
    '00/00000000',
    '01/00000000',
    '0/000000000',
    ' 0/00000000',
    '-0/00000000',
  ]
  for (const text of [
    ...others,
    '0/00000000\n',
    '200000/00000000',
    'FFFFFF/FFFFFFFF',
    '0x1/00000000',
    '0/0000000G',
  ]) {
    assert.is(parseLsn(text), undefined, text)
  }
})

test.run()
