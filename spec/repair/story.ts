// A database with a history, and what was ever true in it: a repair is judged by that.

import * as assert from 'uvu/assert'
import type { Database } from '../../lib/database/database.ts'
import { formatLsn } from '../../lib/format/lsn.ts'
import { rowFragments } from '../../lib/format/row-fragments.ts'
import type { Image } from '../../lib/fs/image.ts'
import { repair } from '../../lib/repair/repair.ts'
import type { RepairReport } from '../../lib/repair/report.ts'
import { type ScriptRemains, scriptRemains } from '../../lib/script-remains.ts'
import { MEMORY_DIR, MemoryWorld } from '../support/memory-world.ts'

export const SCRIPT = `${MEMORY_DIR}/app.script`
export const LOG = `${MEMORY_DIR}/app.log`
const PROPERTIES = `${MEMORY_DIR}/app.properties`
const OUT = `${MEMORY_DIR}/out`

/** Rows as text, by table and key: `note 3` → `[3,"text"]`. */
type Content = ReadonlyMap<string, string>

export interface Story {
  /** What the process left when it was killed. */
  readonly image: Image
  /** The files of the snapshot before, for bytes that are stale. */
  readonly older: Image
  readonly content: Content
  /** Every row that any commit left. */
  readonly everTrue: ReadonlySet<string>
}

const TABLES = ['note', 'word', 'big', 'child']

export function contentOf(db: Database): Content {
  const content = new Map<string, string>()
  for (const table of TABLES) {
    const has = db.prepare('SELECT 1 FROM sqlite_schema WHERE name=?').get(table) !== undefined
    const rows = has ? db.prepare(`SELECT * FROM ${table}`).raw().all() : []
    for (const row of rows) {
      assert.ok(Array.isArray(row))
      content.set(`${table} ${row[0]}`, JSON.stringify(row))
    }
  }
  return content
}

/** Lives through some commits, two snapshots, and some commits more. */
export function givenStory(): Story {
  const world = new MemoryWorld()
  const db = world.open({ logSize: 0 })
  const everTrue = new Set<string>()
  const commit = (sql: string) => {
    db.exec(sql)
    for (const [key, row] of contentOf(db)) everTrue.add(`${key.split(' ')[0]} ${row}`)
  }
  commit(`CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT, n INT);
    CREATE TABLE word(w TEXT PRIMARY KEY, n INT) WITHOUT ROWID;
    CREATE TABLE big(id INTEGER PRIMARY KEY, t TEXT);
    CREATE TABLE child(id INTEGER PRIMARY KEY, p INT REFERENCES note);
    CREATE INDEX note_n ON note(n);
    CREATE VIEW quoted AS SELECT 1 /*
--@ chunk bytes=12 crc=00000000
(1,'quoted',1);
*/;`)
  commit(`WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM s WHERE i<40)
    INSERT INTO note SELECT i*37, 'text '||i, i FROM s`)
  commit("INSERT INTO word VALUES('one',1),('two',2),('it''s',3),('line'||char(10)||'break',4)")
  for (let id = 1; id <= 4; id++) commit(`INSERT INTO big VALUES(${id}, printf('%.*c', 2100, '${id}'))`)
  commit('INSERT INTO child VALUES(1,37),(2,74)')
  db.checkpoint()
  const older = world.image()
  commit("UPDATE note SET body='changed' WHERE id IN (37,740,1480)")
  commit("UPDATE big SET t=printf('%.*c', 2100, 'x') WHERE id=2")
  db.checkpoint()
  commit("INSERT INTO note VALUES(1,'after',1),(38,'after too',2)")
  commit("UPDATE note SET body='updated', n=9 WHERE id=74")
  commit('UPDATE note SET n=n+1 WHERE id=111')
  commit("DELETE FROM word WHERE w='two'")
  commit('CREATE TABLE late(id INTEGER PRIMARY KEY, x); INSERT INTO late VALUES(1,2)')
  commit('UPDATE note SET n=n*3 WHERE id=111')
  commit("INSERT INTO word VALUES('last',7)")
  const content = contentOf(db)
  return { image: world.killed().image(), older, content, everTrue }
}

export function bytesOf(image: Image, path: string): Buffer {
  return Buffer.from(image.files.get(path) ?? [])
}

/** The image with other bytes in some files; undefined removes one. */
export function changed(image: Image, changes: Readonly<Record<string, Uint8Array | undefined>>): Image {
  const files = new Map(image.files)
  for (const [path, bytes] of Object.entries(changes)) {
    if (bytes === undefined) files.delete(path)
    else files.set(path, Uint8Array.from(bytes))
  }
  return { ...image, files }
}

export interface Repaired {
  readonly report: RepairReport
  readonly content: Content
  readonly world: MemoryWorld
}

