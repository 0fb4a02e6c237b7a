import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { UsageError } from '../../lib/errors.ts'
import {
  leadingKeywords,
  StatementStream,
  splitStatements,
  terminated,
} from '../../lib/format/sql-scanner.ts'

const texts = (sql: string) => [...splitStatements(sql)].map((statement) => statement.text)

test('statements end at their semicolons and come without them, without blanks and comments around', () => {
  assert.equal(texts('SELECT 1; ;; \n SELECT 2 ;-- three\nSELECT 3 /* ; */ ; /* the end'), [
    'SELECT 1',
    'SELECT 2',
    'SELECT 3',
  ])
  assert.equal(texts(' \n; -- nothing\n;'), [])
})

test('semicolons in literals, names and comments end nothing', () => {
  const sql = `INSERT INTO "a;""b" VALUES('x;''y', [c;'], \`d;\`, 1 -- ;'\n, 2 /* ;' */, X'00')`
  assert.equal(texts(`${sql};SELECT 2`), [sql, 'SELECT 2'])
})

test('a trigger ends at the END that follows a semicolon', () => {
  const body = `BEGIN UPDATE t SET a=CASE WHEN a THEN 1 ELSE 2 END; SELECT 'x;END;'; -- ;END;
    DELETE FROM "end"; END`
  for (const head of [
    'CREATE TRIGGER',
    'create temp trigger',
    'CREATE /* ; */ TEMPORARY\nTRIGGER',
    'EXPLAIN CREATE TRIGGER',
    'explain query plan create trigger',
  ]) {
    const trigger = `${head} x AFTER INSERT ON t ${body}`
    assert.equal(texts(`${trigger} ;SELECT 1;`), [trigger, 'SELECT 1'], head)
  }
  assert.equal(texts('CREATE TABLE "trigger"(a); CREATE INDEX trigger ON t(a); SELECT 1'), [
    'CREATE TABLE "trigger"(a)',
    'CREATE INDEX trigger ON t(a)',
    'SELECT 1',
  ])
})

test('a trigger that is not finished is one incomplete statement', () => {
  const [only, ...others] = splitStatements(
    'CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; SELECT 2; END',
  )
  assert.is(only?.isComplete, false)
  assert.equal(others, [])
})

test('an END that is followed by anything else does not end a trigger', () => {
  const trigger = 'CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END x; SELECT 2; END'
  assert.equal(texts(`${trigger};SELECT 3`), [trigger, 'SELECT 3'])
})

test('what stands after the last semicolon is given too, marked as incomplete', () => {
  assert.equal(
    [...splitStatements("SELECT 1;\n SELECT 'open;")],
    [
      { text: 'SELECT 1', offset: 0, end: 9, isComplete: true },
      { text: "SELECT 'open;", offset: 11, end: 24, isComplete: false },
    ],
  )
})

test('minus and slash are tokens, unless they begin a comment', () => {
  assert.equal(texts('SELECT 1 -1 - -2 / 3; -SELECT; /x; --y\n/;-'), [
    'SELECT 1 -1 - -2 / 3',
    '-SELECT',
    '/x',
    '/',
    '-',
  ])
  assert.equal(texts('SELECT 1 -- a\n'), ['SELECT 1'])
  assert.equal(texts('SELECT 1 /**/-/***/2 /*/ ; */;3'), ['SELECT 1 /**/-/***/2', '3'])
})

test('a NUL outside of quotes is refused with its place: SQLite would drop what follows', () => {
  for (const sql of ['SELECT 1;\0', '\0SELECT 1', 'SELECT 1 /* \0 */', 'SELECT 1 -- \0', 'SELECT -\0']) {
    assert.throws(
      () => texts(sql),
      (error: unknown) => error instanceof UsageError && error.offset === sql.indexOf('\0'),
      JSON.stringify(sql),
    )
  }
  assert.equal(texts("SELECT 'a\0b'"), ["SELECT 'a\0b'"])
})

