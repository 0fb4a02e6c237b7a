// What a stranger's schema may call, when its database is open and the user reads and writes.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Database } from '../../lib/database/database.ts'
import type { DatabaseOptions } from '../../lib/database/options.ts'
import { verify } from '../../lib/verify.ts'
import { MEMORY_DIR } from '../support/memory-world.ts'
import { worldOf } from './doors.ts'
import { PLACES, planted } from './forge.ts'

const SCHEMA = `CREATE TABLE t(a,b);
INSERT INTO "t"("a","b") VALUES(1,2);
CREATE VIEW v AS SELECT spy('view') AS x;
CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT spy('trigger'); END;
`

type Setup = NonNullable<DatabaseOptions['setup']>

/** A function of the application that notes who calls it. */
function spy(): { readonly calls: string[]; readonly setup: Setup } {
  const calls: string[] = []
  const setup: Setup = (registrar) => {
    registrar.function('spy', (who: unknown) => {
      calls.push(String(who))
      return 1
    })
  }
  return { calls, setup }
}

function use(db: Database, sql: string): void {
  if (/^SELECT/.test(sql)) db.prepare(sql).all()
  else db.exec(sql)
}

for (const place of PLACES) {
  test(`functions that come after the open: the schema of a ${place} calls none, its user may`, () => {
    for (const options of [{}, { readonly: true }]) {
      const { calls, setup } = spy()
      const db = worldOf(planted(SCHEMA, place)).open(options)
      setup(db)
      assert.is(db.pragma('trusted_schema', { simple: true }), 0)
      assert.throws(() => use(db, 'SELECT * FROM v'), /unsafe use of spy\(\)/)
      if (options.readonly !== true) {
        assert.throws(() => use(db, 'INSERT INTO t VALUES(3,4)'), /unsafe use of spy\(\)/)
        assert.throws(
          () => use(db, "CREATE TABLE u(a CHECK(spy('check'))); INSERT INTO u VALUES(1)"),
          /unsafe use of spy\(\)/,
        )
      }
      assert.equal(calls, [], 'nothing of the application was run')
      use(db, "SELECT spy('user')")
      assert.equal(calls, ['user'])
      db.close()
    }
  })

  test(`whoever trusts the schema of a ${place} says so, for this connection`, () => {
    const { calls, setup } = spy()
    const db = worldOf(planted(SCHEMA, place)).open()
    setup(db)
    db.pragma('trusted_schema = ON')
    use(db, 'SELECT * FROM v')
    use(db, 'INSERT INTO t VALUES(3,4)')
    assert.equal(calls, ['view', 'trigger'])
    db.close()
  })

  test(`functions of setup are for the schema: the load of a ${place} calls those of indexes and columns alone`, () => {
    const { calls, setup } = spy()
    const deterministic: Setup = (registrar) => {
      setup(registrar)
      registrar.function('twice', { deterministic: true }, (value: unknown) => {
        calls.push('twice')
        return Number(value) * 2
      })
    }
    const planting = planted(`${SCHEMA}${place === 'log' ? 'CREATE INDEX i ON t(twice(a));\n' : ''}`, place)
    const db = worldOf(planting).open({ setup: deterministic })
    assert.equal(calls, place === 'log' ? ['twice'] : [], 'no view and no trigger ran')
    use(db, 'SELECT * FROM v')
    assert.ok(calls.includes('view'))
    db.close()
    calls.length = 0
    verify(`${MEMORY_DIR}/app`, { setup }, worldOf(planted(SCHEMA, place)).host)
    assert.equal(calls, [], 'verify asks no view and fires no trigger')
  })
}

test('the module of an application is not run by a definition that a stranger has left', () => {
  let connected = 0
  const planting = planted(
    "CREATE VIRTUAL TABLE x USING files('/etc/passwd');\nCREATE VIEW v AS SELECT * FROM x;\n",
    'script',
  )
  const setup: Setup = (registrar) => {
    registrar.table('files', () => {
      connected++
      return { columns: ['line'], rows: function* () {} }
    })
  }
  worldOf(planting).open({ setup }).close()
  assert.is(connected, 0)
})

test.run()
