import { lowerCase, upperCase, WORD_PATTERN } from '../format/lexis.ts'
import { type PlainStatement, parsePlainStatement } from '../format/plain-statement.ts'
import { leadingKeywords, skipBlank } from '../format/sql-scanner.ts'

/** What a statement is for, as far as the log must know. */
export type StatementKind =
  | 'read'
  | 'write'
  | 'begin'
  | 'commit'
  | 'rollback'
  | 'savepoint'
  | 'release'
  | 'rollback-to'
  | 'ddl'
  | 'analyze'
  | 'pragma'
  | 'vacuum'
  | 'attach'
  /** Changes nothing that a log would hold: REINDEX, VACUUM INTO, an empty text. */
  | 'other'
  /** Begins with no word that SQL statements begin with. */
  | 'unknown'

/** A statement of the user with what is known from its text. Made once, used at each run. */
export interface UserStatement {
  readonly sql: string
  readonly kind: StatementKind
  /** False when it cannot change anything that the files hold: reads, transaction control, most PRAGMAs. */
  readonly mayChange: boolean
  /** It asks for conflict resolution by REPLACE, which deletes rows without a trace. */
  readonly mayReplace: boolean
  /** It asks for conflict resolution by FAIL, which keeps what a failed statement did. */
  readonly mayFail: boolean
  /** A PRAGMA that sets a value: SQLite does so while it prepares the statement, even of an EXPLAIN. */
  readonly setsPragma: boolean
  /** It may change what ANALYZE found. */
  readonly mayChangeStatistics: boolean
  /** What it says, where that is simple enough to tell what it does. */
  readonly plain: PlainStatement | undefined
}

/** PRAGMAs whose values are part of the database. */
const PERSISTENT_PRAGMAS = new Set(['user_version', 'application_id'])
/** PRAGMAs whose value is an argument of a question or of work that is done when they run. */
const ASKING_PRAGMAS = new Set([
  'foreign_key_check',
  'foreign_key_list',
  'incremental_vacuum',
  'index_info',
  'index_list',
  'index_xinfo',
  'integrity_check',
  'optimize',
  'quick_check',
  'table_info',
  'table_list',
  'table_xinfo',
  'wal_checkpoint',
])
const CHANGING_KINDS = new Set<StatementKind>(['write', 'ddl', 'analyze', 'vacuum'])

/** What a single statement is, from its text alone: nothing is prepared. */
export function describeStatement(sql: string): UserStatement {
  const kind = kindOf(sql)
  return {
    sql,
    kind,
    mayChange: CHANGING_KINDS.has(kind) || (kind === 'pragma' && isPersistent(pragmaOf(sql))),
    mayReplace: asksFor('REPLACE', sql),
    mayFail: asksFor('FAIL', sql),
    setsPragma: isSetting(pragmaOf(sql)),
    mayChangeStatistics: kind === 'analyze' || (kind === 'write' && /sqlite_stat/i.test(sql)),
    plain: kind === 'write' ? parsePlainStatement(sql) : undefined,
  }
}

function isPersistent(pragma: Pragma | undefined): boolean {
  return isSetting(pragma) && pragma !== undefined && PERSISTENT_PRAGMAS.has(pragma.name)
}

function isSetting(pragma: Pragma | undefined): boolean {
  return pragma?.value !== undefined && !ASKING_PRAGMAS.has(pragma.name)
}

/** The kind of a single statement. */
export function kindOf(sql: string): StatementKind {
  switch (leadingKeywords(sql, 1)[0]) {
    case 'SELECT':
    case 'VALUES':
      return callsOptimize(sql) ? 'write' : 'read'
    case 'EXPLAIN':
      return 'read'
    case 'INSERT':
    case 'UPDATE':
    case 'DELETE':
    case 'REPLACE':
      return 'write'
    case 'WITH':
      return hasWritingVerb(sql) || callsOptimize(sql) ? 'write' : 'read'
    case 'BEGIN':
      return 'begin'
    case 'COMMIT':
    case 'END':
      return 'commit'
    case 'ROLLBACK':
      return hasWord('TO', sql) ? 'rollback-to' : 'rollback'
    case 'SAVEPOINT':
      return 'savepoint'
    case 'RELEASE':
      return 'release'
    case 'CREATE':
    case 'ALTER':
    case 'DROP':
      return 'ddl'
    case 'ANALYZE':
      return 'analyze'
    case 'PRAGMA':
      return pragmaOf(sql)?.name === 'optimize' ? 'analyze' : 'pragma'
    case 'VACUUM':
      return hasWord('INTO', sql) ? 'other' : 'vacuum'
    case 'ATTACH':
    case 'DETACH':
      return 'attach'
    case 'REINDEX':
      return 'other'
    default:
      return skipBlank(sql, 0, true) === sql.length ? 'other' : 'unknown'
  }
}

