import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { StatementError } from '../../lib/cli/errors.ts'
import { INPUT_START, type InputStatement, StatementCutter } from '../../lib/cli/statement-cutter.ts'
import { crc32 } from '../../lib/format/checksum.ts'

const SQL = [
  '\u{feff}CREATE TABLE "a;b"(x);\r\n',
  "INSERT INTO t VALUES('semi;colon', 'ü日本''语;');\n",
  '/* a comment; with one */ UPDATE t SET x=1 /* behind */ ; -- and; more\n',
  'CREATE TRIGGER tr AFTER INSERT ON t BEGIN UPDATE t SET x=1; DELETE FROM t; END;;\n',
  '\n\nBEGIN; COMMIT;\n',
].join('')
const BYTES = Buffer.from(SQL)

function cutAll(bytes: Uint8Array, at: readonly number[], from = INPUT_START): InputStatement[] {
  const cutter = new StatementCutter(from)
  const borders = [0, ...at.map((border) => border % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  const statements = borders
    .slice(1)
    .flatMap((end, index) => [...cutter.feed(bytes.subarray(borders[index] ?? 0, end))])
  const rest = cutter.end()
  return rest === undefined ? statements : [...statements, rest]
}

test('statements are the same wherever the pieces are cut', () => {
  const whole = cutAll(BYTES, [])
  assert.equal(
    whole.map(({ line, text }) => [line, text.slice(0, 20)]),
    [
      [1, 'CREATE TABLE "a;b"(x'],
      [2, 'INSERT INTO t VALUES'],
      [3, 'UPDATE t SET x=1'],
      [4, 'CREATE TRIGGER tr AF'],
      [7, 'BEGIN'],
      [7, 'COMMIT'],
    ],
  )
  fc.assert(
    fc.property(fc.array(fc.nat({ max: BYTES.length }), { maxLength: 12 }), (cuts) => {
      assert.equal(cutAll(BYTES, cuts), whole)
    }),
    { numRuns: 300 },
  )
})

test('behind each statement one can go on: nothing is missing, nothing comes twice, places are those of the file', () => {
  const whole = cutAll(BYTES, [])
  for (const [index, statement] of whole.entries()) {
    const { end, endLine, checksum } = statement
    assert.is(checksum, crc32(BYTES.subarray(0, end)))
    const rest = cutAll(BYTES.subarray(end), [], { offset: end, line: endLine, checksum })
    assert.equal(rest, whole.slice(index + 1))
  }
})

test('what is wrong behind a statement does not take it away, and is told with its place', () => {
  const faults = [
    { tail: Buffer.from('\n\nSELECT\0 2;'), line: 3, says: /line 3: .* NUL character/ },
    { tail: Buffer.from([0x0a, 0x27, 0xff, 0x27, 0x3b]), line: 2, says: /line 2: .* not UTF-8/ },
  ]
  for (const from of [INPUT_START, { offset: 1000, line: 50, checksum: 7 }]) {
    for (const { tail, line, says } of faults) {
      const cutter = new StatementCutter(from)
      const seen: string[] = []
      try {
        for (const { text } of cutter.feed(Buffer.concat([Buffer.from('SELECT 1;'), tail]))) seen.push(text)
        assert.unreachable('it must be refused')
      } catch (error) {
        assert.instance(error, StatementError)
        if (!(error instanceof StatementError)) throw error
        assert.is(error.line, from.line + line - 1)
        if (from === INPUT_START) assert.match(error.message, says)
        assert.ok((error.offset ?? 0) > from.offset && (error.offset ?? 0) <= from.offset + 20)
      }
      assert.equal(seen, ['SELECT 1'])
    }
  }
})

test('a NUL within a literal is text; an end without a semicolon is told', () => {
  const [first, second, ...others] = cutAll(Buffer.from("SELECT 'a\0;b';\nDELETE FROM t"), [])
  assert.is(first?.text, "SELECT 'a\0;b'")
  assert.equal([second?.text, second?.isComplete, second?.line], ['DELETE FROM t', false, 2])
  assert.is(others.length, 0)
})

test.run()
