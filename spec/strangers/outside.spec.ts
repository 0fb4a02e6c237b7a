// What a stranger's database reaches outside of its own files, as the kernel sees it: a process opens planted databases in
// every way, and of all the paths that it opens, renames, removes or creates meanwhile each is one of theirs.

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { compiledLibrary } from '../kill/compiled.ts'
import { skip } from '../support/skip.ts'
import { inDirectory } from '../support/temp-directory.ts'
import { PLACES, planted } from './forge.ts'

/** Why strace cannot be used; undefined when it can. */
const noStrace = (() => {
  try {
    execFileSync('strace', ['-f', '-o', '/dev/null', 'true'], { stdio: 'pipe' })
    return undefined
  } catch {
    return 'strace cannot be used here'
  }
})()

/** Statements that would read or write elsewhere if they ran; `SECRET` and `TARGET` stand for paths. */
const PLANTED: readonly string[] = [
  "ATTACH 'SECRET' AS other;",
  "ATTACH 'TARGET' AS other;",
  "VACUUM INTO 'TARGET';",
  "PRAGMA temp_store_directory='TARGET';",
  "SELECT load_extension('SECRET');",
  "SELECT writefile('TARGET','x');",
  'CREATE TABLE t(a DEFAULT (load_extension(\'SECRET\')));\nINSERT INTO "t"("a") VALUES(1);',
  'CREATE TABLE t(a CHECK(readfile(\'SECRET\') IS NULL));\nINSERT INTO "t"("a") VALUES(1);',
  'CREATE TABLE t(a, b AS (load_extension(\'SECRET\')));\nINSERT INTO "t"("a") VALUES(1);',
  "CREATE TABLE t(a);\nCREATE INDEX i ON t(load_extension('SECRET'));",
  "CREATE TABLE t(a);\nCREATE VIEW v AS SELECT load_extension('SECRET');",
  "CREATE TABLE t(a);\nCREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT writefile('TARGET','x'); END;",
  "CREATE VIRTUAL TABLE v USING csv(filename='SECRET');",
  "CREATE VIRTUAL TABLE v USING zipfile('SECRET');",
  "CREATE VIRTUAL TABLE v USING fts5(x, content='SECRET');",
  'CREATE TABLE "SECRET"(a);',
]

/** Opens what it is given in every way, and uses it; says where its work begins and ends. */
const PROGRAM = `
const [library, ...paths] = process.argv.slice(2)
const { Database, inspect, readLog, readRegister, verify } = await import(library)
const { existsSync } = await import('node:fs')
const attempt = (act) => { try { act() } catch {} }
// What is loaded when it is first needed is there before anybody looks.
attempt(() => { const db = new Database(paths[0] + '-warm'); db.exec('CREATE TABLE t(a)'); db.checkpoint(); db.close() })
attempt(() => [verify(paths[0] + '-warm'), inspect(paths[0] + '-warm'), [...readLog(paths[0] + '-warm')], readRegister(paths[0] + '-warm')])
attempt(() => new Database(paths[0] + '-warm', { readonly: true }).close())
existsSync('/--begin--')
for (const path of paths) {
  attempt(() => inspect(path))
  attempt(() => [...readLog(path)])
  attempt(() => verify(path))
  attempt(() => new Database(path, { readonly: true }).close())
  attempt(() => {
    const db = new Database(path)
    for (const name of db.prepare("SELECT name FROM sqlite_schema WHERE type IN ('table','view')").pluck().all()) {
      attempt(() => db.prepare('SELECT * FROM "' + name + '"').all())
      attempt(() => db.exec('INSERT INTO "' + name + '" VALUES(1)'))
    }
    attempt(() => db.checkpoint())
    db.close()
  })
  attempt(() => readRegister(path))
}
existsSync('/--end--')
`

/** The calls between the two marks, as strace tells them. */
function callsBetween(trace: string): string[] {
  const lines = trace.split('\n')
  const at = (mark: string) => lines.findIndex((line) => line.includes(mark))
  assert.ok(at('/--begin--') > 0 && at('/--end--') > at('/--begin--'), 'the program has come to its end')
  return lines.slice(at('/--begin--') + 1, at('/--end--'))
}

const NAME = 'nothing outside of its own files is opened, created, renamed or removed'
if (noStrace !== undefined) skip(test, NAME, noStrace)
else {
  test(NAME, () =>
    inDirectory((dir) => {
      const secret = join(dir, 'secret')
      const target = join(dir, 'target')
      writeFileSync(secret, 'not yours')
      const data = join(dir, 'data')
      mkdirSync(data)
      const paths: string[] = []
      for (const place of PLACES) {
        for (const text of PLANTED) {
          const path = join(data, `db${paths.length}`)
          const statement = `${text.replaceAll('SECRET', secret).replaceAll('TARGET', target)}\n`
          for (const [suffix, bytes] of Object.entries(planted(statement, place))) {
            writeFileSync(`${path}${suffix}`, bytes)
          }
          paths.push(path)
        }
      }
      const program = join(dir, 'program.mjs')
      writeFileSync(program, PROGRAM)
      const trace = join(dir, 'trace')
      const library = pathToFileURL(compiledLibrary()).href
      const calls = '%file'
      const { status, stderr } = spawnSync(
        'strace',
        [
          '-f',
          '-y',
          '-s',
          '4096',
          '-o',
          trace,
          '-e',
          `trace=${calls}`,
          process.execPath,
          program,
          library,
          ...paths,
        ],
        { encoding: 'utf8' },
      )
      assert.is(status, 0, stderr)
      const reached = callsBetween(readFileSync(trace, 'utf8')).flatMap((line) =>
        [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, path]) => String(path)),
      )
      assert.ok(reached.length > 500, `${reached.length} paths`)
      const strange = reached.filter((path) => {
        if (path === data || path.startsWith(`${data}/db`)) return false
        // Node asks for the speed of the processor.
        if (path.startsWith('/sys/devices/system/cpu/')) return false
        // Directories on the way to the files, whose links are followed.
        return !data.startsWith(`${path === '/' ? '' : path}/`)
      })
      assert.equal([...new Set(strange)], [])
      assert.is(readFileSync(secret, 'utf8'), 'not yours')
      assert.equal(readdirSync(dir).sort(), ['data', 'program.mjs', 'secret', 'trace'])
      assert.is(dirname(target), dir)
    }),
  )
}

test.run()
