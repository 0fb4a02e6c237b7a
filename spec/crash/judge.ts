// The judge of one state that a crash may leave: it opens, it holds the commits it must hold and nothing else, it
// can be written, and it opens again to the same.

import type { Image } from '../../lib/fs/image.ts'
import { MemoryFiles } from '../../lib/fs/memory.ts'
import { contentOf, countOf, firstDifference } from './content.ts'
import type { Moment } from './history.ts'
import { transactionOf } from './history.ts'
import { BASE, Process, type RandomHex } from './process.ts'
import type { Bounds, JournalEntry, Recording } from './recording.ts'
import { describeError, Violation } from './violation.ts'

export interface Judged {
  /** What the database held. */
  readonly moment: Moment
  /** What its recovery did to the files, and the commit that was made to try it: to be crashed in its turn. */
  readonly recording: Recording
}

/** The commit that is made to try a recovered database, and the same in an empty one. */
const PROBE = [
  "UPDATE meta SET k=k+1, probe=ifnull(probe, '')||char(10)||'COMMIT; --@ written after a crash'",
]
const FIRST_PROBE = ['CREATE TABLE meta(k INTEGER NOT NULL, probe TEXT)', 'INSERT INTO meta VALUES(1, NULL)']

/**
 * Opens the state, makes one more commit, kills the process and opens again; when `isOpenedTwice` it is killed and
 * opened before that commit too.
 * @throws {Violation} when a promise is broken.
 */
export function judge(image: Image, bounds: Bounds, randomHex: RandomHex, isOpenedTwice: boolean): Judged {
  const files = new MemoryFiles({ image })
  const opened: Process[] = []
  const reopen = () => {
    opened.pop()?.kill()
    const process = openOn(files, randomHex)
    opened.push(process)
    return process
  }
  try {
    let process = reopen()
    const moment = momentOf(process, bounds)
    if (isOpenedTwice) {
      process = reopen()
      assertStill(process, moment)
    }
    const next = moment.after(moment.count === 0 ? FIRST_PROBE : PROBE)
    if (next === undefined) throw new Error('plain SQLite takes the probe')
    const journal: JournalEntry[] = [
      { changes: 0, doing: 'recovery', acked: moment, made: moment },
      { changes: files.changes.length, doing: 'commit', acked: moment, made: next },
    ]
    commit(process, next)
    journal.push({ changes: files.changes.length, doing: 'recovery', acked: next, made: next })
    process = reopen()
    assertStill(process, next)
    return {
      moment,
      recording: { story: [], initial: image, changes: files.changes, journal, faultsFrom: 0, silent: [] },
    }
  } finally {
    opened.pop()?.kill()
  }
}

/** Whether what was found may be what another crash left, for a state that was judged before. */
export function assertWithin(moment: Moment, { acked, made }: Bounds): void {
  if (moment.count < acked.count) throw outside(moment.count, { acked, made })
  if (made.at(moment.count) !== moment) throw outside(moment.count, { acked, made })
}

/** What the database holds; it must be within the bounds. */
function momentOf({ database }: Process, bounds: Bounds): Moment {
  const count = countOf(database)
  const moment = bounds.made.at(count)
  if (moment === undefined || count < bounds.acked.count) throw outside(count, bounds)
  const content = contentOf(database)
  if (content !== moment.content) {
    const difference = firstDifference(content, moment.content)
    throw new Violation(`what is there is not what ${count} transactions made`, difference)
  }
  return moment
}

function outside(count: number, { acked, made }: Bounds): Violation {
  return new Violation(
    `${count} transactions are there, ${acked.count} were acknowledged and ${made.count} made`,
  )
}

function assertStill({ database }: Process, moment: Moment): void {
  const content = contentOf(database)
  if (content === moment.content) return
  throw new Violation(
    `opened again, it does not hold the ${moment.count} transactions it held before (found: ${countOf(database)})`,
    firstDifference(content, moment.content),
  )
}

function commit({ database }: Process, { sql }: Moment): void {
  try {
    database.exec(transactionOf(sql))
  } catch (error) {
    throw new Violation('it cannot be written', describeError(error))
  }
}

function openOn(files: MemoryFiles, randomHex: RandomHex): Process {
  const known = new Set(files.image().files.keys())
  let process: Process
  try {
    process = new Process(files, randomHex, { writeDelayMillis: 0 })
  } catch (error) {
    throw new Violation('it does not open', describeError(error))
  }
  try {
    assertRejectedAreReported(process, known, files)
    return process
  } catch (error) {
    process.kill()
    throw error
  }
}

/** Bytes are set aside only when the report says so, and always when it does. */
function assertRejectedAreReported(process: Process, known: ReadonlySet<string>, files: MemoryFiles): void {
  const reported = new Set(process.database.status().recovery.setAside.map(({ path }) => path))
  const there = new Set(
    [...files.image().files.keys()].filter((path) => path.startsWith(`${BASE}.rejected/`)),
  )
  for (const path of there) {
    if (!known.has(path) && !reported.has(path)) {
      throw new Violation(`${path} was set aside, and the report says nothing of it`)
    }
  }
  for (const path of reported) {
    if (!there.has(path)) throw new Violation(`${path} is said to be set aside, and is not there`)
  }
}
