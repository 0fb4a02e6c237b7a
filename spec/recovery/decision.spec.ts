import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { AXES, DECISION_TABLE, matchingRows, type Row, type Situation } from '../../lib/recovery/decision.ts'

function* everySituation(): Generator<Situation> {
  for (const state of AXES.state)
    for (const script of AXES.script)
      for (const scriptNew of AXES.scriptNew)
        for (const logs of AXES.logs)
          for (const logsAtCheckpoint of AXES.logsAtCheckpoint)
            for (const logNew of AXES.logNew)
              yield { state, script, scriptNew, logs, logsAtCheckpoint, logNew }
}

const all = [...everySituation()]

function rowOf(situation: Situation): Row {
  const [row, ...others] = matchingRows(situation)
  if (row === undefined || others.length > 0) throw new Error(`not one row: ${JSON.stringify(situation)}`)
  return row
}

/** Asserts something of each situation that leads to a row of this kind. */
function forEach(isMeant: (row: Row) => boolean, isRight: (situation: Situation, row: Row) => boolean): void {
  let met = 0
  for (const situation of all) {
    const row = rowOf(situation)
    if (!isMeant(row)) continue
    met++
    assert.ok(isRight(situation, row), `${row.name}: ${JSON.stringify(situation)}`)
  }
  assert.ok(met > 0, 'no such row')
}

test('every combination of what may be found matches exactly one row', () => {
  assert.is(all.length, 6 * 4 ** 5)
  for (const situation of all) {
    const names = matchingRows(situation).map(({ name }) => name)
    assert.is(names.length, 1, `${JSON.stringify(situation)}: ${names.join(', ')}`)
  }
})

test('every row is matched by some combination, and has a name of its own', () => {
  const names = DECISION_TABLE.map(({ name }) => name)
  assert.equal([...new Set(all.map((situation) => rowOf(situation).name))].sort(), [...names].sort())
  assert.is(new Set(names).size, names.length)
})

test('nothing is created where a script, a live log, or a log with anything in it exists', () => {
  forEach(
    ({ action }) => action === 'create',
    ({ state, script, logs, logNew }) =>
      (state === 'absent' || state === 'fresh') &&
      script === 'absent' &&
      logs === 'absent' &&
      (logNew === 'absent' || logNew === 'empty'),
  )
})

test('a checkpoint is finished only on the word of the state, with its snapshot whole and at its LSN', () => {
  forEach(
    ({ action }) => action === 'finish',
    ({ state, scriptNew }) => state === 'switching' && scriptNew === 'at-checkpoint',
  )
  forEach(
    ({ action }) => action === 'settle',
    ({ state, script, scriptNew }) =>
      state === 'switching' && script === 'at-checkpoint' && scriptNew !== 'at-checkpoint',
  )
})

test('a snapshot that passed its commit point is never passed over', () => {
  for (const situation of all) {
    if (situation.state !== 'switching' || situation.scriptNew !== 'at-checkpoint') continue
    assert.is(rowOf(situation).action, 'finish', JSON.stringify(situation))
  }
})

test('no database is opened on a damaged script, in any mode', () => {
  forEach(
    ({ action }) => action === 'open' || action === 'settle',
    ({ script }) => script !== 'damaged',
  )
  for (const situation of all) {
    if (situation.script !== 'damaged' || situation.scriptNew === 'at-checkpoint') continue
    assert.is(rowOf(situation).action, 'refuse', JSON.stringify(situation))
  }
})

test('without a script a database is opened only on a log from the beginning', () => {
  forEach(
    ({ action }) => action === 'open',
    ({ script, logs }) => script !== 'absent' || logs === 'reaches' || logs === 'damaged',
  )
})

test('logs are redone without question only when they reach, and are left out only when there are none', () => {
  forEach(
    ({ action, logs }) => logs === 'redo' && action !== 'finish',
    ({ logs }) => logs === 'reaches',
  )
  forEach(
    ({ action, logs }) => logs === 'redo' && action === 'finish',
    ({ logsAtCheckpoint }) => logsAtCheckpoint === 'reaches',
  )
  forEach(
    ({ action, logs }) => logs === 'none' && action !== 'refuse',
    ({ logs }) => logs === 'absent',
  )
  forEach(
    ({ action, logs }) => logs === 'by-mode' && action !== 'finish',
    ({ logs }) => logs !== 'reaches',
  )
})

test('the flag never decides over a log: `no` and `yes` lead to the same row wherever a log is', () => {
  for (const situation of all) {
    if (situation.state !== 'dirty' || situation.logs === 'absent') continue
    const dirty = rowOf(situation)
    for (const state of ['clean', 'fresh', 'damaged', 'absent'] as const) {
      assert.is(rowOf({ ...situation, state }).name, dirty.name, JSON.stringify(situation))
    }
  }
})

test('a lost or damaged state never opens less, or more, than the state `yes` would', () => {
  for (const situation of all) {
    if (situation.state !== 'dirty') continue
    const dirty = rowOf(situation)
    const damaged = rowOf({ ...situation, state: 'damaged' })
    assert.is(damaged.action, dirty.action, JSON.stringify(situation))
    assert.is(damaged.logs, dirty.logs, JSON.stringify(situation))
  }
})

test('a checkpoint is undone only when the script and the logs hold everything, and nothing was written after it', () => {
  forEach(
    ({ name }) => name === 'checkpoint-undone',
    ({ scriptNew, logs, logNew, script }) =>
      scriptNew === 'partial' &&
      logs === 'reaches' &&
      (logNew === 'absent' || logNew === 'empty') &&
      script !== 'damaged',
  )
})

test('every refusal and every opening tells why in words', () => {
  for (const { because, name } of DECISION_TABLE) {
    assert.match(name, /^[a-z]+(-[a-z]+)*$/)
    assert.ok(because.length > 12 && !because.endsWith('.'), because)
  }
})

test.run()
