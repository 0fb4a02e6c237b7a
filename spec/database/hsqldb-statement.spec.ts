import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseHsqldbStatement, withoutTableType } from '../../lib/database/hsqldb-statement.ts'

const test = suite('HSQLDB statements')

test('each is read, whatever its case, white space and comments', () => {
  const cases: readonly [string, unknown][] = [
    ['CHECKPOINT', { kind: 'checkpoint' }],
    ['checkpoint defrag;', { kind: 'checkpoint' }],
    ['/* now */ CHECKPOINT -- please', { kind: 'checkpoint' }],
    ['SHUTDOWN', { kind: 'shutdown', mode: 'normal' }],
    ['Shutdown Immediately', { kind: 'shutdown', mode: 'immediately' }],
    ['SHUTDOWN COMPACT', { kind: 'shutdown', mode: 'compact' }],
    ['SHUTDOWN\n\tSCRIPT ;', { kind: 'shutdown', mode: 'script' }],
    ['SET FILES WRITE DELAY TRUE', { kind: 'write-delay', millis: 500 }],
    ['SET FILES WRITE DELAY FALSE', { kind: 'write-delay', millis: 0 }],
    ['SET FILES WRITE DELAY 2', { kind: 'write-delay', millis: 2000 }],
    ['set files write delay 20 millis', { kind: 'write-delay', millis: 20 }],
    ['SET FILES LOG SIZE 7', { kind: 'log-size', megabytes: 7 }],
  ]
  for (const [sql, parsed] of cases) assert.equal(parseHsqldbStatement(sql), parsed, sql)
})

test('one that is malformed is refused, and never does half of what it says', () => {
  const malformed = [
    'CHECKPOINT NOW',
    'SHUTDOWN IMMEDIATELY COMPACT',
    'SET FILES WRITE DELAY',
    'SET FILES WRITE DELAY -1',
    'SET FILES WRITE DELAY 1.5',
    'SET FILES LOG SIZE 5 MB',
    'SET FILES SCRIPT FORMAT COMPRESSED',
    'SET FILES LOG SIZE 5; DROP TABLE t',
  ]
  for (const sql of malformed) assert.throws(() => parseHsqldbStatement(sql), /not understood/, sql)
})

test('SQL is none of them', () => {
  for (const sql of ['SELECT 1', 'CREATE TABLE checkpoint(a)', "INSERT INTO t VALUES('SHUTDOWN')", '']) {
    assert.is(parseHsqldbStatement(sql), undefined, sql)
  }
})

test('CREATE MEMORY TABLE is CREATE TABLE, and no other word of the statement is touched', () => {
  assert.is(
    withoutTableType('CREATE MEMORY TABLE memory(memory)').replace(/ +/g, ' '),
    'CREATE TABLE memory(memory)',
  )
  const commented = withoutTableType('/* in memory */ create /* memory */ memory table t(a)')
  assert.is(commented.replace(/ +/g, ' '), '/* in memory */ create /* memory */ table t(a)')
  assert.is(withoutTableType('CREATE TABLE memory(a)'), 'CREATE TABLE memory(a)')
  for (const type of ['CACHED', 'TEXT']) {
    assert.throws(() => withoutTableType(`CREATE ${type} TABLE t(a)`), /not supported yet/)
  }
})

test.run()
