// What happens in the middle of a close or a redo: nobody may write or close there, and an open iterator stops a close
// before anything was done.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import { imageOf } from '../../lib/fs/image.ts'
import { MemoryFiles } from '../../lib/fs/memory.ts'
import { memoryLocks } from '../../lib/fs/memory-locks.ts'
import type { Host } from '../../lib/host.ts'

const test = suite('in the middle of things')

function given(): { readonly host: Host; readonly open: () => Database } {
  const files = new MemoryFiles({ image: imageOf({}, ['/', '/data']) })
  let micros = 0
  const host: Host = {
    files,
    locks: memoryLocks(),
    clock: () => micros++,
    randomHex: (bytes) => (micros++).toString(16).padStart(bytes * 2, '0'),
  }
  return { host, open: () => new Database('/data/app', {}, { ...host, locks: memoryLocks() }) }
}

const rows = (db: Database) => db.prepare('SELECT a FROM t').pluck().all()

test('a listener that writes while the database is being closed: refused, and everything else is there', () => {
  const { open } = given()
  const db = open()
  db.exec('CREATE TABLE t(a); INSERT INTO t VALUES(1)')
  let refusal = ''
  db.on('checkpoint', () => {
    try {
      db.exec('INSERT INTO t VALUES(2)')
    } catch (error) {
      refusal = String(error)
    }
  })
  db.close()
  assert.match(refusal, /is being closed/)
  assert.equal(rows(open()), [1])
})

test('a listener that closes a database that is being closed: refused, and it is closed once', () => {
  const { open } = given()
  const db = open()
  db.exec('CREATE TABLE t(a); INSERT INTO t VALUES(1)')
  db.on('checkpoint', () => assert.throws(() => db.close(), /is being closed/))
  db.close()
  assert.not.ok(db.open)
  assert.equal(rows(open()), [1])
})

test('close with an iterator open: refused before anything is done, and the database goes on', () => {
  const { open } = given()
  const db = open()
  db.exec('CREATE TABLE t(a); INSERT INTO t VALUES(1),(2)')
  const iterator = db.prepare('SELECT a FROM t').pluck().iterate()
  iterator.next()
  assert.throws(() => db.close(), /busy/)
  assert.equal(db.status().modified, 'yes')
  iterator.return?.()
  db.exec('INSERT INTO t VALUES(3)')
  db.flush()
  assert.equal(rows(open()), [1, 2, 3])
})

test('redo: writes and a close from whoever gives the transactions are refused; those already given stay', () => {
  for (const interfere of [
    (db: Database) => db.exec('INSERT INTO t VALUES(9)'),
    (db: Database) => db.close(),
  ]) {
    const { open } = given()
    const db = open()
    db.exec('CREATE TABLE t(a)')
    const transactions = function* () {
      yield 'INSERT INTO "t"(rowid,"a") VALUES(1,1);\n'
      interfere(db)
    }
    assert.throws(() => db.redo(transactions()), /redoes transactions/)
    db.exec('INSERT INTO t VALUES(2)')
    db.flush()
    assert.equal(rows(open()), [1, 2])
  }
})

test('redo of a text that is no logged transaction: refused before it is applied', () => {
  const { open } = given()
  const db = open()
  db.exec('CREATE TABLE t(a)')
  assert.throws(() => db.redo(['INSERT INTO "t"(rowid,"a") VALUES(1,1)']), /semicolon and a newline/)
  assert.equal(rows(db), [])
})

test('redo beside a TEMP table: refused, the names in a log mean the tables that are kept', () => {
  const { open } = given()
  const db = open()
  db.exec('CREATE TABLE t(a); CREATE TEMP TABLE t(a)')
  assert.throws(() => db.redo(['INSERT INTO "t"(rowid,"a") VALUES(1,1);\n']), /TEMP/)
})

test('flush while a VACUUM waits for its checkpoint: not acknowledged before that succeeds', () => {
  let isFull = false
  const files = new MemoryFiles({
    image: imageOf({}, ['/', '/data']),
    onOperation: (operation) => (isFull && operation.kind === 'create' ? { code: 'ENOSPC' } : undefined),
  })
  const { host } = given()
  const open = () => new Database('/data/app', {}, { ...host, files, locks: memoryLocks() })
  const db = open()
  db.exec('CREATE TABLE t(a); INSERT INTO t VALUES(1),(2),(3); DELETE FROM t WHERE a < 3')
  isFull = true
  assert.throws(() => db.exec('VACUUM'), /not durable/)
  assert.throws(() => db.flush(), /not durable/)
  isFull = false
  db.resume()
  db.flush()
  assert.equal(
    open().prepare('SELECT rowid FROM t').pluck().all(),
    db.prepare('SELECT rowid FROM t').pluck().all(),
  )
})

test('checkpoint, resume and configure in the middle of a redo: refused, and no trigger is lost', () => {
  const { open } = given()
  const db = open()
  db.exec('CREATE TABLE t(a); CREATE TABLE u(a)')
  db.exec('CREATE TRIGGER copies AFTER INSERT ON t BEGIN INSERT INTO u VALUES(new.a); END')
  const refusals: string[] = []
  const attempts = [() => db.checkpoint(), () => db.resume(), () => db.configure({ logSize: 3 })]
  db.redo(['INSERT INTO "t"(rowid,"a") VALUES(1,7);\n'], () => {
    for (const act of attempts) {
      try {
        act()
      } catch (error) {
        refusals.push(String(error))
      }
    }
  })
  assert.is(refusals.filter((text) => text.includes('redoes transactions')).length, attempts.length)
  db.close()
  const again = open()
  again.exec('INSERT INTO t VALUES(8)')
  assert.equal(again.prepare('SELECT a FROM u').pluck().all(), [8])
})

test.run()
