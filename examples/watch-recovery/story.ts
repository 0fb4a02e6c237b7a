// The program that will crash: an account book in which Ada gives Bob one coin after the other. Each transfer is a
// transaction of two changes, so that half a transaction, a lost one and one applied twice would all show.

import type { Change } from '../../lib/fs/change.ts'
import { type Image, imageOf } from '../../lib/fs/image.ts'
import { isDurableStep } from '../../lib/fs/operation.ts'
import { Database } from '../../lib/index.ts'
import { type Step, stepOf } from './narrate.ts'
import { BASE, DIRECTORY, worldWith } from './world.ts'

export const ALL_COINS = 10

export interface StoryStep extends Step {
  readonly chapter: string
}

export interface Story {
  readonly initial: Image
  readonly changes: readonly Change[]
  readonly steps: readonly StoryStep[]
  /** For each commit, how many changes had been made when it was acknowledged. The first opens the accounts. */
  readonly acknowledgedAt: readonly number[]
}

/** Lets the program run to its end; where it crashes is chosen afterwards. */
export function runStory(): Story {
  const initial = imageOf({}, [DIRECTORY])
  const steps: StoryStep[] = []
  const acknowledgedAt: number[] = []
  let chapter = 'the database is created'
  const world = worldWith(initial, (operation) => {
    if (isDurableStep(operation)) steps.push({ ...stepOf(operation, world.files), chapter })
  })
  // Without a write delay a commit is durable, and acknowledged, when the call returns.
  const database = new Database(BASE, { writeDelayMillis: 0, logSize: 0 }, world.host)
  const commit = (change: () => void) => {
    database.transaction(change)()
    acknowledgedAt.push(world.files.changes.length)
  }
  chapter = 'the accounts are opened'
  commit(() => {
    database.exec('CREATE TABLE account(owner TEXT PRIMARY KEY, coins INTEGER NOT NULL)')
    database.exec(`INSERT INTO account VALUES('Ada', ${ALL_COINS}), ('Bob', 0)`)
  })
  const give = (which: string) => {
    chapter = `Ada gives Bob the ${which} coin`
    commit(() => {
      database.exec("UPDATE account SET coins = coins - 1 WHERE owner = 'Ada'")
      database.exec("UPDATE account SET coins = coins + 1 WHERE owner = 'Bob'")
    })
  }
  const checkpoint = (which: string) => {
    chapter = `the ${which} checkpoint`
    database.checkpoint()
  }
  give('first')
  checkpoint('first')
  give('second')
  checkpoint('second')
  give('third')
  give('fourth')
  return { initial, changes: world.files.changes, steps, acknowledgedAt }
}
