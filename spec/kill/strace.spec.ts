// The same process, killed or failed by the kernel at the n-th system call of a kind that changes a file, for every n:
// strace lets a call succeed and then kills, or answers it with an error, once or from then on. Few calls are tried in
// the usual run, so many of each kind with `KILLS=100`, all with `KILLS=all`.

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

const CALLS = ['pwrite64', 'fdatasync', 'fsync', 'rename', 'unlink', 'openat', 'pread64'] as const
type SystemCall = (typeof CALLS)[number]
const TRANSACTIONS = 44
const KILLS = process.env.KILLS ?? '4'
const TRIED = KILLS === 'all' ? Number.POSITIVE_INFINITY : Number(KILLS)
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
  const args = ['-f', '-qq', '-y', '-o', trace, '-e', `trace=${CALLS.join()}`, ...inject]
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
  for (const line of lines) {
    const [, thread, call, rest = ''] = /^(\d+) +(\w+)\((.*)$/.exec(line) ?? []
    const kind = CALLS.find((known) => known === call)
    if (thread !== main || kind === undefined) continue
    const count = (counts.get(kind) ?? 0) + 1
    counts.set(kind, count)
    // With -y the file of a descriptor stands beside its number.
    if (rest.includes(dir)) numbers.get(kind)?.push(count)
  }
  return numbers
}

/** The calls on the database's files that were answered with an error: name, then arguments. */
function injectedIn(trace: string, dir: string): string[] {
  const lines = readFileSync(trace, 'utf8').split('\n')
  return lines
    .filter((line) => line.endsWith('(INJECTED)') && line.includes(dir))
    .map((line) => line.replace(/^\d+ +/, ''))
}

/**
 * The one call that may fail while nobody is told is the last word in `.lck`: the slot tells of a dead process then, the
 * next open looks once more, and nothing is lost.
 */
function isTolerated(line: string): boolean {
  return /^pwrite64\(\d+<[^>]*\.lck>, "-", 1, /.test(line)
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
  // strace counts the calls of each thread by itself: an error of openat or close would strike those that read node's
  // modules as well. The shim (shim.spec.ts) knows which files are ours.
  const written = ['pwrite64', 'fdatasync', 'fsync'] as const
  const changing = [...written, 'rename', 'unlink'] as const
  const FATES = [
    ['killed', 'signal=SIGKILL', false, [...changing, 'openat']],
    ['EIO, once', 'error=EIO', false, [...changing, 'pread64']],
    ['EIO, for good', 'error=EIO', true, changing],
    ['ENOSPC, for good', 'error=ENOSPC', true, changing],
    ['EDQUOT, once', 'error=EDQUOT', false, written],
    ['EFBIG, once', 'error=EFBIG', false, ['pwrite64']],
    ['EROFS, for good', 'error=EROFS', true, changing],
    ['EACCES, once', 'error=EACCES', false, ['rename', 'unlink']],
  ] as const satisfies readonly (readonly [string, string, boolean, readonly SystemCall[]])[]

  for (const [fate, what, isForGood, struckCalls] of FATES) {
    test(`${fate}, at the n-th call that changes a file: nothing acknowledged is lost, nothing is there by halves`, async () => {
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
        const calls = [...numbers]
          .filter(([call]) => struckCalls.some((struck) => struck === call))
          .flatMap(([call, each]) => each.map((n): readonly [SystemCall, number] => [call, n]))
        assert.ok(calls.length > 5, `${calls.length} calls`)
        const chosen = sample(calls, TRIED, random)
        let reported = 0
        let tolerated = 0
        for (const [at, [call, n]] of chosen.entries()) {
          const place = join(dir, String(at))
          mkdirSync(place)
          const said = new Said()
          const printed = await run(
            program,
            join(place, 'app'),
            join(dir, 'trace'),
            { call, when: isForGood ? `${n}+` : String(n), what },
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
          assert.equal(said.withoutClass, [], story)
          // Whoever was not killed has ended by itself, and has told of every failure that somebody has to know of.
          if (!what.startsWith('signal')) {
            if (said.errors.length === 0) {
              const untold = injectedIn(join(dir, 'trace'), place).filter((line) => !isTolerated(line))
              assert.equal(untold, [], `nobody was told: ${story}`)
              assert.ok(said.isClosed, `it ended without a word: ${story}`)
              tolerated++
            }
            assert.not.match(printed, /\n {4}at /, `a crash: ${story}`)
          }
        }
        console.log(
          `${fate}: ${chosen.length} of ${calls.length} calls tried, ${reported} runs told of an error, ` +
            `${tolerated} had none to tell of, seed ${SEED}`,
        )
      })
    })
  }
}

test.run()
