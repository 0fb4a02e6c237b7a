// What stands behind the last valid entry of a log.
//
//   clean    nothing but newlines
//   torn     something, and no later entry in it: the crash cut the last write
//   hole     later records, and nothing that proves that the bytes before them were durable
//   corrupt  a later entry proves it (its `sync` lies past the damage), or entries stand at a wrong position
//   foreign  a valid entry that names another predecessor: it is of another history of this database

import type { Lsn } from '../format/lsn.ts'
import type { ReadFile } from '../fs/files.ts'
import { readExactly } from './byte-window.ts'
import type { StoredLogHeader } from './format.ts'
import { readStrayEntries, type StrayEntry } from './stray-entries.ts'

export type Tail =
  | { readonly kind: 'clean' }
  | {
      readonly kind: 'torn' | 'hole' | 'corrupt' | 'foreign'
      /** Where the valid entries end and the tail begins. */
      readonly lsn: Lsn
      readonly sizeBytes: number
      /** Valid records found behind the damage. */
      readonly laterRecords: number
      readonly detail: string
    }

/** Classifies the bytes from `offset` on, where no valid entry stands that follows the one before. */
export function classifyTail(file: ReadFile, header: StoredLogHeader, offset: number): Tail {
  if (isAllNewlines(file, offset)) return { kind: 'clean' }
  const lsn = header.start + offset
  let laterRecords = 0
  let proven = 0
  let moved: StrayEntry | undefined
  let movedRecords = 0
  let hasOtherPast = false
  for (const stray of readStrayEntries(file, header, offset)) {
    const { entry } = stray
    if (stray.isMoved) {
      // A record from before the damage may be quoted in it, as in a torn CREATE VIEW with a comment copied from
      // the log. Only one that belongs behind the damage shows that bytes were removed, inserted or moved.
      if (entry.lsn < lsn) continue
      if (moved === undefined || stray.offset < moved.offset) moved = stray
      if (entry.kind === 'record') movedRecords++
      continue
    }
    if (moved !== undefined && moved.offset > stray.offset) {
      // It was quoted in this very record.
      moved = undefined
      movedRecords = 0
    }
    if (stray.offset === offset) hasOtherPast = true
    proven = Math.max(proven, entry.sync)
    if (entry.kind === 'record') laterRecords++
  }
  const tail = { lsn, sizeBytes: file.sizeBytes - offset, laterRecords: laterRecords + movedRecords }
  if (hasOtherPast) {
    return { kind: 'foreign', ...tail, detail: 'a valid entry follows that names another predecessor' }
  }
  if (moved !== undefined) {
    const detail = `an entry of another position stands at offset ${moved.offset}: bytes were removed, inserted or moved`
    return { kind: 'corrupt', ...tail, detail }
  }
  if (proven > lsn) {
    return { kind: 'corrupt', ...tail, detail: 'a later entry proves that the damaged bytes had been synced' }
  }
  if (laterRecords > 0) {
    const detail = 'valid records follow the damage, none of them proves it was durable'
    return { kind: 'hole', ...tail, detail }
  }
  return { kind: 'torn', ...tail, detail: 'nothing valid follows' }
}

const NEWLINES = Buffer.alloc(1 << 16, '\n')

function isAllNewlines(file: ReadFile, offset: number): boolean {
  for (let at = offset; at < file.sizeBytes; at += NEWLINES.length) {
    const lengthBytes = Math.min(NEWLINES.length, file.sizeBytes - at)
    if (!readExactly(file, at, lengthBytes).equals(NEWLINES.subarray(0, lengthBytes))) return false
  }
  return true
}
