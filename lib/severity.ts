// How far a failure reaches, and how writing goes on after it: one cell for each thing that was being done and each
// kind of cause. The idea is RocksDB's error handler.

import { CorruptionError, FencedError, ScriptlogError, type Severity, systemCode } from './errors.ts'

/** What was being done when it failed. */
export type FailingPart = 'log-append' | 'log-sync' | 'state-file' | 'checkpoint'

/** What kind of cause it was. */
export type FailureKind =
  /** The disk, a quota, a limit on file sizes, or `max_allowed_space_usage`. */
  | 'no-space'
  /** The disk failed a call. */
  | 'io'
  /** The files may not be written (any more). */
  | 'not-allowed'
  /** Another process may have the database by now. */
  | 'fenced'
  /** What was written is not what is read back. */
  | 'corruption'

/** When writing is resumed without anybody asking for it. */
export type Resumption =
  /** At intervals, as soon as there is room. */
  | 'when-there-is-space'
  | 'at-intervals'
  /** At intervals that grow: it can wait, and each try costs a whole checkpoint. */
  | 'with-backoff'
  /** Not at all, nor by `resume()`: the database is closed, mended, and opened again. */
  | 'never'

export interface Consequence {
  readonly severity: Severity
  readonly resumption: Resumption
}

const FULL: Consequence = { severity: 'hard', resumption: 'when-there-is-space' }
const BROKEN: Consequence = { severity: 'hard', resumption: 'at-intervals' }
const SHUT_OUT: Consequence = { severity: 'fatal', resumption: 'never' }
const MANGLED: Consequence = { severity: 'unrecoverable', resumption: 'never' }

/** The log holds everything all the while: a checkpoint that fails costs time, and room. */
export const CONSEQUENCES: Readonly<Record<FailingPart, Readonly<Record<FailureKind, Consequence>>>> = {
  'log-append': {
    'no-space': FULL,
    io: BROKEN,
    'not-allowed': SHUT_OUT,
    fenced: SHUT_OUT,
    corruption: MANGLED,
  },
  'log-sync': {
    'no-space': FULL,
    io: BROKEN,
    'not-allowed': SHUT_OUT,
    fenced: SHUT_OUT,
    corruption: MANGLED,
  },
  'state-file': {
    'no-space': FULL,
    io: BROKEN,
    'not-allowed': SHUT_OUT,
    fenced: SHUT_OUT,
    corruption: MANGLED,
  },
  checkpoint: {
    'no-space': { severity: 'soft', resumption: 'when-there-is-space' },
    io: { severity: 'soft', resumption: 'with-backoff' },
    'not-allowed': { severity: 'soft', resumption: 'with-backoff' },
    fenced: SHUT_OUT,
    corruption: MANGLED,
  },
}

/** Of a checkpoint that finds no room while the log is over its hard limit: the log must not fill the disk. */
export const LOG_OVER_HARD_LIMIT: Consequence = FULL

/** `code` of the error that says that the files are as large as `max_allowed_space_usage` allows. */
export const SPACE_LIMIT_CODE = 'SCRIPTLOG_SPACE_LIMIT'

const KINDS: ReadonlyMap<string, FailureKind> = new Map<string, FailureKind>([
  ['ENOSPC', 'no-space'],
  ['EDQUOT', 'no-space'],
  ['EFBIG', 'no-space'],
  [SPACE_LIMIT_CODE, 'no-space'],
  ['EROFS', 'not-allowed'],
  ['EACCES', 'not-allowed'],
  ['EPERM', 'not-allowed'],
  // What file systems that keep checksums say of a block that fails its own.
  ['EBADMSG', 'corruption'],
  ['EUCLEAN', 'corruption'],
])

/** Whatever is not known is taken for a failure of the disk: it is tried again, and nothing is believed. */
export function kindOf(error: unknown): FailureKind {
  if (error instanceof FencedError) return 'fenced'
  if (error instanceof CorruptionError) return 'corruption'
  if (error instanceof ScriptlogError && error.cause !== undefined) return kindOf(error.cause)
  return KINDS.get(systemCode(error) ?? '') ?? 'io'
}

/** The severity of an error whose cause is `cause`. */
export function severityOf(part: FailingPart, cause: unknown): Severity {
  return CONSEQUENCES[part][kindOf(cause)].severity
}

const SEVERITIES: readonly Severity[] = ['soft', 'hard', 'fatal', 'unrecoverable']

/** True when `one` reaches farther than `other`. */
export function isWorse(one: Severity, other: Severity): boolean {
  return SEVERITIES.indexOf(one) > SEVERITIES.indexOf(other)
}
