// Opening beyond crashes: an open that fails at any of its operations changes nothing that the next one would miss,
// and what an open did is told.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Database } from '../../lib/database/database.ts'
import { SqliteError } from '../../lib/engine/sqlite.ts'
import { ScriptlogError } from '../../lib/errors.ts'
import type { Fault } from '../../lib/fs/memory.ts'
import { BASE } from '../crash/process.ts'
import { nth, Stage, thrown } from './stage.ts'

const CREATE = 'CREATE TABLE t(x)'
const INSERT = 'INSERT INTO t VALUES(1)'

const counted = (database: Database) => database.prepare('SELECT count(*) FROM t').pluck().get()

interface Opening {
  readonly name: string
  readonly begun: () => Stage
  readonly rows: number | undefined
}

function closed(): Stage {
  const stage = new Stage()
  stage.open().exec(CREATE).close()
  return stage
}

function killed(): Stage {
  const stage = closed()
  stage.open().exec(INSERT)
  stage.kill()
  return stage
}

const OPENINGS: readonly Opening[] = [
  { name: 'creation', begun: () => new Stage(), rows: undefined },
  { name: 'an open after a kill', begun: killed, rows: 1 },
  {
    name: 'an open that sets a torn tail aside',
    begun: () => {
      const stage = killed()
      append(stage, '.log', 'BEGIN;\nINSERT')
      return stage
    },
    rows: 1,
  },
  {
    name: 'an open with a checkpoint',
    begun: () => {
      const stage = killed()
      stage.open().exec(INSERT)
      return stage
    },
    rows: 2,
  },
  {
    name: 'an open that finishes a checkpoint',
    begun: () => {
      const stage = killed()
      const database = stage.open()
      stage.failing = nth(1, { kind: 'rename', path: '.script' }, { code: 'EIO' })
      thrown(ScriptlogError, () => database.checkpoint())
      database.exec(INSERT)
      stage.failing = () => undefined
      return stage
    },
    rows: 2,
  },
]

const FAULTS: readonly (Fault & { readonly forGood: boolean })[] = [
  { code: 'EIO', forGood: false },
  { code: 'EACCES', forGood: true },
  { code: 'ENOSPC', takesEffect: true, writtenBytes: 3, forGood: false },
  { code: 'EROFS', takesEffect: true, forGood: true },
]

for (const { name, begun, rows } of OPENINGS) {
  test(`each operation of ${name} fails: told with a class, the lock is free, the next open has everything`, () => {
    const whole = begun()
    const operations = whole.trace(() => whole.open()).split('\n')
    for (const { forGood, ...fault } of FAULTS) {
      for (const [index, operation] of operations.entries()) {
        const stage = begun()
        stage.failing = nth(index + 1, {}, fault, forGood)
        const error = thrown(ScriptlogError, () => stage.open())
        assert.ok(error.hint !== undefined, `${operation} ${fault.code}: ${error.message}`)
        stage.failing = () => undefined
        const database = stage.open()
        if (rows === undefined) database.exec(CREATE)
        else assert.is(counted(database), rows, `${operation} ${fault.code}`)
        database.exec(INSERT)
        assert.is(counted(stage.open()), (rows ?? 0) + 1, `${operation} ${fault.code}`)
      }
    }
  })
}

test('opened again and again after a kill: the same content, and no file grows in number', () => {
  const stage = killed()
  for (let round = 0; round < 6; round++) {
    assert.is(counted(stage.open()), 1)
    assert.ok(stage.names().length <= 4, stage.names().join())
  }
})

test('told: records redone, the last xid, how writing goes on', () => {
  const stage = killed()
  const { recovery } = stage.open().status()
  assert.is(recovery.row, 'script-and-log')
  assert.is(recovery.redoneRecords, 1)
  assert.is(recovery.lastXid, 2)
  assert.is(recovery.wentOn, 'log-next')
  assert.not(recovery.wasClean)
  assert.equal(recovery.setAside, [])
  const { recovery: second } = stage.open().status()
  assert.is(second.wentOn, 'checkpoint')
  assert.is(second.lastXid, 2)
})

test('told: a torn tail, kept byte for byte', () => {
  const stage = killed()
  append(stage, '.log', 'BEGIN;\nINSERT')
  const { recovery } = stage.open().status()
  assert.is(recovery.verdict, 'torn')
  const [kept] = recovery.setAside
  assert.is(stage.text(String(kept?.path).slice(BASE.length)), 'BEGIN;\nINSERT')
  assert.is(kept?.sizeBytes, 13)
})

test('a long log is not copied: a checkpoint takes its place', () => {
  const stage = closed()
  const insert = stage.open({ logSize: 1 }).prepare('INSERT INTO t VALUES(?)')
  insert.run('x'.repeat(600_000))
  const database = stage.open({ logSize: 1 })
  assert.is(database.status().recovery.wentOn, 'checkpoint')
  assert.is(counted(database), 1)
})

test('.properties says no beside a log with records: they are redone all the same', () => {
  const stage = closed()
  const settled = stage.text('.properties') ?? ''
  stage.open().exec(INSERT)
  stage.kill()
  stage.files.remove(`${BASE}.properties`)
  append(stage, '.properties', settled)
  const database = stage.open()
  assert.is(counted(database), 1)
  assert.is(database.status().modified, 'yes')
})

test('an open that may not create: refused, nothing made', () => {
  const stage = new Stage()
  const error = thrown(SqliteError, () => stage.open({ fileMustExist: true }))
  assert.is(error.code, 'SQLITE_CANTOPEN')
  assert.equal(stage.names(), [])
})

/** Appends to a file as somebody else, or creates it. */
function append(stage: Stage, suffix: string, text: string): void {
  stage.kill()
  const path = `${BASE}${suffix}`
  const file = stage.text(suffix) === undefined ? stage.files.create(path) : stage.files.openAppend(path)
  file.append(Buffer.from(text))
  file.close()
}

test.run()
