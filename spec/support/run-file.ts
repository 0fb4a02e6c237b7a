// Runs one spec file in this process and sends the result home. uvu's own `exec` swallows a `before` or `after.each`
// that throws, and a forgotten `.run()`: here the suites are taken from uvu's queue and counted.

import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import type { SuiteResult } from './suite-result.ts'

/** Runs the tests of one suite: [failures as text or true, passed, skipped, tests]. */
type SuiteRun = () => Promise<[string | true, number, number, number]>

declare global {
  /** Set, a suite waits in the queue until somebody runs it. Must be there before uvu is loaded. */
  var UVU_DEFER: number | undefined
  /** One group for each file: its name, then its suites. */
  var UVU_QUEUE: (readonly [null] | SuiteRun[])[]
}

async function runFile(path: string): Promise<SuiteResult> {
  const queue: SuiteRun[] = []
  globalThis.UVU_DEFER = 1
  globalThis.UVU_QUEUE = [queue]
  const { test } = await import('uvu')
  await import(pathToFileURL(path).href)
  const problems = suitesNeverRun(readFileSync(path, 'utf8'))

  let passed = 0
  let failed = 0
  let skipped = 0
  const errors: string[] = []
  const suites = queue.slice()
  if (suites.length === 0) problems.push('no suite was run: test.run() is missing')
  for (const run of suites) {
    try {
      const [suiteErrors, suitePassed, suiteSkipped, suiteTests] = await run()
      passed += suitePassed
      failed += suiteTests - suitePassed
      skipped += suiteSkipped
      if (suiteErrors !== true) errors.push(suiteErrors)
      else if (suitePassed < suiteTests) problems.push('a before, before.each or after.each threw')
      if (suiteTests + suiteSkipped === 0) problems.push('a suite ran no test')
    } catch (error) {
      problems.push(`an after threw: ${error instanceof Error ? error.stack : String(error)}`)
    }
  }

  // Whatever was declared and not yet run is still in uvu's default suite.
  queue.length = 0
  test.run()
  const forgotten = (await queue[0]?.())?.[3] ?? 0
  if (forgotten > 0) problems.push(`test.run() is missing behind the last ${forgotten} tests`)
  return { passed, failed, skipped, errors, problems }
}

/** Suites with a name of their own that the text declares and does not run. */
function suitesNeverRun(text: string): string[] {
  return [...text.matchAll(/\bconst\s+(\w+)\s*=\s*suite\b/g)]
    .map(([, name]) => name ?? '')
    .filter((name) => !text.includes(`${name}.run()`))
    .map((name) => `${name}.run() is missing`)
}

const [, , path] = process.argv
if (path === undefined || process.send === undefined)
  throw new Error('to be started by spec/run.ts with a file')
process.send(await runFile(path))
