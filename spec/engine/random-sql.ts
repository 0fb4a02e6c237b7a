import type { Database } from 'better-sqlite3'
import { quoteName } from '../../lib/format/sql-literal.ts'

const MOST_TRIGGERS = 5

/** Random SQL on a random schema: small values, so that everything collides with everything. */
export class RandomSql {
  readonly #random: () => number
  readonly #sqlite: Database
  #names = 0

  constructor(random: () => number, sqlite: Database) {
    this.#random = random
    this.#sqlite = sqlite
  }

  /** Statements that make the first schema; each is to be run before the next is taken. */
  *schema(): Generator<string> {
    for (let tables = 2 + this.#below(3); tables > 0; tables--) yield this.#createTable()
    for (let indexes = this.#below(4); indexes > 0; indexes--) yield this.#createIndex()
    for (let triggers = this.#below(4); triggers > 0; triggers--) yield this.#createTrigger()
    yield `PRAGMA foreign_keys=${this.#pick(['ON', 'OFF'])}`
  }

  statement(): string {
    const dice = this.#random()
    if (dice < 0.3) return this.#insert()
    if (dice < 0.5) return this.#update()
    if (dice < 0.6) return this.#delete()
    if (dice < 0.85) return this.#transaction()
    if (dice < 0.95) return this.#ddl()
    return this.#other()
  }

  // --- rows ---

  #insert(isInTrigger = false): string {
    const table = this.#table()
    const columns = this.#some(this.#columns(table))
    const verb = this.#pick(['INSERT', 'INSERT', 'INSERT', 'REPLACE', `INSERT OR ${this.#resolution()}`])
    const into = `${verb} INTO ${quoteName(table)}(${columns.map(quoteName)})`
    if (!isInTrigger && this.#chance(0.15)) {
      const values = columns.map(() => this.#expression(table)).join()
      return `${into} SELECT ${values} FROM ${quoteName(table)} LIMIT ${this.#below(4)}`
    }
    const values = () => columns.map(() => this.#value()).join()
    // Triggers must not make a table grow without end.
    const rows = isInTrigger
      ? ` SELECT ${values()} WHERE (SELECT count(*) FROM ${quoteName(table)})<20`
      : ` VALUES${Array.from({ length: 1 + this.#below(4) }, () => `(${values()})`)}`
    const upsert =
      verb === 'INSERT' && this.#chance(0.2)
        ? ` ON CONFLICT DO ${this.#pick(['NOTHING', `UPDATE SET ${this.#assignments(table)}`])}`
        : ''
    return into + rows + upsert
  }

  #update(): string {
    const table = this.#table()
    const or = this.#chance(0.4) ? ` OR ${this.#resolution()}` : ''
    return `UPDATE${or} ${quoteName(table)} SET ${this.#assignments(table)}${this.#where(table)}`
  }

  #delete(): string {
    const table = this.#table()
    return `DELETE FROM ${quoteName(table)}${this.#where(table)}`
  }

  #assignments(table: string): string {
    return this.#some(this.#columns(table))
      .map((column) => `${quoteName(column)}=${this.#expression(table)}`)
      .join()
  }

  #where(table: string): string {
    if (this.#chance(0.2)) return ''
    const column = quoteName(this.#pick(this.#columns(table)))
    return ` WHERE ${column} ${this.#pick(['=', '<', '>', '<>', 'IS'])} ${this.#value()}`
  }

  #expression(table: string): string {
    if (this.#chance(0.6)) return this.#value()
    const column = quoteName(this.#pick(this.#columns(table)))
    return this.#pick([column, `${column}+1`, `-${column}`, `upper(${column})`, `replace(${column},'a','b')`])
  }

  #value(): string {
    if (this.#chance(0.6)) return String(this.#below(7))
    return this.#pick([
      'NULL',
      '-3',
      '9007199254740993',
      '1.0',
      '2.5',
      "'a'",
      "'A'",
      "'b'",
      "'ab'",
      "'1'",
      "x'61'",
      'char(10,0)',
    ])
  }

  #resolution(): string {
    return this.#pick(['REPLACE', 'REPLACE', 'IGNORE', 'FAIL', 'ABORT', 'ROLLBACK'])
  }

  // --- transactions and the like ---

  #transaction(): string {
    const name = this.#pick(['s', 't'])
    if (!this.#sqlite.inTransaction) return this.#pick(['BEGIN', 'BEGIN', `SAVEPOINT ${name}`])
    return this.#pick([
      'COMMIT',
      'COMMIT',
      'ROLLBACK',
      `SAVEPOINT ${name}`,
      `SAVEPOINT ${name}`,
      `RELEASE ${name}`,
      `ROLLBACK TO ${name}`,
    ])
  }

  #other(): string {
    return this.#pick([
      `PRAGMA user_version=${this.#below(9)}`,
      `PRAGMA application_id=${this.#below(9)}`,
      `PRAGMA recursive_triggers=${this.#triggers() > 0 ? 'OFF' : this.#pick(['ON', 'OFF'])}`,
      `PRAGMA foreign_keys=${this.#pick(['ON', 'OFF'])}`,
      'ANALYZE',
      `UPDATE sqlite_sequence SET seq=${this.#below(9)}`,
      'DELETE FROM sqlite_sequence',
      'REINDEX',
      `SELECT count(*) FROM ${quoteName(this.#table())}`,
    ])
  }

  // --- schema ---

  #ddl(): string {
    const table = this.#table()
    const column = this.#pick(this.#columns(table))
    const other = (type: string) =>
      this.#pick([
        ...this.#sqlite
          .prepare<[string], string>('SELECT name FROM sqlite_schema WHERE type=? AND sql NOT NULL')
          .pluck()
          .all(type),
        'none',
      ])
    return this.#pick([
      () => this.#createTable(),
      () => this.#createIndex(),
      () => this.#createIndex(),
      () => this.#createTrigger(),
      () => this.#createTrigger(),
      () => `CREATE TABLE ${this.#name('t')} AS SELECT * FROM ${quoteName(table)}`,
      () =>
        `CREATE TEMP TABLE ${quoteName(this.#pick([table, this.#name('tt')]))} AS SELECT * FROM main.${quoteName(table)}`,
      () => `DROP TABLE temp.${quoteName(table)}`,
      () => `CREATE VIEW ${this.#name('v')} AS SELECT * FROM ${quoteName(table)}`,
      () => `ALTER TABLE ${quoteName(table)} ADD COLUMN ${this.#name('c')} DEFAULT ${this.#value()}`,
      () =>
        `ALTER TABLE ${quoteName(table)} RENAME COLUMN ${quoteName(column)} TO ${this.#pick([this.#name('c'), 'oid', 'rowid'])}`,
      () => `ALTER TABLE ${quoteName(table)} RENAME TO ${this.#name('t')}`,
      () => `ALTER TABLE ${quoteName(table)} DROP COLUMN ${quoteName(column)}`,
      () => `DROP TABLE ${quoteName(table)}`,
      () => `DROP INDEX ${quoteName(other('index'))}`,
      () => `DROP TRIGGER ${quoteName(other('trigger'))}`,
      () => `DROP VIEW ${quoteName(other('view'))}`,
    ])()
  }

  #createTable(): string {
    const name = this.#name('t')
    const conflict = () => (this.#chance(0.25) ? ` ON CONFLICT ${this.#resolution()}` : '')
    const action = () => this.#pick(['CASCADE', 'SET NULL', 'SET DEFAULT', 'RESTRICT', 'NO ACTION'])
    const form = this.#below(6)
    const parents = [...this.#parents(), ...(form < 4 ? [name] : [])]
    const reference = () =>
      `REFERENCES ${quoteName(this.#pick(parents))} ON DELETE ${action()} ON UPDATE ${action()}${this.#pick(['', ' DEFERRABLE INITIALLY DEFERRED'])}`
    const columns = [
      `a ${this.#pick(['', 'INTEGER', 'TEXT', 'REAL', 'TEXT COLLATE NOCASE'])}${this.#chance(0.3) ? ` UNIQUE${conflict()}` : ''}`,
      `b ${this.#pick(['', 'INTEGER', 'TEXT'])} ${this.#pick(['', `NOT NULL${conflict()} DEFAULT 3`, 'CHECK(b<6)', 'DEFAULT 1'])}`,
      `c ${parents.length > 0 && this.#chance(0.6) ? reference() : ''}`,
      ...(this.#chance(0.2) ? [`g GENERATED ALWAYS AS (a||b) ${this.#pick(['STORED', 'VIRTUAL'])}`] : []),
    ]
    const comment = this.#pick(['', ' -- a comment; with a semicolon', ' /* another */'])
    switch (form) {
      case 0:
        return `CREATE TABLE ${name}(id INTEGER PRIMARY KEY AUTOINCREMENT, ${columns.join(', ')})${comment}`
      case 1:
      case 2:
        return `CREATE TABLE ${name}(id INTEGER PRIMARY KEY${conflict()}, ${columns.join(', ')})${comment}`
      case 3:
        return `CREATE TABLE ${name}(id ${this.#pick(['', 'TEXT COLLATE NOCASE'])} PRIMARY KEY${conflict()}, ${columns.join(', ')}) WITHOUT ROWID${comment}`
      case 4:
        return `CREATE TABLE ${name}(id ${this.#pick(['', 'COLLATE NOCASE'])}, ${columns.join(', ')}, PRIMARY KEY(id ${this.#pick(['', 'COLLATE NOCASE', 'COLLATE BINARY'])}, b)) WITHOUT ROWID${comment}`
      default:
        return `CREATE TABLE ${name}(${columns.join(', ')})${comment}`
    }
  }

  #createIndex(): string {
    const table = this.#table()
    const [first, second] = [this.#pick(this.#columns(table)), this.#pick(this.#columns(table))].map(
      quoteName,
    )
    const terms = this.#pick([
      `${first}`,
      `${first} COLLATE NOCASE`,
      `lower(${first})`,
      `${first}, ${second} DESC`,
      `abs(${first})`,
    ])
    const where = this.#chance(0.25) ? ` WHERE ${second} > 1` : ''
    const unique = this.#chance(0.7) ? 'UNIQUE ' : ''
    return `CREATE ${unique}INDEX ${this.#name('i')} ON ${quoteName(table)}(${terms})${where}`
  }

  #createTrigger(): string {
    // Triggers that call each other without end would be a test of patience.
    if (this.#sqlite.pragma('recursive_triggers', { simple: true }) === 1)
      return 'PRAGMA recursive_triggers=OFF'
    if (this.#triggers() >= MOST_TRIGGERS) return 'SELECT 1'
    const table = this.#table()
    const temp = this.#chance(0.2) ? 'TEMP ' : ''
    const event = this.#pick(['INSERT', 'UPDATE', 'DELETE'])
    const time = this.#pick(['AFTER', 'AFTER', 'BEFORE'])
    const row = event === 'DELETE' ? 'OLD' : 'NEW'
    const column = `${row}.${quoteName(this.#pick(this.#columns(table)))}`
    const when = this.#chance(0.5) ? ` WHEN ${column} > 2` : ''
    const body = Array.from({ length: 1 + this.#below(2) }, () =>
      this.#pick([
        () => this.#insert(),
        () => this.#update(),
        () => this.#delete(),
        () =>
          `SELECT RAISE(${this.#pick(['IGNORE', "ABORT, 'no'", "FAIL, 'no'", "ROLLBACK, 'no'"])}) WHERE ${column} = 4`,
      ])(),
    )
    return `CREATE ${temp}TRIGGER ${this.#name('g')} ${time} ${event} ON ${quoteName(table)}${when} BEGIN ${body.join('; ')}; END`
  }

  // --- what is there ---

  #triggers(): number {
    const count = (schema: string) =>
      this.#sqlite
        .prepare<[], number>(
          `SELECT count(*) FROM ${schema}.sqlite_schema WHERE type='trigger' AND name NOT GLOB 'scriptlog:*'`,
        )
        .pluck()
        .get() ?? 0
    return count('main') + count('temp')
  }

  #tables(): string[] {
    return this.#sqlite
      .prepare<[], string>(
        "SELECT name FROM main.sqlite_schema WHERE type='table' AND name NOT LIKE 'sqlite%'",
      )
      .pluck()
      .all()
  }

  /** Tables that a foreign key can refer to by name alone. */
  #parents(): string[] {
    const keys = this.#sqlite
      .prepare<[string], number>("SELECT count(*) FROM pragma_table_info(?,'main') WHERE pk>0")
      .pluck()
    return this.#tables().filter((table) => keys.get(table) === 1)
  }

  #table(): string {
    const tables = this.#tables()
    return tables.length === 0 ? 'none' : this.#pick(tables)
  }

  #columns(table: string): string[] {
    const columns = this.#sqlite
      .prepare<[string], string>("SELECT name FROM pragma_table_xinfo(?,'main') WHERE hidden=0")
      .pluck()
      .all(table)
    return columns.length === 0 ? ['none'] : this.#chance(0.1) ? [...columns, 'rowid'] : columns
  }

  // --- dice ---

  #name(prefix: string): string {
    this.#names++
    return `${prefix}${this.#names}`
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }

  #chance(probability: number): boolean {
    return this.#random() < probability
  }

  #pick<T>(values: readonly T[]): T {
    const value = values[this.#below(values.length)]
    if (value === undefined) throw new Error('nothing to pick from')
    return value
  }

  #some(values: readonly string[]): string[] {
    const some = values.filter(() => this.#chance(0.6))
    return some.length > 0 ? some : values.slice(0, 1)
  }
}
