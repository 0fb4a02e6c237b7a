import { inspect } from 'node:util'
import { UsageError } from './errors.ts'

/** What a person may set in `.properties` or, in camel case, as an option of `Database` (the option wins). */
export interface Settings {
  /** How long a commit may wait for its sync, in milliseconds; 0 = each commit is synced before it returns. */
  readonly writeDelayMillis: number
  /** Size of the log in MB (1,000,000 bytes) at which a checkpoint runs by itself; 0 = never. */
  readonly logSize: number
  /** What recovery does with a log that is not whole. */
  readonly recoveryMode: RecoveryMode
}

export const RECOVERY_MODES = [
  'tolerate_corrupted_tail_records',
  'absolute_consistency',
  'stop_at_damage',
  'skip_any_corrupted_records',
] as const
export type RecoveryMode = (typeof RECOVERY_MODES)[number]

export const DEFAULT_SETTINGS: Settings = {
  writeDelayMillis: 500,
  logSize: 50,
  recoveryMode: 'tolerate_corrupted_tail_records',
}

/** The key of each setting in `.properties`. */
export const SETTING_KEYS = {
  writeDelayMillis: 'write_delay_millis',
  logSize: 'log_size',
  recoveryMode: 'recovery_mode',
} as const satisfies Record<keyof Settings, string>

/** Whether `.properties` may hold this key beside the state. */
export function isSettingKey(key: string): boolean {
  return Object.values(SETTING_KEYS).some((known) => known === key)
}

/**
 * Reads settings from the text values of a `.properties` file.
 * @throws {UsageError} for a key that is no setting or a value out of range; `path` is named in it.
 */
export function parseSettings(values: ReadonlyMap<string, string>, path: string): Partial<Settings> {
  let settings: Partial<Settings> = {}
  for (const [key, text] of values) settings = { ...settings, ...parseSetting(key, text, path) }
  return settings
}

/**
 * Checks settings that come as options of a call.
 * @throws {UsageError} for a value out of range.
 */
export function checkSettings(
  options: {
    readonly [K in keyof Settings]?: unknown
  },
): Partial<Settings> {
  let settings: Partial<Settings> = {}
  if (options.writeDelayMillis !== undefined) {
    settings = {
      ...settings,
      writeDelayMillis: whole(options.writeDelayMillis, 'writeDelayMillis', 3_600_000),
    }
  }
  if (options.logSize !== undefined) {
    settings = { ...settings, logSize: whole(options.logSize, 'logSize', 1_000_000) }
  }
  if (options.recoveryMode !== undefined) {
    settings = { ...settings, recoveryMode: mode(options.recoveryMode, 'recoveryMode') }
  }
  return settings
}

function parseSetting(key: string, text: string, path: string): Partial<Settings> {
  const number = /^\d{1,12}$/.test(text) ? Number(text) : text
  switch (key) {
    case SETTING_KEYS.writeDelayMillis:
      return { writeDelayMillis: whole(number, key, 3_600_000, path) }
    case SETTING_KEYS.logSize:
      return { logSize: whole(number, key, 1_000_000, path) }
    case SETTING_KEYS.recoveryMode:
      return { recoveryMode: mode(text, key, path) }
    default:
      throw new UsageError(`${shown(key)} is not a setting of scriptlog`, {
        reason: 'settings',
        path,
        hint: `remove the line or correct it; the settings are ${Object.values(SETTING_KEYS).join(', ')}`,
      })
  }
}

function whole(value: unknown, name: string, largest: number, path?: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= largest) return value
  throw new UsageError(`${name} must be a whole number from 0 to ${largest}, not ${shown(value)}`, {
    reason: 'settings',
    path,
    hint: 'correct the value; nothing was changed',
  })
}

function mode(value: unknown, name: string, path?: string): RecoveryMode {
  const found = RECOVERY_MODES.find((known) => known === value)
  if (found !== undefined) return found
  throw new UsageError(`${name} must be one of ${RECOVERY_MODES.join(', ')}, not ${shown(value)}`, {
    reason: 'settings',
    path,
    hint: 'correct the value; nothing was changed',
  })
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? `'${value}'` : inspect(value, { depth: 0 })
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
