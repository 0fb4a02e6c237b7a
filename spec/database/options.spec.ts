// Options of better-sqlite3's with values that are none of theirs: the same errors.

import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import { filesIn } from '../bad-input/refusal.ts'
import { inQuickDirectory } from '../support/temp-directory.ts'
import { outcome } from './twins.ts'

const WRONG: readonly (readonly [path: unknown, options: unknown])[] = [
  [{}, {}],
  [['app'], {}],
  [Object('app'), {}],
  [() => 'app', {}],
  ['app', 'readonly'],
  ['app', 7],
  [{}, ''],
  ['app', { readOnly: true }],
  ['app', { memory: true }],
  ['app', { readonly: undefined }],
  ['app', { readonly: 1 }],
  ['app', { fileMustExist: undefined }],
  ['app', { fileMustExist: 'yes' }],
  ['app', { verbose: true }],
  ['app', { verbose: 'log' }],
  ['app', { verbose: {} }],
  ['app', { nativeBinding: 7 }],
  ['app', { nativeBinding: true }],
  [':memory:', { readonly: true }],
  ['', { readonly: true }],
  ['missing/app', {}],
]

test('wrong values: class and message as there, and no file', () =>
  inQuickDirectory((dir) => {
    for (const [path, options] of WRONG) {
      const place = typeof path === 'string' && path !== '' && path !== ':memory:' ? join(dir, path) : path
      const made = (which: unknown) =>
        outcome(() => typeof Reflect.construct(which as new () => object, [place, options]))
      assert.equal(made(Database), made(BetterSqlite3), JSON.stringify([path, options]))
    }
    assert.is(filesIn(dir).size, 0)
  }))

test('a file descriptor, which better-sqlite3 13 takes: a database is several files', () => {
  for (const options of [{}, { readonly: true }]) {
    assert.equal(
      outcome(() => Reflect.construct(Database, [7, options])),
      { thrown: 'TypeError', code: undefined, message: 'Expected first argument to be a string' },
    )
  }
})

test('null and undefined where better-sqlite3 takes them', () =>
  inQuickDirectory((dir) => {
    for (const options of [
      null,
      undefined,
      {},
      { verbose: null },
      { verbose: undefined },
      { nativeBinding: null },
      { nativeBinding: undefined },
    ]) {
      new Database(join(dir, 'app'), options).close()
      new Database(':memory:', options).close()
    }
  }))

test('nativeBinding: the path of the native part is passed on', () =>
  inQuickDirectory((dir) => {
    for (const [path, options] of [
      [join(dir, 'app'), { nativeBinding: join(dir, 'none.node') }],
      [':memory:', { nativeBinding: join(dir, 'none.node') }],
    ] as const) {
      const made = outcome(() => new Database(path, options))
      const theirs = outcome(() => new BetterSqlite3(':memory:', options))
      assert.equal(made, theirs)
    }
  }))

test.run()
