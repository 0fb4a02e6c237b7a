import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import { skip } from '../support/skip.ts'
import { inQuickDirectory } from '../support/temp-directory.ts'
import { cli, commandLine, jsonLines, member } from './run-cli.ts'

test('rows are printed as tab-separated values or JSON, whatever they hold', () =>
  inQuickDirectory(async (cwd) => {
    const made = await cli(
      [
        'exec',
        'app',
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t(v) VALUES('a\tb\n'),(NULL),(x'00ff'),(1.0),(9007199254740993) RETURNING id",
      ],
      { cwd },
    )
    assert.equal(made, { code: 0, signal: null, out: '1\n2\n3\n4\n5\n', err: '' })
    const [tabbed, json] = await Promise.all([
      // Not inside of one another: one process at a time may open a database.
      cli(['exec', 'app', 'SELECT * FROM t'], { cwd }),
      cli(['exec', 'other', '--json', "SELECT 1 AS one, 'x' AS \"two words\", x'ff' AS b; SELECT 2.5 AS n"], {
        cwd,
      }),
    ])
    assert.equal(tabbed.out, "1\ta\\tb\\n\n2\t\\N\n3\tX'00FF'\n4\t1.0\n5\t9007199254740993\n")
    assert.equal(jsonLines(json.out), [{ one: 1, 'two words': 'x', b: { hex: 'FF' } }, { n: 2.5 }])
  }))

test('--ack tells each commit once it is durable: one for a transaction, none for what changes nothing', () =>
  inQuickDirectory(async (cwd) => {
    const input = [
      'CREATE TABLE t(a);INSERT INTO t VALUES(1);',
      'BEGIN;INSERT INTO t VALUES(2);INSERT INTO t VALUES(3);COMMIT;',
      'DELETE FROM t WHERE a=99; SELECT count(*) FROM t;',
      'INSERT INTO t VALUES(4) RETURNING a',
    ].join('\n')
    const run = await cli(['exec', 'app', '--ack', '--write-delay-millis', '0', '-'], { cwd, input })
    assert.is(run.code, 0)
    assert.match(
      run.out,
      /^ok 1 0\/[0-9A-F]{8}\nok 2 0\/[0-9A-F]{8}\nok 3 0\/[0-9A-F]{8}\n3\n4\nok 4 0\/[0-9A-F]{8}\n$/,
    )
    const json = await cli(['exec', 'app', '--ack', '--json', 'INSERT INTO t VALUES(5)'], { cwd })
    assert.is(member(jsonLines(json.out)[0], 'ok', 'xid'), 5)
  }))

test('what was acknowledged is there after a kill', () =>
  inQuickDirectory(async (cwd) => {
    const child = spawn(process.execPath, commandLine(['exec', 'app', '--ack', '-']), { cwd, stdio: 'pipe' })
    child.stdin.on('error', () => undefined)
    child.stdin.write('CREATE TABLE t(a);')
    for (let value = 0; value < 2000; value++) child.stdin.write(`INSERT INTO t VALUES(${value});\n`)
    let out = ''
    await new Promise((resolve) => {
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        out += text
        if (out.includes('\nok 40 ')) child.kill('SIGKILL')
      })
      child.on('close', resolve)
    })
    const acknowledged = out.split('\n').length - 1
    const db = new Database(join(cwd, 'app'))
    const rows = db.prepare('SELECT count(*) FROM t').pluck().get()
    assert.ok(acknowledged >= 40 && Number(rows) >= acknowledged - 1, `${rows} rows, ${acknowledged} acks`)
    assert.is(db.prepare('SELECT max(a)+1 FROM t').pluck().get(), rows)
    db.close()
  }))

test('a statement that fails ends the work with its place; what was committed before stays', () =>
  inQuickDirectory(async (cwd) => {
    const input =
      'CREATE TABLE t(a UNIQUE);\nINSERT INTO t VALUES(1);\nBEGIN;\n INSERT INTO t VALUES(2);\nINSERT INTO t VALUES(1);COMMIT;'
    const run = await cli(['exec', 'app'], { cwd, input })
    assert.is(run.code, 1)
    assert.match(run.err, /error: line 5: UNIQUE constraint failed: t\.a \(offset 84\)/)
    assert.match(
      run.err,
      /transaction that begins on line 3 is rolled back; the work of 2 statements before it stays/,
    )
    const json = await cli(['exec', 'app', '--json', 'SELECT a FROM t; SELEC'], { cwd })
    assert.is(json.code, 1)
    assert.equal(jsonLines(json.out), [{ a: 1 }])
    const error = member(jsonLines(json.err)[0], 'error')
    assert.equal(
      [member(error, 'code'), member(error, 'line'), member(error, 'offset')],
      ['SCRIPTLOG_STATEMENT_FAILED', 1, 17],
    )
    assert.match(String(member(error, 'message')), /syntax error/)
    assert.match(String(member(error, 'hint')), /1 statement/)
  }))

