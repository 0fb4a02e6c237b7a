// Settings and options that mean nothing: refused before anything is touched, with the name, the value and the range.

import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import { DEFAULT_SETTINGS } from '../../lib/settings.ts'
import { inQuickDirectory } from '../support/temp-directory.ts'
import { assertNotes, closedDatabase } from './note-database.ts'
import { refusal, thrownBy, told } from './refusal.ts'

/** Opens with options that only a caller without types can give. */
function openWith(dir: string, options: unknown): unknown {
  return thrownBy(() => Reflect.construct(Database, [join(dir, 'app'), options]))
}

for (const [options, text] of [
  [
    { writeDelay: 5 },
    `UsageError SCRIPTLOG_USAGE
there is no option 'writeDelay'
  hint: the options are readonly, fileMustExist, recover, isAlive, timeout, verbose, nativeBinding, setup, onEvent, refreshIntervalMillis, writeDelayMillis, logSize, recoveryMode, maxBgerrorResumeCount, bgerrorResumeRetryIntervalMillis, reservedDiskBuffer, maxAllowedSpaceUsage, paranoidChecks`,
  ],
  [
    { writeDelayMillis: -1 },
    `UsageError SCRIPTLOG_USAGE
writeDelayMillis must be a whole number from 0 to 3600000, not -1
  hint: correct the value; nothing was changed`,
  ],
  [
    { writeDelayMillis: 1.5 },
    `UsageError SCRIPTLOG_USAGE
writeDelayMillis must be a whole number from 0 to 3600000, not 1.5
  hint: correct the value; nothing was changed`,
  ],
  [
    { writeDelayMillis: '500' },
    `UsageError SCRIPTLOG_USAGE
writeDelayMillis must be a whole number from 0 to 3600000, not '500'
  hint: correct the value; nothing was changed`,
  ],
  [
    { writeDelayMillis: 3_600_001 },
    `UsageError SCRIPTLOG_USAGE
writeDelayMillis must be a whole number from 0 to 3600000, not 3600001
  hint: correct the value; nothing was changed`,
  ],
  [
    { logSize: Number.NaN },
    `UsageError SCRIPTLOG_USAGE
logSize must be a whole number from 0 to 1000000, not NaN
  hint: correct the value; nothing was changed`,
  ],
  [
    { logSize: null },
    `UsageError SCRIPTLOG_USAGE
logSize must be a whole number from 0 to 1000000, not null
  hint: correct the value; nothing was changed`,
  ],
  [
    { recoveryMode: 'TOLERATE_CORRUPTED_TAIL_RECORDS' },
    `UsageError SCRIPTLOG_USAGE
recoveryMode must be one of tolerate_corrupted_tail_records, absolute_consistency, stop_at_damage, skip_any_corrupted_records, not 'TOLERATE_CORRUPTED_TAIL_RECORDS'
  hint: correct the value; nothing was changed`,
  ],
  [
    { recoveryMode: 'x'.repeat(200) },
    `UsageError SCRIPTLOG_USAGE
recoveryMode must be one of tolerate_corrupted_tail_records, absolute_consistency, stop_at_damage, skip_any_corrupted_records, not 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
  hint: correct the value; nothing was changed`,
  ],
  [
    { setup: 'CREATE TABLE t(a)' },
    `UsageError SCRIPTLOG_USAGE
the option 'setup' must be a function, not string
  hint: correct the value; nothing was changed`,
  ],
  [
    { onEvent: true },
    `UsageError SCRIPTLOG_USAGE
the option 'onEvent' must be a function, not boolean
  hint: correct the value; nothing was changed`,
  ],
] as const) {
  test(`the option ${JSON.stringify(options).slice(0, 60)}`, () =>
    inQuickDirectory((dir) => {
      assert.snapshot(told(openWith(dir, options), dir), text)
      new Database(join(dir, 'app'), { fileMustExist: false }).close()
    }))
}

test('options that are none, as better-sqlite3 tells it', () =>
  inQuickDirectory((dir) => {
    for (const options of ['app', 7]) {
      assert.is(String(openWith(dir, options)), 'TypeError: Expected second argument to be an options object')
    }
  }))

