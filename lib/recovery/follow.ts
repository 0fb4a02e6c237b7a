// Following: how a reader comes to see what a writer commits later. A reader takes no lock and writes no file; nobody
// waits for it. It keeps its *place*: the LSN up to which it has applied the log, with the checksum of the entry that ends
// there, and the *sight* of the files as they were then (their first lines, see look.ts).
//
//   1 look    at the first lines of all files
//   2 find    what is ahead of the place
//     same sight   nobody has made a checkpoint or begun another log. Only the log in which the place lies may have
//                  grown: it is read from the place on, where each entry must name the one before
//     other sight  survey and decide, as an open does. Where the snapshot is of the commit that was applied last (its
//                  number and time), what follows the snapshot is ahead; where an entry of the live logs ends at the place,
//                  with the same checksum, what follows that; otherwise everything is: the tables are loaded anew
//   3 apply   in one transaction of SQLite
//   4 look    again, before it commits: where the first lines have changed since 1, what was read may be of two states;
//             it is rolled back, and begun anew at 1
//
// The commit in 4 is the one moment at which a reader moves on: whatever fails before leaves the old state. An entry that
// is not whole yet is not there yet. Checksums are salted by the log's header: a place in a log that was replaced (after a
// crash or a resume, the log that follows holds copies of records, at other LSNs) is never found by accident, and no
// record is applied twice. A record that a reader has seen, and that no sync had covered when the power failed, is gone
// after the recovery: the place is not found then, and the reader loads what is there.

import { CorruptionError, invariant, OpenError, rootCause, systemCode, UsageError } from '../errors.ts'
import type { Lsn } from '../format/lsn.ts'
import type { Micros } from '../format/time.ts'
import { sleep } from '../fs/retry.ts'
import type { StoredLogHeader } from '../log/format.ts'
import { type EntryEnd, readEntries, readLogHeader, readToEnd } from '../log/reader.ts'
import type { Names } from '../names.ts'
import type { Settings } from '../settings.ts'
import type { Environment } from '../store.ts'
import { endRedo, lastCrcOf, pathAt, type Redone, unredoable } from './apply.ts'
import type { Context, LoadTarget } from './context.ts'
import { loadWhatIsThere, lookAt, type Sight, sightOf } from './look.ts'
import type { Plan } from './plan.ts'
import { redoEntries } from './redo.ts'
import { unreadable, withFile } from './survey.ts'

/** The tables of a reader. */
export interface FollowTarget extends LoadTarget {
  /** Everything that `act` does is there when it returns, and nothing of it when it throws. */
  inOneStep<T>(act: () => T): T
  /** Empties the tables. */
  clear(): void
}

/** Up to where the log has been applied. */
export interface Place extends EntryEnd {
  readonly databaseId: string | undefined
  readonly timeline: number
  readonly xid: number
  readonly timeMicros: Micros
  readonly heads: string
  /** The log that may grow from there on; undefined where none can. */
  readonly log: { readonly path: string; readonly header: StoredLogHeader } | undefined
  /** How the tables were loaded, before they followed. */
  readonly loaded: Loaded
}

export interface Loaded extends Pick<Redone, 'records' | 'end' | 'xid' | 'skipped'> {
  readonly context: Context<LoadTarget>
  readonly durationMillis: number
}

export interface Followed {
  /** Records that were applied. */
  readonly records: number
  /** Everything was loaded anew. */
  readonly isReloaded: boolean
}

/** What is found ahead of a place; `apply` runs in one step with the last look. */
interface Ahead {
  readonly isReloaded: boolean
  readonly apply: () => { readonly place: Place; readonly records: number }
}

const NOTHING: Followed = { records: 0, isReloaded: false }
/** A checkpoint changes the first lines a few times within milliseconds. */
const ATTEMPT_STEP_MS = 5
/** The files change faster than they can be read: `subcode` of the error. */
export const CHANGING = 'changing'

export class Follower {
  readonly #environment: Environment
  readonly #names: Names
  readonly #target: FollowTarget
  readonly #given: Partial<Settings>
  #place: Place | undefined

  /** `given` are settings of the caller's; they win over the file's. */
  constructor(environment: Environment, names: Names, target: FollowTarget, given: Partial<Settings>) {
    this.#environment = environment
    this.#names = names
    this.#target = target
    this.#given = given
  }

