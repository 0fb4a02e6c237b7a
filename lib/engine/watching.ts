// When the triggers of capture are there, and which of them.
//
// They are made when the first statement comes that needs them, and go when a long row of proven statements shows that
// they only cost time. TEMP objects roll back with everything else: after a rollback they are made anew.

import type { Database } from 'better-sqlite3'
import { leadingKeywords } from '../format/sql-scanner.ts'
import type { CapturedSchema } from './captured-schema.ts'
import type { PendingChanges } from './pending-changes.ts'
import type { ReplacedRows } from './replaced-rows.ts'
import type { StatementKind, UserStatement } from './statement-kind.ts'
import { readActingParents } from './table-facts.ts'
import { isIdle, unsafeModeOf } from './unsafe-mode.ts'

/** Statements that touch no row of a table that is captured, or tell which. */
const NEED_NO_WATCH: ReadonlySet<StatementKind> = new Set<StatementKind>([
  'begin',
  'commit',
  'rollback',
  'savepoint',
  'release',
  'rollback-to',
  'pragma',
  'analyze',
  'attach',
  'vacuum',
  'other',
])
/** Making and dropping the triggers of a table costs about as much as so many reports of theirs. */
const REPORTS_PER_TABLE = 300

export class Watching {
  readonly #sqlite: Database
  readonly #schema: CapturedSchema
  readonly #replaced: ReplacedRows
  readonly #changes: PendingChanges
  /** TEMP objects were made or dropped in the open transaction: a rollback undoes that too. */
  #hasChangedTemp = false
  #provenInARow = 0

  constructor(sqlite: Database, schema: CapturedSchema, replaced: ReplacedRows, changes: PendingChanges) {
    this.#sqlite = sqlite
    this.#schema = schema
    this.#replaced = replaced
    this.#changes = changes
  }

  /** Called before each statement that is not proven. */
  beforeStatement({ kind, sql }: UserStatement): void {
    if (kind === 'ddl' ? this.#mayTouchRows(sql) : !NEED_NO_WATCH.has(kind)) this.#watch()
  }

  /** Writes beside queries are to be expected, which a trigger made then would make fail. */
  beginUnsafe(): void {
    if (isIdle(this.#sqlite)) this.#watch()
  }

  /** Called before each statement that is proven, between transactions. */
  beforeProven(): void {
    // Modules may write to their tables in a SELECT.
    if (!this.#schema.isWatched || this.#schema.shadows.areThere) return
    this.#provenInARow++
    if (this.#provenInARow < REPORTS_PER_TABLE * (1 + this.#schema.tables.size)) return
    // A query with several parts that is under way would fail at its next part.
    if (unsafeModeOf(this.#sqlite).isAsked || !isIdle(this.#sqlite)) return
    this.#replaced.letTriggersGo()
    this.#schema.unwatch()
  }

  /** Rows may be replaced without a trace from now on: where the user has triggers, their versions are kept. */
  beginReplacing(): void {
    // What is not watched touches no rows: a DROP where no foreign key has an action.
    if (!this.#schema.isWatched) return
    const hadTriggers = this.#replaced.areTriggersWanted
    if (!this.#replaced.begin(this.#schema.hasUserTriggers)) return
    this.#changes.distrust()
    if (!hadTriggers) this.#installTriggers()
  }

  /** Triggers that name columns would be in the way of ALTER; they come back when they are needed. */
  beforeAlter(): void {
    if (!this.#replaced.areTriggersWanted) return
    this.#replaced.letTriggersGo()
    this.#installTriggers()
  }

  /** The schema has changed, or may have: `isTempKnown` when only in main. */
  refresh(isTempKnown = false): void {
    this.#hasChangedTemp = true
    this.#schema.refresh(this.#replaced.areTriggersWanted, isTempKnown)
    if (this.#schema.hasUserTriggers) this.#replaced.restorePragma()
  }

  /** A rollback may have taken back what was made. */
  afterRollback(): void {
    if (this.#hasChangedTemp) this.refresh()
  }

  endTransaction(): void {
    this.#hasChangedTemp = false
  }

  #watch(): void {
    this.#provenInARow = 0
    this.#schema.shadows.expectWrites()
    if (this.#schema.isWatched) return
    this.#hasChangedTemp = true
    this.#schema.watch(this.#replaced.areTriggersWanted)
  }

  /** DROP TABLE deletes the rows first, with what foreign keys make of that; modules do as they like. */
  #mayTouchRows(ddl: string): boolean {
    if (this.#schema.shadows.areThere) return true
    return leadingKeywords(ddl, 1)[0] === 'DROP' && readActingParents(this.#sqlite).onDelete.size > 0
  }

  #installTriggers(): void {
    this.#hasChangedTemp = true
    this.#schema.installTriggers(this.#replaced.areTriggersWanted)
  }
}
