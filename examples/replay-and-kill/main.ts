// Replay a SQL log, kill the process that replays it, and look at what is left.
//
//   npm start                      npm start -- --seed 7 --kills 3 --keep
//
// A workload of 120,000 row changes over real places is written as a plain SQL log. Another process replays it into a
// scriptlog database and is killed with SIGKILL at a random moment. The database is opened again, and must hold
// exactly the first k transactions, every acknowledged one among them, as plain better-sqlite3 has them row by row.
// Then the replay goes on to the end, and the whole is compared once more. Exit code 0 only when all of that is right.

import { mkdirSync, mkdtempSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { rimraf, rimrafSync } from 'rimraf'
import { seededRandom } from '../../lib/format/random.ts'
import { Database } from '../../lib/index.ts'
import { explainRecovery } from '../explain-recovery.ts'
import { count, countOf, heading, say, seconds, size, verdict, whisper, withProgress } from '../show.ts'
import { readCities } from './cities.ts'
import { Reference } from './compare.ts'
import { replayUntilKilled } from './kill.ts'
import { type Options, readOptions } from './options.ts'
import { replay, TRANSACTIONS_PER_FLUSH, transactionsIn } from './replay.ts'
import { showFiles } from './show-files.ts'
import { type SqlLogSummary, writeSqlLog } from './sql-log.ts'
import { makeWorkload } from './workload.ts'

/** What every step of a run needs. */
interface Run {
  readonly directory: string
  readonly base: string
  readonly sqlLog: string
  readonly summary: SqlLogSummary
  readonly reference: Reference
  /** Decides when the replaying process is killed. */
  readonly random: () => number
}

/**
 * Half of the kills come at once, when what was acknowledged last is most at stake; the others up to so much later,
 * long enough to fall into a checkpoint.
 */
const LONGEST_DELAY_MILLIS = 100

async function main(options: Options): Promise<boolean> {
  const parent = resolve(options.dir ?? tmpdir())
  mkdirSync(parent, { recursive: true })
  const directory = mkdtempSync(join(parent, 'replay-and-kill-'))
  process.once('SIGINT', () => {
    rimrafSync(directory)
    process.exit(130)
  })
  let isRight = false
  try {
    isRight = await runIn(directory, options)
  } finally {
    if (isRight && !options.keep) await rimraf(directory)
    else say(`kept: ${directory}`)
  }
  return isRight
}

async function runIn(directory: string, options: Options): Promise<boolean> {
  const { seed, changes, kills } = options
  console.log('Replay a SQL log, kill the process that replays it, and look at what is left')
  whisper(`seed ${seed}; the same again: npm start -- --seed ${seed} --changes ${changes} --kills ${kills}`)

  const sqlLog = join(directory, 'workload.sql')
  const summary = await makeSqlLog(sqlLog, options)
  const run: Run = {
    directory,
    base: join(directory, 'app'),
    sqlLog,
    summary,
    reference: new Reference(sqlLog),
    random: seededRandom(seed),
  }
  const isRight = await tryAll(run, kills)
  heading('Files')
  showFiles(directory)
  run.reference.close()
  heading(isRight ? 'Everything is as it should be.' : 'Something is wrong: see above.')
  return isRight
}

/** Ends at the first thing that is wrong, and leaves the database open then: its files are the evidence. */
async function tryAll(run: Run, kills: number): Promise<boolean> {
  let begunAt = 0
  for (let killsLeft = kills; ; killsLeft--) {
    const { database, reached, isRight } = await killAndRecover(run, begunAt, killsLeft)
    if (!isRight) return false
    if (killsLeft === 1) return (await goOnToTheEnd(run, database, reached)) && closeAndReopen(run, database)
    database.close({ mode: 'immediately' })
    begunAt = reached
  }
}

async function makeSqlLog(sqlLog: string, { seed, changes }: Options): Promise<SqlLogSummary> {
  heading('A workload, as a SQL log')
  const begun = performance.now()
  const summary = await writeSqlLog(sqlLog, makeWorkload(readCities(), seed, changes))
  const { inserted, updated, deleted, transactions, schemaChanges } = summary
  const total = inserted + updated + deleted
  const share = (part: number) => `${((100 * part) / total).toFixed(1)} %`
  say(
    `${count(total)} row changes (${share(inserted)} INSERT, ${share(updated)} UPDATE, ${share(deleted)} DELETE) in ` +
      `${count(transactions)} transactions of 1 to 50 rows`,
  )
  say(`${schemaChanges} of them change the schema: tables, indexes, triggers, a view, ALTER TABLE`)
  say('places of GeoNames with their regions and countries; invented facts, visits and twin towns')
  whisper(`workload.sql, ${size(statSync(sqlLog).size)}, ${seconds(performance.now() - begun)}`)
  return summary
}

/** Replays in another process, which is killed at a random moment; then opens what it left and compares it. */
async function killAndRecover(
  run: Run,
  begunAt: number,
  killsLeft: number,
): Promise<{ readonly database: Database; readonly reached: number; readonly isRight: boolean }> {
  const { random } = run
  heading('Another process replays it and is killed')
  const acknowledgements = Math.ceil((run.summary.transactions - begunAt) / TRANSACTIONS_PER_FLUSH)
  const moment = {
    acknowledgement: 1 + Math.floor((random() / killsLeft) * (acknowledgements - 1)),
    delayMillis: Math.max(0, Math.floor((2 * random() - 1) * LONGEST_DELAY_MILLIS)),
  }
  const killed = await withProgress('replaying', run.summary.transactions, (tick) =>
    replayUntilKilled(run.base, run.sqlLog, moment, tick),
  )
  say(
    `SIGKILL to process ${killed.pid}, ${moment.delayMillis} ms after acknowledgement ` +
      `${count(moment.acknowledgement)} of ${count(acknowledgements)}`,
  )
  say(
    `acknowledged as durable: transactions 1 to ${count(killed.acknowledged)}, up to LSN ${killed.durableLsn}; ` +
      rate(run, killed.acknowledged - begunAt, killed.milliseconds),
  )

  heading('Opening what is left')
  showFiles(run.directory)
  const database = new Database(run.base)
  const { recovery } = database.status()
  for (const sentence of explainRecovery(recovery)) say(sentence)
  whisper(`opened in ${seconds(recovery.durationMillis)}`)

  heading('Is it right?')
  const reached = transactionsIn(database)
  const { acknowledged } = killed
  const isAllThere = verdict(
    reached >= acknowledged,
    reached >= acknowledged
      ? `it holds ${count(reached)} transactions: all ${count(acknowledged)} acknowledged ones, and ` +
          `${count(reached - acknowledged)} that were committed and not yet acknowledged`
      : `it holds ${count(reached)} transactions: ${count(acknowledged - reached)} acknowledged ones are lost`,
  )
  const isCounted = verdict(
    recovery.lastXid === reached,
    `the log counted them the same way: its last transaction is ${count(recovery.lastXid)}`,
  )
  const isEqual = await compare(run, database, reached)
  return { database, reached, isRight: isAllThere && isCounted && isEqual }
}

async function goOnToTheEnd(run: Run, database: Database, begunAt: number): Promise<boolean> {
  const { transactions } = run.summary
  heading(`Going on from transaction ${count(begunAt + 1)} to the end`)
  const begun = performance.now()
  await withProgress('replaying', transactions, (tick) => replay(database, run.sqlLog, tick))
  say(
    `${count(transactions - begunAt)} transactions; ${rate(run, transactions - begunAt, performance.now() - begun)}`,
  )
  const hasAll = verdict(
    transactionsIn(database) === transactions,
    `it holds all ${count(transactions)} transactions`,
  )
  return (await compare(run, database, transactions)) && hasAll
}

async function closeAndReopen(run: Run, database: Database): Promise<boolean> {
  heading('Checkpoint, close, open again')
  const begun = performance.now()
  const { scriptBytes } = database.checkpoint()
  say(`checkpoint: a snapshot of ${size(scriptBytes)} in ${seconds(performance.now() - begun)}`)
  database.close()
  const again = new Database(run.base)
  const { recovery } = again.status()
  const isClean = verdict(
    recovery.wasClean && recovery.redoneRecords === 0,
    `opened in ${seconds(recovery.durationMillis)} with nothing to redo`,
  )
  const isEqual = await compare(run, again, run.summary.transactions)
  again.close()
  return isClean && isEqual
}

async function compare({ reference }: Run, database: Database, transactions: number): Promise<boolean> {
  const begun = performance.now()
  await withProgress('comparing', transactions, (tick) => reference.advanceTo(transactions, tick))
  const { tables, rows, differences } = reference.compare(database)
  const isEqual = verdict(
    differences.length === 0,
    `schema and ${countOf(rows, 'row')} of ${tables} tables ${differences.length === 0 ? 'equal' : 'are not'} those of ` +
      `plain better-sqlite3 after the same ${count(transactions)} transactions (${seconds(performance.now() - begun)})`,
  )
  for (const difference of differences) say(`       ${difference}`)
  return isEqual
}

function rate({ summary }: Run, transactions: number, milliseconds: number): string {
  const changes = (summary.inserted + summary.updated + summary.deleted) / summary.transactions
  const perSecond = (transactions / milliseconds) * 1000
  return `${seconds(milliseconds)}, ${count(perSecond)} transactions/s (about ${count(perSecond * changes)} row changes/s)`
}

const options = readOptions(process.argv.slice(2))
if ('usage' in options) {
  console.error(options.usage)
  process.exitCode = options.isWrong ? 2 : 0
} else {
  process.exitCode = (await main(options)) ? 0 : 1
}
