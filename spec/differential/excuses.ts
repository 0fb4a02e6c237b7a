// Where scriptlog may differ, each with its reason. It refuses some statements; and its TEMP triggers let SQLite take
// paths that it takes with any trigger. Everything else is a difference.

/** What ours alone may refuse: the statement is left out on the other side. */
const REFUSALS: readonly { readonly reason: string; readonly message: RegExp }[] = [
  {
    reason: 'a TEMP trigger AFTER the change may hide rows from capture',
    message: /^refused: (RAISE\(IGNORE\) in|FAIL together with) a TEMP trigger AFTER the change/,
  },
  {
    reason: 'ALTER or VACUUM beside a TEMP table of the same name',
    message: /^refused: the TEMP table or view .* hides one of the database/,
  },
  {
    reason: 'recursive_triggers beside full-text search',
    message: /^refused: (with PRAGMA recursive_triggers=ON )?changes of FTS tables cannot be captured/,
  },
  {
    reason: 'half a surrogate pair in the text of a statement',
    message: /^the SQL contains half a surrogate pair/,
  },
]

/** Why ours alone may refuse this; undefined when it may not. */
export function refusalOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  return REFUSALS.find(({ message }) => message.test(error.message))?.reason
}

/** Errors of expressions, which may come between two rows of an INSERT. */
const WITHIN_ROWS = /message: "(integer overflow|malformed JSON|boom)/

/** Whether a statement failed in a way that leaves the last inserted rowid open. */
export function mayLeaveRowid(outcome: string): boolean {
  return WITHIN_ROWS.test(outcome) || outcome.includes('FOREIGN KEY constraint failed')
}

/** Why two outcomes may differ, after which nothing more can be compared; undefined when they may not. */
export function excuseOf(
  call: string,
  ours: string,
  plain: string,
  story: readonly string[],
): string | undefined {
  // With triggers all rows of an INSERT are computed before the first is written.
  if (WITHIN_ROWS.test(ours) && plain.includes('thrown: ')) return 'an expression fails between two rows'
  // Without triggers SQLite lets a row in whose parent is missing.
  if (/FOREIGN KEY constraint failed/.test(ours) && story.some((line) => line.includes('REPLACE')))
    return 'REPLACE with a reference to its own table'
  // Capture may have to make a trigger before SQLite sees what else is wrong with the statement.
  if (/SQLITE_READONLY/.test(ours) && /thrown: "SqliteError"/.test(plain))
    return 'PRAGMA query_only, and another error'
  // SQLite looks for the key that a reference means when a statement may write several rows, as with triggers.
  if (/foreign key mismatch/.test(ours))
    return 'a row for the parent of a foreign key that has no such parent key'
  if (/no such table: (main\.)?sqlite_sequence/.test(ours)) return 'the empty sqlite_sequence, after an open'
  // A script has triggers behind views, whenever they were made: ALTER looks at them in that order after an open.
  if ([ours, plain].every((each) => /"error in (view|trigger) \w+ after/.test(each)))
    return 'ALTER finds two things wrong'
  // Where there are triggers an UPDATE begins a savepoint, and FTS4 writes what it held back.
  const [oursRest, plainRest] = [ours, plain].map((each) => each.replace(/lastInsertRowid: \d+/, ''))
  if (oursRest === plainRest && !/\bINTO\b/i.test(call) && story.some((line) => line.includes('USING fts4')))
    return 'the last inserted rowid of a statement that inserts nothing, beside FTS4'
  // What capture reads and writes of virtual tables leaves its own number behind.
  const [oursKept, plainKept] = [ours, plain].map((each) => each.replace(/changes: \d+/, ''))
  const writes = /\b(INSERT|UPDATE|DELETE|REPLACE)\b/i.test(call)
  if (oursKept === plainKept && !writes && story.some((line) => line.includes('VIRTUAL TABLE')))
    return 'the changes of a statement that changes nothing, beside virtual tables'
  // A recovery may have registered what a DEFAULT calls: see engine/missing-functions.ts.
  if (/(no such|unknown) function: (twice|boom|ticks)/.test(plain))
    return 'a function that only a recovery has registered'
  // ALTER reads the schema again, while the user trusts it no more.
  if ([ours, plain].every((each) => /unsafe use of/.test(each))) return 'ALTER of what is not trusted'
  return undefined
}

/** Why what an equal outcome leaves behind may differ. */
export function excuseOfEqual(call: string, outcome: string, story: readonly string[]): string | undefined {
  // Nobody hears of a commit that fails after get(), and without triggers SQLite lets the row in.
  if (/REPLACE.*RETURNING.*\.(get|iterate)\(/.test(call) && story.some((line) => line.includes('REFERENCES')))
    return 'REPLACE with a reference to its own table, by get()'
  // Without triggers SQLite keeps the rows before the one that fails so, if a transaction is open.
  if (/foreign key mismatch/.test(outcome))
    return 'statements before one that has a foreign key without a parent key'
  if (/datatype mismatch/.test(outcome) && /REPLACE|IGNORE|FAIL|ROLLBACK|ticks/.test(call)) {
    return 'a rowid that is no integer, in one of several rows'
  }
  return undefined
}
