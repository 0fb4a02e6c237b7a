// The class, its objects and their properties, as an application of better-sqlite3 finds them.

import { inspect } from 'node:util'
import BetterSqlite3 from 'better-sqlite3'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { SqliteError } from '../../lib/engine/sqlite.ts'
import {
  type AggregateOptions,
  Database,
  type Options,
  type RegistrationOptions,
  type Transaction,
} from '../../lib/index.ts'
import { MemoryWorld } from '../support/memory-world.ts'
import { assertTwins, outcome, outcomes } from './twins.ts'

/** The compiler sees to it that one can stand in for the other. */
const asTheirs = (db: Database): BetterSqlite3.Database => db
const asTheirClass: typeof BetterSqlite3 = Database

/** Types that an application imports by name, in the shape in which it uses them. */
type Used = {
  readonly options: (options: BetterSqlite3.Options) => Options
  readonly transaction: (transaction: BetterSqlite3.Transaction) => Transaction
  readonly registration: (options: BetterSqlite3.RegistrationOptions) => RegistrationOptions
  readonly aggregate: (options: BetterSqlite3.AggregateOptions) => AggregateOptions
}
const asOurs: Used = {
  options: (options) => options,
  transaction: (transaction) => transaction,
  registration: (options) => options,
  aggregate: (options) => options,
}

test('called with and without new, and extended', () => {
  class Named extends Database {
    title(): string {
      return `my ${this.name}`
    }
  }
  for (const db of [new Database(':memory:'), Database(':memory:'), new Named(':memory:')]) {
    assert.instance(db, Database)
    assert.is(db.prepare('SELECT 1').pluck().get(), 1)
    assert.is(db.close, Database.prototype.close)
    assert.is(asTheirs(db).open, true)
  }
  const named = new Named(':memory:')
  assert.is(named.title(), 'my :memory:')
  assert.is(named.constructor, Named)
  assert.is(Object.getPrototypeOf(Named.prototype), Database.prototype)
  assert.is(new Database().constructor, Database)
  assert.is(Database.prototype.constructor, Database)
  assert.is(Database.name, 'Database')
})

test('every method and property of better-sqlite3 is there', () => {
  const plain = new BetterSqlite3(':memory:')
  const db = new MemoryWorld().open()
  const names = [...Object.keys(plain), ...Object.keys(BetterSqlite3.prototype)]
  assert.ok(names.length > 15)
  for (const name of names) assert.ok(name in db, name)
  assert.is(Database.SqliteError, BetterSqlite3.SqliteError)
  assert.is(Database.SqliteError, SqliteError)
  const options: BetterSqlite3.Options = { timeout: 10 }
  assert.ok(new asTheirClass(':memory:', options).open)
  assert.ok(new Database(':memory:', asOurs.options(options)).open)
})

test('name is the path as it was given, the other properties say what is so', () => {
  const world = new MemoryWorld()
  const db = new Database(' /data/sub/../app.db ', { writeDelayMillis: 0 }, world.host)
  const { name, open, inTransaction, readonly, memory } = db
  assert.equal(
    { name, open, inTransaction, readonly, memory },
    { name: ' /data/sub/../app.db ', open: true, inTransaction: false, readonly: false, memory: false },
  )
  assert.ok(world.files.list('/data').includes('app.db.log'))
  assert.is(
    inspect(db),
    inspect(new BetterSqlite3(':memory:'))
      .replace("':memory:'", `'${name}'`)
      .replace('memory: true', 'memory: false'),
  )
  db.close()
  assert.is(db.open, false)
})

test('statements belong to the database that prepared them, and lead to nothing below it', () => {
  const db = new MemoryWorld().open()
  db.exec('CREATE TABLE t(a)')
  for (const sql of [
    'SELECT * FROM t',
    'INSERT INTO t VALUES(1)',
    'BEGIN',
    'CHECKPOINT',
    'PRAGMA user_version',
  ]) {
    assert.is(db.prepare(sql).database, db, sql)
    assert.is(db.prepare(sql).constructor.name, 'Statement', sql)
  }
  const made = db.prepare('INSERT INTO t VALUES(1)')
  assert.throws(() => Reflect.construct(made.constructor, ['SELECT 1']), TypeError)
  for (const symbol of Object.getOwnPropertySymbols(db)) assert.is(Reflect.get(db, symbol), db)
})

