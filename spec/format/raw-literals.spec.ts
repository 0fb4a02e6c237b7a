import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { withPlainLiterals } from '../../lib/format/raw-literals.ts'
import { quoteName, textLiteralOfBytes } from '../../lib/format/sql-literal.ts'

const raw = (bytes: Uint8Array) =>
  Buffer.from(`'${Buffer.from(bytes).toString('latin1').replaceAll("'", "''")}'`, 'latin1')

test('only literals that need it are rewritten', () => {
  const sql = `UPDATE "it's\n""x""" SET "a"='plain ''é''',"b"=X'0A',"c"='a\nb',"d"=NULL,"e"='\0',"f"='' WHERE rowid=-5;`
  assert.is(
    withPlainLiterals(Buffer.from(sql)),
    String.raw`UPDATE "it's${'\n'}""x""" SET "a"='plain ''é''',"b"=X'0A',"c"=replace('a\nb','\n',char(10)),"d"=NULL,"e"=CAST(X'00' AS TEXT),"f"='' WHERE rowid=-5;`,
  )
})

test('bytes that are no UTF-8 are kept, and names beside them too', () => {
  const sql = Buffer.concat([
    Buffer.from(`("é\n",'ü',`),
    raw(Buffer.from('ff27e9', 'hex')),
    Buffer.from(`,'it''s',1.5)`),
  ])
  assert.is(withPlainLiterals(sql), `("é\n",'ü',CAST(X'FF27E9' AS TEXT),'it''s',1.5)`)
})

test('any texts between any names come out as their literals', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 6 }),
    fc
      .string({ unit: fc.constantFrom("'", '"', '\n', '\\', 'n', 'a', 'é', '😀', '\0', '\ufffd') })
      .map((text) => Buffer.from(text)),
  )
  const name = fc.string({ unit: fc.constantFrom("'", '"', '\n', 'a', 'é') }).map(quoteName)
  fc.assert(
    fc.property(fc.array(fc.tuple(name, bytes), { maxLength: 6 }), (pairs) => {
      const sql = Buffer.concat(
        pairs.flatMap(([one, two]) => [Buffer.from(`${one}=`), raw(two), Buffer.from(',')]),
      )
      assert.is(
        withPlainLiterals(sql),
        pairs.map(([one, two]) => `${one}=${textLiteralOfBytes(two)},`).join(''),
      )
    }),
    { numRuns: 2000 },
  )
})

test.run()
