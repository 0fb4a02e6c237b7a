// A database of ours and one of plain better-sqlite3 that live through the same: what they answer is compared at every
// call, what they hold at every end. Ours ends by kills, power cuts and closes; the plain one then goes on from what it
// had committed, on a new connection, so that on both sides nothing is left of the session.

import BetterSqlite3 from 'better-sqlite3'
import { seededRandom } from '../../lib/format/random.ts'
import type { CrashModel } from '../../lib/fs/crash-point.ts'
import { crashStates } from '../../lib/fs/crash-states.ts'
import { outcome, type SqlDatabase, type SqlStatement } from '../database/twins.ts'
import { contentOf, type Readable } from '../support/content.ts'
import { MemoryWorld } from '../support/memory-world.ts'
import { excuseOf, excuseOfEqual, mayLeaveRowid, refusalOf } from './excuses.ts'
import { type Functions, functionsOf } from './functions.ts'
import { scriptText } from './values.ts'

/** One of the two. */
export interface Side {
  readonly db: SqlDatabase
  /** Statements prepared earlier on this connection. */
  readonly kept: Map<number, SqlStatement>
}

/** How ours ends; the two that are no close may come in the middle of a transaction. */
export type Ending = 'kill' | 'power cut' | 'normal' | 'immediately' | 'compact' | 'script'

/** The two did not do the same. */
export class Difference extends Error {}

/** Ours did something else, for a reason that is excused: what follows cannot be compared. */
export class Incomparable extends Error {}

const POWER_CUT_MODELS: readonly CrashModel[] = ['ext4', 'writeback', 'generic']

export class Pair {
  /** The calls so far, as JavaScript. */
  readonly story: string[] = []
  /** Why ours did something else, each time. */
  readonly excuses: string[] = []
  readonly #functions: { readonly ours: Functions; readonly plain: Functions } | undefined
  #world = new MemoryWorld()
  #start = this.#world.image()
  #ours: ReturnType<MemoryWorld['open']>
  #plain: BetterSqlite3.Database
  #keptOurs = new Map<number, SqlStatement>()
  #isReading = false
  #keptPlain = new Map<number, SqlStatement>()

  /** `hasFunctions`: the application has functions of its own, see functions.ts. */
  constructor({ hasFunctions = true } = {}) {
    this.#functions = hasFunctions ? { ours: functionsOf(), plain: functionsOf() } : undefined
    this.#ours = this.#openOurs()
    this.#plain = this.#openPlain(':memory:')
  }

