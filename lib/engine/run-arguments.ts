import type { Parameter } from '../format/plain-statement.ts'

/** The values of one run, as they were read: what SQLite gets, and what is written of it, are the same. */
export class Values {
  readonly #positional: readonly unknown[]
  readonly #named: Readonly<Record<string, unknown>> | undefined

  constructor(positional: readonly unknown[], named: Readonly<Record<string, unknown>> | undefined) {
    this.#positional = positional
    this.#named = named
  }

  of(parameter: Parameter): unknown {
    return parameter.kind === 'positional' ? this.#positional[parameter.index] : this.#named?.[parameter.name]
  }

  /** For better-sqlite3. */
  get args(): readonly unknown[] {
    return this.#named === undefined ? this.#positional : [...this.#positional, this.#named]
  }
}

/** Reads what is passed to `run()`, once, by better-sqlite3's rules. */
export class RunArguments {
  readonly #positionalCount: number
  readonly #names: readonly string[]

  constructor(parameters: readonly Parameter[]) {
    this.#positionalCount = parameters.filter(({ kind }) => kind === 'positional').length
    this.#names = [...new Set(parameters.flatMap((each) => (each.kind === 'named' ? [each.name] : [])))]
  }

  get isEmpty(): boolean {
    return this.#positionalCount === 0 && this.#names.length === 0
  }

  /** Undefined when the arguments do not fit the parameters one to one: better-sqlite3 will say what is wrong. */
  read(args: readonly unknown[]): Values | undefined {
    const positional: unknown[] = []
    let given: object | undefined
    for (const arg of args) {
      if (Array.isArray(arg)) {
        for (const value of arg) {
          // It would be looked into, where better-sqlite3 wants a value.
          if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) return undefined
          positional.push(value)
        }
      } else if (typeof arg === 'object' && arg !== null && !(arg instanceof Uint8Array)) {
        if (given !== undefined || !isPlainObject(arg)) return undefined
        given = arg
      } else positional.push(arg)
    }
    if (positional.length !== this.#positionalCount) return undefined
    if (this.#names.length === 0) return given === undefined ? new Values(positional, undefined) : undefined
    if (given === undefined) return undefined
    const named: Record<string, unknown> = {}
    for (const name of this.#names) {
      if (!Object.hasOwn(given, name)) return undefined
      named[name] = Reflect.get(given, name)
    }
    return new Values(positional, named)
  }
}

function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}
