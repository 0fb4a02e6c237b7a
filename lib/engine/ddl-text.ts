import { messageOf, ScriptlogError } from '../errors.ts'
import { ownStatements } from '../format/own-statements.ts'
import { quoteName } from '../format/sql-literal.ts'
import { leadingKeywords, splitStatements, terminated } from '../format/sql-scanner.ts'
import { isInternal, missingFrom, type Schema, type SchemaObject } from './schema.ts'
import { isVirtual } from './shadow-tables.ts'

/**
 * What a DDL statement did to the main schema, as statements that do it anywhere; empty when it did nothing there
 * (IF EXISTS, TEMP objects). New objects are written as SQLite keeps their text: so a CREATE TABLE … AS SELECT is
 * a table, whose rows follow, and no name depends on what other schemas hold. Only ALTER has no other text than
 * the user's.
 * @throws {ScriptlogError} for what loading and redo would refuse: better now than at the next open.
 */
export function ddlText(sql: string, before: Schema, after: Schema): string {
  const text = changeText(sql, before, after)
  assertKeepable(text)
  return text
}

function changeText(sql: string, before: Schema, after: Schema): string {
  const created = withoutShadows(missingFrom(before, after).filter((object) => !isInternal(object)))
  const dropped = withoutShadows(missingFrom(after, before))
  switch (leadingKeywords(sql, 1)[0]) {
    case 'CREATE':
      return created.map((object) => `${terminated(object.sql ?? '')}\n`).join('')
    case 'DROP': {
      const type = leadingKeywords(sql, 2)[1] ?? ''
      return dropped
        .filter((object) => object.type === type.toLowerCase())
        .map(({ name }) => `DROP ${type}${isStatistics(name) ? ' IF EXISTS' : ''} ${quoteName(name)};\n`)
        .join('')
    }
    default:
      if (created.length === 0) return ''
      return [...splitStatements(sql)].map(({ text }) => `${terminated(text)}\n`).join('')
  }
}

/** The shadow tables of a virtual table come and go with it. */
function withoutShadows(objects: readonly SchemaObject[]): readonly SchemaObject[] {
  const virtual = objects.filter(({ sql }) => sql !== null && isVirtual(sql))
  return virtual.length > 0 ? virtual : objects
}

/** What ANALYZE creates, and a snapshot may leave out. */
function isStatistics(name: string): boolean {
  return name.startsWith('sqlite_stat')
}

function assertKeepable(text: string): void {
  try {
    for (const _ of ownStatements(text));
  } catch (cause) {
    throw new ScriptlogError('SCRIPTLOG_CANNOT_KEEP', `this cannot be kept: ${messageOf(cause)}`, {
      reason: 'sql',
      severity: 'soft',
      cause,
    })
  }
}