test('a Proxy stands for it, and an object that inherits from it', () => {
  const lazily = (db: BetterSqlite3.Database) =>
    new Proxy(db, { get: (_, name) => Reflect.get(db, name), has: (_, name) => name in db })
  for (const standIn of [
    (db: BetterSqlite3.Database) => new Proxy(db, {}),
    lazily,
    (db: BetterSqlite3.Database): BetterSqlite3.Database => Object.create(db),
  ]) {
    assertTwins((db) => {
      const its = standIn(db)
      const insert = its.exec('CREATE TABLE t(a)').prepare('INSERT INTO t VALUES(?)')
      const insertAll = its.transaction((values: readonly number[]) => {
        for (const value of values) insert.run(value)
        return its.inTransaction
      })
      return {
        returned: [insertAll([1, 2]), insertAll.immediate([3]), its.pragma('user_version=4')],
        rows: its.prepare('SELECT * FROM t').all(),
        open: its.open,
        chain: its.defaultSafeIntegers(false).unsafeMode(false).exec('SELECT 1') === its,
      }
    })
  }
})

test('its properties are its own, and for-in finds its methods', () => {
  const plain = new BetterSqlite3(':memory:')
  class Extended extends Database {}
  for (const db of [new MemoryWorld().open(), new Database(':memory:'), new Extended(':memory:')]) {
    const [own, theirs] = [{ ...db }, { ...plain }]
    assert.equal(Object.keys(own).sort(), Object.keys(theirs).sort())
    assert.is(Reflect.get(own, 'open'), true)
    const found: string[] = []
    for (const name in db) found.push(name)
    for (const name in plain) assert.ok(found.includes(name), name)
    assert.throws(() => Reflect.get(db, 'prepare')('SELECT 1'), TypeError)
    assert.throws(
      () => Object.assign(db, { open: false }),
      /open of #<\w*(Database|Extended)> which has only a getter/,
    )
  }
})

test('a statement that reads is the native object, with methods, cost and properties of its own', () => {
  const db = new MemoryWorld().open()
  const plain = new BetterSqlite3(':memory:')
  const own = db.prepare('SELECT 1 AS a')
  const theirs = plain.prepare('SELECT 1 AS a')
  assert.is(Object.getPrototypeOf(own), Object.getPrototypeOf(theirs))
  assert.is(own.get, theirs.get)
  assert.equal(Object.keys(own), Object.keys(theirs))
})

test('prepare: reader, readonly, source; no statement, several, and what may stand behind one', () =>
  assertTwins((db) => {
    db.exec('CREATE TABLE t(a)')
    const told = (sql: string) =>
      outcome(() => {
        const { reader, readonly, source, busy } = db.prepare(sql)
        return { reader, readonly, source, busy }
      })
    return [
      'SELECT 1',
      'SELECT 1;  ',
      'SELECT 1;-- end\n/* more */',
      'BEGIN',
      'BEGIN EXCLUSIVE',
      'COMMIT',
      'SAVEPOINT a',
      'INSERT INTO t VALUES(?) RETURNING a',
      'INSERT INTO t VALUES(1); ',
      'CREATE TABLE u(a) ',
      'PRAGMA user_version = 5',
      'PRAGMA user_version',
      "ATTACH ':memory:' AS other",
      'VACUUM',
      '',
      ';',
      '-- nothing',
      'SELECT 1; SELECT 2',
      'CREATE TABLE u(a);CREATE TABLE w(a)',
      'CREATE TABLE u(a);--\nSELECT 1',
      'CREATE TABLE u(a);/**/-',
      'CREATE TABLE u(a',
      'INSERT INTO missing VALUES(1)',
    ].map(told)
  }))

test('what is no text, and what is no option', () =>
  assertTwins((db) => {
    const wrong: unknown[] = [undefined, null, 7, {}, ['SELECT 1'], Object('SELECT 1')]
    const methods = [
      'prepare',
      'exec',
      'pragma',
      'transaction',
      'function',
      'aggregate',
      'table',
      'loadExtension',
    ]
    return [
      ...wrong.flatMap((value) =>
        methods.map((method) => outcome(() => Reflect.apply(Reflect.get(db, method), db, [value]))),
      ),
      ...[true, 7, 'true', { simple: 1 }, { simple: undefined }].map((options) =>
        outcome(() => Reflect.apply(db.pragma, db, ['user_version', options])),
      ),
      ...[null, undefined, {}].map((options) =>
        outcome(() => Reflect.apply(db.pragma, db, ['user_version', options])),
      ),
      ...['1', 0, null, undefined].flatMap((isOn) => [
        outcome(() => Reflect.apply(db.unsafeMode, db, [isOn])),
        outcome(() => Reflect.apply(db.defaultSafeIntegers, db, [isOn])),
      ]),
      ...[7, 'main', { attached: 7 }, { attached: '' }, { attached: 'nowhere' }].map((options) =>
        outcome(() => typeof Reflect.apply(db.serialize, db, [options])),
      ),
    ]
  }))

