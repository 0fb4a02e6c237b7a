// Snapshot and records into tables, as far as they are certain and fit; what does not fit goes apart and is told.
//
// A record is applied whole or not at all. Behind a commit that is lost, or that could not be applied, rows may be as
// they were before it. Records that say what a row became are applied there; one that computes it from what the row was
// (`UPDATE … SET n=n+1`) would make a value that never was, and is not.

import type { DefinitionOf, SalvageTables } from '../engine/salvage-tables.ts'
import { messageOf } from '../errors.ts'
import { formatLsn } from '../format/lsn.ts'
import { ownStatements } from '../format/own-statements.ts'
import type { Files, ReadFile } from '../fs/files.ts'
import { withFile } from '../recovery/survey.ts'
import type { ByteRange } from '../script-remains.ts'
import { type Apart, unquoted } from './apart.ts'
import type { RepairReport, SavedTable, SkippedRecord } from './report.ts'
import type { NextRecord, Sources } from './sources.ts'

export interface Salvaged {
  readonly applied: number
  readonly skipped: readonly SkippedRecord[]
  readonly missed: readonly SkippedRecord[]
  /** Where the definitions come from that the snapshot has lost. */
  readonly definitions: ReadonlyMap<string, SavedTable['definition']>
}

/** Fills the tables. Throws what reading and writing files throws. */
export function salvage(
  files: Files,
  sources: Sources,
  tables: SalvageTables,
  apart: Apart,
  onProgress: (step: 'load' | 'redo') => void,
): Salvaged {
  onProgress('load')
  const definitions = new Map<string, SavedTable['definition']>()
  loadBase(files, sources, tables, apart, definitions)
  onProgress('redo')
  return { ...redoAll(files, sources.records, tables, apart), definitions }
}

function loadBase(
  files: Files,
  sources: Sources,
  tables: SalvageTables,
  apart: Apart,
  definitions: Map<string, SavedTable['definition']>,
): void {
  const { base } = sources
  if (base === undefined) return
  withFile(files, base.path, (file) => {
    const { certain } = base.remains
    const others = lostDefinitions(files, sources)
    const definitionOf: DefinitionOf = (table) => {
      const found = others().get(table.toLowerCase())
      definitions.set(table, found?.from ?? 'lost')
      return found?.sql
    }
    const misfits = tables.load(
      certain.map((range) => bytesOf(file, range)),
      definitionOf,
    )
    for (const { misfit, chunk } of misfits) {
      const where = certain[chunk] ?? { offset: 0, sizeBytes: 0 }
      apart.sql('skipped', base.path, where, misfit.why, misfit.text)
      if (misfit.rows !== undefined) apart.countRows(unquoted(misfit.rows.table), misfit.rows.count)
    }
  })
}

interface OtherDefinition {
  readonly sql: string
  readonly from: 'log' | 'other-snapshot'
}

/** Definitions of tables in older records and in the other snapshot, by name; looked for when one is needed. */
function lostDefinitions(files: Files, sources: Sources): () => ReadonlyMap<string, OtherDefinition> {
  let found: Map<string, OtherDefinition> | undefined
  return () => {
    if (found !== undefined) return found
    const definitions = new Map<string, OtherDefinition>()
    found = definitions
    const note = (bytes: Buffer, from: OtherDefinition['from']) => {
      for (const { kind, text } of statementsIn(bytes)) {
        const name = kind === 'create-table' ? TABLE_NAME.exec(text)?.[1] : undefined
        if (name !== undefined) definitions.set(unquoted(name).toLowerCase(), { sql: text, from })
      }
    }
    const baseXid = sources.base?.remains.snapshot?.xid ?? 0
    for (const { path, records } of sources.logs) {
      withFile(files, path, (file) => {
        for (const { xid, body } of records) if (xid <= baseXid) note(bytesOf(file, body), 'log')
      })
    }
    for (const { path, remains } of sources.snapshots) {
      if (path === sources.base?.path) continue
      withFile(files, path, (file) => {
        for (const range of remains.certain) note(bytesOf(file, range), 'other-snapshot')
      })
    }
    return definitions
  }
}

const TABLE_NAME = /^CREATE TABLE (?:IF NOT EXISTS )?("(?:[^"]|"")*"|\w+)/i

function statementsIn(bytes: Buffer) {
  try {
    return [...ownStatements(bytes)]
  } catch {
    return []
  }
}

function redoAll(files: Files, records: readonly NextRecord[], tables: SalvageTables, apart: Apart) {
  const skipped: SkippedRecord[] = []
  const missed: SkippedRecord[] = []
  let applied = 0
  let isBehindLoss = false
  tables.beginRedo()
  try {
    for (const record of records) {
      const { path, xid, body: where } = record
      isBehindLoss ||= record.isBehindGap
      const body = withFile(files, path, (file) => bytesOf(file, where))
      const told = { lsn: formatLsn(record.lsn), xid, path }
      const title = `LSN ${told.lsn}, xid ${xid}`
      const misses: string[] = []
      try {
        if (isBehindLoss && computes(body)) {
          throw new Error(
            'it computes new values from old ones, which a commit that is lost may have changed',
          )
        }
        tables.redo(body, ({ text }) => misses.push(text))
        applied++
      } catch (error) {
        const why = messageOf(error).split('\n')[0] ?? ''
        skipped.push({ ...told, why })
        apart.sql('skipped', path, where, `${title}: ${why}`, body.toString('utf8').trimEnd())
        isBehindLoss = true
        continue
      }
      if (misses.length === 0) continue
      const why = 'the row that it changes is lost'
      missed.push({ ...told, why })
      for (const text of misses) apart.sql('skipped', path, where, `${title}: ${why}`, text)
    }
  } finally {
    tables.endRedo()
  }
  return { applied, skipped, missed } satisfies Partial<RepairReport['records']>
}

function computes(body: Buffer): boolean {
  return statementsIn(body).some(({ kind }) => kind === 'change')
}

function bytesOf(file: ReadFile, { offset, sizeBytes }: ByteRange): Buffer {
  return Buffer.from(file.read(offset, sizeBytes))
}