/** Repairs, and requires what holds whatever was damaged; undefined when nothing could be saved. */
export function repaired(story: Story, image: Image): Repaired | undefined {
  const world = new MemoryWorld({ image })
  let report: RepairReport | undefined
  try {
    report = repair(`${MEMORY_DIR}/app`, { out: OUT }, world.host)
  } catch (error) {
    assert.match(String(error), /nothing in the files of the database can be verified/)
  }
  const after = world.image()
  for (const [path, bytes] of image.files) {
    assert.ok(Buffer.from(bytes).equals(bytesOf(after, path)), `${path} is as it was`)
  }
  const made = [...after.files.keys()].filter((path) => path.startsWith(`${OUT}.`) && !path.endsWith('.lck'))
  if (report === undefined) {
    assert.equal(made, [], 'nothing is left')
    return undefined
  }
  assert.not(made.some((path) => path.endsWith('.new')))
  const db = world.open({ logSize: 0 }, 'out')
  assert.is(db.pragma('integrity_check', { simple: true }), 'ok')
  const status = db.status().recovery
  assert.is(status?.redoneRecords, 0)
  const content = contentOf(db)
  for (const [key, row] of content) {
    assert.ok(story.everTrue.has(`${key.split(' ')[0]} ${row}`), `${key} never was ${row}`)
    // Where no commit is lost, no row is older than the last.
    if (isWithoutLostCommits(report)) assert.is(row, story.content.get(key), key)
  }
  db.close({ mode: 'immediately' })
  if (report.isComplete) assert.equal(content, story.content)
  return { report, content, world }
}

function isWithoutLostCommits({ records, warnings, snapshot }: RepairReport): boolean {
  // Where the list is lost, too, stale bytes may be believed.
  if (snapshot?.isWhole === false && snapshot.chunksListed === undefined) return false
  return records.lost.length + records.skipped.length === 0 && !warnings.some((line) => /log/.test(line))
}

/** The rows of the chunks that stand in `damaged` as they were written, and must have been saved. */
export function assertIntactRowsSaved(story: Story, damaged: Buffer, { content, report }: Repaired): number {
  const whole = bytesOf(story.image, SCRIPT)
  const { certain } = scriptOf(whole)
  const hasList = damaged.includes(whole.subarray(whole.indexOf('\n--@ listed')))
  // Of a file that has an older snapshot's list, that snapshot is saved.
  const header = scriptOf(whole).snapshot
  if (header === undefined || report.snapshot?.lsn !== formatLsn(header.lsn)) return 0
  const firstChange = whole.findIndex((byte, at) => damaged[at] !== byte)
  const lostTables = new Set(
    report.tables.filter(({ definition }) => definition === 'lost').map(({ name }) => name),
  )
  let expected = 0
  for (const { offset, sizeBytes } of certain) {
    const end = whole.indexOf('\n', offset + sizeBytes) + 1
    const isIntact = hasList
      ? damaged.includes(whole.subarray(offset, end))
      : firstChange < 0 || end <= firstChange
    if (!isIntact) continue
    const text = whole.toString('utf8', offset, offset + sizeBytes)
    for (const fragment of rowFragments(text)) {
      if (!('table' in fragment) || fragment.table === undefined) continue
      const table = fragment.table.replaceAll('"', '')
      const key = /VALUES \((?:(\d+)|'((?:[^']|'')*)')[,)]/.exec(fragment.text)
      const name = `${table} ${key?.[1] ?? key?.[2]?.replaceAll("''", "'")}`
      const last = story.content.get(name)
      if (key === null || lostTables.has(table) || last === undefined) continue
      expected++
      assert.ok(content.has(name), `${name} is intact and must be saved`)
    }
  }
  return expected
}

function scriptOf(bytes: Buffer): ScriptRemains {
  const read = (at: number, size: number) => bytes.subarray(at, at + size)
  return scriptRemains({ sizeBytes: bytes.length, read, close: () => undefined }, undefined)
}

/** The numbers of the commits whose records stand in the log as they were written. */
export function intactCommits(story: Story, damaged: Buffer): number[] {
  const whole = bytesOf(story.image, LOG)
  const intact: number[] = []
  let at = whole.indexOf('BEGIN;\n')
  for (const match of whole.toString('latin1').matchAll(/\nCOMMIT; --@ lsn=\S+ xid=(\d+).*\n/g)) {
    const end = match.index + match[0].length
    if (whole.subarray(at, end).equals(damaged.subarray(at, end))) intact.push(Number(match[1]))
    at = end
  }
  return intact
}

export function withoutProperties(image: Image): Image {
  return changed(image, { [PROPERTIES]: undefined })
}
