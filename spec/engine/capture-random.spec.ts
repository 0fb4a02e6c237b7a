// Random schemas and statements, against a replica that redoes every record as soon as it is there. A failure prints
// the seed and the statements; run it again with
//   SCRIPTLOG_SEED=<seed> SCRIPTLOG_CASES=1 node --import tsx spec/engine/capture-random.spec.ts

import { test } from 'uvu'
import { messageOf, ScriptlogError } from '../../lib/errors.ts'
import { seededRandom } from '../../lib/format/random.ts'
import { RandomSql } from './random-sql.ts'
import { Original, Replica, stateOf } from './replica.ts'

const FIRST_SEED = Number(process.env.SCRIPTLOG_SEED ?? 1)
const CASES = Number(process.env.SCRIPTLOG_CASES ?? 40)
const STATEMENTS = 60

function runCase(seed: number): void {
  const history: string[] = []
  const fail = (what: string): never => {
    throw new Error(`seed ${seed}: ${what}\n${history.join(';\n')}`)
  }
  const original = new Original()
  const replica = new Replica()
  const run = (sql: string) => {
    history.push(sql)
    try {
      original.run(sql)
    } catch (error) {
      history.push(`-- ${messageOf(error)}`)
      const isExpected =
        error instanceof ScriptlogError || (error instanceof Error && error.name === 'SqliteError')
      if (!isExpected) fail(`an error that no user should see: ${messageOf(error)}`)
    }
    const records = original.records.splice(0)
    history.push(...records.map((record) => `/* ${record.sql} */`))
    try {
      replica.apply(records)
    } catch (error) {
      fail(messageOf(error))
    }
    if (original.sqlite.inTransaction) return
    const [expected, actual] = [stateOf(original.sqlite), stateOf(replica.sqlite)]
    if (expected !== actual) fail(`differs:\n${expected}\n--- redone:\n${actual}`)
  }
  const random = new RandomSql(seededRandom(seed), original.sqlite)
  for (const sql of random.schema()) run(sql)
  for (let count = 0; count < STATEMENTS; count++) run(random.statement())
  if (original.sqlite.inTransaction) run('COMMIT')
  original.sqlite.close()
  replica.sqlite.close()
}

test(`random statements on random schemas, seeds ${FIRST_SEED} to ${FIRST_SEED + CASES - 1}`, () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + CASES; seed++) runCase(seed)
})

test.run()