test('a transaction that the input leaves open is rolled back, and that is an error', () =>
  inQuickDirectory(async (cwd) => {
    const run = await cli(['exec', 'app', 'CREATE TABLE t(a);\n\nBEGIN; INSERT INTO t VALUES(1)'], { cwd })
    assert.is(run.code, 1)
    assert.match(run.err, /line 3: the input ends within the transaction that begins here: it is rolled back/)
    assert.is((await cli(['exec', 'app', 'SELECT count(*) FROM t'], { cwd })).out, '0\n')
  }))

test('a reader that goes away ends the rows, not the work, and nobody complains', () =>
  inQuickDirectory(async (cwd) => {
    const endless = 'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT x FROM c'
    const run = await cli(['exec', 'app', `CREATE TABLE t(a); ${endless}; INSERT INTO t VALUES(1)`], {
      cwd,
      onStart: (child) => child.stdout?.once('data', () => child.stdout?.destroy()),
    })
    assert.equal([run.code, run.err], [0, ''])
    assert.is((await cli(['exec', 'app', 'SELECT count(*) FROM t'], { cwd })).out, '1\n')
  }))

test('settings are given as options; a wrong one opens nothing', () =>
  inQuickDirectory(async (cwd) => {
    for (const [option, value] of [
      ['--write-delay-millis', 'soon'],
      ['--recovery-mode', 'hope'],
      ['--log-size', '9999999999'],
    ] as const) {
      const run = await cli(['exec', 'app', option, value, 'SELECT 1'], { cwd })
      assert.equal([run.code, run.out], [2, ''], option)
    }
    assert.not.ok(existsSync(join(cwd, 'app.properties')))
  }))

test('an interrupt ends the work between two statements: the open transaction is rolled back', () =>
  inQuickDirectory(async (cwd) => {
    const child = spawn(process.execPath, commandLine(['exec', 'app', '--ack', '-']), { cwd, stdio: 'pipe' })
    let err = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text
    })
    child.stdin.write(
      'CREATE TABLE t(a);\nINSERT INTO t VALUES(1);\nBEGIN; INSERT INTO t VALUES(2);SELECT 7;',
    )
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (text.includes('ok 2 ')) child.kill('SIGINT')
    })
    const code = await new Promise((resolve) => child.on('close', resolve))
    assert.is(code, 130)
    assert.match(err, /interrupted/)
    const after = await cli(['exec', 'app', 'SELECT * FROM t'], { cwd })
    assert.is(after.out, '1\n')
    assert.match(after.err, /recovered: .*\n {2}from the snapshot .*: 2 records redone/)
  }))

/** Runs on a terminal of its own, by the tool `script` of util-linux. */
function onTerminal(cwd: string, args: readonly string[], environment: NodeJS.ProcessEnv): string {
  const quoted = [process.execPath, ...commandLine(args)].map((arg) => `'${arg.replaceAll("'", "'\\''")}'`)
  const { stdout } = spawnSync('script', ['-qec', quoted.join(' '), '/dev/null'], {
    cwd,
    env: { ...process.env, TERM: 'xterm', NO_COLOR: '', ...environment },
  })
  return stdout.toString().replaceAll('\r\n', '\n')
}

const hasScript = process.platform === 'linux' && spawnSync('script', ['--version']).status === 0
if (!hasScript) skip(test, 'on a terminal rows are a table', 'the tool script is not installed')
else
  test('on a terminal rows are a table, coloured unless NO_COLOR forbids it, and harmless', () =>
    inQuickDirectory((cwd) => {
      const sql = "SELECT 7 AS n, 'a' || char(27) || '[31m' AS text UNION ALL SELECT 10, '日本'"
      const table = onTerminal(cwd, ['exec', 'app', sql], { NO_COLOR: '1' })
      assert.is(table, ' n  text\n──  ─────────\n 7  a\\x1b[31m\n10  日本\n(2 rows)\n')
      const coloured = onTerminal(cwd, ['exec', 'app', sql], {})
      assert.ok(coloured.includes('\u001b[1m n  text\u001b[22m'))
    }))

test.run()
