// What the stories of this directory have found, each reduced to its core.

import { test } from 'uvu'
import { Pair } from './pair.ts'

/** Lives through a story on both databases; what is there at its end stays. */
function story(tell: (pair: Pair) => void, options?: ConstructorParameters<typeof Pair>[0]): void {
  const pair = new Pair(options)
  tell(pair)
  pair.finish()
}

test('a comment behind a definition is a part of it, as exec gives it to SQLite', () =>
  story((pair) => {
    pair.exec('CREATE TABLE t(a) STRICT -- ends here')
    pair.exec('CREATE TABLE u(a) WITHOUT ROWID /* refused */; CREATE INDEX i ON t(a) -- and here')
    pair.exec('CREATE TABLE v(a INT) STRICT /* with a semicolon */; CREATE VIEW w AS SELECT 1 -- x\n')
  }))

test('after an open changes() and last_insert_rowid() are those of a new connection', () =>
  story((pair) => {
    pair.exec('CREATE TABLE t(id INTEGER PRIMARY KEY, a); INSERT INTO t(a) VALUES(1), (2)')
    const ask = () =>
      pair.both('SELECT changes(), last_insert_rowid()', ({ db }) => [
        db.prepare('SELECT changes(), last_insert_rowid()').get(),
        db.prepare('UPDATE t SET a = a WHERE id = 1').run(),
      ])
    ask()
    pair.end('kill')
    ask()
    pair.end('normal')
    ask()
  }))

test('a close compacts whatever the settings of the connection would refuse', () =>
  story((pair) => {
    pair.exec('CREATE TABLE t(a); CREATE INDEX i ON t(twice(a)); INSERT INTO t VALUES(1)')
    pair.exec('PRAGMA query_only = ON; PRAGMA trusted_schema = OFF')
    pair.end('compact')
  }))

test('a REPLACE in the log is redone where a DEFAULT calls a function that comes after the open', () =>
  story(
    (pair) => {
      const trust = () => pair.exec('PRAGMA trusted_schema = ON')
      trust()
      pair.register('mine', () => 7)
      pair.exec(`CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE, b NOT NULL DEFAULT (mine()))`)
      pair.exec('CREATE TABLE u(a); CREATE TRIGGER g AFTER INSERT ON u BEGIN SELECT 1; END')
      pair.exec('INSERT INTO t(a) VALUES(1); REPLACE INTO t(a) VALUES(1)')
      pair.end('kill')
      trust()
      pair.both('mine()', ({ db }) => db.prepare('INSERT INTO t(a) VALUES(2)').run())
      pair.register('mine', () => 7)
      pair.exec('INSERT INTO t(a) VALUES(2)')
    },
    { hasFunctions: false },
  ))

test('while an iterator is open, all() may replace rows and recursive_triggers may be asked for', () =>
  story((pair) => {
    pair.exec('CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE); INSERT INTO t VALUES(1, 1), (2, 2)')
    pair.whileReading('SELECT 1 UNION SELECT 2', () => {
      pair.both('PRAGMA recursive_triggers', ({ db }) => db.prepare('PRAGMA recursive_triggers').all())
      const sql = 'REPLACE INTO t VALUES(3, 1), (4, 2) RETURNING *'
      pair.both(sql, ({ db }) => db.prepare(sql).all())
      pair.both('PRAGMA recursive_triggers', ({ db }) => db.prepare('PRAGMA recursive_triggers').all())
    })
  }))

test('versions of rows are kept where a DROP has asked for them before anything was watched', () =>
  story((pair) => {
    pair.exec('CREATE TABLE t(id INTEGER PRIMARY KEY, a, b UNIQUE)')
    pair.exec('CREATE TRIGGER g AFTER DELETE ON t BEGIN UPDATE OR REPLACE t SET a = 1 WHERE a = 1; END')
    pair.exec('DROP TABLE none')
    pair.both('INSERT', ({ db }) => db.prepare('INSERT INTO t(b) VALUES(1) ON CONFLICT DO NOTHING').run())
    pair.exec('CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END')
    pair.both('REPLACE', ({ db }) => db.prepare('REPLACE INTO t(b) VALUES(1)').run())
  }))

test.run()
