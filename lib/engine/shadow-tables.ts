// The tables in which SQLite's own modules keep their virtual tables. They are all that is saved of one: its content,
// its index, its settings. SQLite marks them as shadow tables, which only the module may write.
//
// How they are captured is dictated by two facts. Modules hold writes back and make them when a savepoint begins,
// be it the one that SQLite begins by itself for a statement that may fail half way. And a trigger makes SQLite
// begin such a savepoint as soon as the statement, or the trigger, may fail. So a trigger that may fail (every call of
// a function may), or one on a statement of the module's that may, would have the module write once more while it
// writes: without end, or in a state that is not meant to be written. Therefore triggers on shadow tables do nothing but insert into a TEMP table without constraints,
// and stand only where the module writes by REPLACE and DELETE. The rest follows from what these report.

import { moduleOf } from '../format/schema-grammar.ts'
import type { Schema } from './schema.ts'

/** What a row of a shadow table is, as far as capture must know. */
export type ShadowRole =
  /** Triggers report every row that is written. */
  | 'rows'
  /** FTS: the documents. Plain INSERTs write them, of which no trigger may know: they have the keys of `sizes`. */
  | 'content'
  /** The same where there are no sizes, or not of every change: all rows are compared with what they were. */
  | 'lone-content'
  /** FTS: the number of words of each document. Every row is reported. */
  | 'sizes'
  /** FTS5: the pages of the index. Every row is reported. */
  | 'pages'
  /** FTS5: on which page of which segment words begin. Written together with the pages. */
  | 'index'
  /** FTS5: settings, few, written together with the cookie in the pages. No trigger may know. */
  | 'settings'
  /** FTS4: the list of segments, short. Insertions and deletions are reported, and any of them changes the whole. */
  | 'segments'

export interface Shadow {
  readonly name: string
  /** The virtual table. */
  readonly owner: string
  readonly role: ShadowRole
}

interface KnownShadow {
  readonly role: ShadowRole
  /** What the definition has if it is the module's, where a table of this name may be the user's. */
  readonly definition?: RegExp
}

const RTREE: Readonly<Record<string, KnownShadow>> = {
  node: { role: 'rows' },
  rowid: { role: 'rows' },
  parent: { role: 'rows' },
}

const KNOWN: Readonly<Record<string, Readonly<Record<string, KnownShadow>>>> = {
  fts5: {
    data: { role: 'pages' },
    idx: { role: 'index' },
    config: { role: 'settings' },
    docsize: { role: 'sizes', definition: /\(id INTEGER PRIMARY KEY, sz BLOB\b/ },
    content: { role: 'content', definition: /\(id INTEGER PRIMARY KEY, c\d+\b/ },
  },
  fts4: {
    segdir: { role: 'segments' },
    segments: { role: 'rows' },
    stat: { role: 'rows', definition: /\(id INTEGER PRIMARY KEY, value BLOB\)/ },
    docsize: { role: 'sizes', definition: /\(docid INTEGER PRIMARY KEY, size BLOB\)/ },
    content: { role: 'content', definition: /\(docid INTEGER PRIMARY KEY, 'c0/ },
  },
  rtree: RTREE,
  rtree_i32: RTREE,
  geopoly: RTREE,
}

/**
 * The tables of the main schema that modules have made for their virtual tables, by name. `comparesAll`: no trigger
 * may stand on those of full-text search; see {@link mustCompareSearch}.
 */
export function shadowsIn(schema: Schema, comparesAll = false): ReadonlyMap<string, Shadow> {
  const shadows = new Map<string, Shadow>()
  for (const { name: owner, sql } of virtualTablesIn(schema)) {
    const known = KNOWN[moduleOf(sql) ?? ''] ?? {}
    const made = Object.entries(known).flatMap(([suffix, { role, definition = /^/ }]) => {
      const name = `${owner}_${suffix}`
      const table = schema.get(`table ${name}`)
      return table?.sql != null && definition.test(table.sql) ? [{ name, owner, role }] : []
    })
    // An UPDATE of nothing but columns without an index writes the documents alone.
    const isCompared = comparesAll && /^fts[45]$/.test(moduleOf(sql) ?? '')
    const isSized = made.some(({ role }) => role === 'sizes') && !/contentless_/i.test(sql)
    for (const shadow of made) {
      if (isCompared) {
        shadows.set(shadow.name, { ...shadow, role: COMPARED_AS[shadow.role] })
        continue
      }
      const isLone = shadow.role === 'content' && !isSized
      shadows.set(shadow.name, isLone ? { ...shadow, role: 'lone-content' } : shadow)
    }
  }
  return shadows
}

/**
 * From SQLite 3.54 on a REPLACE in a table with a trigger begins a savepoint of its own, whatever the trigger does: FTS5,
 * which writes its pages when one begins, would do so for each page that it writes, without end.
 */
export function mustCompareSearch(sqliteVersion: string): boolean {
  const [major = 0, minor = 0] = sqliteVersion.split('.').map(Number)
  return major > 3 || (major === 3 && minor >= 54)
}

/** How a table is found changed on which no trigger may stand: by its rows, or, where they are few or have no rowids, as a whole. */
const COMPARED_AS: Readonly<Record<ShadowRole, ShadowRole>> = {
  rows: 'lone-content',
  content: 'lone-content',
  'lone-content': 'lone-content',
  sizes: 'lone-content',
  pages: 'lone-content',
  index: 'settings',
  settings: 'settings',
  segments: 'settings',
}

/** A virtual table with its text. */
interface VirtualTable {
  readonly name: string
  readonly sql: string
}

export function virtualTablesIn(schema: Schema): VirtualTable[] {
  return [...schema.values()].flatMap(({ type, name, sql }) =>
    type === 'table' && sql !== null && isVirtual(sql) ? [{ name, sql }] : [],
  )
}

export function isVirtual(sql: string): boolean {
  return /^CREATE VIRTUAL /i.test(sql)
}
