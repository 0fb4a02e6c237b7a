import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RecordApplier } from '../../lib/engine/apply-record.ts'
import { openConnection } from '../../lib/engine/connection.ts'
import { LOADING_TRUSTED } from '../../lib/engine/with-pragmas.ts'
import { ScriptlogError } from '../../lib/errors.ts'
import { stateOf } from './replica.ts'

function opened(sql: string) {
  const sqlite = openConnection()
  sqlite.exec(sql)
  return sqlite
}

const ORDERED = `CREATE TABLE t(id INTEGER PRIMARY KEY, a); CREATE TABLE log(what);
  CREATE TRIGGER z AFTER INSERT ON t BEGIN INSERT INTO log VALUES('z'); END;
  CREATE TRIGGER a AFTER INSERT ON t BEGIN INSERT INTO log VALUES('a'); END;
  CREATE TRIGGER m AFTER INSERT ON t BEGIN INSERT INTO log VALUES('m'); END;`

test('triggers do not run during redo; afterwards they are there, with the same texts and in the same order', () => {
  const sqlite = opened(ORDERED)
  const before = stateOf(sqlite)
  const applier = new RecordApplier(sqlite)
  applier.begin()
  applier.apply(`INSERT INTO "t"("id","a") VALUES(1,1);\n`)
  applier.apply(Buffer.from(`DELETE FROM "t" WHERE "id"=1;\n`))
  applier.end()
  assert.is(stateOf(sqlite), before)
  const fired = (db: typeof sqlite) => {
    db.exec('INSERT INTO t VALUES(5,5)')
    return db.prepare('SELECT what FROM log').pluck().all()
  }
  assert.equal(fired(sqlite), fired(opened(ORDERED)))
})

test('ALTER in a record rewrites the triggers that are held back', () => {
  const sqlite = opened(ORDERED)
  const applier = new RecordApplier(sqlite)
  applier.begin()
  applier.apply(
    'ALTER TABLE log RENAME COLUMN what TO "w h";\nINSERT INTO "t"("id","a") VALUES(1,1);\nDROP TRIGGER "m";\n',
  )
  applier.end()
  sqlite.exec('INSERT INTO t VALUES(2,2)')
  assert.equal(sqlite.prepare('SELECT "w h" FROM log').pluck().all().sort(), ['a', 'z'])
})

test('foreign keys and CHECK constraints are off during redo, and as before afterwards', () => {
  for (const value of [0, 1]) {
    const sqlite = opened(
      'CREATE TABLE p(id INTEGER PRIMARY KEY CHECK(id>0)); CREATE TABLE c(p REFERENCES p ON DELETE CASCADE);',
    )
    const names = ['foreign_keys', 'trusted_schema', 'ignore_check_constraints', 'recursive_triggers']
    for (const name of names) sqlite.pragma(`${name}=${value}`)
    const applier = new RecordApplier(sqlite)
    applier.begin()
    applier.apply(
      `INSERT INTO "p"("id") VALUES(-1),(2);\nINSERT INTO "c"(rowid,"p") VALUES(1,2),(2,99);\nDELETE FROM "p" WHERE "id"=2;\n`,
    )
    applier.end()
    assert.is(sqlite.prepare('SELECT count(*) FROM c').pluck().get(), 2)
    assert.equal(
      names.map((name) => sqlite.pragma(name, { simple: true })),
      [value, value, value, value],
    )
  }
})

test('a record that fails changes nothing, and says which statement it was', () => {
  const sqlite = opened(ORDERED)
  const before = stateOf(sqlite)
  const applier = new RecordApplier(sqlite)
  applier.begin()
  for (const [statement, code] of [
    ['INSERT INTO "none"("a") VALUES(1);\n', 'SCRIPTLOG_CANNOT_REDO'],
    ['ALTER TABLE t DROP COLUMN none;\n', 'SCRIPTLOG_CANNOT_REDO'],
    ['COMMIT;\n', 'SCRIPTLOG_CANNOT_REDO'],
    ['BEGIN;\n', 'SCRIPTLOG_CANNOT_REDO'],
    ["ATTACH 'x' AS y;\n", 'SCRIPTLOG_REFUSED_STATEMENT'],
    ['INSERT INTO "t"("id","a") SELECT 1,2;\n', 'SCRIPTLOG_REFUSED_STATEMENT'],
    ['INSERT INTO "t"("id","a") VALUES(9,9)', 'SCRIPTLOG_REFUSED_STATEMENT'],
  ]) {
    try {
      applier.apply(`INSERT INTO "t"("id","a") VALUES(1,1);\nALTER TABLE t ADD COLUMN b;\n${statement}`)
      assert.unreachable(statement)
    } catch (error) {
      assert.is(error instanceof ScriptlogError && error.code, code, statement)
      assert.ok(error instanceof ScriptlogError && (error.offset ?? 0) > 60, statement)
    }
  }
  applier.end()
  assert.is(stateOf(sqlite), before)
})

test('a schema that calls the application’s functions is redone only where the application registered them for it', () => {
  const record =
    'CREATE TABLE s(a CHECK(f(a)));\nCREATE INDEX i ON t(f(a));\nALTER TABLE t RENAME COLUMN a TO b;\n'
  const schema =
    'CREATE TABLE t(id INTEGER PRIMARY KEY, a); CREATE VIEW v AS SELECT f(a) FROM t; INSERT INTO t VALUES(1,1)'
  for (const isTrusted of [true, false]) {
    const sqlite = openConnection()
    sqlite.function('f', { deterministic: true }, (value: unknown) => value)
    sqlite.exec(schema)
    const applier = isTrusted ? new RecordApplier(sqlite, LOADING_TRUSTED) : new RecordApplier(sqlite)
    applier.begin()
    if (isTrusted) applier.apply(record)
    else assert.throws(() => applier.apply(record), /unsafe use of f\(\)/)
    applier.end()
  }
})

test.run()
