// What an operation on a file is for, in one sentence; and what each step of a recovery is for.

import type { MemoryFiles } from '../../lib/fs/memory.ts'
import { formatOperation, type TracedOperation } from '../../lib/fs/trace.ts'
import type { RecoveryStep } from '../../lib/recovery/report.ts'
import { BASE, DIRECTORY, suffixOf, textOf } from './world.ts'

/** One operation that changes the disk or makes it durable. */
export interface Step {
  /** `rename app.script.new -> app.script` */
  readonly operation: string
  readonly purpose: string
  /** So many changes had been made when it had ended. */
  readonly changes: number
}

/** The step that an operation is which changes the disk or makes it durable. Called when it has just ended. */
export function stepOf(operation: TracedOperation, files: MemoryFiles): Step {
  const properties = textOf(files.image(), `${BASE}.properties`) ?? ''
  return {
    operation: formatOperation(operation, DIRECTORY),
    purpose: purposeOf(operation, /^modified=(.*)$/m.exec(properties)?.[1]),
    changes: files.changes.length,
  }
}

function purposeOf({ kind, path, toPath }: TracedOperation, modified: string | undefined): string {
  const isLiveLog = suffixOf(path) === '.log' || suffixOf(path) === '.log.next'
  switch (kind) {
    case 'create':
      return `${FILES[suffixOf(path)] ?? 'a file for rejected bytes'}; the name may still be lost`
    case 'append':
      return isLiveLog
        ? 'the operating system has the record of a transaction; a power cut may tear it'
        : 'the operating system has the bytes; a power cut may lose them'
    case 'sync':
      return isLiveLog
        ? 'all records so far are durable, and only now acknowledged'
        : 'the bytes are durable before any other name leads to them'
    case 'rename':
      return purposeOfRename(suffixOf(toPath ?? ''), modified)
    case 'syncDir':
      return 'all names and renames in the directory are durable'
    case 'remove':
      return 'nothing needs this file any more'
    case 'makeDir':
      return 'a place for rejected bytes'
    default:
      throw new Error(`${kind} does not change the disk`)
  }
}

function purposeOfRename(to: string, modified: string | undefined): string {
  switch (to) {
    case '.properties':
      return `the state is now '${modified}'${modified === 'yes-new-files' ? ': once durable, the COMMIT POINT of the checkpoint' : ''}`
    case '.script':
      return 'the new snapshot replaces the old one, which is never deleted first'
    case '.log':
      return 'the log gets its name; it begins where the snapshot ends, or at 0 without one'
    case '.log.next':
      return 'the log in which writing goes on gets its name'
    default:
      return 'the file gets its name'
  }
}

const FILES: Readonly<Record<string, string>> = {
  '.properties.new': 'the next state is written beside the one in force',
  '.script.new': 'a snapshot is written beside the one in force',
  '.log.new': 'an empty log is prepared that will follow the snapshot',
  '.log.create.new': 'the first log is written whole before it gets its name',
  '.log.next.new': 'a log to go on in is written whole before it gets its name',
}

export const PURPOSE_OF_RECOVERY_STEP: Readonly<Record<RecoveryStep, string>> = {
  syncDir: 'names that the crash left undecided are made durable: all that follows relies on them',
  survey: 'every file is read and nothing changed: this is the evidence',
  decide: 'the evidence matches exactly one row of the decision table, or the open is refused',
  setAside: 'bytes that are rejected are kept, before anything else is done to them',
  makeBaseTrue: 'the checkpoint had passed its commit point: the rest of it is done now',
  load: 'the snapshot is loaded into memory',
  redo: 'what the log holds since the snapshot is applied again, each transaction once',
  goOn: 'writing goes on in a file that no crash has touched',
}