  /** Does the same on both: what it returns or throws must be the same. Ours may refuse it, where that is excused. */
  both(says: string, act: (side: Side) => unknown, { isWhole = true } = {}): void {
    this.story.push(says)
    let refusal: string | undefined
    const ours = outcome(() => {
      try {
        return act({ db: this.#ours, kept: this.#keptOurs })
      } catch (error) {
        refusal = refusalOf(error)
        throw error
      }
    })
    if (refusal !== undefined) {
      this.story.push('// refused')
      if (!isWhole) throw this.#incomparable(refusal)
      this.excuses.push(refusal)
    } else {
      this.#compare(
        ours,
        outcome(() => act({ db: this.#plain, kept: this.#keptPlain })),
      )
      if (mayLeaveRowid(scriptText(ours))) this.#agreeOnRowid()
    }
    this.#same('inTransaction', this.#ours.inTransaction, this.#plain.inTransaction)
  }

  /** Runs text on both. */
  exec(sql: string): void {
    this.both(`db.exec(${scriptText(sql)})`, ({ db }) => void db.exec(sql))
  }

  /** Registers a function on both connections, until their end. */
  register(name: string, act: () => number): void {
    this.#ours.function(name, act)
    this.#plain.function(name, act)
  }

  /** Calls inside transaction(), which both run at the same time, so that they are compared one by one. */
  transaction(variant: 'deferred' | 'immediate' | 'exclusive', calls: () => void, isFailing: boolean): void {
    this.story.push(`db.transaction(() => {`)
    let plain: unknown
    let difference: unknown
    const body = () => {
      try {
        calls()
      } catch (error) {
        difference = error
      }
      if (isFailing || difference !== undefined) throw new Error('mine')
    }
    const ours = outcome(() =>
      this.#ours
        .transaction(() => {
          plain = outcome(() => this.#plain.transaction(body)[variant]())
          if (isFailing || difference !== undefined) throw new Error('mine')
        })
        [variant](),
    )
    // The body of ours was not run when its BEGIN failed.
    plain ??= outcome(() => this.#plain.transaction(body)[variant]())
    if (difference !== undefined) throw difference
    this.story.push(`${isFailing ? "  throw new Error('mine')\n" : ''}}).${variant}()`)
    this.#compare(ours, plain)
    this.#same('inTransaction', this.#ours.inTransaction, this.#plain.inTransaction)
  }

  /** Calls while rows are read: nothing may be written then. */
  whileReading(sql: string, calls: () => void): void {
    this.story.push(`for (const row of db.prepare(${scriptText(sql)}).iterate()) {`)
    const open = (db: SqlDatabase) => outcome(() => db.prepare(sql).iterate())
    const [oursOpened, plainOpened] = [open(this.#ours), open(this.#plain)]
    const [ours, plain] = [iteratorOf(oursOpened), iteratorOf(plainOpened)]
    if (ours === undefined || plain === undefined) {
      this.#compare(ours === undefined ? oursOpened : 'rows', plain === undefined ? plainOpened : 'rows')
      this.story.push('}')
      return
    }
    this.#isReading = true
    try {
      this.#compare(
        outcome(() => ours.next()),
        outcome(() => plain.next()),
      )
      calls()
      this.#compare(
        outcome(() => ours.next()),
        outcome(() => plain.next()),
      )
    } finally {
      this.#isReading = false
      ours.return?.()
      plain.return?.()
      this.story.push('  break\n}')
    }
  }

  checkpoint(): void {
    if (this.#plain.inTransaction) return
    this.story.push('// checkpoint')
    this.#ours.checkpoint()
  }

  /** Ends ours in this way, opens it again, and lets the plain one begin anew from what it had committed. */
  end(ending: Ending, chance = 0): void {
    this.story.push(`// ${ending}, open`)
    this.#compareContent('before the end')
    if (ending === 'kill') this.#goTo(this.#world.killed())
    else if (ending === 'power cut') this.#goTo(this.#afterPowerCut(chance))
    else this.#ours.close({ mode: ending })
    this.#ours = this.#openOurs()
    if (this.#plain.inTransaction) this.#plain.exec('ROLLBACK')
    this.#plain = this.#reopened(this.#plain)
    if (ending === 'compact') this.#plain = this.#reopened(this.#plain.exec('VACUUM'))
    this.#keptOurs.clear()
    this.#keptPlain.clear()
    this.#compareContent('after the end')
  }

  /** The end of the story: what is there stays, however ours ends. */
  finish(): void {
    this.end('kill')
    this.end('normal')
    this.#ours.close()
    this.#plain.close()
  }

  #goTo(world: MemoryWorld): void {
    this.#world = world
    this.#start = world.image()
  }

  #openOurs(): ReturnType<MemoryWorld['open']> {
    return this.#world.open(this.#functions === undefined ? {} : { setup: this.#functions.ours })
  }

  #openPlain(what: string | Buffer): BetterSqlite3.Database {
    const plain = new BetterSqlite3(what)
    // As ours, where nobody registers functions for the schema.
    if (this.#functions === undefined) plain.pragma('trusted_schema = OFF')
    else this.#functions.plain(plain)
    return plain
  }

  #reopened(plain: BetterSqlite3.Database): BetterSqlite3.Database {
    // A schema that is not trusted cannot be read when it calls functions, and then not be serialized either.
    plain.pragma('trusted_schema = ON')
    const content = plain.serialize()
    plain.close()
    return this.#openPlain(content)
  }

  /** Every commit was synced before it returned, so whatever the disk has lost makes no difference. */
  #afterPowerCut(chance: number): MemoryWorld {
    const { changes } = this.#world.files
    const model = POWER_CUT_MODELS[chance % POWER_CUT_MODELS.length] ?? 'generic'
    const random = seededRandom(chance)
    const states = crashStates({
      initial: this.#start,
      changes,
      cut: changes.length,
      model,
      limit: 3,
      random,
    })
    const [first, ...others] = [...states]
    const state = others.at(-1) ?? first
    if (state === undefined) throw new Error('a power cut leaves something')
    return new MemoryWorld({ image: state.image })
  }

  #incomparable(excuse: string): Incomparable {
    this.excuses.push(`${excuse}, the end of the story`)
    return new Incomparable(excuse)
  }

  /** What failed may leave another rowid in ours: with triggers, rows are computed sooner and references checked later. */
  #agreeOnRowid(): void {
    if (this.#isReading) throw this.#incomparable('an INSERT fails while an iterator is open')
    const sql = 'CREATE TEMP TABLE zero(a); INSERT INTO temp.zero(rowid) VALUES(0); DROP TABLE temp.zero'
    this.story.push(`db.exec('${sql}')`)
    for (const db of [this.#ours, this.#plain]) db.exec(sql)
  }

  #compareContent(when: string): void {
    const hasFunctions = this.#functions !== undefined
    const [ours, plain] = [
      visibleContent(this.#ours, hasFunctions),
      visibleContent(this.#plain, hasFunctions),
    ]
    if (ours === plain) return
    const [oursLines, plainLines] = [ours.split('\n'), plain.split('\n')]
    this.#same(
      `the content ${when}`,
      oursLines.filter((line) => !plainLines.includes(line)).join('\n'),
      plainLines.filter((line) => !oursLines.includes(line)).join('\n'),
    )
    throw new Difference(`the order of the content ${when}:\n${ours}\nbetter-sqlite3\n${plain}`)
  }

  #compare(ours: unknown, plain: unknown): void {
    const [oursText, plainText] = [scriptText(ours), scriptText(plain)]
    const call = this.story.at(-1) ?? ''
    const excuse =
      oursText === plainText
        ? excuseOfEqual(call, oursText, this.story)
        : excuseOf(call, oursText, plainText, this.story)
    if (excuse !== undefined) throw this.#incomparable(excuse)
    this.#same('outcome', oursText, plainText)
  }

  #same(what: string, ours: unknown, plain: unknown): void {
    if (ours !== plain) throw new Difference(`${what}: ours\n${ours}\nbetter-sqlite3\n${plain}`)
  }
}

/** Functions in the schema cannot be called while the user trusts it no more. */
function visibleContent(db: SqlDatabase & Readable, hasFunctions: boolean): string {
  if (hasFunctions && db.pragma('trusted_schema', { simple: true }) !== 1) return 'not looked at'
  const triggers = db.prepare("SELECT name FROM main.sqlite_schema WHERE type = 'trigger' ORDER BY rowid")
  // Modules quote the names of their tables otherwise when they rename them.
  const content = contentOf(db).replaceAll(/( "CREATE TABLE )(?:\\"|')(\w+)(?:\\"|')\(/g, '$1$2(')
  return `${content}\ntriggers in order: ${triggers.pluck().all()}`
}

function iteratorOf(opened: unknown): Iterator<unknown> | undefined {
  if (typeof opened !== 'object' || opened === null || !('returned' in opened)) return undefined
  const { returned } = opened
  return isIterator(returned) ? returned : undefined
}

function isIterator(value: unknown): value is Iterator<unknown> {
  return typeof value === 'object' && value !== null && 'next' in value
}