for (const [line, text] of [
  [
    'write_delay=500',
    `UsageError SCRIPTLOG_USAGE
'write_delay' is not a setting of scriptlog (DIR/app.properties)
  hint: remove the line or correct it; the settings are write_delay_millis, log_size, recovery_mode, max_bgerror_resume_count, bgerror_resume_retry_interval_millis, reserved_disk_buffer, max_allowed_space_usage, paranoid_checks`,
  ],
  [
    'write_delay_millis=-1',
    `UsageError SCRIPTLOG_USAGE
write_delay_millis must be a whole number from 0 to 3600000, not '-1' (DIR/app.properties)
  hint: correct the value; nothing was changed`,
  ],
  [
    'write_delay_millis=0.5',
    `UsageError SCRIPTLOG_USAGE
write_delay_millis must be a whole number from 0 to 3600000, not '0.5' (DIR/app.properties)
  hint: correct the value; nothing was changed`,
  ],
  [
    'write_delay_millis=',
    `UsageError SCRIPTLOG_USAGE
write_delay_millis must be a whole number from 0 to 3600000, not '' (DIR/app.properties)
  hint: correct the value; nothing was changed`,
  ],
  [
    'write_delay_millis',
    `UsageError SCRIPTLOG_USAGE
write_delay_millis must be a whole number from 0 to 3600000, not '' (DIR/app.properties)
  hint: correct the value; nothing was changed`,
  ],
  [
    'write_delay_millis=99999999999999999999',
    `UsageError SCRIPTLOG_USAGE
write_delay_millis must be a whole number from 0 to 3600000, not '99999999999999999999' (DIR/app.properties)
  hint: correct the value; nothing was changed`,
  ],
  [
    'log_size=many',
    `UsageError SCRIPTLOG_USAGE
log_size must be a whole number from 0 to 1000000, not 'many' (DIR/app.properties)
  hint: correct the value; nothing was changed`,
  ],
  [
    'recovery_mode=hope',
    `UsageError SCRIPTLOG_USAGE
recovery_mode must be one of tolerate_corrupted_tail_records, absolute_consistency, stop_at_damage, skip_any_corrupted_records, not 'hope' (DIR/app.properties)
  hint: correct the value; nothing was changed`,
  ],
  [
    '[section]',
    `UsageError SCRIPTLOG_USAGE
'[section]' is not a setting of scriptlog (DIR/app.properties)
  hint: remove the line or correct it; the settings are write_delay_millis, log_size, recovery_mode, max_bgerror_resume_count, bgerror_resume_retry_interval_millis, reserved_disk_buffer, max_allowed_space_usage, paranoid_checks`,
  ],
  [
    'writeDelayMillis=5',
    `UsageError SCRIPTLOG_USAGE
'writeDelayMillis' is not a setting of scriptlog (DIR/app.properties)
  hint: remove the line or correct it; the settings are write_delay_millis, log_size, recovery_mode, max_bgerror_resume_count, bgerror_resume_retry_interval_millis, reserved_disk_buffer, max_allowed_space_usage, paranoid_checks`,
  ],
  [
    '__proto__=1',
    `UsageError SCRIPTLOG_USAGE
'__proto__=1' is not a setting of scriptlog (DIR/app.properties)
  hint: remove the line or correct it; the settings are write_delay_millis, log_size, recovery_mode, max_bgerror_resume_count, bgerror_resume_retry_interval_millis, reserved_disk_buffer, max_allowed_space_usage, paranoid_checks`,
  ],
  [
    'hsqldb.log_size=10',
    `UsageError SCRIPTLOG_USAGE
'hsqldb.log_size=10' is not a setting of scriptlog (DIR/app.properties)
  hint: remove the line or correct it; the settings are write_delay_millis, log_size, recovery_mode, max_bgerror_resume_count, bgerror_resume_retry_interval_millis, reserved_disk_buffer, max_allowed_space_usage, paranoid_checks`,
  ],
] as const) {
  test(`the line ${line} in .properties`, () =>
    inQuickDirectory((dir) => {
      closedDatabase(dir)
      const path = join(dir, 'app.properties')
      const before = readFileSync(path)
      appendFileSync(path, `${line}\n`)
      assert.snapshot(refusal(dir), text)
      writeFileSync(path, before)
      assertNotes(dir)
    }))
}

