import { inspect } from 'node:util'
import { UsageError } from './errors.ts'

/** What a person may set in `.properties` or, in camel case, as an option of `Database` (the option wins). */
export interface Settings {
  /** How long a commit may wait for its sync, in milliseconds; 0 = each commit is synced before it returns. */
  readonly writeDelayMillis: number
  /**
   * Size of the log in MB (1,000,000 bytes) at which a checkpoint runs by itself; 0 = never. When checkpoints find no
   * room, writes are refused once the log is four times as large.
   */
  readonly logSize: number
  /** What recovery does with a log that is not whole. */
  readonly recoveryMode: RecoveryMode
  /** How often writing is tried to be resumed after a failure before that is left to `resume()`; 0 = not at all. */
  readonly maxBgerrorResumeCount: number
  /** Time between two tries to resume writing, in milliseconds. */
  readonly bgerrorResumeRetryIntervalMillis: number
  /** Free room in MB below which writing is not resumed by itself, and no checkpoint begins by itself. */
  readonly reservedDiskBuffer: number
  /** Size in MB of the database's files from which on writes are refused; 0 = no limit. */
  readonly maxAllowedSpaceUsage: number
  /** Everything written is read back after each sync, and each snapshot is loaded and compared before it counts. */
  readonly paranoidChecks: boolean
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
  maxBgerrorResumeCount: 0x7fffffff,
  bgerrorResumeRetryIntervalMillis: 1000,
  reservedDiskBuffer: 1,
  maxAllowedSpaceUsage: 0,
  paranoidChecks: false,
}

/** The key of each setting in `.properties`. */
export const SETTING_KEYS = {
  writeDelayMillis: 'write_delay_millis',
  logSize: 'log_size',
  recoveryMode: 'recovery_mode',
  maxBgerrorResumeCount: 'max_bgerror_resume_count',
  bgerrorResumeRetryIntervalMillis: 'bgerror_resume_retry_interval_millis',
  reservedDiskBuffer: 'reserved_disk_buffer',
  maxAllowedSpaceUsage: 'max_allowed_space_usage',
  paranoidChecks: 'paranoid_checks',
} as const satisfies Record<keyof Settings, string>

/** How a value is checked; `name` and `path` are where a person finds it. */
type Check<T> = (value: unknown, name: string, path?: string) => T

const CHECKS: { readonly [K in keyof Settings]: Check<Settings[K]> } = {
  writeDelayMillis: whole(0, 3_600_000),
  logSize: whole(0, 1_000_000),
  recoveryMode: mode,
  maxBgerrorResumeCount: whole(0, 0x7fffffff),
  bgerrorResumeRetryIntervalMillis: whole(1, 3_600_000),
  reservedDiskBuffer: whole(0, 1_000_000_000),
  maxAllowedSpaceUsage: whole(0, 1_000_000_000),
  paranoidChecks: flag,
}

export const SETTING_NAMES: readonly (keyof Settings)[] = [
  'writeDelayMillis',
  'logSize',
  'recoveryMode',
  'maxBgerrorResumeCount',
  'bgerrorResumeRetryIntervalMillis',
  'reservedDiskBuffer',
  'maxAllowedSpaceUsage',
  'paranoidChecks',
]

/** Whether `.properties` may hold this key beside the state. */
export function isSettingKey(key: string): boolean {
  return Object.values(SETTING_KEYS).some((known) => known === key)
}

/**
 * Reads settings from the text values of a `.properties` file.
 * @throws {UsageError} for a key that is no setting or a value out of range; `path` is named in it.
 */
export function parseSettings(values: ReadonlyMap<string, string>, path: string): Partial<Settings> {
  const settings: Writable<Partial<Settings>> = {}
  for (const [key, text] of values) {
    const name = SETTING_NAMES.find((known) => SETTING_KEYS[known] === key)
    if (name === undefined) {
      throw new UsageError(`${shown(key)} is not a setting of scriptlog`, {
        reason: 'settings',
        path,
        hint: `remove the line or correct it; the settings are ${Object.values(SETTING_KEYS).join(', ')}`,
      })
    }
    put(settings, name, asValue(text), key, path)
  }
  return settings
}

/**
 * Checks settings that come as options of a call.
 * @throws {UsageError} for a value out of range.
 */
export function checkSettings(options: { readonly [K in keyof Settings]?: unknown }): Partial<Settings> {
  const settings: Writable<Partial<Settings>> = {}
  for (const name of SETTING_NAMES) {
    if (options[name] !== undefined) put(settings, name, options[name], name)
  }
  return settings
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }

function put<K extends keyof Settings>(
  settings: Writable<Partial<Settings>>,
  name: K,
  value: unknown,
  label: string,
  path?: string,
): void {
  settings[name] = CHECKS[name](value, label, path)
}

/** What a text in `.properties` stands for. */
function asValue(text: string): unknown {
  if (/^\d{1,12}$/.test(text)) return Number(text)
  return text === 'true' ? true : text === 'false' ? false : text
}

function whole(smallest: number, largest: number): Check<number> {
  return (value, name, path) => {
    const isWhole = typeof value === 'number' && Number.isInteger(value)
    if (isWhole && value >= smallest && value <= largest) return value
    throw wrong(`${name} must be a whole number from ${smallest} to ${largest}, not ${shown(value)}`, path)
  }
}

function flag(value: unknown, name: string, path?: string): boolean {
  if (typeof value === 'boolean') return value
  throw wrong(`${name} must be true or false, not ${shown(value)}`, path)
}

function mode(value: unknown, name: string, path?: string): RecoveryMode {
  const found = RECOVERY_MODES.find((known) => known === value)
  if (found !== undefined) return found
  throw wrong(`${name} must be one of ${RECOVERY_MODES.join(', ')}, not ${shown(value)}`, path)
}

function wrong(message: string, path?: string): UsageError {
  return new UsageError(message, { reason: 'settings', path, hint: 'correct the value; nothing was changed' })
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? `'${value}'` : inspect(value, { depth: 0 })
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
