import { readdirSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { COMMANDS } from '../../lib/cli/commands.ts'
import { inQuickDirectory } from '../support/temp-directory.ts'
import { cli, jsonLines, member } from './run-cli.ts'

test('wrong commands, options and operands are usage errors with a way out, and leave nothing behind', () =>
  inQuickDirectory(async (cwd) => {
    const cases: readonly (readonly [string, RegExp])[] = [
      ['exce app', /no command 'exce'\nhint: did you mean exec\?/],
      ['frobnicate', /hint: the commands are exec, replay/],
      ['--json status app', /the command comes before --json/],
      ['exec', /<db> is missing/],
      ['exec app sql more', /'more' is one argument too many/],
      ['replay app', /<file…> is missing/],
      ['exec app --jsn', /no option --jsn; did you mean --json\?/],
      ['exec app --ack=yes SQL', /--ack/],
      ['log app --limit', /--limit/],
      ['log app --limit 1 --limit 2', /--limit is given twice/],
      ['replay app x.sql --until-xid one', /--until-xid takes a whole number, not 'one'/],
    ]
    const runs = await Promise.all(cases.map(([line]) => cli(line.split(' '), { cwd })))
    for (const [index, [line, says]] of cases.entries()) {
      assert.equal([runs[index]?.code, runs[index]?.out], [2, ''], line)
      assert.match(runs[index]?.err ?? '', says, line)
    }
    assert.equal(readdirSync(cwd), [])
  }))

test('help, version, and errors for programs', () =>
  inQuickDirectory(async (cwd) => {
    const [help, ofReplay, version, none, json] = await Promise.all([
      cli(['--help'], { cwd }),
      cli(['replay', 'app', '--help'], { cwd }),
      cli(['--version'], { cwd }),
      cli([], { cwd }),
      cli(['status', 'nowhere', '--json'], { cwd }),
    ])
    assert.is(help.code, 0)
    for (const { name } of COMMANDS) assert.match(help.out, new RegExp(`\n    ${name} `))
    assert.is(ofReplay.code, 0)
    assert.match(ofReplay.out, /--until-line/)
    assert.ok((ofReplay.out.split('Examples')[1] ?? '').split('$ scriptlog replay').length > 2)
    assert.match(version.out, /^scriptlog \d+\.\d+\.\d+\n$/)
    assert.is(none.code, 2)
    assert.is(json.code, 1)
    const error = member(jsonLines(json.err)[0], 'error')
    assert.is(member(error, 'code'), 'SCRIPTLOG_CANNOT_OPEN')
    assert.match(String(member(error, 'path')), /nowhere$/)
    assert.not.match(String(member(error, 'message')), /hint/)
    assert.equal(readdirSync(cwd), [])
  }))

test('every command has two examples or more that its own declarations admit', () => {
  for (const { name, examples, options } of COMMANDS) {
    assert.ok(examples.length >= 2, name)
    for (const example of examples) {
      assert.ok(example.startsWith(`${name} `), example)
      for (const [, option = ''] of example.matchAll(/ --([a-z-]+)/g)) {
        assert.ok(option === 'json' || option in options, example)
      }
    }
  }
})

test.run()
