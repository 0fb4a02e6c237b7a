// Changes of rows in random schemas: constraints, conflicts, triggers, foreign keys, values of every type.

import fc from 'fast-check'
import { test } from 'uvu'
import { read, write, writeReturning } from './changes.ts'
import {
  createIndex,
  createTable,
  createTrigger,
  createView,
  firstTables,
  setting,
  temporary,
} from './definitions.ts'
import { oneOf } from './fragment.ts'
import { judge } from './judge.ts'
import { again, checkpoint, direct, endings, keep, several, statement } from './step.ts'

const RUNS = 900

test('what changes rows does what it does in better-sqlite3, and is there after every end', () => {
  judge(
    [...firstTables.map(direct), direct(createIndex), direct(createTrigger)],
    fc.oneof(
      { weight: 30, arbitrary: statement(write, 'run', 'exec', 'run') },
      { weight: 6, arbitrary: statement(writeReturning, 'all', 'get', 'iterate', 'run', 'exec') },
      { weight: 4, arbitrary: statement(read, 'all', 'get', 'iterate') },
      { weight: 3, arbitrary: direct(createTable) },
      { weight: 2, arbitrary: direct(createIndex) },
      { weight: 5, arbitrary: direct(createTrigger) },
      { weight: 1, arbitrary: direct(createView) },
      { weight: 2, arbitrary: direct(setting) },
      { weight: 2, arbitrary: direct(temporary) },
      { weight: 2, arbitrary: several(write) },
      { weight: 2, arbitrary: keep(write) },
      { weight: 3, arbitrary: again },
      { weight: 5, arbitrary: direct(oneOf('BEGIN', 'COMMIT', 'ROLLBACK')) },
      { weight: 3, arbitrary: endings('kill', 'power cut', 'immediately', 'normal', 'kill') },
      { weight: 1, arbitrary: checkpoint },
    ),
    RUNS,
  )
})

test.run()
