// What an application may do next, as arbitraries.

import fc from 'fast-check'
import type { SqlStatement } from '../database/twins.ts'
import { BINDINGS, type Binding, bound, type Fragment, type Sql } from './fragment.ts'
import type { Ending, Pair } from './pair.ts'
import { scriptText } from './values.ts'

/** One thing to do on both databases. */
export interface Step {
  on(pair: Pair): void
}
export type Steps = fc.Arbitrary<Step>

const MODES = ['', 'raw', 'pluck', 'expand', 'safeIntegers'] as const
type Mode = (typeof MODES)[number]

/** How a statement is run, and as what its rows are wanted. */
interface Call {
  readonly method: 'exec' | 'run' | 'get' | 'all' | 'iterate'
  readonly mode: Mode
  readonly binding: Binding
  /** The iterator is broken off after so many rows. */
  readonly most: number
}

function callBy(...methods: readonly Call['method'][]): fc.Arbitrary<Call> {
  return fc.record({
    method: fc.constantFrom(...methods),
    mode: fc.constantFrom('', '', '', ...MODES),
    binding: fc.constantFrom(...BINDINGS),
    most: fc.constantFrom(9, 0, 1, 2),
  })
}

/** A statement that is prepared, run once and forgotten. */
export function statement(text: Sql, ...methods: readonly Call['method'][]): Steps {
  return fc.tuple(text, callBy(...methods)).map(([fragment, call]) => ({
    on: (pair) => {
      const { text: sql, params } = bound(fragment, call.method === 'exec' ? 'written' : call.binding)
      if (call.method === 'exec') {
        pair.both(`db.exec(${scriptText(sql)})`, ({ db }) => void db.exec(sql))
        return
      }
      pair.both(`db.prepare(${scriptText(sql)})${callText(call, params)}`, ({ db }) =>
        run(db.prepare(sql), call, params),
      )
    },
  }))
}

/** Text that is run by exec, or now and then by run(). */
export function direct(text: Sql): Steps {
  return statement(text, 'exec', 'exec', 'run')
}

/** Several statements as one text. */
export function several(text: Sql): Steps {
  return fc.array(text, { minLength: 2, maxLength: 3 }).map((fragments) => ({
    on: (pair) => {
      const sql = fragments.map((fragment) => bound(fragment, 'written').text).join(';\n')
      pair.both(`db.exec(${scriptText(sql)})`, ({ db }) => void db.exec(sql), { isWhole: false })
    },
  }))
}

const slot = fc.constantFrom(0, 1)

/** Prepares a statement for {@link again}. */
export function keep(text: Sql): Steps {
  return fc.tuple(text, slot, fc.constantFrom(...BINDINGS)).map(([fragment, number, binding]) => ({
    on: (pair) => {
      const { text: sql, params } = bound(fragment, binding)
      const bind = params.length === 0 ? '' : `.bind(${params.map(scriptText).join(', ')})`
      pair.both(`kept${number} = db.prepare(${scriptText(sql)})${bind}`, ({ db, kept }) => {
        const prepared = db.prepare(sql)
        kept.set(number, params.length === 0 ? prepared : prepared.bind(...params))
        return [prepared.reader, prepared.readonly, prepared.source]
      })
    },
  }))
}

/** Runs a statement that was prepared before, whatever has become of the schema since. */
export const again: Steps = fc.tuple(slot, callBy('run', 'all', 'get', 'iterate')).map(([number, call]) => ({
  on: (pair) => {
    pair.both(`kept${number}${callText(call, [])}`, ({ kept }) => {
      const statement = kept.get(number)
      return statement === undefined ? 'none' : run(statement, call, [])
    })
  },
}))

/** Calls inside transaction(), which may nest. */
export function transaction(inner: Steps): Steps {
  return fc
    .tuple(
      fc.constantFrom('deferred', 'immediate', 'exclusive'),
      fc.array(inner, { maxLength: 4 }),
      fc.boolean(),
    )
    .map(([variant, steps, isFailing]) => ({
      on: (pair) => pair.transaction(variant, () => runAll(steps, pair), isFailing),
    }))
}

/** Calls while an iterator is open. */
export function whileReading(text: Sql, inner: Steps): Steps {
  return fc.tuple(text, fc.array(inner, { maxLength: 2 })).map(([fragment, steps]) => ({
    on: (pair) => pair.whileReading(bound(fragment, 'written').text, () => runAll(steps, pair)),
  }))
}

export function endings(...ways: readonly Ending[]): Steps {
  return fc
    .tuple(fc.constantFrom(...ways), fc.nat(99))
    .map(([ending, chance]) => ({ on: (pair) => pair.end(ending, chance) }))
}

export const checkpoint: Steps = fc.constant({ on: (pair: Pair) => pair.checkpoint() })

export function runAll(steps: readonly Step[], pair: Pair): void {
  for (const step of steps) step.on(pair)
}

function run(statement: SqlStatement, { method, mode, most }: Call, params: readonly unknown[]): unknown {
  if (mode !== '' && method !== 'run') statement[mode]()
  switch (method) {
    case 'run':
      return statement.run(...params)
    case 'get':
      return statement.get(...params)
    case 'all':
      return [statement.all(...params), statement.columns()]
    case 'iterate': {
      const rows: unknown[] = []
      for (const row of statement.iterate(...params)) {
        rows.push(row)
        if (rows.length >= most) break
      }
      return rows
    }
    case 'exec':
      throw new Error('exec takes no prepared statement')
    default:
      return method satisfies never
  }
}

function callText({ method, mode, most }: Call, params: readonly unknown[]): string {
  const end = method === 'iterate' ? ` // to row ${most}` : ''
  return `${mode === '' || method === 'run' ? '' : `.${mode}()`}.${method}(${params.map(scriptText).join(', ')})${end}`
}

export type { Fragment }
