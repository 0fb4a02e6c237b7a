// The operations that may fail while nobody is told, each with its reason. Whatever else fails is told.

import type { Operation, OperationKind } from '../../lib/fs/operation.ts'

interface Tolerated {
  readonly kind: OperationKind
  /** How the path ends. */
  readonly path: string
  readonly because: string
}

const TOLERATED: readonly Tolerated[] = [
  {
    kind: 'close',
    path: '.log',
    because:
      'what it was to keep is covered by a sync, or in doubt, which was told when its write or sync failed',
  },
  { kind: 'close', path: '.log.next', because: 'as for .log' },
  {
    kind: 'close',
    path: '.properties',
    because: 'it was open for reading, and what was read is there',
  },
]

/** Why nobody needs to be told that this failed; undefined when somebody does. */
export function whyTolerated({ kind, path }: Operation): string | undefined {
  return TOLERATED.find((each) => each.kind === kind && path.endsWith(each.path))?.because
}
