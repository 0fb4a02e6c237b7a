// Changes of the schema in the middle of everything: CREATE, ALTER, DROP, VACUUM, ANALYZE, TEMP objects, settings.

import fc from 'fast-check'
import { test } from 'uvu'
import { read, write } from './changes.ts'
import {
  alter,
  createAs,
  createIndex,
  createTable,
  createTrigger,
  createView,
  drop,
  firstTables,
  setting,
  temporary,
  upkeep,
} from './definitions.ts'
import { oneOf, type Sql } from './fragment.ts'
import { judge } from './judge.ts'
import { changeSearch, defineSearch, search } from './search.ts'
import { again, checkpoint, direct, endings, keep, several, statement } from './step.ts'

const RUNS = 700
const SEARCH_RUNS = 200

/** What run() says of changes after CREATE VIRTUAL TABLE is that of some statement before. */
const exec = (text: Sql) => statement(text, 'exec')

test('what changes the schema does what it does in better-sqlite3, and is there after every end', () => {
  judge(
    [...firstTables.map(direct), statement(write, 'run')],
    fc.oneof(
      { weight: 12, arbitrary: statement(write, 'run', 'exec', 'all') },
      { weight: 4, arbitrary: statement(read, 'all', 'get', 'iterate') },
      { weight: 4, arbitrary: direct(createTable) },
      { weight: 4, arbitrary: direct(createIndex) },
      { weight: 4, arbitrary: direct(createTrigger) },
      { weight: 2, arbitrary: direct(createView) },
      { weight: 2, arbitrary: direct(createAs) },
      { weight: 10, arbitrary: direct(alter) },
      { weight: 4, arbitrary: direct(drop) },
      { weight: 3, arbitrary: direct(upkeep) },
      { weight: 4, arbitrary: direct(temporary) },
      { weight: 4, arbitrary: direct(setting) },
      { weight: 2, arbitrary: several(oneOf(alter, createTable, drop, write)) },
      { weight: 2, arbitrary: keep(oneOf(write, read, alter, createTable)) },
      { weight: 3, arbitrary: again },
      {
        weight: 6,
        arbitrary: direct(oneOf('BEGIN', 'COMMIT', 'ROLLBACK', 'SAVEPOINT s', 'ROLLBACK TO s', 'RELEASE s')),
      },
      { weight: 4, arbitrary: endings('kill', 'power cut', 'immediately', 'normal', 'compact', 'script') },
      { weight: 1, arbitrary: checkpoint },
    ),
    RUNS,
  )
})

test('virtual tables live among everything else, and are searched as before after every end', () => {
  judge(
    [...firstTables.map(direct), exec(defineSearch), exec(defineSearch)],
    fc.oneof(
      { weight: 12, arbitrary: statement(changeSearch, 'run', 'exec') },
      { weight: 6, arbitrary: statement(search, 'all') },
      { weight: 4, arbitrary: exec(defineSearch) },
      { weight: 4, arbitrary: statement(write, 'run') },
      { weight: 2, arbitrary: keep(oneOf(changeSearch, search)) },
      { weight: 2, arbitrary: again },
      { weight: 2, arbitrary: direct(oneOf(createTrigger, alter, upkeep)) },
      {
        weight: 6,
        arbitrary: direct(oneOf('BEGIN', 'COMMIT', 'ROLLBACK', 'SAVEPOINT s', 'ROLLBACK TO s', 'RELEASE s')),
      },
      { weight: 4, arbitrary: endings('kill', 'power cut', 'immediately', 'normal', 'compact') },
      { weight: 1, arbitrary: checkpoint },
    ),
    SEARCH_RUNS,
  )
})

test.run()
