// The order in which each protocol changes the files and makes them durable. A line may change only with a reason
// in the commit message: what is between a rename and its syncdir, or before the commit point, is what a crash sees.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CommitInDoubtError } from '../../lib/errors.ts'
import { HeldTime } from '../crash/held-time.ts'
import { BASE } from '../crash/process.ts'
import { nth, Stage, thrown } from './stage.ts'

const CREATE = 'CREATE TABLE t(x)'
const INSERT = 'INSERT INTO t VALUES(1)'

// A commit under a write delay does not wait less because the machine is slow.
let time: HeldTime
test.before.each(() => {
  time = new HeldTime()
})
test.after.each(() => time.release())

/** A database with one commit, closed cleanly. */
function closed(): Stage {
  const stage = new Stage()
  stage.open().exec(CREATE).close()
  return stage
}

/** A database whose process was killed after a commit; `.log.next` is free. */
function killed(): Stage {
  const stage = closed()
  stage.open().exec(INSERT)
  stage.kill()
  return stage
}

/** Compares a trace with its text, which may be indented and carry remarks behind `#`. */
function golden(found: string, expected: string): void {
  const lines = expected
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '')
  assert.fixture(found, lines.join('\n'))
}

/** A change of state: beside, synced, renamed over, directory synced. */
const PROPERTIES = `
  create app.properties.new
  append app.properties.new
  sync app.properties.new
  rename app.properties.new -> app.properties
  syncdir .
`

const SCRIPT_NEW = `
  create app.script.new
  append app.script.new    # rows
  append app.script.new    # last line
  sync app.script.new
`

const LOG_NEW = `
  create app.log.new
  append app.log.new
  sync app.log.new
  syncdir .                # the names of both new files
`

const LOG_NEXT = `
  create app.log.next.new
  append app.log.next.new  # header, and copies of what the old log does not prove durable
  sync app.log.next.new
  syncdir .                # earlier renames are durable before this log gets its name
  rename app.log.next.new -> app.log.next
  syncdir .
`

const CHECKPOINT = `
  syncdir .                # 1 removed leftovers stay removed
  ${SCRIPT_NEW}            # 2
  ${LOG_NEW}
  ${PROPERTIES}            # 3 yes-new-files: the commit point
  rename app.script.new -> app.script
  syncdir .                # 4
  rename app.log.new -> app.log
  syncdir .                # 5
  ${PROPERTIES}            # 6 yes, or no when closing
`

const CHECKPOINT_OVER_LOG_NEXT = CHECKPOINT.replace(
  'rename app.log.new -> app.log\n',
  'rename app.log.new -> app.log\nremove app.log.next\n',
)

test('create: the state, then the log, each whole under its name', () => {
  const stage = new Stage()
  golden(
    stage.trace(() => stage.open()),
    `syncdir .
    ${PROPERTIES}          # no-new-files
    create app.log.create.new
    append app.log.create.new
    sync app.log.create.new
    syncdir .
    rename app.log.create.new -> app.log
    syncdir .`,
  )
})

test('first commit: yes is durable before the first record, the record before the commit returns', () => {
  const stage = new Stage()
  const database = stage.open()
  golden(
    stage.trace(() => database.exec(CREATE)),
    `${PROPERTIES}
    append app.log
    sync app.log`,
  )
})

test('second commit: the record alone', () => {
  const stage = new Stage()
  const database = stage.open().exec(CREATE)
  golden(
    stage.trace(() => database.exec(INSERT)),
    `append app.log
    sync app.log`,
  )
})

test('a transaction that changes nothing leaves no trace in the log', () => {
  const stage = new Stage()
  const database = stage.open().exec(CREATE)
  golden(
    stage.trace(() => database.exec('BEGIN; DELETE FROM t; COMMIT')),
    '',
  )
})

test('commit under a write delay: nothing before flush, which writes and syncs what waits at once', () => {
  const stage = new Stage()
  const database = stage.open({ writeDelayMillis: 60_000 }).exec(CREATE)
  golden(
    stage.trace(() => database.exec(INSERT).exec(INSERT)),
    '',
  )
  golden(
    stage.trace(() => database.flush()),
    `append app.log
    sync app.log`,
  )
})

test('checkpoint', () => {
  const stage = new Stage()
  const database = stage.open().exec(CREATE)
  golden(
    stage.trace(() => database.checkpoint()),
    CHECKPOINT,
  )
  golden(
    stage.trace(() => database.exec(INSERT)),
    `append app.log
    sync app.log`,
  )
})

