// Functions of an application, as the option `setup` registers them: a pure one, one that fails, one that remembers.

import type { DatabaseOptions } from '../../lib/database/options.ts'

export type Functions = NonNullable<DatabaseOptions['setup']>

/** The same names with a memory of its own, which outlives the connection: calls too many would show. */
export function functionsOf(): Functions {
  let ticks = 0
  return (registrar) => {
    registrar.function('twice', { deterministic: true }, (given: unknown) =>
      typeof given === 'number' ? given * 2 : given,
    )
    registrar.function('boom', { deterministic: true }, (given: unknown) => {
      if (given === 3) throw new RangeError('boom')
      return given
    })
    registrar.function('ticks', { varargs: true }, () => {
      ticks += 1
      return ticks
    })
  }
}
