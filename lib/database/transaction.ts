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

const VARIANTS = ['default', 'deferred', 'immediate', 'exclusive'] as const
type Variant = (typeof VARIANTS)[number]

const SAVEPOINT = '"scriptlog nested transaction"'

/** The statements that begin and end transactions, and savepoints within them. */
interface Control {
  readonly begin: Readonly<Record<Variant, NativeStatement>>
  readonly commit: NativeStatement
  readonly rollback: NativeStatement
  readonly save: NativeStatement
  readonly release: NativeStatement
  readonly rollbackTo: NativeStatement
}

export function transactionFunction<F extends Body, D>(
  database: D,
  session: Session,
  body: F,
): TransactionFunction<F, D> {
  if (typeof body !== 'function') throw new TypeError('Expected first argument to be a function')
  const control = controlOf(session)
  const properties: PropertyDescriptorMap = { database: { value: database, enumerable: true } }
  for (const name of VARIANTS) properties[name] = { value: wrap(session, control, body, control.begin[name]) }
  for (const name of VARIANTS) Object.defineProperties(properties[name]?.value, properties)
  return properties.default?.value
}

const controls = new WeakMap<Session, Control>()

function controlOf(session: Session): Control {
  const known = controls.get(session)
  if (known !== undefined) return known
  const control = {
    begin: {
      default: session.prepare('BEGIN'),
      deferred: session.prepare('BEGIN DEFERRED'),
      immediate: session.prepare('BEGIN IMMEDIATE'),
      exclusive: session.prepare('BEGIN EXCLUSIVE'),
    },
    commit: session.prepare('COMMIT'),
    rollback: session.prepare('ROLLBACK'),
    save: session.prepare(`SAVEPOINT ${SAVEPOINT}`),
    release: session.prepare(`RELEASE ${SAVEPOINT}`),
    rollbackTo: session.prepare(`ROLLBACK TO ${SAVEPOINT}`),
  }
  controls.set(session, control)
  return control
}

function wrap(session: Session, control: Control, body: Body, begin: NativeStatement) {
  return function transaction(this: unknown, ...args: unknown[]): unknown {
    const isNested = session.sqlite.inTransaction
    if (isNested) control.save.run()
    else begin.run()
    try {
      const result = body.apply(this, args)
      // Its later parts would run after the commit, outside of any transaction.
      if (isThenable(result)) throw new TypeError('Transaction function cannot return a promise')
      if (isNested) control.release.run()
      else control.commit.run()
      return result
    } catch (error) {
      // A statement may have rolled the transaction back already.
      if (session.sqlite.inTransaction) {
        if (isNested) {
          control.rollbackTo.run()
          control.release.run()
        } else control.rollback.run()
      }
      throw error
    }
  }
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
