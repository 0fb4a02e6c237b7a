import { UsageError } from '../errors.ts'
import { isKeptModule } from '../format/schema-grammar.ts'
import type {
  FunctionOptions,
  NativeDatabase,
  Registrar,
  SqlFunction,
  TableDefinition,
  TableFactory,
} from './native.ts'
import { SqliteDatabase } from './sqlite.ts'
import { noteUserModule } from './user-tables.ts'

/** SQLite's functions by which rows become text and text becomes rows: with another meaning they would spoil files. */
const NEEDED = new Set([
  'quote',
  'replace',
  'char',
  'typeof',
  'iif',
  'instr',
  'hex',
  'substr',
  'length',
  'octet_length',
  'atan2',
  'group_concat',
  'max',
  'count',
])
/** Names of functions that capture registers. */
const OWN_PREFIX = 'scriptlog_'

/** Registers what an application brings, except under names on which the files depend. */
export class CheckedRegistrar implements Registrar {
  readonly #sqlite: NativeDatabase

  constructor(sqlite: NativeDatabase) {
    this.#sqlite = sqlite
  }

  function(name: string, act: SqlFunction): this
  function(name: string, options: FunctionOptions, act: SqlFunction): this
  function(...args: readonly unknown[]): this {
    assertFree(args[0])
    Reflect.apply(this.#sqlite.function, this.#sqlite, args)
    return this
  }

  aggregate(...args: readonly [name: string, options: object]): this {
    assertFree(args[0])
    Reflect.apply(this.#sqlite.aggregate, this.#sqlite, args)
    return this
  }

  table(...args: readonly [name: string, definition: TableDefinition | TableFactory]): this {
    const [name] = args
    if (typeof name === 'string' && isKeptModule(name)) {
      throw new UsageError(
        `the module ${name} cannot be replaced: virtual tables of it are kept in the files`,
        {
          reason: 'sql',
          hint: 'register your table under another name',
        },
      )
    }
    Reflect.apply(this.#sqlite.table, this.#sqlite, args)
    noteUserModule(this.#sqlite, name)
    return this
  }

  loadExtension(...args: readonly [path: string, entryPoint?: string]): this {
    for (const name of functionsOf(args)) assertFree(name)
    Reflect.apply(this.#sqlite.loadExtension, this.#sqlite, args)
    return this
  }
}

/** The names of the functions that an extension brings: it is loaded into a connection that nothing depends on. */
function functionsOf(args: readonly unknown[]): string[] {
  const probe = new SqliteDatabase(':memory:')
  try {
    const list = probe
      .prepare<[], string>("SELECT name||'/'||narg||'/'||builtin FROM pragma_function_list")
      .pluck()
    const before = new Set(list.all())
    Reflect.apply(probe.loadExtension, probe, args)
    return list
      .all()
      .filter((one) => !before.has(one))
      .map((one) => one.slice(0, one.indexOf('/')))
  } finally {
    probe.close()
  }
}

function assertFree(name: unknown): void {
  // What is no name is refused by better-sqlite3, in its own words.
  if (typeof name !== 'string') return
  const lower = name.toLowerCase()
  if (!NEEDED.has(lower) && !lower.startsWith(OWN_PREFIX)) return
  throw new UsageError(`the function ${name}() cannot be replaced: scriptlog writes its files with it`, {
    reason: 'sql',
    hint: 'register your function under another name',
  })
}
