/** What capture and dump need to know of an ordinary table of the main schema. */
export interface TableShape {
  readonly name: string
  /** Columns that are stored and can be written (generated ones left out), in their order. */
  readonly columns: readonly string[]
  readonly key: RowidKey | PrimaryKey
  /** True when some UNIQUE index (or a PRIMARY KEY that is not the rowid) exists beside the row's key. */
  readonly hasSecondaryUnique: boolean
  readonly isAutoincrement: boolean
}

/** The table has rowids. */
export interface RowidKey {
  readonly kind: 'rowid'
  /** A name by which SQL can reach the rowid: the INTEGER PRIMARY KEY column, or `rowid`, `_rowid_` or `oid`, whichever no column takes. */
  readonly name: string
  /** True when `name` is a declared column, so that the rowid is already among `columns`. */
  readonly isColumn: boolean
}

/** The table is WITHOUT ROWID. */
export interface PrimaryKey {
  readonly kind: 'primary-key'
  readonly columns: readonly string[]
}
