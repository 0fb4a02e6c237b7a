// How an operation may fail: the codes that a kernel answers it with, once or from then on, with nothing done, a part
// of it, or all of it although it reports a failure.

import type { OperationKind } from '../../lib/fs/operation.ts'
import type { PlannedFault } from '../crash/workload.ts'

/** A way to fail, for the operation at which it begins. */
export type Way = Omit<PlannedFault, 'on' | 'skip'>

const FULL = ['ENOSPC', 'EDQUOT'] as const
const FORBIDDEN = ['EROFS', 'EACCES'] as const

/** What each call may be answered with. */
const CODES: Readonly<Record<OperationKind, readonly string[]>> = {
  create: ['EIO', ...FULL, ...FORBIDDEN, 'EMFILE'],
  openAppend: ['EIO', ...FORBIDDEN, 'EMFILE'],
  openRead: ['EIO', 'EACCES', 'EMFILE'],
  append: ['EIO', ...FULL, 'EFBIG', 'EROFS'],
  sync: ['EIO', ...FULL, 'EROFS'],
  read: ['EIO'],
  close: ['EIO', ...FULL],
  stat: ['EIO', 'EACCES'],
  list: ['EIO', 'EACCES', 'EMFILE'],
  rename: ['EIO', ...FULL, ...FORBIDDEN],
  remove: ['EIO', ...FORBIDDEN],
  makeDir: ['EIO', ...FULL, ...FORBIDDEN],
  // The directory is opened for it.
  syncDir: ['EIO', 'ENOSPC', 'EROFS', 'EACCES', 'EMFILE'],
  realPath: ['EIO', 'EACCES'],
  freeBytes: ['EIO', 'EACCES'],
}

const NAMES: ReadonlySet<OperationKind> = new Set(['create', 'rename', 'remove', 'makeDir'])

/** Every way in which an operation of this kind may fail. */
export function waysOf(kind: OperationKind): Way[] {
  return CODES[kind].flatMap((code) =>
    extentsOf(kind).flatMap((extent) => [
      { code, ...extent },
      { code, ...extent, times: Number.POSITIVE_INFINITY, only: kindsWith(code) },
    ]),
  )
}

/** How far an operation comes that is reported as failed. */
function extentsOf(kind: OperationKind): Pick<Way, 'takesEffect' | 'writtenBytes'>[] {
  if (kind === 'append') return [{}, { writtenBytes: 1 }, { writtenBytes: 70 }, { writtenBytes: 1 << 20 }]
  return NAMES.has(kind) ? [{}, { takesEffect: true }] : [{}]
}

/** A disk that answers one call so will answer others so. */
function kindsWith(code: string): ReadonlySet<OperationKind> {
  const kinds: OperationKind[] = []
  for (const kind of Object.keys(CODES)) if (isKind(kind) && CODES[kind].includes(code)) kinds.push(kind)
  return new Set(kinds)
}

function isKind(name: string): name is OperationKind {
  return Object.hasOwn(CODES, name)
}

/** For people. */
export function describeWay({ code, takesEffect, writtenBytes, times }: Way): string {
  const extent = takesEffect === true ? ', done' : writtenBytes === undefined ? '' : `, ${writtenBytes} bytes`
  return `${code}${extent}, ${times === undefined ? 'once' : 'for good'}`
}