  get place(): Place {
    invariant(this.#place !== undefined, 'a reader has loaded the tables first')
    return this.#place
  }

  /**
   * Moves the tables on to what is committed now.
   * @throws {OpenError | CorruptionError} when the files do not add up to the database that they were; the tables are as
   * before. With the subcode {@link CHANGING} when the files were in another state after each of `mostAttempts`.
   */
  follow(mostAttempts: number): Followed {
    for (let attempt = 1; ; attempt++) {
      const before = this.#look()
      const followed = this.#tryToFollow(before, attempt < mostAttempts)
      if (followed !== undefined) return followed
      if (attempt >= mostAttempts) {
        throw new OpenError('the files of the database change too fast to be read', {
          path: this.#names.base,
          subcode: CHANGING,
          isRetryable: true,
          hint: 'try again later',
        })
      }
      sleep(ATTEMPT_STEP_MS)
    }
  }

  /** Undefined when the files changed meanwhile. */
  #tryToFollow(before: Sight, mayTryAgain: boolean): Followed | undefined {
    try {
      const ahead = this.#aheadOf(before.heads)
      if (ahead === undefined) return NOTHING
      const { place, records } = this.#target.inOneStep(() => {
        const arrived = ahead.apply()
        this.#assertUnchanged(before.heads)
        return arrived
      })
      this.#place = place
      return { records, isReloaded: ahead.isReloaded }
    } catch (error) {
      if (error instanceof ChangedMeanwhile) return undefined
      if (mayTryAgain && this.#mayPass(error, before)) return undefined
      throw isOfFiles(error) ? unreadable(error, this.#names) : error
    }
  }

  #look(): Sight {
    return sightOf(this.#environment, this.#names)
  }

  #assertUnchanged(heads: string): void {
    if (this.#look().heads !== heads) throw new ChangedMeanwhile()
  }

  /** What failed may have been half of a checkpoint, or a record that was being written. */
  #mayPass(error: unknown, before: Sight): boolean {
    if (error instanceof UsageError) return false
    // A file was seen, and gone when it was opened: empty it leaves no trace in what is looked at.
    if (systemCode(rootCause(error)) === 'ENOENT') return true
    const now = this.#look()
    return now.heads !== before.heads || (error instanceof CorruptionError && now.sizes !== before.sizes)
  }

  #aheadOf(heads: string): Ahead | undefined {
    const place = this.#place
    if (place === undefined) return this.#everything(this.#survey(undefined), heads)
    if (place.heads === heads) {
      if (place.log === undefined) return undefined
      const grown = this.#grown(place, place.log)
      if (grown !== 'elsewhere') return grown
    }
    const context = this.#survey(place.lsn)
    const databaseId = databaseIdOf(context.plan)
    if (place.databaseId !== undefined && databaseId !== place.databaseId) {
      throw new OpenError(
        `other files lie under this name now: of database ${databaseId}, and ${place.databaseId} was opened`,
        {
          path: this.#names.base,
          subcode: 'other-database',
          hint: 'close this reader and open again, if that is the database you mean; what was read stays as it was',
        },
      )
    }
    const from = coveredFrom(place, context)
    return from === undefined
      ? this.#everything(context, heads)
      : this.#following(place, context, from, heads)
  }

  /** What was appended to the log since; `elsewhere` when its bytes do not tell. */
  #grown(place: Place, log: NonNullable<Place['log']>): Ahead | 'elsewhere' | undefined {
    const { files } = this.#environment
    const found = withFile(files, log.path, (file) => {
      const header = readLogHeader(file)
      if ('kind' in header || header.crc !== log.header.crc || header.salt !== log.header.salt)
        return undefined
      if (header.start + file.sizeBytes < place.lsn) return undefined
      return readToEnd(file, header, place)
    })
    if (found === undefined || (found.tail.kind !== 'clean' && found.tail.kind !== 'torn')) return 'elsewhere'
    if (found.end === place.lsn) return undefined
    const moved = { ...place, lsn: found.end, crc: found.lastCrc }
    if (found.records === 0) {
      // Marks alone: the tables have nothing to do with them.
      this.#place = moved
      return undefined
    }
    const apply = () => {
      let { xid, timeMicros } = place
      this.#target.beginRedo()
      withFile(files, log.path, (file) => {
        for (const entry of readEntries(file, log.header, place)) {
          if (entry.end > found.end) break
          if (entry.kind === 'mark') continue
          this.#redo(entry.body, log.path, entry.lsn)
          xid = entry.xid
          timeMicros = entry.timeMicros
        }
      })
      endRedo(place.loaded.context)
      return { place: { ...moved, xid, timeMicros }, records: found.records }
    }
    return { isReloaded: false, apply }
  }

  /** What the live logs hold behind the place, which is `from` in them. */
  #following(place: Place, context: Context<LoadTarget>, from: Lsn, heads: string): Ahead | undefined {
    const { plan, found } = context
    const { files } = this.#environment
    let { xid, timeMicros } = place
    let records = 0
    const visitNew = (visit: (body: Buffer, lsn: Lsn) => void) =>
      redoEntries(files, found, plan, (entry) => {
        if (entry.kind === 'mark' || entry.lsn < from) return
        xid = entry.xid
        timeMicros = entry.timeMicros
        visit(entry.body, entry.lsn)
      })
    visitNew(() => records++)
    const moved = { ...place, ...endOf(plan), heads, xid, timeMicros }
    if (records === 0) {
      // The same content, in other files.
      this.#assertUnchanged(heads)
      this.#place = moved
      return undefined
    }
    const apply = () => {
      this.#target.beginRedo()
      visitNew((body, lsn) => this.#redo(body, pathAt(context, lsn), lsn))
      endRedo(context)
      return { place: moved, records }
    }
    return { isReloaded: false, apply }
  }

  #everything(context: Context<LoadTarget>, heads: string): Ahead {
    const { plan } = context
    const { clock } = this.#environment
    const apply = () => {
      const begunMicros = clock()
      this.#target.clear()
      const redone = loadWhatIsThere(context)
      const { records, end, xid, skipped } = redone
      const durationMillis = Math.round((clock() - begunMicros) / 1000)
      const place = {
        ...endOf(plan),
        lsn: end,
        crc: redone.lastCrc,
        databaseId: databaseIdOf(plan),
        timeline: plan.base.timeline ?? plan.chain.segments[0]?.log.header.timeline ?? 1,
        xid,
        timeMicros: redone.timeMicros,
        heads,
        loaded: { context, records, end, xid, skipped, durationMillis },
      }
      return { place, records }
    }
    return { isReloaded: true, apply }
  }

  #survey(alsoOfInterest: Lsn | undefined): Context<LoadTarget> {
    const context = lookAt(this.#environment, this.#names, this.#target, this.#given, alsoOfInterest)
    if (context.plan.row.action !== 'create') return context
    throw new OpenError('there is no such database', {
      path: this.#names.base,
      subcode: 'no-database',
      hint: 'correct the path, or wait until it has been created',
    })
  }

  #redo(body: Buffer, path: string, lsn: Lsn): void {
    try {
      this.#target.redo(body)
    } catch (error) {
      throw unredoable(error, path, lsn)
    }
  }
}

