// SQL text put together from arbitraries, with the values in it kept apart: the same statement can be run with its
// values written out, bound by position or bound by name.

import fc from 'fast-check'
import { literalText, type SqlValue } from './values.ts'

/** Text, and values where a `?` may stand. */
export type Fragment = readonly (string | { readonly value: SqlValue })[]
export type Sql = fc.Arbitrary<Fragment>
export type Part = string | Sql

/** `` sql`DELETE FROM ${table} WHERE id = ${value}` ``: shrinks as its parts do. */
export function sql(strings: TemplateStringsArray, ...parts: readonly Part[]): Sql {
  return joined(strings.flatMap((text, at) => [text, parts[at] ?? '']))
}

/** One of several; shrinks towards the first. */
export function oneOf(...parts: readonly Part[]): Sql {
  return fc.oneof({ withCrossShrink: true }, ...parts.map(fragment))
}

/** One of several, each with its weight; shrinks towards the first. */
export function weighted(...parts: readonly (readonly [weight: number, part: Part])[]): Sql {
  return fc.oneof(
    { withCrossShrink: true },
    ...parts.map(([weight, part]) => ({ weight, arbitrary: fragment(part) })),
  )
}

/** Nothing, or the part about one time in `every`. */
export function maybe(part: Part, every = 2): Sql {
  return weighted([every - 1, ''], [1, part])
}

/** Some of a part, with a separator between them. */
export function listOf(part: Sql, min: number, max: number, separator = ', '): Sql {
  return fc
    .array(part, { minLength: min, maxLength: max, size: 'max' })
    .map((items) => items.flatMap((item, at) => (at === 0 ? item : [separator, ...item])))
}

/** Text alone, values written out: for schemas, whose text takes no parameters. */
export function written(part: Sql): Sql {
  return part.map((given) => [given.map(literalPart).join('')])
}

function joined(parts: readonly Part[]): Sql {
  return fc.tuple(...parts.map(fragment)).map((all) => all.flat())
}

function fragment(part: Part): Sql {
  return typeof part === 'string' ? fc.constant([part]) : part
}

/** How the values of a statement reach it. */
export const BINDINGS = ['written', 'by position', 'by name', 'as a list'] as const
export type Binding = (typeof BINDINGS)[number]

/** A statement's text, and what is given to `run` and the like. */
export interface BoundSql {
  readonly text: string
  readonly params: readonly unknown[]
}

export function bound(given: Fragment, binding: Binding): BoundSql {
  if (binding === 'written') return { text: given.map(literalPart).join(''), params: [] }
  const values: SqlValue[] = []
  const text = given
    .map((part) => {
      if (typeof part === 'string') return part
      values.push(part.value)
      return binding === 'by name' ? `$p${values.length}` : '?'
    })
    .join('')
  if (values.length === 0) return { text, params: [] }
  if (binding === 'as a list') return { text, params: [values] }
  if (binding === 'by position') return { text, params: values }
  return { text, params: [Object.fromEntries(values.map((value, at) => [`p${at + 1}`, value]))] }
}

function literalPart(part: Fragment[number]): string {
  return typeof part === 'string' ? part : literalText(part.value)
}