test('switches of a statement: on without an argument, off by false, nothing else', () =>
  assertTwins((db) => {
    db.exec('CREATE TABLE t(a INTEGER, b)')
    const told = (sql: string) => {
      const statement = db.prepare(sql)
      return ['pluck', 'raw', 'expand', 'safeIntegers'].flatMap((method) =>
        [[], [false], [true], [undefined], [null], [0]].map((args) =>
          outcome(() => {
            const result: unknown = Reflect.apply(Reflect.get(statement, method), statement, args)
            return [result === statement, statement.get()]
          }),
        ),
      )
    }
    return [told('SELECT 9007199254740993 AS a, 2 AS b'), told("INSERT INTO t VALUES(1, 'x') RETURNING *")]
  }))

test('columns and rows after the schema has changed under a statement', () =>
  assertTwins((db) => {
    db.exec('CREATE TABLE t(a TEXT, b WHATEVER)')
    const read = db.prepare('SELECT *, 5 AS five FROM t')
    const write = db.prepare("INSERT INTO t(a) VALUES('x') RETURNING *")
    const before = [read.columns(), write.columns()]
    db.exec('ALTER TABLE t ADD COLUMN c FOO DEFAULT 3')
    return [before, write.all(), read.all(), read.columns(), write.columns()]
  }))

test('integers: as numbers, as bigint by default, and back', () =>
  assertTwins((db) => {
    db.exec('CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER)')
    const insert = db.prepare('INSERT INTO t(a) VALUES(?)')
    const results: unknown[] = [insert.run(9007199254740993n)]
    let heard: unknown
    const hear = (value: unknown) => {
      heard = value
      return 1
    }
    const all = (): unknown[] => [
      db.prepare('SELECT * FROM t').all(),
      db.prepare('INSERT INTO t(a) VALUES(5)').run(),
      db.pragma('user_version', { simple: true }),
      db.function('hear', hear).prepare('SELECT hear(a) FROM t').all(),
      typeof heard,
      db.function('hear', { safeIntegers: false }, hear).prepare('SELECT hear(5)').all(),
      typeof heard,
    ]
    results.push(
      all(),
      db.defaultSafeIntegers() === db,
      all(),
      insert.run(1),
      db.defaultSafeIntegers(false) === db,
      all(),
    )
    // Whatever the user asks for, what is kept is the same.
    db.defaultSafeIntegers(true)
    db.exec(`CREATE TABLE s(id INTEGER PRIMARY KEY AUTOINCREMENT, b UNIQUE); INSERT INTO s(b) VALUES(1), ('x');
      CREATE TABLE w(k TEXT PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO w VALUES('q', 5); REPLACE INTO s(b) VALUES('x');
      ALTER TABLE s ADD COLUMN c DEFAULT 7; CREATE INDEX i ON s(c); ANALYZE; PRAGMA user_version = 3`)
    return results
  }))

test('the busy rules: what may be done while a query is under way, inside a function, and after the close', () => {
  const acts: Readonly<
    Record<
      string,
      (db: BetterSqlite3.Database, read: BetterSqlite3.Statement, write: BetterSqlite3.Statement) => unknown
    >
  > = {
    'prepare a read': (db) => typeof db.prepare('SELECT 1'),
    'prepare a write': (db) => typeof db.prepare('DELETE FROM t'),
    'prepare a pragma': (db) => typeof db.prepare('PRAGMA cache_size'),
    'exec a read': (db) => typeof db.exec('SELECT 1'),
    'exec a write': (db) => typeof db.exec('DELETE FROM t WHERE a = 99'),
    'exec nothing': (db) => typeof db.exec(''),
    pragma: (db) => db.pragma('cache_size'),
    'pragma that sets': (db) => db.pragma('user_version = 7'),
    function: (db) => typeof db.function('g', () => 1),
    aggregate: (db) => typeof db.aggregate('h', { step: () => 1 }),
    table: (db) => typeof db.table('v', { columns: ['x'], *rows() {} }),
    serialize: (db) => typeof db.serialize(),
    close: (db) => db.close() === db,
    'unsafe mode': (db) => db.unsafeMode(false) === db,
    'safe integers': (db) => db.defaultSafeIntegers(false) === db,
    'make a transaction': (db) => typeof db.transaction(() => 1),
    'a transaction': (db) => db.transaction(() => 1)(),
    'an immediate transaction': (db) => db.transaction(() => 1).immediate(),
    begin: (db) => db.prepare('BEGIN').run(),
    rollback: (db) => db.prepare('ROLLBACK').run(),
    open: (db) => db.open,
    'in a transaction': (db) => db.inTransaction,
    'run a write': (_db, _read, write) => write.run(),
    'all of a write': (_db, _read, write) => write.all(),
    'iterate over a write': (_db, _read, write) => [...write.iterate()],
    'bind a write': (_db, _read, write) => typeof write.bind(),
    'pluck of a write': (_db, _read, write) => typeof write.pluck(),
    'columns of a write': (_db, _read, write) => write.columns(),
    'get of a read': (_db, read) => read.get(),
    'all of a read': (_db, read) => read.all(),
    'iterate over a read': (_db, read) => [...read.iterate()],
    'pluck of a read': (_db, read) => typeof read.pluck(false),
    'columns of a read': (_db, read) => read.columns(),
  }
  for (const [name, act] of Object.entries(acts)) {
    for (const when of [
      'while iterating',
      'inside a function',
      'inside a transaction',
      'after the close',
    ] as const) {
      const tell = (db: BetterSqlite3.Database) => {
        let inside: (() => void) | undefined
        db.function('f', (value: unknown) => {
          inside?.()
          return value
        })
        db.exec('CREATE TABLE t(a); INSERT INTO t VALUES(1), (2)')
        const read = db.prepare('SELECT a FROM t')
        const write = db.prepare('UPDATE t SET a = a RETURNING a')
        const calling = db.prepare('SELECT f(a) FROM t')
        const results: unknown[] = []
        const attempt = () => void results.push(outcome(() => act(db, read, write)))
        if (when === 'while iterating') for (const row of calling.iterate()) results.push(row, attempt())
        if (when === 'inside a function') {
          inside = attempt
          results.push(calling.all())
          inside = undefined
        }
        if (when === 'inside a transaction') results.push(outcome(() => db.transaction(attempt)()))
        if (when === 'after the close') {
          db.close()
          attempt()
        } else if (db.open) {
          if (db.inTransaction) db.exec('ROLLBACK')
          attempt()
          if (db.open) {
            if (db.inTransaction) db.exec('ROLLBACK')
            results.push(db.prepare('SELECT * FROM t').all())
          }
        }
        return results
      }
      const plain = new BetterSqlite3(':memory:')
      assert.equal(tell(new MemoryWorld().open()), tell(plain), `${name}, ${when}`)
    }
  }
})

