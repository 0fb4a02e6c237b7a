import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rimrafSync } from 'rimraf'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readCities } from '../examples/replay-and-kill/cities.ts'
import { Reference } from '../examples/replay-and-kill/compare.ts'
import { replay } from '../examples/replay-and-kill/replay.ts'
import { writeSqlLog } from '../examples/replay-and-kill/sql-log.ts'
import { makeWorkload } from '../examples/replay-and-kill/workload.ts'
import { Database } from '../lib/index.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'examples-spec-'))
test.after(() => {
  rimrafSync(directory)
})

interface Ended {
  readonly exitCode: number | string
  readonly stdout: string
  readonly stderr: string
}

function run(example: string, ...args: string[]): Promise<Ended> {
  const command = ['--import', 'tsx', join('examples', example, 'main.ts'), ...args]
  return new Promise((resolve) => {
    execFile(process.execPath, command, { cwd: ROOT }, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : (error.code ?? 'killed'), stdout, stderr })
    })
  })
}

function assertAllRight({ exitCode, stdout, stderr }: Ended): void {
  assert.is(exitCode, 0, `${stdout}\n${stderr}`)
  assert.is(stderr, '')
  assert.not.match(stdout, 'WRONG')
  // No colours where there is no terminal.
  assert.not.match(stdout, '\x1b[')
}

test('replay-and-kill: killed twice, the database holds what was acknowledged, goes on, and equals plain SQLite', async () => {
  const seed = Math.floor(Math.random() * 1_000_000)
  console.log(`replay-and-kill --seed ${seed}`)
  const args = ['--seed', String(seed), '--changes', '8000', '--kills', '2', '--dir', directory]
  const ended = await run('replay-and-kill', ...args)
  assertAllRight(ended)
  const { stdout } = ended
  assert.is(stdout.match(/SIGKILL to process \d+/g)?.length, 2)
  assert.is(stdout.match(/right {2}schema and [\d,]+ rows of \d tables equal/g)?.length, 4)
  assert.match(stdout, /8,0\d\d row changes/)
  assert.match(stdout, 'with nothing to redo')
  assert.match(stdout, 'Everything is as it should be.')
  assert.equal(readdirSync(directory), [], 'its directory is removed at the end')
})

test('replay-and-kill: an argument that means nothing ends it with a usage error', async () => {
  const { exitCode, stdout, stderr } = await run('replay-and-kill', '--seed', 'x')
  assert.is(exitCode, 2)
  assert.is(stdout, '')
  assert.match(stderr, /--seed must be a whole number/)
  assert.match(stderr, 'usage: npm start')
})

test('workload: the same seed makes the same transactions, with the promised mix and changes of the schema', () => {
  const cities = readCities()
  const first = [...makeWorkload(cities, 7, 20_000)]
  assert.equal([...makeWorkload(cities, 7, 20_000)], first)
  assert.not.equal([...makeWorkload(cities, 8, 20_000)], first)
  const sum = (part: 'inserted' | 'updated' | 'deleted') =>
    first.reduce((total, each) => total + each[part], 0)
  const total = sum('inserted') + sum('updated') + sum('deleted')
  assert.ok(total >= 20_000)
  assert.ok(sum('updated') / total > 0.31 && sum('updated') / total < 0.36, `${sum('updated')} of ${total}`)
  assert.ok(sum('deleted') / total > 0.085 && sum('deleted') / total < 0.115, `${sum('deleted')} of ${total}`)
  assert.ok(first.every(({ inserted, updated, deleted }) => inserted + updated + deleted <= 50))
  assert.is(first.filter(({ isSchemaChange }) => isSchemaChange).length, 6)
})