test('what a person may write in .properties: comments, spaces, any order, Windows line ends; all of it survives', () =>
  inQuickDirectory((dir) => {
    closedDatabase(dir)
    const path = join(dir, 'app.properties')
    const state = readFileSync(path, 'utf8').replaceAll('\n', '\r\n')
    const mine = ['; mine', '  log_size = 7  ', '', '# more', 'write_delay_millis=0']
    writeFileSync(path, `# top\r\n${state}${mine.join('\r\n')}\r\n`)
    const db = new Database(join(dir, 'app'))
    assert.equal(db.status().settings, { ...DEFAULT_SETTINGS, writeDelayMillis: 0, logSize: 7 })
    db.exec("INSERT INTO note(body) VALUES('x')")
    db.close()
    const lines = readFileSync(path, 'utf8').split('\r\n')
    assert.is(lines[0], '# top')
    assert.equal(lines.slice(-6), [...mine, ''])
  }))

test('a setting that stands twice: the last one counts', () =>
  inQuickDirectory((dir) => {
    closedDatabase(dir)
    appendFileSync(join(dir, 'app.properties'), 'log_size=7\nlog_size=8\n')
    const db = new Database(join(dir, 'app'))
    assert.is(db.status().settings.logSize, 8)
    db.close()
  }))

test('an option wins over the file, and does not change it', () =>
  inQuickDirectory((dir) => {
    closedDatabase(dir)
    const path = join(dir, 'app.properties')
    appendFileSync(path, 'log_size=7\n')
    const before = readFileSync(path)
    const db = new Database(join(dir, 'app'), { logSize: 9, writeDelayMillis: undefined })
    assert.is(db.status().settings.logSize, 9)
    assert.is(db.status().settings.writeDelayMillis, 500)
    db.close()
    assert.equal(readFileSync(path), before)
  }))

test('a copied .properties.example begins a new database with those settings', () =>
  inQuickDirectory((dir) => {
    const example = readFileSync(new URL('../../.properties.example', import.meta.url), 'utf8')
    writeFileSync(join(dir, 'app.properties'), example.replace('log_size=50', 'log_size=3'))
    const db = new Database(join(dir, 'app'))
    assert.is(db.status().settings.logSize, 3)
    db.exec('CREATE TABLE t(a)')
    db.close()
    const text = readFileSync(join(dir, 'app.properties'), 'utf8')
    assert.ok(
      text.endsWith(example.slice(example.indexOf('# Settings')).replace('log_size=50', 'log_size=3')),
    )
  }))

test('statements that set what cannot be', () =>
  inQuickDirectory((dir) => {
    const db = new Database(join(dir, 'app'))
    const say = (sql: string) =>
      told(
        thrownBy(() => db.exec(sql)),
        dir,
      )
    assert.snapshot(
      say('SET FILES LOG SIZE 9999999'),
      `UsageError SCRIPTLOG_USAGE
logSize must be a whole number from 0 to 1000000, not 9999999
  hint: correct the value; nothing was changed`,
    )
    assert.snapshot(
      say('SET FILES WRITE DELAY 9999999 MILLIS'),
      `UsageError SCRIPTLOG_USAGE
writeDelayMillis must be a whole number from 0 to 3600000, not 9999999
  hint: correct the value; nothing was changed`,
    )
    assert.snapshot(
      say('SET FILES WRITE DELAY soon'),
      `UsageError SCRIPTLOG_USAGE
this statement is not understood: SET FILES WRITE DELAY soon
  hint: CHECKPOINT [DEFRAG] | SHUTDOWN [IMMEDIATELY|COMPACT|SCRIPT] | SET FILES WRITE DELAY {TRUE|FALSE|seconds|n MILLIS} | SET FILES LOG SIZE megabytes`,
    )
    assert.snapshot(
      say('SHUTDOWN NOW'),
      `UsageError SCRIPTLOG_USAGE
this statement is not understood: SHUTDOWN NOW
  hint: CHECKPOINT [DEFRAG] | SHUTDOWN [IMMEDIATELY|COMPACT|SCRIPT] | SET FILES WRITE DELAY {TRUE|FALSE|seconds|n MILLIS} | SET FILES LOG SIZE megabytes`,
    )
    assert.is(db.status().settings.logSize, 50)
    assert.is(db.status().settings.writeDelayMillis, 500)
    db.close()
  }))

test.run()
