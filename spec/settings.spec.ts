import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { UsageError } from '../lib/errors.ts'
import { formatProperties, parseProperties } from '../lib/properties.ts'
import {
  checkSettings,
  DEFAULT_SETTINGS,
  isSettingKey,
  parseSettings,
  RECOVERY_MODES,
  SETTING_KEYS,
  type Settings,
} from '../lib/settings.ts'

const path = '/d/app.properties'

/** The settings of a `.properties` with these lines beside a state. */
function settingsIn(...lines: readonly string[]): Partial<Settings> {
  const state = {
    modified: 'no',
    databaseId: '00112233aabbccdd',
    timeline: 1,
    checkpointXid: 0,
    checkpointLsn: 0,
  } as const
  const found = parseProperties(Buffer.from(formatProperties(`${lines.join('\n')}\n`, state)))
  assert.is(found.kind, 'whole')
  return parseSettings('settings' in found ? found.settings : new Map(), path)
}

function refusal(act: () => unknown): UsageError {
  try {
    act()
  } catch (error) {
    if (error instanceof UsageError) return error
    throw error
  }
  throw new Error('it was accepted')
}

test('each setting is read from its line', () => {
  assert.equal(settingsIn(), {})
  assert.equal(settingsIn('write_delay_millis=0', 'log_size = 100', 'recovery_mode=absolute_consistency'), {
    writeDelayMillis: 0,
    logSize: 100,
    recoveryMode: 'absolute_consistency',
  })
  for (const mode of RECOVERY_MODES) assert.equal(settingsIn(`recovery_mode=${mode}`), { recoveryMode: mode })
  assert.equal(settingsIn('log_size="7"'), { logSize: 7 })
  assert.equal(settingsIn('log_size=7 ; megabytes'), { logSize: 7 })
})

test('of two lines with the same setting the last one counts, as in other files of this kind', () => {
  assert.equal(settingsIn('log_size=1', 'log_size=2'), { logSize: 2 })
})

test('the defaults are settings that could be given', () => {
  assert.equal(checkSettings(DEFAULT_SETTINGS), DEFAULT_SETTINGS)
  for (const key of Object.values(SETTING_KEYS)) assert.ok(isSettingKey(key))
  for (const key of ['version', '__proto__', 'constructor', '']) assert.not.ok(isSettingKey(key), key)
})

test('values out of range are refused, with the file, the key and the value', () => {
  const wrong = [
    'write_delay_millis=-1',
    'write_delay_millis=3600001',
    'write_delay_millis=1.5',
    'write_delay_millis=1e3',
    'write_delay_millis=0x10',
    'write_delay_millis=',
    'write_delay_millis',
    'write_delay_millis=true',
    'write_delay_millis=500 ms',
    'log_size=1000001',
    'log_size=99999999999999999999',
    'log_size=Infinity',
    'recovery_mode=',
    'recovery_mode=Absolute_Consistency',
    'recovery_mode=none',
    'recovery_mode=null',
  ]
  for (const line of wrong) {
    const error = refusal(() => settingsIn(line))
    assert.is(error.path, path, line)
    assert.is(error.reason, 'settings', line)
    assert.ok(error.message.includes(line.split('=')[0] ?? ''), error.message)
  }
  assert.match(refusal(() => settingsIn('log_size=12 MB')).message, /log_size must be .*, not '12 MB'/)
})

test('a line that is no setting is named, with the settings there are', () => {
  for (const [line, named] of [
    ['log_sise=5', "'log_sise'"],
    ['LOG_SIZE=5', "'LOG_SIZE'"],
    ['[section]', "'[section]'"],
    ['log_size[]=5', "'log_size[]=5'"],
    ['__proto__=5', "'__proto__=5'"],
    ['constructor=5', "'constructor'"],
    ['just words', "'just words'"],
  ] as const) {
    const error = refusal(() => settingsIn('log_size=5', line))
    assert.ok(error.message.includes(named), error.message)
    assert.match(error.hint ?? '', /write_delay_millis, log_size, recovery_mode/)
    assert.is(error.path, path)
  }
})

test('a message never quotes a whole file', () => {
  const long = 'x'.repeat(100_000)
  for (const line of [long, `${long}=1`, `recovery_mode=${long}`, `log_size=${long}`]) {
    assert.ok(refusal(() => settingsIn(line)).message.length < 500)
  }
})

test('options are checked as strictly as lines', () => {
  assert.equal(checkSettings({}), {})
  assert.equal(checkSettings({ logSize: 0, writeDelayMillis: 3_600_000 }), {
    logSize: 0,
    writeDelayMillis: 3_600_000,
  })
  for (const value of [-1, 1.5, Number.NaN, Infinity, '5', null, true, 5n, {}, [5], 3_600_001]) {
    assert.is(refusal(() => checkSettings({ writeDelayMillis: value })).path, undefined)
    refusal(() => checkSettings({ recoveryMode: value }))
  }
  refusal(() => checkSettings({ logSize: 1_000_001 }))
  const unprintable = [Symbol('s'), Object.create(null), { toString: () => 'x'.repeat(1000) }]
  for (const value of unprintable) refusal(() => checkSettings({ logSize: value }))
})

test.run()
