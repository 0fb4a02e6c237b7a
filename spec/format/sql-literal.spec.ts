import Sqlite from 'better-sqlite3'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { literalOf, quoteName, type SqlValue, textLiteralOfBytes } from '../../lib/format/sql-literal.ts'

const sqlite = new Sqlite(':memory:')

/** What SQLite makes of a literal: its type and its bytes. */
function stored(literal: string): unknown {
  return sqlite.prepare(`SELECT typeof(${literal}), hex(${literal}), ${literal}`).raw().get()
}

/** What SQLite stores of the value. A text comes in as bytes: not every better-sqlite3 binds lone surrogates as they are. */
function bound(value: SqlValue): unknown {
  if (typeof value === 'string') {
    const text = 'CAST(@v AS TEXT)'
    return sqlite
      .prepare(`SELECT typeof(${text}), hex(${text}), ${text}`)
      .raw()
      .get({ v: generalizedUtf8(value) })
  }
  return sqlite.prepare('SELECT typeof(@v), hex(@v), @v').raw().get({ v: value })
}

/** UTF-8 that also has a place for lone surrogates. */
function generalizedUtf8(text: string): Buffer {
  const pieces = [...text].map((character) => {
    const code = character.codePointAt(0) ?? 0
    if (code < 0xd800 || code > 0xdfff) return Buffer.from(character, 'utf8')
    return Buffer.from([0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)])
  })
  return Buffer.concat(pieces)
}

function isExact(value: SqlValue): void {
  const literal = literalOf(value)
  assert.equal(stored(literal), bound(value), literal)
  assert.not.match(literal, /[\0-\x1f\x7f-\x9f]/)
  assert.not.match(literal, /\p{Surrogate}/u)
}

test('a number is a REAL and a bigint an INTEGER, as when they are bound', () => {
  assert.is(literalOf(1), '1.0')
  assert.is(literalOf(1n), '1')
  assert.is(literalOf(-0), '-0.0')
  assert.is(literalOf(Number.NaN), 'NULL')
  for (const value of [1, -0, 0, 1e21, 1e-7, 5e-324, -2.2250738585072014e-308, Number.MAX_VALUE])
    isExact(value)
  for (const value of [Infinity, -Infinity, 2 ** 53, 1n, -(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n + 1n])
    isExact(value)
  const negativeZero = sqlite
    .prepare(`SELECT ${literalOf(-0)}`)
    .pluck()
    .get()
  assert.ok(Object.is(negativeZero, -0))
})

test('an integer of more than 64 bits is a mistake, not a REAL', () => {
  assert.throws(() => literalOf(2n ** 63n), /broken invariant/)
})

test('doubles of any bit pattern come back to the bit', () => {
  const value = fc.double({ noNaN: true })
  const batches = fc.array(value, { minLength: 200, maxLength: 200 })
  fc.assert(
    fc.property(batches, (values) => {
      const row = sqlite
        .prepare(`SELECT ${values.map(literalOf).join()}`)
        .raw()
        .get()
      assert.ok(Array.isArray(row))
      for (const [index, one] of values.entries()) assert.ok(Object.is(row[index], one), String(one))
    }),
    { numRuns: 50 },
  )
})

test('each control character, alone and amid text, stays and is never written raw', () => {
  for (let code = 0; code < 0xa0; code++) {
    const character = String.fromCharCode(code)
    for (const text of [character, `${character}a`, `a${character}`, `a'${character}'b`]) isExact(text)
  }
})

test('tabs and line ends stay readable, however many there are', () => {
  assert.is(literalOf('one\ntwo'), String.raw`replace('one\ntwo','\n',char(10))`)
  assert.is(
    literalOf('a\tb\r\n'),
    String.raw`replace(replace(replace('a\tb\r\n','\t',char(9)),'\n',char(10)),'\r',char(13))`,
  )
  isExact('line\n'.repeat(100_000))
  isExact('\t\r\n'.repeat(1000))
})

test('text that looks like the marker for a line end does not become one', () => {
  assert.is(literalOf('a\\nb\n'), String.raw`replace('a\nb\n0.','\n0.',char(10))`)
  for (const text of [
    '\\n\n',
    '\\\n',
    'n\n\\',
    '\\n0.\n',
    '\\n0.\\n1.\n\\',
    '\\t0.\n',
    '\n\\n0.\t\\r1.',
    '0.\n0.',
  ]) {
    isExact(text)
  }
  const everyMarker = Array.from({ length: 5000 }, (_, number) => `\\n${number}.`).join('')
  isExact(`${everyMarker}\n`)
})

test('what is not well-formed is kept byte for byte', () => {
  for (const text of ['\ud800', 'a\udc00b', '\udc00\ud800', '\ud83d\ude00', '\ufffd', '\ufeff', '\uffff'])
    isExact(text)
  const bytes = Buffer.from('ff00fe80c0afeda080', 'hex')
  assert.is(textLiteralOfBytes(bytes), `CAST(X'FF00FE80C0AFEDA080' AS TEXT)`)
  assert.is(textLiteralOfBytes(Buffer.from("it's €")), "'it''s €'")
})

test('any text and any blob come back as they were', () => {
  const alphabet = fc.constantFrom(
    '\\',
    'n',
    't',
    'r',
    '0',
    '.',
    '\n',
    '\t',
    '\r',
    "'",
    '"',
    ';',
    '-',
    'é',
    '\ud83d',
    '\0',
  )
  fc.assert(fc.property(fc.string({ unit: alphabet, maxLength: 30 }), isExact), { numRuns: 3000 })
  fc.assert(fc.property(fc.string({ unit: 'binary' }), isExact), { numRuns: 1000 })
  fc.assert(fc.property(fc.uint8Array(), isExact), { numRuns: 300 })
})

test('a quoted name is one identifier, whatever it contains', () => {
  for (const name of ['a"b', "a'b", 'select', 'a""b; --', '', 'new\nline', 'ünï', '[x]', '`']) {
    sqlite.exec(`CREATE TABLE temp.${quoteName(`t${name}`)}(${quoteName(name)})`)
    const [column] = sqlite.prepare(`SELECT * FROM ${quoteName(`t${name}`)}`).columns()
    assert.is(column?.name, name)
  }
})

test.run()
