// status, log, verify, checkpoint and rejected, on databases in every condition.

import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import { memoryLocks } from '../../lib/fs/memory-locks.ts'
import { systemHost } from '../../lib/host.ts'
import { inQuickDirectory } from '../support/temp-directory.ts'
import { cli, jsonLines, member } from './run-cli.ts'

/** DIR/app with ten commits in its log, each synced, ended as by a kill. */
function killed(dir: string): string {
  const path = join(dir, 'app')
  const db = new Database(path, { writeDelayMillis: 0 }, unlocked())
  db.exec('CREATE TABLE t(id INTEGER PRIMARY KEY, n)')
  for (let n = 1; n < 10; n++) db.exec(`INSERT INTO t(n) VALUES(${n})`)
  return path
}

/** The database is left open, as a kill would leave it: its lock must not keep the next one out. */
function unlocked() {
  return { ...systemHost(), locks: memoryLocks() }
}

function filesIn(dir: string): Map<string, string> {
  return new Map(readdirSync(dir).map((name) => [name, readFileSync(join(dir, name), 'latin1')]))
}

test('a database that ended uncleanly: status, log and verify tell and change nothing', () =>
  inQuickDirectory(async (cwd) => {
    killed(cwd)
    appendFileSync(join(cwd, 'app.log'), 'BEGIN;\nINSERT INTO "t')
    const before = filesIn(cwd)
    const [status, statusJson, log, logJson, filtered, ofFile] = await Promise.all([
      cli(['status', 'app'], { cwd }),
      cli(['status', 'app', '--json'], { cwd }),
      cli(['log', 'app'], { cwd }),
      cli(['log', 'app', '--json', '--no-sql'], { cwd }),
      cli(['log', 'app', '--grep', 'VALUES\\(\\d+,[78]\\)', '--json'], { cwd }),
      cli(['log', 'app.log', '--limit', '2', '--no-sql'], { cwd }),
    ])
    assert.equal(filesIn(cwd), before)
    assert.is(status.code, 0)
    assert.match(status.out, /app\.log +\d.* 10 records, then 21 bytes: torn/)
    assert.match(status.out, /open {3}would recover: /)
    assert.is(member(jsonLines(statusJson.out)[0], 'modified'), 'yes')
    assert.is(log.code, 0)
    assert.match(
      log.out,
      /^-- LSN 0\/[0-9A-F]{8} {2}xid 1 {2}\S+Z\nCREATE TABLE t\(id INTEGER PRIMARY KEY, n\);\n/,
    )
    assert.match(log.out, /\n-- app\.log ends at LSN \S+: torn \(nothing valid follows\)\n$/)
    const lines = jsonLines(logJson.out)
    assert.is(lines.length, 11)
    assert.equal([member(lines[9], 'xid'), member(lines[9], 'sql')], [10, undefined])
    assert.is(member(lines[10], 'end', 'verdict'), 'torn')
    assert.equal(
      jsonLines(filtered.out).map((line) => member(line, 'xid')),
      [8, 9, undefined],
    )
    assert.equal(
      [...ofFile.out.matchAll(/xid (\d+)/g)].map(([, xid]) => xid),
      ['1', '2'],
    )

    const lsnOf = (index: number) => String(member(lines[index], 'lsn'))
    const range = await cli(['log', 'app', '--from-lsn', lsnOf(3), '--until-lsn', lsnOf(5).toLowerCase()], {
      cwd,
    })
    assert.equal(
      [...range.out.matchAll(/xid (\d+)/g)].map(([, xid]) => xid),
      ['4', '5', '6'],
    )
    const verify = await cli(['verify', 'app', '--json'], { cwd })
    assert.is(verify.code, 0)
    const verification = jsonLines(verify.out)[0]
    assert.equal([member(verification, 'isSound'), member(verification, 'redoneRecords')], [true, 10])
    assert.match(String(member(verification, 'remarks', 0)), /torn/)
    before.delete('app.lck')
    const after = filesIn(cwd)
    after.delete('app.lck')
    assert.equal(after, before)
  }))

