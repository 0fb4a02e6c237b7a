// A suite that cannot fail proves nothing: each way in which a spec file may go wrong unseen is tried on the runner.

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { rimrafSync } from 'rimraf'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

const here = dirname(fileURLToPath(import.meta.url))
const skipUrl = pathToFileURL(join(here, 'support', 'skip.ts')).href

interface Ran {
  readonly exitCode: number | null
  readonly stdout: string
  readonly lines: readonly string[]
  readonly stderr: string
}

/** Runs spec files with these texts in a directory of their own. */
function run(specs: Readonly<Record<string, string>>, ...args: readonly string[]): Ran {
  const dir = mkdtempSync(join(tmpdir(), 'scriptlog-run-'))
  try {
    mkdirSync(join(dir, 'node_modules'))
    symlinkSync(join(here, '..', 'node_modules', 'uvu'), join(dir, 'node_modules', 'uvu'))
    mkdirSync(join(dir, 'spec', 'deep'), { recursive: true })
    writeFileSync(join(dir, 'package.json'), '{"type":"module"}')
    for (const [name, text] of Object.entries(specs)) {
      const opening = "import { suite, test } from 'uvu'\nimport * as assert from 'uvu/assert'\n"
      writeFileSync(join(dir, 'spec', `${name}.spec.ts`), `${opening}void suite, assert\n${text}\n`)
    }
    const command = ['--import', 'tsx', join(here, 'run.ts'), '--in', join(dir, 'spec'), ...args]
    const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' })
    return { exitCode: status, stdout, stderr, lines: stdout.trimEnd().split('\n') }
  } finally {
    rimrafSync(dir)
  }
}

const passing = "test('one', () => {})\ntest('two', () => {})\n"

test('all pass: exit code 0, a line for each file, the counts of tests alone on the last line', () => {
  const ran = run({ a: `${passing}test.run()`, 'deep/b': `${passing}test.run()` })
  assert.is(ran.exitCode, 0, ran.stdout + ran.stderr)
  assert.is(ran.lines.at(-1), '4 passed, 0 failed')
  assert.match(ran.stdout, /^ok +a\.spec\.ts +2 passed, 0 failed +\d+\.\d s$/m)
  assert.match(ran.stdout, /^ok +deep\/b\.spec\.ts +2 passed/m)
})

test('a skipped test is told and counted, and a file of skipped tests alone is no failure', () => {
  const because = `import { skip } from '${skipUrl}'\nskip(test, 'needs a tool', 'the tool is not installed')\n`
  const ran = run({ a: `${because}${passing}test.run()`, b: `${because}test.run()` })
  assert.is(ran.exitCode, 0, ran.stdout + ran.stderr)
  assert.is(ran.lines.at(-1), '2 passed, 0 failed, 2 skipped')
  assert.match(ran.stdout, /^ +skipped: needs a tool \(the tool is not installed\)$/m)
})

test('filters choose the files by parts of their names; none that matches is a failure', () => {
  const specs = { a: `${passing}test.run()`, 'deep/b': "test('red', () => assert.ok(false))\ntest.run()" }
  assert.is(run(specs, 'a.spec').exitCode, 0)
  const both = run(specs, 'a.spec', 'deep')
  assert.is(both.lines.at(-1), '2 passed, 1 failed')
  const none = run(specs, 'nosuch')
  assert.is(none.exitCode, 1)
  assert.match(none.stderr, /no spec file .* matches nosuch/)
})

