// The public door: by import and by require, and the names of better-sqlite3's types.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import Database, * as named from '../lib/index.ts'
import { compiledLibrary } from './kill/compiled.ts'

/** What a program in CommonJS prints, as JSON. */
function told(program: string): unknown {
  const path = compiledLibrary()
  const text = `const path = ${JSON.stringify(path)}, url = ${JSON.stringify(pathToFileURL(path).href)}
    const tell = (value) => console.log(JSON.stringify(value))
    ${program}`
  return JSON.parse(execFileSync(process.execPath, ['--no-warnings', '-e', text], { encoding: 'utf8' }))
}

test('require() gives Database itself, with everything that an import has on it', () => {
  assert.equal(
    told(`const Database = require(path)
      const { Database: same, SqliteError, verify, inspect, LockHeldError } = Database
      const db = Database(':memory:')
      import(url).then((imported) => tell([
        same === Database, Database.default === Database, imported.default === Database, imported.Database === Database,
        Database.SqliteError === SqliteError, db instanceof Database, db.prepare('SELECT 5').pluck().get(),
        typeof verify, typeof inspect, typeof LockHeldError,
        Object.keys(imported).filter((name) => name !== 'module.exports' && !(name in Database)),
      ]))`),
    [true, true, true, true, true, true, 5, 'function', 'function', 'function', []],
  )
})

test('tools that do not look at exports, and a require() by directory, find the same file', () => {
  const { main, types, exports } = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  )
  assert.equal([main, types], [exports['.'].default, exports['.'].types])
})

test('an import has a default and names', () => {
  assert.is(Database, named.Database)
  assert.is(Database.SqliteError, named.SqliteError)
  assert.is(named.default, Database)
})

test('the names of better-sqlite3’s types', () => {
  const db: Database.Database = new Database(':memory:')
  const options: Database.Options = { timeout: 5 }
  const statement: Database.Statement<[number], { readonly a: number }> = db.prepare('SELECT ? AS a')
  const one: number | undefined = statement.get(7)?.a
  const add: Database.Transaction<(a: number, b: number) => number> = db.transaction(
    (a: number, b: number) => a + b,
  )
  const sum: number = add.immediate(1, 2)
  const result: Database.RunResult = db.prepare('CREATE TABLE t(a)').run()
  assert.equal([one, sum, result.changes, options.timeout], [7, 3, 0, 5])
})

test.run()
