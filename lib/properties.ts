// The state file, `.properties`: `key=value` lines.
//
//   version=1                    of the format of all files of the database
//   modified=no                  no | yes | yes-new-files | no-new-files
//   database_id=00112233aabbccdd
//   timeline=1
//   tx_timestamp=17              xid of the last transaction that the last checkpoint holds
//   checkpoint_lsn=0/000012AB    LSN of the last checkpoint (of the one being finished under yes-new-files)
//   state_crc=9be3e0a0           over the lines above, in this order
//   write_delay_millis=500       a setting, one a line, see settings.ts
//
// A change of state rewrites only the state lines of the text as it stands: a person's comments, order and
// settings survive. The checksum covers only the state, so that settings may be edited by hand.

import { parse } from 'ini'
import { crc32, formatCrc } from './format/checksum.ts'
import { formatLsn, type Lsn, parseLsn } from './format/lsn.ts'
import { isSettingKey } from './settings.ts'

export const FORMAT_VERSION = 1

/**
 * What is true of the files, in HSQLDB's words:
 * - `no`: closed cleanly, `.script` holds everything
 * - `yes`: open, or ended uncleanly: `.script` and `.log` hold everything
 * - `yes-new-files`: `.script.new` is whole and durable, the checkpoint must be finished
 * - `no-new-files`: created, never yet saved
 */
export type Modified = 'no' | 'yes' | 'yes-new-files' | 'no-new-files'

export interface State {
  readonly modified: Modified
  /** 16 hexadecimal digits, random at creation. */
  readonly databaseId: string
  readonly timeline: number
  /** `tx_timestamp`: the last transaction that the last checkpoint holds; 0 before the first. */
  readonly checkpointXid: number
  readonly checkpointLsn: Lsn
}

export type Properties =
  | { readonly kind: 'whole'; readonly state: State; readonly settings: ReadonlyMap<string, string> }
  /** A file without any state key, such as a copy of `.properties.example`. */
  | { readonly kind: 'settings-only'; readonly settings: ReadonlyMap<string, string> }
  | { readonly kind: 'newer'; readonly version: number }
  | {
      readonly kind: 'damaged'
      readonly detail: string
      /** Empty when the file is not even text. */
      readonly settings: ReadonlyMap<string, string>
    }

const STATE_KEYS = [
  'version',
  'modified',
  'database_id',
  'timeline',
  'tx_timestamp',
  'checkpoint_lsn',
  'state_crc',
] as const
type StateKey = (typeof STATE_KEYS)[number]

/** What the headers of scripts and logs have room for. */
const LARGEST_TIMELINE = 9_999_999_999

/** Larger files are nobody's settings. */
export const LARGEST_PROPERTIES_BYTES = 1 << 20

export function parseProperties(bytes: Uint8Array): Properties {
  const none = new Map<string, string>()
  if (bytes.length === 0) return { kind: 'damaged', detail: 'it is empty', settings: none }
  if (bytes.length > LARGEST_PROPERTIES_BYTES)
    return { kind: 'damaged', detail: 'it is larger than 1 MiB', settings: none }
  const text = decode(bytes)
  if (text === undefined) return { kind: 'damaged', detail: 'it is not text', settings: none }
  const values = readValues(text)
  if (values === undefined) return { kind: 'damaged', detail: 'a state line stands twice', settings: none }
  const settings = new Map([...values].filter(([key]) => !isStateKey(key)))
  const state = new Map([...values].filter(([key]) => isStateKey(key)))
  if (state.size === 0) {
    if (/\S/.test(text) && 'version='.startsWith(text)) {
      return { kind: 'damaged', detail: 'it was cut within its first line', settings: none }
    }
    // A file of comments alone may be meant as settings; one without any line was cut or wiped.
    if (/\S/.test(text)) return { kind: 'settings-only', settings }
    return { kind: 'damaged', detail: 'it holds nothing but white space', settings }
  }
  const parsed = parseState(state, settings)
  if (parsed.kind !== 'damaged') return parsed
  // Every line that scriptlog writes is ended: the last one of a damaged file was cut, and sets nothing.
  if (!text.endsWith('\n')) settings.delete(nameOf(text.slice(text.lastIndexOf('\n') + 1)))
  // What is no setting is here more likely a damaged line of the state than a mistake of a person.
  return { ...parsed, settings: new Map([...settings].filter(([key]) => isSettingKey(key))) }
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return /[\0-\x08\x0b\x0e-\x1f]/.test(text) ? undefined : text
  } catch {
    return undefined
  }
}

/**
 * Values as `ini` reads them, line by line: it is never given a section or a list. A line that is no `key=value`
 * becomes a key of its own, so that it is refused as an unknown setting and not taken for damage of the state.
 * Undefined when a state line stands twice.
 */
