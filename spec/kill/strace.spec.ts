// The same process, killed or failed by the kernel at the n-th system call of a kind that changes a file, for every n:
// strace lets a call succeed and then kills, or answers it with an error. Few calls are tried in the usual run, all
// with `KILLS=` set.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../lib/format/random.ts'
import { skip } from '../support/skip.ts'
import { inDirectory } from '../support/temp-directory.ts'
import { compiledProgram } from './compiled.ts'
import { judge, Model, Said } from './judge.ts'

const CALLS = ['pwrite64', 'fdatasync', 'fsync', 'rename', 'unlink', 'openat'] as const
type SystemCall = (typeof CALLS)[number]
const TRANSACTIONS = 44
const TRIED = process.env.KILLS === undefined ? 13 : Number.POSITIVE_INFINITY
const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9))

const test = suite('strace')

/** Why strace cannot be used; undefined when it can. */
function whyNot(): string | undefined {
  try {
    execFileSync('strace', ['-f', '-o', '/dev/null', '-e', 'inject=fsync:error=EIO:when=1', 'true'], {
      stdio: 'pipe',
    })
    return undefined
  } catch (error) {
    return `strace cannot be used here: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`
  }
}

interface Injection {
  readonly call: SystemCall
  /** The n-th of them in the process. */
  readonly when: string
  readonly what: string
}

/** Runs the program under strace; `trace` names the file for what strace has seen. */
async function run(
  program: string,
  path: string,
  trace: string,
  injection: Injection | undefined,
  said: Said,
): Promise<string> {
  const inject =
    injection === undefined ? [] : ['-e', `inject=${injection.call}:${injection.what}:when=${injection.when}`]
  // Not --seccomp-bpf: with it strace 6.1 traces as asked and injects no signal.
  const args = ['-f', '-qq', '-o', trace, '-e', `trace=${CALLS.join()}`, ...inject]
  const child = spawn('strace', [...args, process.execPath, program, path, '0', String(TRANSACTIONS)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, UV_THREADPOOL_SIZE: '1' },
  })
  child.stdout.setEncoding('utf8').on('data', (text: string) => said.hear(text))
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  await once(child, 'close')
  return errors
}

/** Which calls of each kind concern the database's files: their numbers among all of the main thread's. */
function callsOnFiles(trace: string, dir: string): Map<SystemCall, number[]> {
  const numbers = new Map<SystemCall, number[]>(CALLS.map((call) => [call, []]))
  const counts = new Map<string, number>()
  const lines = readFileSync(trace, 'utf8').split('\n')
  const main = /^(\d+)/.exec(lines[0] ?? '')?.[1] ?? ''
  const ours = new Set<string>()
  for (const line of lines) {
    const [, thread, call, rest = ''] = /^(\d+) +(\w+)\((.*)$/.exec(line) ?? []
    const kind = CALLS.find((known) => known === call)
    if (thread !== main || kind === undefined) continue
    const count = (counts.get(kind) ?? 0) + 1
    counts.set(kind, count)
    const opened = / = (\d+)$/.exec(rest)?.[1]
    const isOurs = rest.includes(dir)
    if (kind === 'openat' && opened !== undefined) {
      if (isOurs) ours.add(opened)
      else ours.delete(opened)
    }
    const descriptor = /^(\d+)/.exec(rest)?.[1]
    if (isOurs || (descriptor !== undefined && ours.has(descriptor))) numbers.get(kind)?.push(count)
  }
  return numbers
}

/** Some of them, or all. */
function sample<T>(all: readonly T[], most: number, random: () => number): T[] {
  if (all.length <= most) return [...all]
  const step = all.length / most
  return Array.from({ length: most }, (_, at) => all[Math.floor((at + random()) * step)]).filter(
    (each) => each !== undefined,
  )
}

const why = whyNot()
if (why !== undefined) skip(test, 'kills and errors at the n-th system call', why)
else {
  const FATES = [
    ['killed', 'signal=SIGKILL', (n: number) => String(n)],
    ['failing once with EIO', 'error=EIO', (n: number) => String(n)],
    ['failing from there on with ENOSPC', 'error=ENOSPC', (n: number) => `${n}+`],
  ] as const

  for (const [fate, what, when] of FATES) {
    test(`${fate} at the n-th call that changes a file: nothing acknowledged is lost, nothing is there by halves`, async () => {
      const random = seededRandom(SEED)
      const program = compiledProgram('child')
      const model = new Model()
      await inDirectory(async (dir) => {
        mkdirSync(join(dir, 'counted'))
        const first = new Said()
        await run(program, join(dir, 'counted', 'app'), join(dir, 'trace'), undefined, first)
        assert.is(first.acknowledged, TRANSACTIONS)
        assert.ok(first.isClosed)
        const numbers = callsOnFiles(join(dir, 'trace'), join(dir, 'counted'))
        const all = [...numbers].flatMap(([call, each]) =>
          each.map((n): readonly [SystemCall, number] => [call, n]),
        )
        assert.ok(all.length > 100, `${all.length} calls`)
        // An error of openat may also strike node’s own start.
        const chosen = sample(
          all.filter(([call]) => call !== 'openat' || what.startsWith('signal')),
          TRIED,
          random,
        )
        let reported = 0
        for (const [at, [call, n]] of chosen.entries()) {
          const place = join(dir, String(at))
          mkdirSync(place)
          const said = new Said()
          const printed = await run(
            program,
            join(place, 'app'),
            join(dir, 'trace'),
            { call, when: when(n), what },
            said,
          )
          const story = `${fate} at ${call} ${n}, seed ${SEED}: ${said.errors.join(' | ')} ${printed}`
          // A spec that strikes nobody would find nothing.
          if (what.startsWith('signal')) assert.not(said.isClosed, `it was not killed: ${story}`)
          else
            assert.match(readFileSync(join(dir, 'trace'), 'utf8'), /\(INJECTED\)/, `nothing failed: ${story}`)
          try {
            judge(join(place, 'app'), said, model)
          } catch (error) {
            throw new Error(`${story}\n${error instanceof Error ? error.message : String(error)}`, {
              cause: error,
            })
          }
          if (said.errors.length > 0) reported++
          // Whoever was not killed has ended by itself, and has told why when it did not do its work.
          if (!what.startsWith('signal')) {
            assert.ok(said.isClosed || said.errors.length > 0, `silent: ${story}`)
            assert.not.match(printed, /\n {4}at /, `a crash: ${story}`)
          }
        }
        console.log(
          `${fate}: ${chosen.length} of ${all.length} calls tried, ${reported} runs told of an error, seed ${SEED}`,
        )
      })
    })
  }
}

test.run()
