// Runs spec files, each in a process of its own, two at a time.
//
//   node --import tsx spec/run.ts [part of a file name]… [--in DIR] [--time-out SECONDS]
//
// Prints each file's result, then a line `N passed, N failed` (`, N skipped`), and exits 0 only when every test of
// every file ran and passed. uvu alone exits 0 when a hook throws or `.run()` is forgotten: see support/run-file.ts.
// A file also fails when it ends before its tests do, leaves an unhandled rejection, or does not end in time.

import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { keepDurations, readDurations } from './support/durations.ts'
import { parseSuiteResult, type SuiteResult } from './support/suite-result.ts'

const HERE = dirname(fileURLToPath(import.meta.url))
const RUN_FILE = join(HERE, 'support', 'run-file.ts')
const LANES = 2

interface Outcome extends SuiteResult {
  readonly seconds: number
  /** What the file printed, uvu's progress left out. */
  readonly output: string
}

async function main(): Promise<number> {
  const { values, positionals: filters } = parseArgs({
    options: { in: { type: 'string', default: HERE }, 'time-out': { type: 'string', default: '600' } },
    allowPositionals: true,
  })
  const root = resolve(values.in)
  const timeOutMs = Number(values['time-out']) * 1000
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter(
      (name) =>
        name.endsWith('.spec.ts') &&
        (filters.length === 0 || filters.some((part) => join(root, name).includes(part))),
    )
    .sort()
  if (files.length === 0) {
    console.error(`no spec file in ${root} matches ${filters.join(' ')}`)
    return 1
  }

  const durationsPath = join(root, '..', 'node_modules', '.cache', 'scriptlog', 'spec-seconds.json')
  const durations = readDurations(durationsPath)
  const expected = (name: string) => durations.get(name) ?? Number.POSITIVE_INFINITY
  const waiting = files.toSorted((a, b) =>
    expected(a) < expected(b) ? 1 : expected(a) > expected(b) ? -1 : 0,
  )
  const total = { passed: 0, failed: 0, skipped: 0 }
  const runLane = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const outcome = await runFile(join(root, name), timeOutMs)
      total.passed += outcome.passed
      total.failed += outcome.failed
      total.skipped += outcome.skipped
      durations.set(name, outcome.seconds)
      console.log(report(name, outcome))
    }
  }
  await Promise.all(Array.from({ length: LANES }, runLane))
  keepDurations(durationsPath, durations)
  const skipped = total.skipped === 0 ? '' : `, ${total.skipped} skipped`
  console.log(`\n${total.passed} passed, ${total.failed} failed${skipped}`)
  return total.failed === 0 ? 0 : 1
}

/** Runs a file in a process of its own; a problem that belongs to no test counts as one failure. */
async function runFile(path: string, timeOutMs: number): Promise<Outcome> {
  const begun = performance.now()
  const child = spawn(process.execPath, ['--import', 'tsx', RUN_FILE, path], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let result: SuiteResult | undefined
  child.on('message', (message) => {
    result ??= parseSuiteResult(message)
  })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      printed += text
    })
  }
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    child.kill('SIGKILL')
    // Processes that the spec started may hold the pipes open.
    child.stdout?.destroy()
    child.stderr?.destroy()
  }, timeOutMs)
  const ended = await new Promise<string>((resolveEnd) => {
    child.on('error', (error) => resolveEnd(error.message))
    child.on('close', (code, signal) =>
      resolveEnd(code === 0 ? '' : `it ended with ${signal ?? `exit code ${code}`}`),
    )
  })
  clearTimeout(timer)

  const problems = [...(result?.problems ?? [])]
  if (isLate) problems.push(`it did not end within ${timeOutMs / 1000} s`)
  else if (ended !== '') problems.push(result === undefined ? `${ended}, before its tests had ended` : ended)
  else if (result === undefined) problems.push('it ended before its tests had ended')
  const failed = result?.failed ?? 0
  return {
    passed: result?.passed ?? 0,
    failed: failed === 0 && problems.length > 0 ? 1 : failed,
    skipped: result?.skipped ?? 0,
    errors: result?.errors ?? [],
    problems,
    seconds: Number(((performance.now() - begun) / 1000).toFixed(2)),
    output: printed.replace(/^(?:[•✘] )+/gm, '').replace(/^.* {2}\(\d+ \/ \d+\)\n/gm, ''),
  }
}

function report(
  name: string,
  { passed, failed, skipped, seconds, errors, problems, output }: Outcome,
): string {
  const counts = [`${passed} passed`, `${failed} failed`, ...(skipped === 0 ? [] : [`${skipped} skipped`])]
  const head = `${failed === 0 ? 'ok    ' : 'FAILED'} ${name.padEnd(36)} ${counts.join(', ')}  ${seconds.toFixed(1)} s`
  const details = [output, ...errors, ...problems.map((problem) => `${problem}\n`)].join('').trimEnd()
  return details === '' ? head : `${head}\n${details.replace(/^/gm, '    ')}`
}

process.exitCode = await main()
