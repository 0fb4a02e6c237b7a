// Virtual tables of modules that the application registers by `db.table()`. Nothing of them is stored but their
// definition, and their module is there only once the application has registered it again. As in a SQLite file, the
// definition is in the schema all the while: it is put there without running the module, and a query before that says
// that there is no such module.

import type { Database } from 'better-sqlite3'
import { ScriptlogError } from '../errors.ts'
import { lowerCase } from '../format/lexis.ts'
import { isKeptModule, virtualTableOf } from '../format/schema-grammar.ts'
import { readSchema, type Schema } from './schema.ts'
import { virtualTablesIn } from './shadow-tables.ts'

const modules = new WeakMap<Database, Set<string>>()

/** Notes that the application has registered a module. */
export function noteUserModule(sqlite: Database, name: string): void {
  const known = modules.get(sqlite) ?? new Set()
  modules.set(sqlite, known.add(lowerCase(name)))
}

/** Whether a virtual table of this module is one of the application's, or of a module that SQLite does not have. */
export function isUserModule(sqlite: Database, module: string): boolean {
  const name = lowerCase(module)
  if (modules.get(sqlite)?.has(name) === true) return true
  return !sqlite
    .prepare<[], string>('SELECT name FROM pragma_module_list')
    .pluck()
    .all()
    .some((known) => lowerCase(known) === name)
}

export function hasUserTables(schema: Schema): boolean {
  return virtualTablesIn(schema).some(({ sql }) => !isKeptModule(virtualTableOf(sql)?.module ?? ''))
}

/**
 * Puts the definition of such a table into the schema. SQLite must be in unsafe mode.
 * @throws {ScriptlogError} when the name is taken, or the text is no definition.
 */
export function defineUserTable(sqlite: Database, text: string): void {
  const name = virtualTableOf(text)?.name
  if (name === undefined) {
    throw new ScriptlogError('SCRIPTLOG_NO_DEFINITION', 'this is no definition as SQLite keeps it', {
      reason: 'sql',
    })
  }
  const taken = sqlite.prepare('SELECT 1 FROM main.sqlite_schema WHERE name=? COLLATE NOCASE').get(name)
  if (taken !== undefined || lowerCase(name).startsWith('sqlite_')) {
    throw new ScriptlogError('SCRIPTLOG_NAME_TAKEN', `there is already an object named ${name}`, {
      reason: 'sql',
    })
  }
  changeSchema(sqlite, () =>
    sqlite
      .prepare("INSERT INTO main.sqlite_schema(type,name,tbl_name,rootpage,sql) VALUES('table',?,?,0,?)")
      .run(name, name, text.replace(/;$/, '')),
  )
}

/** Removes the definition of the table that a DROP TABLE names, if it is such a table; false when it is none. */
export function dropUserTable(sqlite: Database, sql: string): boolean {
  const name = /^DROP TABLE (?:"((?:[^"]|"")*)"|(\w+));$/.exec(sql)
  const wanted = lowerCase(name?.[1]?.replaceAll('""', '"') ?? name?.[2] ?? '')
  const table = virtualTablesIn(readSchema(sqlite, 'main')).find((one) => lowerCase(one.name) === wanted)
  if (table === undefined || isKeptModule(virtualTableOf(table.sql)?.module ?? '')) return false
  changeSchema(sqlite, () =>
    sqlite.prepare("DELETE FROM main.sqlite_schema WHERE type='table' AND name=?").run(table.name),
  )
  return true
}

/** SQLite reads the schema anew afterwards, and says so when it is malformed. */
function changeSchema(sqlite: Database, change: () => void): void {
  sqlite.pragma('writable_schema=ON')
  try {
    change()
  } finally {
    sqlite.pragma('writable_schema=RESET')
  }
  sqlite.prepare('SELECT 1 FROM main.sqlite_schema').get()
}
