// The pure parts of what is printed.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cellJson, cellText } from '../../lib/cli/cell.ts'
import { nearest } from '../../lib/cli/nearest.ts'
import { paintFor } from '../../lib/cli/paint.ts'
import { Table, widthOf } from '../../lib/cli/table.ts'
import { counted, durationText, sizeText } from '../../lib/cli/units.ts'

const PLAIN = paintFor({ isTTY: false }, {})

test('values keep their type and never break a line or a terminal', () => {
  const values = [
    1n,
    1,
    1.5,
    -0.25,
    Number.POSITIVE_INFINITY,
    null,
    'a\tb\\c\n\u001b[31m',
    Buffer.from([0, 255]),
  ]
  assert.equal(
    values.map((value) => cellText(value, '\\N')),
    ['1', '1.0', '1.5', '-0.25', 'Inf', '\\N', 'a\\tb\\\\c\\n\\x1b[31m', "X'00FF'"],
  )
})

test('as JSON, integers beyond 2^53 and blobs lose nothing', () => {
  const json = [9007199254740991n, -9007199254740993n, 0.1, null, 'ü"', Buffer.from('hi')].map(cellJson)
  assert.equal(json, ['9007199254740991', '"-9007199254740993"', '0.1', 'null', '"ü\\""', '{"hex":"6869"}'])
  assert.is(JSON.parse(cellJson(Number.NEGATIVE_INFINITY)), Number.NEGATIVE_INFINITY)
})

test('a table stands straight in every script, and is cut to the terminal', () => {
  const rows = [
    ['1', '日本語 テキスト'],
    ['22', 'e\u0301te\u0301 👍'],
  ]
  const table = new Table(['id', 'text'], rows, [true, false], 80, PLAIN)
  assert.equal(
    rows.map((row) => table.row(row)),
    [' 1  日本語 テキスト', '22  e\u0301te\u0301 👍'],
  )
  assert.is(widthOf('日本語 テキスト'), 15)
  const narrow = new Table(['id', 'text'], [['1', 'x'.repeat(500)]], [true, false], 30, PLAIN)
  assert.is(widthOf(narrow.row(['1', 'x'.repeat(500)])), 30)
  assert.is(narrow.head(['id', 'text']).split('\n').length, 2)
})

test('colours only on a terminal, and never where the environment forbids them', () => {
  assert.is(PLAIN.red('x'), 'x')
  assert.is(paintFor({ isTTY: true }, { NO_COLOR: '1' }).red('x'), 'x')
  assert.is(paintFor({ isTTY: true }, { TERM: 'dumb' }).red('x'), 'x')
  assert.is(paintFor({ isTTY: true }, { NO_COLOR: '' }).red('x'), '\u001b[31mx\u001b[39m')
})

test('the nearest word is near', () => {
  const commands = ['exec', 'replay', 'status', 'log', 'verify', 'repair', 'checkpoint', 'rejected']
  assert.equal(
    ['exce', 'relpay', 'stat', 'lo', 'chekpoint', 'zzz', 'x'].map((word) => nearest(word, commands)),
    ['exec', 'replay', 'status', 'log', 'checkpoint', undefined, undefined],
  )
})

test('numbers as people read them', () => {
  assert.equal([0, 999, 1000, 1234, 34_000_000].map(sizeText), ['0 B', '999 B', '1.0 kB', '1.2 kB', '34 MB'])
  assert.equal([3, 1300, 59_949, 125_000].map(durationText), ['3 ms', '1.3 s', '59.9 s', '2 min 5 s'])
  assert.equal([counted(1, 'row'), counted(1234, 'row')], ['1 row', '1,234 rows'])
})

test.run()