/** FTS4's function `optimize(table)`: it writes, in whatever statement it is called. */
export function callsOptimize(sql: string): boolean {
  if (!/optimize/i.test(sql)) return false
  const tokens = [...tokensOf(sql)].map(({ text }) => bare(text))
  return tokens.some(
    (token, at) => token === 'optimize' && tokens[at + 1] === '(' && tokens[at - 1] !== 'into',
  )
}

export interface Pragma {
  /** In lower case; undefined where it is not named. */
  readonly schema: string | undefined
  /** In lower case. */
  readonly name: string
  /** The new value in lower case, without quotes; undefined where the PRAGMA only asks. */
  readonly value: string | undefined
}

/**
 * `PRAGMA [schema.]name [= value]` or `PRAGMA [schema.]name(value)`, also behind EXPLAIN; undefined for anything
 * else.
 */
export function pragmaOf(sql: string): Pragma | undefined {
  const explained = explanationLength(sql)
  const at = leadingKeywords(sql, explained + 1).indexOf('PRAGMA')
  if (at < 0 || at !== explained) return undefined
  const tokens = [...tokensOf(sql)].map(({ text }) => text).slice(at + 1)
  const schema = tokens[1] === '.' ? bare(tokens[0] ?? '') : undefined
  const [name, sign, ...value] = schema === undefined ? tokens : tokens.slice(2)
  if (name === undefined) return undefined
  const hasValue = sign === '=' || sign === '('
  const text = value.filter((token) => token !== ')' && token !== ';').join('')
  return { schema, name: bare(name), value: hasValue ? bare(text) : undefined }
}

/** How many words `EXPLAIN [QUERY PLAN]` has at the beginning of a statement. */
function explanationLength(sql: string): number {
  const [first, second] = leadingKeywords(sql, 2)
  if (first !== 'EXPLAIN') return 0
  return second === 'QUERY' ? 3 : 1
}

/**
 * True when a statement or a schema text resolves conflicts in this way: `OR FAIL`, `ON CONFLICT FAIL`,
 * `RAISE(FAIL`; `REPLACE INTO`, `OR REPLACE`, but not the function `replace(…)`. In doubt it is true.
 */
export function asksFor(resolution: 'REPLACE' | 'FAIL', sql: string): boolean {
  if (!(resolution === 'REPLACE' ? /replace/i : /fail/i).test(sql)) return false
  const tokens = [...tokensOf(sql)]
  return tokens.some(({ text, isWord }, at) => {
    if (!isWord || text !== resolution) return false
    const [before, previous, next] = [tokens[at - 2]?.text, tokens[at - 1]?.text, tokens[at + 1]?.text]
    if (previous === 'OR' || previous === 'CONFLICT') return next !== '('
    return resolution === 'REPLACE' ? next === 'INTO' : previous === '(' && before === 'RAISE'
  })
}

export function hasWord(word: string, sql: string): boolean {
  for (const token of tokensOf(sql)) if (token.isWord && token.text === word) return true
  return false
}

export interface Token {
  /** A bare word in upper case; anything else as it stands. */
  readonly text: string
  readonly isWord: boolean
}

const TOKEN = String.raw`(${WORD_PATTERN})|'[^']*'?|"[^"]*"?|${'`[^`]*`?'}|\[[^\]]*\]?|\d[\w.]*|.`

/**
 * The tokens of SQL without comments and empty statements before it. A doubled quote splits a literal in two:
 * nothing here reads literals.
 */
export function* tokensOf(sql: string): Generator<Token> {
  const pattern = new RegExp(TOKEN, 'sy')
  for (let at = skipBlank(sql, 0, true); ; at = skipBlank(sql, pattern.lastIndex)) {
    pattern.lastIndex = at
    const match = pattern.exec(sql)
    if (match === null) return
    const [text, word] = match
    yield word === undefined ? { text, isWord: false } : { text: upperCase(word), isWord: true }
  }
}

/** Of `WITH … verb …`: the verb is the first word outside of parentheses that can be one and names no table. */
function hasWritingVerb(sql: string): boolean {
  let depth = 0
  let verb: string | undefined
  for (const { text, isWord } of tokensOf(sql)) {
    // REPLACE may be the name of a common table expression: `WITH replace AS (…)`, `WITH replace(a) AS (…)`.
    if (verb === 'REPLACE' && (text === 'AS' || text === '(')) verb = undefined
    if (verb !== undefined) return true
    if (text === '(') depth++
    else if (text === ')') depth--
    else if (depth === 0 && isWord) {
      if (text === 'SELECT' || text === 'VALUES') return false
      if (text === 'INSERT' || text === 'UPDATE' || text === 'DELETE' || text === 'REPLACE') verb = text
    }
  }
  return verb !== undefined
}

/** A name without its quotes, in lower case. */
export function bare(token: string): string {
  return lowerCase(token.replace(/^['"`[](.*)['"`\]]$/s, '$1'))
}