test('checkpoint with a commit that waits: the log is synced first', () => {
  const stage = new Stage()
  const database = stage.open({ writeDelayMillis: 60_000 }).exec(CREATE)
  golden(
    stage.trace(() => database.checkpoint()),
    `append app.log
    sync app.log
    ${CHECKPOINT}`,
  )
})

test('automatic checkpoint: behind the commit that makes the log too large, which is durable before', () => {
  const stage = closed()
  const database = stage.open({ logSize: 1 }).exec(INSERT)
  golden(
    stage.trace(() => database.prepare('INSERT INTO t VALUES(?)').run('x'.repeat(1_000_000))),
    `append app.log
    sync app.log
    ${CHECKPOINT.replace('append app.script.new', 'append app.script.new\nappend app.script.new')}`,
  )
})

test('clean close: a checkpoint', () => {
  const stage = new Stage()
  const database = stage.open().exec(CREATE)
  golden(
    stage.trace(() => database.close()),
    CHECKPOINT,
  )
})

test('clean open, nothing written, close: no change at all', () => {
  const stage = closed()
  golden(
    stage.trace(() => stage.open().close()),
    'syncdir .',
  )
})

test('close immediately: a mark, synced, which proves that the last commit was durable', () => {
  const stage = new Stage()
  const database = stage.open().exec(CREATE)
  golden(
    stage.trace(() => database.close({ mode: 'immediately' })),
    `append app.log
    sync app.log`,
  )
})

test('open after a kill: a new .log.next with copies, whole under its name; nothing goes to the inherited log', () => {
  const stage = killed()
  golden(
    stage.trace(() => stage.open()),
    `syncdir .
    ${LOG_NEXT}`,
  )
})

test('open after a kill that tore the last record: its bytes are kept before anything changes', () => {
  const stage = killed()
  const log = stage.files.openAppend(`${BASE}.log`)
  log.append(Buffer.from('BEGIN;\nINSERT INTO'))
  log.close()
  golden(
    stage.trace(() => stage.open()).replaceAll(/app\.log\.torn\.0-[0-9A-F]{8}\.[0-9a-f]{8}/g, 'TAIL'),
    `syncdir .
    makedir app.rejected
    syncdir .
    create app.rejected/TAIL.new
    append app.rejected/TAIL.new
    sync app.rejected/TAIL.new
    rename app.rejected/TAIL.new -> app.rejected/TAIL
    syncdir app.rejected
    ${LOG_NEXT}`,
  )
})

test('open after a kill while .log.next is taken: a checkpoint', () => {
  const stage = killed()
  stage.open().exec(INSERT)
  golden(
    stage.trace(() => stage.open()),
    `syncdir .
    ${CHECKPOINT_OVER_LOG_NEXT}`,
  )
})

test('open after a checkpoint was cut behind its commit point: it is finished, then a new .log.next', () => {
  const stage = closed()
  const database = stage.open().exec(INSERT)
  stage.failing = nth(1, { kind: 'rename', path: '.script' }, { code: 'EIO' })
  assert.throws(() => database.checkpoint(), /next checkpoint or open finishes it/)
  golden(
    stage.trace(() => stage.open()),
    `syncdir .
    rename app.script.new -> app.script
    syncdir .              # 4
    rename app.log.new -> app.log
    syncdir .              # 5
    ${PROPERTIES}          # 6
    ${LOG_NEXT}`,
  )
})

test('resume: a new .log.next; the log whose sync failed is not touched', () => {
  const stage = closed()
  const database = stage.open().exec(INSERT)
  stage.failing = nth(1, { kind: 'sync', path: '.log' }, { code: 'EIO' })
  thrown(CommitInDoubtError, () => database.exec(INSERT))
  golden(
    stage.trace(() => database.resume()),
    `${LOG_NEXT}
    append app.log.next    # a mark: what was saved is proven before writing goes on
    sync app.log.next`,
  )
})

test('resume while .log.next is taken: a checkpoint that does not sync the failed log', () => {
  const stage = killed()
  const database = stage.open().exec(INSERT)
  stage.failing = nth(1, { kind: 'append', path: '.log.next' }, { code: 'ENOSPC' })
  thrown(CommitInDoubtError, () => database.exec(INSERT))
  golden(
    stage.trace(() => database.resume()),
    `${CHECKPOINT_OVER_LOG_NEXT}
    append app.log         # a mark
    sync app.log`,
  )
})

test('a setting: the state file is replaced, and nothing else', () => {
  const stage = closed()
  const database = stage.open()
  golden(
    stage.trace(() => database.exec('SET FILES LOG SIZE 20')),
    PROPERTIES,
  )
})

test.run()
