import type { Database } from 'better-sqlite3'
import { quoteName } from '../format/sql-literal.ts'

export interface SchemaObject {
  readonly type: 'table' | 'index' | 'view' | 'trigger'
  readonly name: string
  /** The table or view that it belongs to; of a table, its own name. */
  readonly tableName: string
  /** Null for the indexes of constraints. */
  readonly sql: string | null
}

/** The objects of a schema by type and name, in the order in which they were created. */
export type Schema = ReadonlyMap<string, SchemaObject>

export function readSchema(sqlite: Database, schema: string): Schema {
  const objects = sqlite
    .prepare<[], SchemaObject>(
      `SELECT type, name, tbl_name AS tableName, sql FROM ${quoteName(schema)}.sqlite_schema ORDER BY rowid`,
    )
    .all()
  return new Map(objects.map((object) => [`${object.type} ${object.name}`, object]))
}

/** The objects of `schema` that `other` does not have, or has with another text. */
export function missingFrom(other: Schema, schema: Schema): SchemaObject[] {
  return [...schema].filter(([id, { sql }]) => other.get(id)?.sql !== sql).map(([, object]) => object)
}

/** The tables that one schema has and the other has not, or has with another text. */
export function changedTables(before: Schema, after: Schema): string[] {
  const objects = [...missingFrom(before, after), ...missingFrom(after, before)]
  return objects.flatMap(({ type, name }) => (type === 'table' ? [name] : []))
}

/** SQLite's own tables and indexes: they come and go with others. */
export function isInternal({ name, sql }: { readonly name: string; readonly sql: unknown }): boolean {
  return sql === null || name.startsWith('sqlite_')
}
