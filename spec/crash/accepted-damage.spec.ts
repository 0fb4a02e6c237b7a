// Opening in a mode that accepts damage makes a decision durable; a crash in the middle of that must not make another
// one, and nobody is asked twice.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CrashCursor } from '../../lib/fs/crash-cursor.ts'
import { statesAt } from '../../lib/fs/crash-states.ts'
import { type Image, imageOf } from '../../lib/fs/image.ts'
import { MemoryFiles } from '../../lib/fs/memory.ts'
import type { RecoveryMode } from '../../lib/settings.ts'
import { chanceFrom } from './chance.ts'
import { contentOf } from './content.ts'
import { BASE, DIRECTORY, Process } from './process.ts'
import { SEED } from './tally.ts'
import { describeImage } from './violation.ts'

const chance = chanceFrom(SEED)
const ACCEPTING = ['stop_at_damage', 'skip_any_corrupted_records'] as const satisfies readonly RecoveryMode[]

/** Rows 0 to 3 in `.log`, and rows 10 to 13 in `.log.next` when it is wanted; all of them durable. */
function written(hasLogNext: boolean): Image {
  const files = new MemoryFiles({ image: imageOf({}, [DIRECTORY]) })
  const commitAll = (first: number) => {
    const { database, kill } = open(files, 'tolerate_corrupted_tail_records')
    database.exec('CREATE TABLE IF NOT EXISTS t(x INTEGER PRIMARY KEY)')
    for (let x = first; x < first + 4; x++) database.exec(`INSERT INTO t VALUES(${x})`)
    kill()
  }
  commitAll(0)
  if (hasLogNext) commitAll(10)
  return files.image()
}

function open(files: MemoryFiles, recoveryMode: RecoveryMode) {
  const process = new Process(files, chance.randomHex, { recoveryMode, writeDelayMillis: 0 })
  return { database: process.database, kill: () => process.kill() }
}

/** The content after an open; `more` is done then. */
function opened(files: MemoryFiles, mode: RecoveryMode, more = ''): string {
  const { database, kill } = open(files, mode)
  try {
    const content = contentOf(database)
    database.exec(more)
    return content
  } finally {
    kill()
  }
}

/** The image with one bit of a file flipped, at a text or an offset. */
function flipped(image: Image, suffix: string, where: string | number): Image {
  const path = `${BASE}${suffix}`
  const bytes = Buffer.from(image.files.get(path) ?? '')
  const offset = typeof where === 'number' ? where : bytes.indexOf(where)
  bytes.writeUInt8(bytes.readUInt8(offset) ^ 1, offset)
  return { ...image, files: new Map([...image.files, [path, bytes]]) }
}

const DAMAGES: readonly { readonly name: string; readonly image: Image; readonly rowsBefore: number }[] = [
  { name: 'a record of .log', image: flipped(written(false), '.log', 'VALUES(2)'), rowsBefore: 2 },
  {
    name: 'a record of .log, and .log.next',
    image: flipped(written(true), '.log', 'VALUES(2)'),
    rowsBefore: 2,
  },
  { name: 'a record of .log.next', image: flipped(written(true), '.log.next', 'VALUES(12)'), rowsBefore: 6 },
  { name: 'the header of .log', image: flipped(written(false), '.log', 30), rowsBefore: 0 },
  { name: 'the header of .log, and .log.next', image: flipped(written(true), '.log', 30), rowsBefore: 0 },
  { name: 'the header of .log.next', image: flipped(written(true), '.log.next', 30), rowsBefore: 4 },
]

const rowsIn = (content: string) => content.split('\n').filter((line) => line.startsWith('row t ')).length

for (const { name, image, rowsBefore } of DAMAGES) {
  for (const mode of ACCEPTING) {
    test(`${name} is damaged, ${mode}: one decision, whatever interrupts it, and no second question`, () => {
      const files = new MemoryFiles({ image })
      const content = opened(files, mode)
      assert.ok(rowsIn(content) >= rowsBefore, `${rowsIn(content)} rows`)
      const changes = [...files.changes]
      assert.is(opened(files, 'tolerate_corrupted_tail_records'), content, 'opened again in the default mode')

      for (const model of ['ext4', 'generic'] as const) {
        const cursor = new CrashCursor({ initial: image, changes, model })
        for (let cut = 0; cut <= changes.length; cut++) {
          for (const state of statesAt(cursor.advanceTo(cut), { limit: 2, random: chance.random })) {
            const story = () => `${state.describe(DIRECTORY)}\n${describeImage(state.image)}\nSEED=${SEED}`
            try {
              const again = new MemoryFiles({ image: state.image })
              assert.is(opened(again, mode, 'PRAGMA user_version=7'), content)
              const last = opened(again, 'tolerate_corrupted_tail_records')
              assert.is(last, content.replace('user_version 0', 'user_version 7'))
            } catch (error) {
              throw new Error(`${String(error)}\n${story()}`, { cause: error })
            }
          }
        }
      }
    })
  }
}

test.run()