test('leading keywords are found behind comments and empty statements, in any case', () => {
  assert.equal(leadingKeywords(' ;; -- c\n/* ; */ create\ttemp/**/Trigger "x"', 4), [
    'CREATE',
    'TEMP',
    'TRIGGER',
  ])
  assert.equal(leadingKeywords('select 1', 2), ['SELECT'])
  assert.equal(leadingKeywords('BEGIN; COMMIT', 2), ['BEGIN'])
  assert.equal(leadingKeywords('/* open', 1), [])
  assert.equal(leadingKeywords('"select" x', 1), [])
  assert.equal(leadingKeywords('insert into t values(1)', 1), ['INSERT'])
})

test('a statement is terminated by a semicolon that SQLite sees', () => {
  assert.is(terminated('SELECT 1'), 'SELECT 1;')
  assert.is(terminated('SELECT 1 -- one'), 'SELECT 1 -- one\n;')
  assert.is(terminated('SELECT 1 /* one'), 'SELECT 1 /* one*/;')
  assert.is(terminated("SELECT '--'"), "SELECT '--';")
})

function streamed(bytes: Uint8Array, pieceBytes: number) {
  const stream = new StatementStream()
  const found = []
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    // A buffer that is used again for every piece, as a file reader may do.
    const piece = Uint8Array.from(bytes.subarray(at, at + pieceBytes))
    found.push(...stream.feed(piece))
    piece.fill(0x3f)
  }
  const last = stream.end()
  return last === undefined ? found : [...found, last]
}

test('a file read in pieces of any size gives the same statements, with their lines and byte offsets', () => {
  const sql = `\ufeffSELECT 'é;
';\n\n -- x\n  SELECT 2 - -1;CREATE TRIGGER t AFTER INSERT ON x BEGIN SELECT 1;
 END; -SELECT 😀;SELECT 4`
  const bytes = Buffer.from(sql)
  const whole = streamed(bytes, bytes.length)
  assert.equal(
    whole.map(({ text, line, isComplete }) => [text, line, isComplete]),
    [
      ["SELECT 'é;\n'", 1, true],
      ['SELECT 2 - -1', 5, true],
      ['CREATE TRIGGER t AFTER INSERT ON x BEGIN SELECT 1;\n END', 5, true],
      ['-SELECT 😀', 6, true],
      ['SELECT 4', 6, false],
    ],
  )
  for (const { text, offset } of whole) {
    assert.is(bytes.toString('utf8', offset, offset + Buffer.byteLength(text)), text)
  }
  for (let pieceBytes = 1; pieceBytes < 40; pieceBytes++) assert.equal(streamed(bytes, pieceBytes), whole)
})

test('pieces of random SQL split as the whole does', () => {
  const token = fc.constantFrom(
    ...[
      ';',
      "'",
      '"',
      '`',
      '[',
      ']',
      '-',
      '--',
      '/',
      '/*',
      '*/',
      '*',
      '\n',
      ' ',
      'CREATE',
      'TRIGGER',
      'END',
      'EXPLAIN',
      'é',
    ],
  )
  fc.assert(
    fc.property(fc.array(token, { maxLength: 40 }), fc.integer({ min: 1, max: 9 }), (tokens, pieceBytes) => {
      const sql = tokens.join('')
      const pieces = streamed(Buffer.from(sql), pieceBytes)
      assert.equal(
        pieces.map(({ text, isComplete }) => ({ text, isComplete })),
        [...splitStatements(sql)].map(({ text, isComplete }) => ({ text, isComplete })),
      )
    }),
    { numRuns: 3000 },
  )
})

test('a file that is not UTF-8 is refused with its line, not silently changed', () => {
  assert.throws(
    () => streamed(Buffer.from("\nSELECT 1;\n\n  SELECT '\xff';", 'latin1'), 5),
    /on line 4 is not UTF-8/,
  )
})

test.run()