function readValues(text: string): Map<string, string> | undefined {
  const values = new Map<string, string>()
  for (const line of text.split(AFTER_LINE)) {
    if (/^\s*($|[#;])/.test(line)) continue
    const key = nameOf(line)
    if (values.has(key) && isStateKey(key)) return undefined
    const value: unknown = keyOf(line) === undefined ? '' : parse(line)[key]
    values.set(key, typeof value === 'string' || typeof value === 'boolean' ? String(value) : '')
  }
  return values
}

/** What a line sets; of one that is no `key=value` all of it. */
function nameOf(line: string): string {
  return keyOf(line) ?? line.trim()
}

function keyOf(line: string): string | undefined {
  return /^\s*([A-Za-z][A-Za-z0-9_]*)\s*=/.exec(line)?.[1]
}

function isStateKey(key: string): boolean {
  return STATE_KEYS.some((known) => known === key)
}

function parseState(values: ReadonlyMap<string, string>, settings: ReadonlyMap<string, string>): Properties {
  const damaged = (detail: string): Properties => ({ kind: 'damaged', detail, settings })
  const missing = STATE_KEYS.find((key) => !values.has(key))
  if (missing !== undefined) return damaged(`the line '${missing}=' is missing`)
  const get = (key: StateKey) => values.get(key) ?? ''
  if (get('state_crc') !== crcOfState(get)) return damaged('its state lines were changed or cut')
  const version = Number(get('version'))
  if (Number.isInteger(version) && version > FORMAT_VERSION) return { kind: 'newer', version }
  const modified = MODIFIED.find((known) => known === get('modified'))
  const checkpointLsn = parseLsn(get('checkpoint_lsn'))
  const timeline = naturalNumber(get('timeline'))
  const checkpointXid = naturalNumber(get('tx_timestamp'))
  const databaseId = get('database_id')
  if (version !== FORMAT_VERSION || modified === undefined || checkpointLsn === undefined) {
    return damaged('its state lines hold values that scriptlog never writes')
  }
  if (
    timeline === undefined ||
    timeline === 0 ||
    timeline > LARGEST_TIMELINE ||
    checkpointXid === undefined ||
    !/^[0-9a-f]{16}$/.test(databaseId)
  ) {
    return damaged('its state lines hold values that scriptlog never writes')
  }
  return { kind: 'whole', state: { modified, databaseId, timeline, checkpointXid, checkpointLsn }, settings }
}

const MODIFIED: readonly Modified[] = ['no', 'yes', 'yes-new-files', 'no-new-files']

function naturalNumber(text: string): number | undefined {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  return Number.isSafeInteger(value) ? value : undefined
}

function crcOfState(get: (key: StateKey) => string): string {
  const covered = STATE_KEYS.filter((key) => key !== 'state_crc').map((key) => `${key}=${get(key)}\n`)
  return formatCrc(crc32(covered.join('')))
}

/** Behind each line's end: `\n`, `\r\n`, or `\r` alone. */
const AFTER_LINE = /(?<=\n|\r(?!\n))/

function endsLine(line: string): RegExpExecArray | null {
  return /(?:\r\n|\n|\r)$/.exec(line)
}

/**
 * The text of `.properties` with `state` and `settings` in it: their lines in `existing` are replaced where they
 * stand, missing state lines are added at the top and missing settings at the end, everything else is kept.
 */
export function formatProperties(
  existing: string,
  state: State,
  settings: ReadonlyMap<string, string> = new Map(),
): string {
  const stateValues = new Map<string, string>([
    ['version', String(FORMAT_VERSION)],
    ['modified', state.modified],
    ['database_id', state.databaseId],
    ['timeline', String(state.timeline)],
    ['tx_timestamp', String(state.checkpointXid)],
    ['checkpoint_lsn', formatLsn(state.checkpointLsn)],
  ])
  stateValues.set(
    'state_crc',
    crcOfState((key) => stateValues.get(key) ?? ''),
  )
  const settingValues = new Map(settings)
  const newline = /\r\n|\n|\r/.exec(existing)?.[0] ?? '\n'
  const kept: string[] = []
  for (const line of existing.split(AFTER_LINE)) {
    const key = keyOf(line)
    const isRewritten = key !== undefined && (isStateKey(key) || settings.has(key))
    if (!isRewritten) {
      if (line !== '') kept.push(endsLine(line) ? line : line + newline)
      continue
    }
    const values = isStateKey(key) ? stateValues : settingValues
    const value = values.get(key)
    // A second line with the same key is dropped.
    if (value !== undefined) kept.push(`${key}=${value}${endsLine(line)?.[0] ?? newline}`)
    values.delete(key)
  }
  const asLine = ([key, value]: readonly [string, string]) => `${key}=${value}${newline}`
  return [...[...stateValues].map(asLine), ...kept, ...[...settingValues].map(asLine)].join('')
}