test('the judge: one changed value, type, row, rowid or index, or a transaction too many, is a difference', async () => {
  const sqlLog = join(directory, 'judged.sql')
  const { transactions } = await writeSqlLog(sqlLog, makeWorkload(readCities(), 7, 2_000))
  const database = new Database(join(directory, 'judged'))
  await replay(database, sqlLog, () => undefined)
  const reference = new Reference(sqlLog)
  await reference.advanceTo(transactions, () => undefined)
  const differences = () => reference.compare(database).differences
  assert.equal(differences(), [])
  const tampering = [
    'UPDATE progress SET transactions = transactions + 1',
    'UPDATE visit SET times = times + 1 WHERE id = (SELECT max(id) FROM visit)',
    "UPDATE fact SET value = CAST(value AS TEXT) WHERE rowid = (SELECT min(rowid) FROM fact WHERE typeof(value) = 'integer')",
    'DELETE FROM visit WHERE id = (SELECT max(id) FROM visit)',
    'UPDATE fact SET rowid = rowid + 100000 WHERE rowid = (SELECT max(rowid) FROM fact)',
    'DROP INDEX fact_by_city',
  ]
  for (const sql of tampering) {
    database.exec(`BEGIN; ${sql}`)
    assert.is(differences().length > 0, true, sql)
    database.exec('ROLLBACK')
    assert.equal(differences(), [], `rolled back: ${sql}`)
  }
  reference.close()
  database.close()
  rimrafSync(join(directory, 'judged.*'), { glob: true })
})

test('the judge: a SQL log that ends too early is an error, not agreement', async () => {
  const sqlLog = join(directory, 'short.sql')
  writeFileSync(sqlLog, 'BEGIN;\nCREATE TABLE t(a);\nCOMMIT;\nBEGIN;\nINSERT INTO t VALUES(1);\n')
  const reference = new Reference(sqlLog)
  try {
    await reference.advanceTo(2, () => undefined)
    assert.unreachable()
  } catch (error) {
    assert.match(String(error), 'the SQL log ends after transaction 1')
  }
  reference.close()
  rimrafSync(sqlLog)
})

test('embedded: what was saved before the process was killed is there at the next start', async () => {
  const ended = await run('embedded')
  assertAllRight(ended)
  assert.match(ended.stdout, /saved\n {2}\(while idle: a snapshot was written\)/)
  assert.match(ended.stdout, /not closed properly\. All saved changes are there \(1 were redone/)
  assert.match(ended.stdout, /Café Zürich +4\.0 h/)
})

test('watch-recovery: a torn tail is set aside, a checkpoint undone before its commit point and redone after it', async () => {
  const ended = await run('watch-recovery')
  assertAllRight(ended)
  assert.match(ended.stdout, /row of the decision table: script-and-log,/)
  assert.match(ended.stdout, /rename app\.rejected\/app\.log\.torn/)
  assert.match(ended.stdout, /row of the decision table: checkpoint-to-finish,/)
  assert.is(ended.stdout.match(/right {2}Ada has \d and Bob \d coins/g)?.length, 3)
})

test('watch-recovery: a recovery that is cut off is taken up again; damage to durable data is refused', async () => {
  const ended = await run('watch-recovery', 'half-moved', 'twice', 'damage')
  assertAllRight(ended)
  assert.is(ended.stdout.match(/row of the decision table: checkpoint-in-place,/g)?.length, 2)
  assert.match(ended.stdout, /right {2}nothing was changed/)
})

test('watch-recovery: any step can be chosen, and --list numbers them', async () => {
  const list = await run('watch-recovery', '--list')
  assertAllRight(list)
  const [, step = ''] = /(\d+) rename app\.log\.new -> app\.log/.exec(list.stdout) ?? []
  const args = ['--step', step, '--model', 'generic', '--seed', '3']
  const [chosen, again] = await Promise.all([run('watch-recovery', ...args), run('watch-recovery', ...args)])
  assertAllRight(chosen)
  assert.match(chosen.stdout, `generic: crash after change ${step}, rename app.log.new -> app.log`)
  assert.is(again.stdout, chosen.stdout, 'the same seed shows the same')
  assert.is((await run('watch-recovery', '--step', '0')).exitCode, 2)
  assert.is((await run('watch-recovery', 'no-such-scenario')).exitCode, 2)
})

test.run()
