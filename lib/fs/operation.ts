/** Every call that `Files` and its handles offer. `syncAsync` counts as a `sync`. */
export type OperationKind =
  | 'create'
  | 'openAppend'
  | 'openRead'
  | 'append'
  | 'sync'
  | 'read'
  | 'close'
  | 'stat'
  | 'list'
  | 'rename'
  | 'remove'
  | 'makeDir'
  | 'syncDir'
  | 'realPath'
  | 'freeBytes'

/** One call as a plain value: what was asked for, on what. */
export interface Operation {
  readonly kind: OperationKind
  /** The path concerned; of an open file its present name, also after a rename. */
  readonly path: string
  /** New name, of a rename. */
  readonly toPath?: string
  /** Bytes handed over by an append, asked for (or, in a trace, returned) by a read. */
  readonly lengthBytes?: number
}

/** True for the calls that change what is on the disk or make it durable: those that crash specs cut at. */
export function isDurableStep({ kind }: Operation): boolean {
  return durableSteps.has(kind)
}

const durableSteps: ReadonlySet<OperationKind> = new Set([
  'create',
  'append',
  'sync',
  'rename',
  'remove',
  'makeDir',
  'syncDir',
] satisfies OperationKind[])