const failures: readonly (readonly [name: string, text: string, told: RegExp, counts: RegExp])[] = [
  [
    'a test that fails',
    `${passing}test('red', () => assert.is(1, 2))\ntest.run()`,
    /FAIL.+"red"/,
    /2 passed, 1 failed/,
  ],
  [
    'before throws',
    `test.before(() => { throw new Error('early') })\n${passing}test.run()`,
    /a before, before.each or after.each threw/,
    /0 passed, 2 failed/,
  ],
  [
    'before.each throws',
    `test.before.each(() => { throw new Error('each') })\n${passing}test.run()`,
    /"one"/,
    /0 passed, 2 failed/,
  ],
  [
    'after.each throws',
    `test.after.each(() => { throw new Error('each') })\n${passing}test.run()`,
    /a before, before.each or after.each threw/,
    /0 passed, 2 failed/,
  ],
  [
    'after throws',
    `test.after(() => { throw new Error('late') })\n${passing}test.run()`,
    /an after threw: Error: late/,
    /1 failed/,
  ],
  ['run is forgotten', passing, /test.run\(\) is missing/, /0 passed, 1 failed/],
  [
    'run is forgotten behind the last tests',
    `${passing}test.run()\ntest('three', () => {})`,
    /test.run\(\) is missing behind the last 1 test/,
    /2 passed, 1 failed/,
  ],
  [
    'run of a named suite is forgotten',
    `const named = ${'suite'}('named')\nnamed('x', () => {})\n${passing}test.run()`,
    /named.run\(\) is missing/,
    /2 passed, 1 failed/,
  ],
  ['no test', 'test.run()', /a suite ran no test/, /0 passed, 1 failed/],
  ['it cannot be loaded', "import './nowhere.ts'\ntest.run()", /nowhere\.ts/, /0 passed, 1 failed/],
  [
    'an unhandled rejection during the tests',
    `test('one', () => new Promise((done) => { Promise.reject(new Error('unseen')); setTimeout(done, 50) }))\ntest.run()`,
    /unseen[\s\S]*exit code 1, before its tests had ended/,
    /0 passed, 1 failed/,
  ],
  [
    'an unhandled rejection after the tests',
    `${passing}test.after(() => { setTimeout(() => Promise.reject(new Error('unseen')), 50) })\ntest.run()`,
    /unseen[\s\S]*it ended with exit code 1/,
    /2 passed, 1 failed/,
  ],
  [
    'the process ends in the middle of a test, with exit code 0',
    `${passing}test('three', () => process.exit(0))\ntest.run()`,
    /it ended before its tests had ended/,
    /0 passed, 1 failed/,
  ],
  [
    'the process is killed',
    `test('one', () => process.kill(process.pid, 'SIGKILL'))\ntest.run()`,
    /it ended with SIGKILL/,
    /0 passed, 1 failed/,
  ],
  [
    'a test that waits for nothing',
    "test('one', () => new Promise(() => {}))\ntest.run()",
    /before its tests had ended/,
    /0 passed, 1 failed/,
  ],
]

test('each kind of failure is caught, told, and makes the exit code 1', () => {
  const specs = Object.fromEntries(failures.map(([, text], index) => [`case-${index}-`, text]))
  const ran = run({ ...specs, fine: `${passing}test.run()` })
  assert.is(ran.exitCode, 1)
  const reports = ran.stdout.split(/^(?=FAILED|ok )/m)
  for (const [index, [name, , told, counts]] of failures.entries()) {
    const report = reports.find((each) => each.includes(`case-${index}-`)) ?? 'no report'
    assert.ok(report.startsWith('FAILED'), `${name}: ${report}`)
    assert.match(report, told, `${name}: ${report}`)
    assert.match(report.split('\n')[0] ?? '', counts, `${name}: ${report}`)
  }
  assert.match(ran.stdout, /^ok +fine/m)
  assert.match(ran.lines.at(-1) ?? '', /^\d+ passed, \d+ failed$/)
})

test('a file that does not end is ended, and the others are not held up', () => {
  const hanging = "test('one', () => { for (;;); })\ntest.run()"
  const open = `${passing}setInterval(() => {}, 1000)\ntest.run()`
  const ran = run({ hanging, open }, '--time-out', '5')
  assert.is(ran.exitCode, 1)
  assert.match(ran.stdout, /^FAILED +hanging[\s\S]*it did not end within 5 s/m)
  assert.match(ran.stdout, /^FAILED +open\S+ +2 passed, 1 failed[\s\S]*it did not end within 5 s/m)
})

test.run()