/** Not an error: a step that must not commit. */
class ChangedMeanwhile extends Error {}

/** An error of the operating system, and not of SQL. */
function isOfFiles(error: unknown): boolean {
  return error instanceof Error && ('syscall' in error || systemCode(error) === 'EIO')
}

function databaseIdOf({ base, chain }: Plan): string | undefined {
  return base.databaseId ?? chain.segments[0]?.log.header.databaseId
}

/**
 * From where on the live logs hold what follows the place: from the base when its snapshot is of the very commit that was
 * applied last, from the place when an entry ends there and is that which was applied; undefined when neither is so.
 */
function coveredFrom(place: Place, { plan, found }: Context<LoadTarget>): Lsn | undefined {
  const { base, chain, treatment } = plan
  // What else verifies than the stretch that follows the base has no place in it.
  if (treatment === 'skip' || treatment === 'apply-later') return undefined
  if (base.timeline !== undefined && base.timeline !== place.timeline) return undefined
  if (found.script.kind === 'whole') {
    // Its LSN says less: marks and headers move it on, and a snapshot may save what no record says.
    const { xid, timeMicros } = found.script.header
    if (xid === place.xid && timeMicros === place.timeMicros) return base.lsn
  }
  const isThere = chain.segments.some(
    ({ log, from, to }) =>
      log.header.timeline === place.timeline &&
      base.lsn < place.lsn &&
      from <= place.lsn &&
      place.lsn <= to &&
      log.crcAt.get(place.lsn) === place.crc,
  )
  return isThere ? place.lsn : undefined
}

/** Where the live logs end, and the log in which they will go on. */
function endOf(plan: Plan): EntryEnd & Pick<Place, 'log'> {
  const last = plan.chain.segments.at(-1)
  const isStretch = plan.treatment !== 'skip' && plan.treatment !== 'apply-later'
  const mayGrow = last !== undefined && isStretch && last.to === last.log.end.end
  return {
    lsn: plan.chain.end,
    crc: lastCrcOf(plan),
    log: mayGrow ? { path: last.log.path, header: last.log.header } : undefined,
  }
}
