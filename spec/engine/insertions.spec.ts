import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { insertions } from '../../lib/engine/insertions.ts'

/** The statements for tuples that come in chunks of so many. */
function statementsOf(tuples: readonly string[], keyLength = 1, chunkRows = 1000): string[] {
  const chunks = function* () {
    for (let from = 0; from < tuples.length; from += chunkRows) {
      const rows = tuples.slice(from, from + chunkRows)
      yield { text: rows.join(',\n'), rows: rows.length }
    }
  }
  const text = [...insertions('"t"("a","b")', keyLength, chunks())].join('')
  return text === '' ? [] : text.slice(0, -2).split(';\n')
}

/** The first rows of all statements. */
function startsOf(tuples: readonly string[], keyLength?: number): number[] {
  const starts: number[] = []
  let row = 0
  for (const statement of statementsOf(tuples, keyLength)) {
    starts.push(row)
    row += statement.split('\n').length - 1
  }
  return starts
}

const numbers = Array.from({ length: 20_000 }, (_, index) => index)

test('no rows give no statement, one row gives one', () => {
  assert.equal(statementsOf([]), [])
  assert.equal(statementsOf(["(1,'x')"]), [`INSERT INTO "t"("a","b") VALUES\n(1,'x')`])
})

test('rows stay as they are and in their order, however they arrive', () => {
  const tuples = numbers.slice(0, 3000).map((number) => `(${number},'a;\\n,(')`)
  const whole = statementsOf(tuples)
  assert.is(whole.map((statement) => statement.replace(/^.*\n/, '')).join(',\n'), tuples.join(',\n'))
  for (const chunkRows of [1, 7, 256, 5000]) assert.equal(statementsOf(tuples, 1, chunkRows), whole)
})

test('a statement has a few hundred rows, whatever the step between the keys', () => {
  for (const step of [1, 2, 7, 10, 256, 1000, 1024, 2 ** 22]) {
    const statements = startsOf(numbers.map((number) => `(${number * step},NULL)`)).length
    assert.ok(
      statements > 40 && statements < 140,
      `${statements} statements of 20,000 rows, keys ${step} apart`,
    )
  }
})

test('where statements end depends on the keys and not on what stands beside them', () => {
  const keys = [
    (number: number) => `${number}`,
    (number: number) => `'a,b''),(${number}'`,
    (number: number) => `replace('${number}\\n','\\n',char(10))`,
    (number: number) => `CAST(X'00${number.toString(16)}' AS TEXT)`,
  ]
  for (const key of keys) {
    const starts = startsOf(numbers.map((number) => `(${key(number)},1)`))
    assert.ok(starts.length > 40)
    assert.equal(startsOf(numbers.map((number) => `(${key(number)},'other ${number % 7}')`)), starts)
  }
  const compound = startsOf(
    numbers.map((number) => `(5,${number},1)`),
    2,
  )
  assert.ok(compound.length > 40, 'all values of the key count')
  assert.equal(
    startsOf(
      numbers.map((number) => `(5,${number},'x',2)`),
      2,
    ),
    compound,
  )
})

test('a row that goes moves no other boundary', () => {
  const tuples = numbers.slice(0, 5000).map((number) => `(${number},1)`)
  const firstRows = (rows: readonly string[]) => new Set(startsOf(rows).map((row) => rows[row]))
  const before = firstRows(tuples)
  for (let gone = 0; gone < 5000; gone += 37) {
    const after = firstRows(tuples.filter((_, index) => index !== gone))
    for (const row of after) assert.ok(before.has(row) || row === tuples[gone + 1], `${row} without ${gone}`)
  }
})

test('large rows stand alone, and a table made to defeat the hash still ends its statements', () => {
  const large = `'${'x'.repeat(5000)}'`
  assert.is(statementsOf([`(1,${large})`, `(2,${large})`, '(3,1)']).length, 3)
  const same = statementsOf(Array(15_000).fill(`(1,'${'x'.repeat(2000)}')`))
  assert.ok(same.length > 1 && same.every((statement) => statement.length < 17_000_000))
})

test.run()