test('bind: values given once, the errors of better-sqlite3, and getters that throw', () =>
  assertTwins((db) => {
    db.exec('CREATE TABLE t(a, b, c)')
    const bytes = Buffer.from('abc')
    const bound = db.prepare('INSERT INTO t VALUES(?, ?, ?)').bind('x', 1, bytes)
    bound.run()
    bytes.fill(0)
    const named = () => db.prepare('INSERT INTO t VALUES(@a, @a, ?)')
    const throwing = Object.defineProperty({}, 'a', {
      get() {
        throw new RangeError('mine')
      },
    })
    return outcomes(
      () => bound.run(),
      () => bound.run('y', 2, null),
      () => bound.bind('y', 2, null),
      () => bound.bind(),
      () => named().bind({ a: 1 }),
      () => named().run({ a: 1 }, null).changes,
      () => named().run({ a: 1, z: 3 }, [null]).changes,
      () => named().run({ a: 1 }, null, null),
      () => named().run({ 1: 1 }, null),
      () => named().run(throwing, null),
      () => named().run({ a: {} }, null),
      () => named().run({ a: 1 }, { a: 1 }, null),
      () => db.prepare('INSERT INTO t VALUES(?, ?, ?)').run([1, 2], 3).changes,
      () => db.prepare('INSERT INTO t VALUES(?, ?, ?)').run(1, 2, new Date()),
      () => db.prepare('INSERT INTO t VALUES(?, ?, ?)').run(1, undefined, Buffer.alloc(0)).changes,
      () => db.prepare('SELECT * FROM t').all(),
    )
  }))

test('explain: the program of a statement, where better-sqlite3 has it', () => {
  const db = new MemoryWorld().open()
  const theirs: unknown = Reflect.get(BetterSqlite3.prototype, 'explain')
  if (typeof theirs !== 'function') {
    assert.throws(() => db.explain('SELECT ?'), /explain\(\) came with better-sqlite3 13/)
    return
  }
  assert.equal(db.explain('SELECT ?'), Reflect.apply(theirs, new BetterSqlite3(':memory:'), ['SELECT ?']))
  assert.throws(() => db.explain('PRAGMA user_version = 5'))
  assert.is(db.pragma('user_version', { simple: true }), 0)
})

test('transaction: properties as better-sqlite3 has them', () =>
  assertTwins((db) => {
    const body = (...args: unknown[]) => args
    const transaction = db.transaction(body)
    return [
      Object.keys(transaction),
      ...['default', 'deferred', 'immediate', 'exclusive'].map((name) => {
        const variant: unknown = Reflect.get(transaction, name)
        if (typeof variant !== 'function') return 'none'
        return [
          variant === body,
          Reflect.get(variant, 'database') === db,
          Reflect.get(variant, 'default') === transaction,
          variant.length,
          variant(1, 2),
        ]
      }),
    ]
  }))

test.run()
