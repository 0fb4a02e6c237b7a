// `db.transaction(fn)`, as better-sqlite3 has it: a function that runs `fn` between BEGIN and COMMIT, or, inside a
// transaction, between a savepoint and its release.

import type { NativeStatement, Transaction } from '../engine/native.ts'
import type { Session } from './session.ts'

// The types of what `fn` takes are its own affair.
// biome-ignore lint/suspicious/noExplicitAny: as in better-sqlite3's types, which must fit
type Body = (this: any, ...args: any[]) => unknown

/** A function that runs its body in a transaction, with variants that say how it begins. */
export interface TransactionFunction<F extends Body, D> extends Transaction<F> {
  readonly default: TransactionFunction<F, D>
  readonly deferred: TransactionFunction<F, D>
  readonly immediate: TransactionFunction<F, D>
  readonly exclusive: TransactionFunction<F, D>
  readonly database: D
}

const VARIANTS = {
  default: 'BEGIN',
  deferred: 'BEGIN DEFERRED',
  immediate: 'BEGIN IMMEDIATE',
  exclusive: 'BEGIN EXCLUSIVE',
} as const

const SAVEPOINT = '"scriptlog nested transaction"'

/** Statements, compiled when they are first needed. */
type Control = (sql: string) => NativeStatement

export function transactionFunction<F extends Body, D>(
  database: D,
  session: Session,
  body: F,
): TransactionFunction<F, D> {
  if (typeof body !== 'function') throw new TypeError('Expected first argument to be a function')
  const control = controlOf(session)
  const properties: PropertyDescriptorMap = { database: { value: database, enumerable: true } }
  for (const [name, begin] of Object.entries(VARIANTS)) {
    properties[name] = { value: wrap(session, control, body, begin) }
  }
  for (const name of Object.keys(VARIANTS)) Object.defineProperties(properties[name]?.value, properties)
  return properties.default?.value
}

const controls = new WeakMap<Session, Control>()

function controlOf(session: Session): Control {
  let control = controls.get(session)
  if (control === undefined) {
    const statements = new Map<string, NativeStatement>()
    control = (sql) => {
      let statement = statements.get(sql)
      if (statement === undefined) {
        statement = session.prepare(sql)
        statements.set(sql, statement)
      }
      return statement
    }
    controls.set(session, control)
  }
  return control
}

function wrap(session: Session, control: Control, body: Body, begin: string) {
  return function transaction(this: unknown, ...args: unknown[]): unknown {
    const isNested = session.sqlite.inTransaction
    control(isNested ? `SAVEPOINT ${SAVEPOINT}` : begin).run()
    try {
      const result = body.apply(this, args)
      // Its later parts would run after the commit, outside of any transaction.
      if (isThenable(result)) throw new TypeError('Transaction function cannot return a promise')
      control(isNested ? `RELEASE ${SAVEPOINT}` : 'COMMIT').run()
      return result
    } catch (error) {
      // A statement may have rolled the transaction back already.
      if (session.sqlite.inTransaction) {
        control(isNested ? `ROLLBACK TO ${SAVEPOINT}` : 'ROLLBACK').run()
        if (isNested) control(`RELEASE ${SAVEPOINT}`).run()
      }
      throw error
    }
  }
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
