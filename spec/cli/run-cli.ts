// Runs the real command line in a process of its own.

import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const LIB = fileURLToPath(new URL('../../lib', import.meta.url))
const BUILT = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
/** What was built since the last change starts in a quarter of the time. */
const MAIN = isBuilt() ? [BUILT] : ['--import', import.meta.resolve('tsx'), join(LIB, 'cli', 'main.ts')]

function isBuilt(): boolean {
  const builtMs = statSync(BUILT, { throwIfNoEntry: false })?.mtimeMs ?? 0
  return readdirSync(LIB, { recursive: true, encoding: 'utf8' }).every(
    (name) => statSync(join(LIB, name)).mtimeMs < builtMs,
  )
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

export interface RunOptions {
  readonly cwd: string
  /** For standard input, which is empty otherwise. */
  readonly input?: string | Uint8Array
  /** Called when the process has been started. */
  readonly onStart?: (child: ChildProcess) => void
}

/** The arguments of a node that runs the command line. */
export function commandLine(args: readonly string[]): string[] {
  return [...MAIN, ...args]
}

/** Runs `scriptlog` with these arguments and waits for its end. */
export function cli(args: readonly string[], { cwd, input, onStart }: RunOptions): Promise<Ended> {
  const child = spawn(process.execPath, commandLine(args), { cwd, stdio: 'pipe' })
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', (piece: Buffer) => out.push(piece))
  child.stderr.on('data', (piece: Buffer) => err.push(piece))
  // A command that ends early does not read what it is given.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  onStart?.(child)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) =>
      resolve({ code, signal, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() }),
    )
  })
}

/** The lines of a text, each read as JSON. */
export function jsonLines(text: string): unknown[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): unknown => JSON.parse(line))
}

/** One member of something that was read as JSON. */
export function member(value: unknown, ...path: readonly (string | number)[]): unknown {
  let at = value
  for (const key of path) {
    if (typeof at !== 'object' || at === null) return undefined
    at = Reflect.get(at, key)
  }
  return at
}
