// A database on memory files, one process after another, whose operations can be watched and made to fail.

import type { Database } from '../../lib/database/database.ts'
import type { DatabaseOptions } from '../../lib/database/options.ts'
import { imageOf } from '../../lib/fs/image.ts'
import { type Fault, MemoryFiles } from '../../lib/fs/memory.ts'
import { isDurableStep, type Operation } from '../../lib/fs/operation.ts'
import { formatTrace, type TracedOperation, traced } from '../../lib/fs/trace.ts'
import { chanceFrom } from '../crash/chance.ts'
import { BASE, DIRECTORY, Process } from '../crash/process.ts'

export class Stage {
  readonly files: MemoryFiles
  readonly #randomHex = chanceFrom(1).randomHex
  #operations: TracedOperation[] = []
  #process: Process | undefined
  /** Asked about each operation that changes something or makes it durable. */
  failing: (operation: Operation) => Fault | undefined = () => undefined

  constructor(files: Readonly<Record<string, string>> = {}, freeBytes?: () => number) {
    const image = imageOf(
      Object.fromEntries(Object.entries(files).map(([suffix, text]) => [`${BASE}${suffix}`, text])),
      [DIRECTORY],
    )
    this.files = new MemoryFiles({
      image,
      ...(freeBytes === undefined ? {} : { freeBytes }),
      onOperation: (operation) => (isDurableStep(operation) ? this.failing(operation) : undefined),
    })
  }

  /** Opens the database in a new process; each commit is synced before it returns unless the options say otherwise. */
  open(options: DatabaseOptions = {}): Database {
    this.kill()
    const files = traced(this.files, (operation) => this.#operations.push(operation))
    this.#process = new Process(files, this.#randomHex, { writeDelayMillis: 0, ...options })
    return this.#process.database
  }

  kill(): void {
    this.#process?.kill()
    this.#process = undefined
  }

  /** The durable steps of what is done, in their order, one a line; without the sizes of what is written. */
  trace(act: () => void): string {
    this.#operations = []
    act()
    return this.traced()
  }

  /** The durable steps since `trace` was begun. */
  traced(): string {
    const steps = this.#operations.filter(isDurableStep)
    return formatTrace(
      steps.map(({ lengthBytes: _, ...step }) => step),
      DIRECTORY,
    )
  }

  /** The text of a file, by its suffix (`.log`); undefined when it is not there. */
  text(suffix: string): string | undefined {
    const bytes = this.files.image().files.get(`${BASE}${suffix}`)
    return bytes === undefined ? undefined : Buffer.from(bytes).toString()
  }

  /** Suffixes of the files that are there. */
  names(): string[] {
    return [...this.files.image().files.keys()].map((path) => path.slice(BASE.length)).sort()
  }
}

/** An operation on the n-th file of this kind and name, from 1, fails; all later ones too when `forGood`. */
export function nth(
  n: number,
  on: { readonly kind?: Operation['kind']; readonly path?: string },
  fault: Fault,
  forGood = false,
): (operation: Operation) => Fault | undefined {
  let met = 0
  return ({ kind, path, toPath }) => {
    if (on.kind !== undefined && on.kind !== kind) return undefined
    if (on.path !== undefined && (toPath ?? path) !== `${BASE}${on.path}`) return undefined
    met++
    return met === n || (forGood && met > n) ? fault : undefined
  }
}

/** What a call throws; it must be of this class. */
export function thrown<E extends Error>(kind: abstract new (...args: never[]) => E, act: () => unknown): E {
  let result: unknown
  try {
    result = act()
  } catch (error) {
    if (error instanceof kind) return error
    throw error
  }
  throw new Error(`${kind.name} was expected, it returned ${String(result)}`)
}

/** Lets the turn of the event loop end. */
export function endOfTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
