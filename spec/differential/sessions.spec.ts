// Transactions in all their forms: savepoints nested and reused, transaction() with its variants, iterators that are
// broken off or written beside, statements kept for later, and ends in the middle of all that.

import fc from 'fast-check'
import { test } from 'uvu'
import { read, write, writeReturning } from './changes.ts'
import {
  alter,
  createIndex,
  createTable,
  createTrigger,
  drop,
  firstTables,
  setting,
  temporary,
} from './definitions.ts'
import { oneOf, sql } from './fragment.ts'
import { judge } from './judge.ts'
import {
  again,
  checkpoint,
  direct,
  endings,
  keep,
  type Step,
  several,
  statement,
  transaction,
  whileReading,
} from './step.ts'

const RUNS = 800

const savepoint = oneOf('s', 't', '"s t"', 'S')
const control = oneOf(
  'BEGIN',
  'BEGIN IMMEDIATE',
  'BEGIN EXCLUSIVE TRANSACTION',
  'COMMIT',
  'END',
  'ROLLBACK',
  sql`SAVEPOINT ${savepoint}`,
  sql`SAVEPOINT ${savepoint}`,
  sql`SAVEPOINT ${savepoint}`,
  sql`RELEASE ${savepoint}`,
  sql`RELEASE SAVEPOINT ${savepoint}`,
  sql`ROLLBACK TO ${savepoint}`,
  sql`ROLLBACK TRANSACTION TO SAVEPOINT ${savepoint}`,
)

/** SQLite obeys a PRAGMA while it compiles it, also when it is then not run: ours waits for the run. */
const inIteration: fc.Arbitrary<Step> = fc.oneof(
  statement(write, 'run', 'exec'),
  statement(writeReturning, 'all', 'iterate'),
  statement(read, 'all', 'get', 'iterate'),
  direct(control),
  direct(oneOf(createTable, alter, drop)),
  again,
)
const simple: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: statement(write, 'run', 'exec') },
  { weight: 3, arbitrary: statement(writeReturning, 'all', 'get', 'iterate') },
  { weight: 2, arbitrary: statement(read, 'all', 'get', 'iterate') },
  { weight: 10, arbitrary: direct(control) },
  { weight: 2, arbitrary: keep(oneOf(write, writeReturning, control, read)) },
  { weight: 3, arbitrary: again },
  { weight: 2, arbitrary: direct(oneOf(createTable, alter, createIndex, drop, createTrigger)) },
  { weight: 1, arbitrary: direct(setting) },
  { weight: 1, arbitrary: direct(temporary) },
  { weight: 1, arbitrary: several(oneOf(write, control)) },
)
const { nested } = fc.letrec<{ nested: Step }>((tie) => ({
  nested: fc.oneof(
    { weight: 8, arbitrary: simple },
    { weight: 1, arbitrary: transaction(tie('nested')) },
    { weight: 1, arbitrary: whileReading(read, inIteration) },
  ),
}))

test('transactions are what they are in better-sqlite3, and whole or gone after every end', () => {
  judge(
    [...firstTables.map(direct), direct(createTrigger)],
    fc.oneof(
      { weight: 16, arbitrary: simple },
      { weight: 3, arbitrary: transaction(nested) },
      { weight: 2, arbitrary: whileReading(oneOf(read, writeReturning), inIteration) },
      { weight: 2, arbitrary: endings('kill', 'power cut', 'immediately', 'normal') },
      { weight: 1, arbitrary: checkpoint },
    ),
    RUNS,
  )
})

test.run()
