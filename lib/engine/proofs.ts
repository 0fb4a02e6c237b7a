// Which statements need no watching: what they do is known from their text, their values and the schema.
//
// A statement is proven when it is plain (format/plain-statement.ts: one table, no conflict resolution, no call and no
// subquery in a WHERE) and
//
//   1  its table is an ordinary one of the main schema, and no TEMP table or view hides it
//   2  nobody's trigger is on the table
//   3  no constraint of the table resolves conflicts in its own way: a failure undoes the statement, and nothing else
//   4  no foreign key that refers to the table has an action on what it does
//   5  every name in a WHERE is a column of the table, and not a generated one, which may be computed by the application
//   6  no column of the row's key is set
//
// Then the row is known that it touches, when it inserts one or says which by its rowid. Its text is known as well, to
// be run again at the same place among the other changes with the same effect, when moreover
//
//   7  nothing in it is computed but by plain expressions, defaults included
//   8  of UPDATE: no column is set that a UNIQUE index looks at. At redo the rows may come in another order, in which
//      one value would meet another on its way; a single row has no order
//   9  no real number becomes text: versions of SQLite write different digits
//  10  its values have literals that mean exactly the same in its place

import type { Database } from 'better-sqlite3'
import { lowerCase } from '../format/lexis.ts'
import { isComputed, type PlainStatement } from '../format/plain-statement.ts'
import type { CapturedSchema } from './captured-schema.ts'
import { ProvenChange } from './proven-change.ts'
import { ProvenInsert } from './proven-insert.ts'
import type { UserStatement } from './statement-kind.ts'
import { type ActingParents, readActingParents, readTableFacts, type TableFacts } from './table-facts.ts'

export type Proven = ProvenInsert | ProvenChange

/** The proofs of a connection's statements, found when first needed and again when the schema has changed. */
export class Proofs {
  readonly #sqlite: Database
  readonly #schema: CapturedSchema
  /** The schema for which everything below holds. */
  #version = -1
  #proofs = new WeakMap<UserStatement, Proven | 'none'>()
  #facts = new Map<string, TableFacts>()
  #parents: ActingParents | undefined

  constructor(sqlite: Database, schema: CapturedSchema) {
    this.#sqlite = sqlite
    this.#schema = schema
  }

  of(statement: UserStatement): Proven | undefined {
    if (statement.plain === undefined) return undefined
    if (this.#version !== this.#schema.version) {
      this.#version = this.#schema.version
      this.#proofs = new WeakMap()
      this.#facts = new Map()
      this.#parents = undefined
    }
    let proof = this.#proofs.get(statement)
    if (proof === undefined) {
      proof = this.#prove(statement.plain) ?? 'none'
      this.#proofs.set(statement, proof)
    }
    return proof === 'none' ? undefined : proof
  }

  #prove(statement: PlainStatement): Proven | undefined {
    const name = lowerCase(statement.table)
    const facts = this.#factsOf(name)
    if (facts === undefined || facts.resolvesConflicts || this.#schema.isTouchedByOthers(name))
      return undefined
    // A function of FTS4's may write.
    if (this.#schema.shadows.areThere && isComputed(statement)) return undefined
    if (statement.verb === 'INSERT') return ProvenInsert.of(statement, facts)
    this.#parents ??= readActingParents(this.#sqlite)
    const { onUpdate, onDelete } = this.#parents
    if (statement.verb === 'DELETE') {
      return onDelete.has(name) ? undefined : ProvenChange.of(statement, facts)
    }
    return ProvenChange.of(statement, facts, { mayChangeUnique: !onUpdate.has(name) })
  }

  #factsOf(name: string): TableFacts | undefined {
    const known = this.#facts.get(name)
    const table = [...this.#schema.tables].find(({ shape }) => lowerCase(shape.name) === name)
    if (known !== undefined || table === undefined) return known
    const sql = this.#schema.main.get(`table ${table.shape.name}`)?.sql ?? ''
    const facts = readTableFacts(this.#sqlite, table, sql)
    this.#facts.set(name, facts)
    return facts
  }
}
