// `db.transaction(fn)`, as better-sqlite3 has it: a function that runs `fn` between BEGIN and COMMIT, or, inside a
// transaction, between a savepoint and its release.

/** What a transaction function needs of its database. */
export interface TransactionHost {
  readonly inTransaction: boolean
  exec(sql: string): unknown
}

type Body = (this: unknown, ...args: never[]) => unknown

/** A function that runs its body in a transaction, with variants that say how it begins. */
export type TransactionFunction<F extends Body, D> = F & {
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

export function transactionFunction<F extends Body, D extends TransactionHost>(
  database: D,
  body: F,
): TransactionFunction<F, D> {
  if (typeof body !== 'function') throw new TypeError('Expected first argument to be a function')
  const variants: Record<string, { value: unknown; enumerable: boolean }> = {
    database: { value: database, enumerable: true },
  }
  for (const [name, begin] of Object.entries(VARIANTS)) {
    variants[name] = { value: wrap(database, body, begin), enumerable: true }
  }
  for (const name of Object.keys(VARIANTS)) {
    const variant = variants[name]?.value
    if (typeof variant === 'function') Object.defineProperties(variant, variants)
  }
  return variants.default?.value as TransactionFunction<F, D>
}

function wrap(database: TransactionHost, body: Body, begin: string) {
  return function transaction(this: unknown, ...args: never[]): unknown {
    const isNested = database.inTransaction
    database.exec(isNested ? `SAVEPOINT ${SAVEPOINT}` : begin)
    try {
      const result = body.apply(this, args)
      // Its later parts would run after the commit, outside of any transaction.
      if (isThenable(result)) throw new TypeError('Transaction function cannot return a promise')
      database.exec(isNested ? `RELEASE ${SAVEPOINT}` : 'COMMIT')
      return result
    } catch (error) {
      // A statement may have rolled the transaction back already.
      if (database.inTransaction) {
        if (isNested) database.exec(`ROLLBACK TO ${SAVEPOINT}; RELEASE ${SAVEPOINT}`)
        else database.exec('ROLLBACK')
      }
      throw error
    }
  }
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
