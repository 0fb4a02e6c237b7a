// Large records and small ones, marks, syncs and what they cover: the chunks are compared with a plain list.

import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { EntryChunks } from '../../lib/log/entry-chunks.ts'
import { encodeMark, encodeRecord } from '../../lib/log/format.ts'
import { SOME_TIME } from '../support/logs.ts'

const START = 0xffff_f000
const SEED = 99

interface Entry {
  readonly lsn: number
  readonly bytes: Buffer
  readonly commit: { readonly xid: number; readonly timeMicros: number; readonly body: string } | undefined
}

/** Chunks beside what they should hold. */
class Pair {
  readonly chunks = new EntryChunks()
  entries: Entry[] = []
  end = START
  #prev = 0
  #xid = 0

  record(body: string): void {
    const commit = { xid: ++this.#xid, timeMicros: SOME_TIME + this.#xid, body }
    const { xid, timeMicros } = commit
    const fields = { lsn: this.end, xid, sync: START, prev: this.#prev, timeMicros }
    const { bytes, crc } = encodeRecord(body, fields, SEED)
    const lsn = this.end
    this.end += bytes.length
    assert.equal(this.chunks.addRecord(body, fields, SEED), { end: this.end, crc })
    this.entries.push({ lsn, bytes, commit })
    this.#prev = crc
  }

  mark(): void {
    const { bytes, crc } = encodeMark({ lsn: this.end, sync: START, prev: this.#prev }, SEED)
    this.chunks.add(bytes, this.end)
    this.entries.push({ lsn: this.end, bytes, commit: undefined })
    this.end += bytes.length
    this.#prev = crc
  }

  drop(count: number): void {
    this.entries = this.entries.slice(count)
    this.chunks.dropBefore(this.entries[0]?.lsn ?? this.end)
  }

  /** Compares what there is from the n-th entry on. */
  compare(index: number): void {
    const entries = this.entries.slice(index)
    const lsn = entries[0]?.lsn ?? this.end
    const bytes = Buffer.concat(entries.map((entry) => entry.bytes))
    assert.ok(this.chunks.bytesFrom(lsn).equals(bytes), `the bytes from ${lsn} on`)
    const found = this.chunks.commitsFrom(lsn)
    assert.equal(
      found.map((commit) => ({ ...commit, body: commit.body.toString() })),
      entries.flatMap(({ commit }) => commit ?? []),
    )
  }
}

function bodyOf(characters: number, character: string): string {
  return characters === 0 ? '' : `${character.repeat(characters)};\n`
}

const KIB = 1024
const records = fc
  .tuple(
    fc.oneof(
      { weight: 6, arbitrary: fc.nat(300) },
      { weight: 3, arbitrary: fc.integer({ min: 20 * KIB, max: 90 * KIB }) },
      { weight: 1, arbitrary: fc.integer({ min: 200 * KIB, max: 300 * KIB }) },
    ),
    fc.constantFrom('x', 'ä', '€', '\u{1F600}', '\ud83d'),
  )
  .map(([characters, character]) => ({ kind: 'record' as const, characters, character }))
const steps = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: records },
    { weight: 1, arbitrary: fc.constant({ kind: 'mark' as const }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('drop' as const), count: fc.nat(12) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('compare' as const), index: fc.nat(12) }) },
  ),
  { maxLength: 40, size: 'max' },
)

test('whatever is added and dropped: what is left is what was added, from every entry on', () => {
  fc.assert(
    fc.property(steps, (each) => {
      const pair = new Pair()
      for (const step of each) {
        if (step.kind === 'record') pair.record(bodyOf(step.characters, wellFormed(step.character)))
        else if (step.kind === 'mark') pair.mark()
        else if (step.kind === 'drop') pair.drop(step.count)
        else pair.compare(step.index)
      }
      for (const index of pair.entries.keys()) pair.compare(index)
    }),
    { numRuns: 60 },
  )
})

/** Half a character is kept as what UTF-8 makes of it. */
function wellFormed(character: string): string {
  return Buffer.from(character).toString()
}

test('entries that stand in one chunk are handed over as they stand there, without a copy', () => {
  const pair = new Pair()
  pair.record('SELECT 1;\n')
  const first = pair.chunks.bytesFrom(START)
  pair.record('SELECT 2;\n')
  pair.mark()
  assert.is(pair.chunks.bytesFrom(START).buffer, first.buffer)
  pair.record(bodyOf(1024 * KIB, 'x'))
  const from = pair.end
  pair.record('SELECT 3;\n')
  const behind = pair.chunks.bytesFrom(from).buffer
  pair.record('SELECT 4;\n')
  assert.is(pair.chunks.bytesFrom(from).buffer, behind)
})

test('everything is dropped: the chunk is filled anew, but not one that was made for a large record', () => {
  const pair = new Pair()
  pair.record('SELECT 1;\n')
  const { buffer } = pair.chunks.bytesFrom(START)
  pair.drop(1)
  pair.compare(0)
  pair.record('SELECT 2;\n')
  pair.compare(0)
  assert.is(pair.chunks.bytesFrom(pair.end - 1).buffer, buffer)
  pair.record(bodyOf(1024 * KIB, 'x'))
  const large = pair.chunks.bytesFrom(pair.end - 1).buffer
  pair.drop(2)
  pair.record('SELECT 3;\n')
  pair.compare(0)
  const next = pair.chunks.bytesFrom(pair.end - 1).buffer
  assert.ok(large.byteLength > 1024 * KIB && next.byteLength <= 256 * KIB)
})

test('a record that fails to be encoded leaves nothing behind', () => {
  const pair = new Pair()
  const fields = { lsn: START, xid: 1, sync: START, prev: 0, timeMicros: SOME_TIME }
  assert.throws(() => pair.chunks.addRecord('no end', fields, SEED), /invariant/)
  pair.record('SELECT 1;\n')
  assert.throws(
    () => pair.chunks.addRecord('y'.repeat(300 * KIB), { ...fields, lsn: pair.end }, SEED),
    /invariant/,
  )
  pair.compare(0)
  pair.record('SELECT 2;\n')
  pair.compare(0)
})

test.run()
