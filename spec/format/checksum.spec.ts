import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { crc32, formatCrc, parseCrc } from '../../lib/format/checksum.ts'

test('the checksum is the CRC-32 of zip files', () => {
  assert.is(crc32('123456789'), 0xcbf43926)
  assert.is(crc32(Buffer.from('56789'), crc32('1234')), 0xcbf43926)
  assert.is(crc32('ä'), crc32(Buffer.from('ä', 'utf8')))
})

test('every checksum is read as it was printed: 8 lower-case digits', () => {
  fc.assert(
    fc.property(fc.nat(0xffffffff), (crc) => formatCrc(crc).length === 8 && parseCrc(formatCrc(crc)) === crc),
  )
  for (const text of ['', '0', '0000000', '000000000', 'CBF43926', '0000000g', ' 0000000', '0000000\n']) {
    assert.is(parseCrc(text), undefined, text)
  }
})

test.run()
