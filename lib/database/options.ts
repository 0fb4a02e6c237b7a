import type { Registrar } from '../engine/native.ts'
import { UsageError } from '../errors.ts'
import type { IsAlive } from '../fs/register.ts'
import { checkSettings, SETTING_KEYS, type Settings } from '../settings.ts'
import type { DatabaseEvent } from './events.ts'

type GivenSettings = { readonly [K in keyof Settings]?: Settings[K] | undefined }

/** Options of `new Database(path, options)`. Settings given here win over those in `.properties`. */
export interface DatabaseOptions extends GivenSettings {
  /**
   * Opens what is there at this moment, without the writer's lock, and never writes a file. Later commits of a writer are
   * seen after `refresh()`. Default false.
   */
  readonly readonly?: boolean | undefined
  /**
   * With `readonly`: how often, in milliseconds, later commits of a writer are looked for. Default 0: only when `refresh()`
   * is called.
   */
  readonly refreshIntervalMillis?: number | undefined
  /** Fail when there is no database at the path. Default false: it is created. */
  readonly fileMustExist?: boolean | undefined
  /** False: a database that needs a recovery is refused, with `RunRecoveryError`. Default true. */
  readonly recover?: boolean | undefined
  /**
   * What the application knows, and the kernel cannot, about a process that has the database open: that it hangs, or,
   * where process numbers mean nothing here, that it is gone. An open that finds the database held by a process that
   * is not alive by this word fails at once; what such a process holds is never taken from it.
   */
  readonly isAlive?: IsAlive | undefined
  /** How long to wait, in milliseconds, for another process or thread to close the database. Default 5000. */
  readonly timeout?: number | undefined
  /** Called with the text of each statement before it is run, values filled in; what it throws prevents the statement. */
  readonly verbose?: ((message?: unknown, ...more: unknown[]) => void) | null | undefined
  /** The native part of better-sqlite3, or the path of its file. */
  readonly nativeBinding?: string | object | null | undefined
  /**
   * Called before the files are loaded, to register functions that the schema uses (in a CHECK, a default, a
   * generated column, an index): without them such a schema cannot be loaded.
   */
  readonly setup?: ((registrar: Registrar) => void) | undefined
  /** Hears every event from the first moment of the open; a constructor cannot be listened to. */
  readonly onEvent?: ((event: DatabaseEvent) => void) | undefined
}

/** Options that were checked, with defaults filled in. */
export interface CheckedOptions {
  readonly readonly: boolean
  /** 0: never by itself. */
  readonly refreshIntervalMillis: number
  readonly fileMustExist: boolean
  readonly recover: boolean
  readonly isAlive: IsAlive | undefined
  readonly timeoutMs: number
  readonly verbose: ((sql: string) => void) | undefined
  readonly nativeBinding: string | object | undefined
  readonly setup: ((registrar: Registrar) => void) | undefined
  readonly onEvent: ((event: DatabaseEvent) => void) | undefined
  readonly settings: Partial<Settings>
}

const DEFAULT_TIMEOUT_MS = 5000
const LONGEST_TIMEOUT_MS = 0x7fffffff

/** Those of better-sqlite3, then those of scriptlog. */
const OPTIONS = [
  'readonly',
  'fileMustExist',
  'recover',
  'isAlive',
  'timeout',
  'verbose',
  'nativeBinding',
  'setup',
  'onEvent',
  'refreshIntervalMillis',
  ...Object.keys(SETTING_KEYS),
]

/**
 * Reads the options of a call.
 * @throws {TypeError | RangeError} as better-sqlite3 does, for a wrong value of an option of better-sqlite3's.
 * @throws {UsageError} for an option that is unknown, or a wrong value of one of scriptlog's.
 */
export function checkOptions(given: DatabaseOptions | null | undefined): CheckedOptions {
  const options: DatabaseOptions = given ?? {}
  if (typeof options !== 'object') throw new TypeError('Expected second argument to be an options object')
  if ('readOnly' in options) throw new TypeError('Misspelled option "readOnly" should be "readonly"')
  if ('memory' in options) {
    throw new TypeError('Option "memory" was removed in v7.0.0 (use ":memory:" filename instead)')
  }
  const readonly = flag(options, 'readonly')
  const fileMustExist = flag(options, 'fileMustExist')
  const timeoutMs = timeoutOf(options)
  const { verbose, nativeBinding } = options
  if (verbose !== undefined && verbose !== null && typeof verbose !== 'function') {
    throw new TypeError('Expected the "verbose" option to be a function')
  }
  const isBinding = typeof nativeBinding === 'string' || typeof nativeBinding === 'object'
  if (nativeBinding !== undefined && !isBinding) {
    throw new TypeError('Expected the "nativeBinding" option to be a string or addon object')
  }
  for (const [name, value] of Object.entries(options)) {
    if (OPTIONS.includes(name) || value === undefined) continue
    throw new UsageError(`there is no option '${name}'`, { hint: `the options are ${OPTIONS.join(', ')}` })
  }
  return {
    readonly,
    refreshIntervalMillis: refreshIntervalOf(options, readonly),
    fileMustExist,
    recover: options.recover === undefined || flag(options, 'recover'),
    isAlive: callback(options.isAlive, 'isAlive'),
    timeoutMs,
    verbose: verbose ?? undefined,
    nativeBinding: nativeBinding ?? undefined,
    setup: callback(options.setup, 'setup'),
    onEvent: callback(options.onEvent, 'onEvent'),
    settings: checkSettings(options),
  }
}

function flag(options: DatabaseOptions, name: 'readonly' | 'fileMustExist' | 'recover'): boolean {
  if (!(name in options)) return false
  const value: unknown = options[name]
  if (typeof value !== 'boolean') throw new TypeError(`Expected the "${name}" option to be a boolean`)
  return value
}

function timeoutOf(options: DatabaseOptions): number {
  if (!('timeout' in options)) return DEFAULT_TIMEOUT_MS
  const value: unknown = options.timeout
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) {
    throw new TypeError('Expected the "timeout" option to be a positive integer')
  }
  if (value <= LONGEST_TIMEOUT_MS) return value
  throw new RangeError(`Option "timeout" cannot be greater than ${LONGEST_TIMEOUT_MS}`)
}

function refreshIntervalOf({ refreshIntervalMillis: value }: DatabaseOptions, isReadonly: boolean): number {
  if (value === undefined) return 0
  if (!Number.isInteger(value) || value < 0 || value > LONGEST_TIMEOUT_MS) {
    throw new UsageError(
      `the option 'refreshIntervalMillis' must be a whole number of milliseconds, not ${value}`,
      { hint: '0 looks for later commits only when refresh() is called; nothing was changed' },
    )
  }
  if (value > 0 && !isReadonly) {
    throw new UsageError("the option 'refreshIntervalMillis' is for a database opened readonly", {
      hint: 'a writer always sees what was committed: leave it out, or open with readonly: true',
    })
  }
  return value
}

function callback<F extends (...args: never[]) => unknown>(
  value: F | undefined,
  name: string,
): F | undefined {
  if (value === undefined || typeof value === 'function') return value
  throw new UsageError(
    `the option '${name}' must be a function, not ${value === null ? 'null' : typeof value}`,
    {
      hint: 'correct the value; nothing was changed',
    },
  )
}