test('what recovery set aside is told, listed, and printed as it was', () =>
  inQuickDirectory(async (cwd) => {
    killed(cwd)
    const tail = 'BEGIN;\nINSERT INTO "t\u001b[31m'
    appendFileSync(join(cwd, 'app.log'), tail)
    const none = await cli(['rejected', 'app'], { cwd })
    assert.match(none.out, /nothing aside/)
    const open = await cli(['checkpoint', 'app'], { cwd })
    assert.is(open.code, 0)
    assert.match(open.out, /checkpoint at LSN 0\/[0-9A-F]{8}: 9 rows, script \d+ B/)
    assert.match(open.err, /^recovered: .*\n {2}from the snapshot at LSN 0\/00000000: 10 records redone/)
    assert.match(open.err, /not whole: torn/)
    assert.match(open.err, /26 B of app\.log set aside as app\.rejected\/app\.log\.torn\./)
    const [list, json] = await Promise.all([
      cli(['rejected', 'app'], { cwd }),
      cli(['rejected', 'app', '--json'], { cwd }),
    ])
    assert.match(
      list.out,
      /1 file in app\.rejected, 26 B\n {2}app\.log\.torn\.\S+ {2}26 B {2}torn in app\.log at LSN 0\//,
    )
    const [kept] = [member(jsonLines(json.out)[0], 'rejected', 0)]
    assert.equal(
      ['from', 'why', 'sizeBytes', 'firstLine'].map((key) => member(kept, key)),
      ['app.log', 'torn', 26, 'BEGIN;'],
    )
    const [shown, wrong] = await Promise.all([
      cli(['rejected', 'app', '--show', String(member(kept, 'name'))], { cwd }),
      cli(['rejected', 'app', '--show', '../app.script'], { cwd }),
    ])
    assert.is(shown.out, tail)
    assert.equal([wrong.code, wrong.out], [2, ''])
    const checkpoint = await cli(['checkpoint', 'app', '--json'], { cwd })
    const [document] = jsonLines(checkpoint.out)
    assert.is(member(document, 'rows'), 9)
    assert.match(String(member(document, 'lsn')), /^0\/[0-9A-F]{8}$/)
  }))

test('damage that the log proves: exit 6 from status, log and exec, 8 from verify, and the files stay', () =>
  inQuickDirectory(async (cwd) => {
    killed(cwd)
    const path = join(cwd, 'app.log')
    const bytes = readFileSync(path)
    const at = bytes.indexOf('VALUES(4,4)')
    bytes.write('VALUES(4,9)', at)
    writeFileSync(path, bytes)
    const [status, log, json] = await Promise.all([
      cli(['status', 'app'], { cwd }),
      cli(['log', 'app', '--no-sql'], { cwd }),
      cli(['exec', 'app', '--json', 'SELECT 1'], { cwd }),
    ])
    assert.equal([status.code, log.code, json.code], [6, 6, 6])
    assert.match(status.out, /open {3}would refuse: app\.log /)
    assert.match(log.out, /xid 4 .*\n-- app\.log ends at LSN \S+: corrupt/)
    const error = member(jsonLines(json.err)[0], 'error')
    assert.is(member(error, 'code'), 'SCRIPTLOG_CORRUPT')
    assert.ok(Number(member(error, 'offset')) < at)
    assert.match(String(member(error, 'lsn')), /^0\//)
    const verify = await cli(['verify', 'app'], { cwd })
    assert.is(verify.code, 8)
    assert.match(verify.out, /1 problem\n/)
    assert.equal(readFileSync(path), bytes)
    const accepted = await cli(
      ['exec', 'app', '--recovery-mode', 'stop_at_damage', 'SELECT count(*) FROM t'],
      { cwd },
    )
    assert.equal([accepted.code, accepted.out], [0, '3\n'])
    assert.match(accepted.err, /not whole: corrupt/)
  }))

test('a database that is open: exit 5 from all that need it alone; status and log go on', () =>
  inQuickDirectory(async (cwd) => {
    const db = new Database(join(cwd, 'app'))
    db.exec('CREATE TABLE t(a)')
    db.flush()
    const runs = await Promise.all(
      [
        ['exec', 'app', 'SELECT 1'],
        ['checkpoint', 'app'],
        ['verify', 'app'],
        ['status', 'app'],
        ['log', 'app'],
      ].map((args) => cli(args, { cwd })),
    )
    assert.equal(
      runs.map(({ code }) => code),
      [5, 5, 5, 0, 0],
    )
    assert.match(runs[0]?.err ?? '', new RegExp(`process ${process.pid}`))
    db.close()
  }))

test('what is not there is not created', () =>
  inQuickDirectory(async (cwd) => {
    const commands = ['status', 'verify', 'checkpoint', 'rejected', 'log']
    const runs = await Promise.all(commands.map((command) => cli([command, 'app'], { cwd })))
    for (const [index, { code, out, err }] of runs.entries()) {
      assert.equal([code, out], [1, ''], commands[index])
      assert.match(err, /^error: there is no /, commands[index])
    }
    assert.equal(
      readdirSync(cwd).filter((name) => name !== 'app.lck'),
      [],
    )
  }))

test.run()
