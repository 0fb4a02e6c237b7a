/** The public door of scriptlog. */
import * as named from './exports.ts'

export * from './exports.ts'
export { Database as default } from './exports.ts'

type Named = typeof named
declare module './database/database.ts' {
  interface DatabaseConstructor extends Named {}
}

// What `require('scriptlog')` returns: `Database`, as `require('better-sqlite3')` does, with every export on it.
Object.assign(named.Database, named, { default: named.Database })

export { Database as 'module.exports' } from './exports.ts'
