import type { Registrar } from '../engine/native.ts'
import { UsageError } from '../errors.ts'
import { checkSettings, type Settings } from '../settings.ts'
import type { DatabaseEvent } from './events.ts'

type GivenSettings = { readonly [K in keyof Settings]?: Settings[K] | undefined }

/** Options of `new Database(path, options)`. Settings given here win over those in `.properties`. */
export interface DatabaseOptions extends GivenSettings {
  /** Fail when there is no database at the path. Default false: it is created. */
  readonly fileMustExist?: boolean | undefined
  /**
   * Called before the files are loaded, to register functions that the schema uses (in a CHECK, a default, a
   * generated column, an index): without them such a schema cannot be loaded.
   */
  readonly setup?: ((registrar: Registrar) => void) | undefined
  /** Hears every event from the first moment of the open; a constructor cannot be listened to. */
  readonly onEvent?: ((event: DatabaseEvent) => void) | undefined
}

const OPTIONS = ['fileMustExist', 'setup', 'onEvent', 'writeDelayMillis', 'logSize', 'recoveryMode']

/**
 * Reads the options of a call.
 * @throws {UsageError} for an option that is unknown or out of range.
 */
export function checkOptions(options: DatabaseOptions): Partial<Settings> {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('Expected second argument to be an options object')
  }
  for (const [name, value] of Object.entries(options)) {
    if (OPTIONS.includes(name) || value === undefined) continue
    throw new UsageError(`there is no option '${name}'`, { hint: `the options are ${OPTIONS.join(', ')}` })
  }
  assertType(options, 'fileMustExist', 'boolean')
  assertType(options, 'setup', 'function')
  assertType(options, 'onEvent', 'function')
  return checkSettings(options)
}

function assertType(
  options: DatabaseOptions,
  name: 'fileMustExist' | 'setup' | 'onEvent',
  type: 'boolean' | 'function',
): void {
  const value = options[name]
  if (value === undefined || typeof value === type) return
  throw new UsageError(
    `the option '${name}' must be a ${type}, not ${value === null ? 'null' : typeof value}`,
    {
      hint: 'correct the value; nothing was changed',
    },
  )
}
