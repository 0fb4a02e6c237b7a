import { UsageError } from '../errors.ts'
import type { NativeDatabase, Registrar } from './native.ts'

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
export function registrarOf(sqlite: NativeDatabase): Registrar {
  const checked =
    <A extends [name: string, ...rest: never[]], R>(register: (...args: A) => R) =>
    (...args: A): R => {
      const [name] = args
      if (typeof name === 'string') assertFree(name)
      return register(...args)
    }
  return {
    function: checked(sqlite.function.bind(sqlite)),
    aggregate: checked(sqlite.aggregate.bind(sqlite)),
    table: sqlite.table.bind(sqlite),
    loadExtension: sqlite.loadExtension.bind(sqlite),
  }
}

function assertFree(name: string): void {
  const lower = name.toLowerCase()
  if (!NEEDED.has(lower) && !lower.startsWith(OWN_PREFIX)) return
  throw new UsageError(`the function ${name}() cannot be replaced: scriptlog writes its files with it`, {
    reason: 'sql',
    hint: 'register your function under another name',
  })
}
