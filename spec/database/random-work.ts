// Random calls on a database of some tables that hang together: transactions, savepoints, cascades, collisions, changes
// of the schema. What they do does not depend on the order in which SQLite happens to visit rows.

import { outcome, type SqlDatabase } from './twins.ts'

/** One call, for any number of databases, and how a person reads it. */
export interface Call {
  readonly says: string
  on(db: SqlDatabase): unknown
}

export const SCHEMA = `
  CREATE TABLE account(id INTEGER PRIMARY KEY, owner TEXT UNIQUE COLLATE NOCASE, balance INT NOT NULL CHECK(balance >= 0));
  CREATE TABLE entry(id INTEGER PRIMARY KEY AUTOINCREMENT, account INT REFERENCES account ON DELETE CASCADE ON UPDATE CASCADE,
    amount REAL, note TEXT);
  CREATE TABLE tag(word TEXT, entry INT REFERENCES entry ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
    PRIMARY KEY(word)) WITHOUT ROWID;
  CREATE TABLE history(what TEXT);
  CREATE INDEX entry_account ON entry(account);
  CREATE TRIGGER entry_added AFTER INSERT ON entry BEGIN
    UPDATE account SET balance = balance + 1 WHERE id = new.account;
    INSERT INTO history VALUES('added ' || new.id);
  END;
  CREATE TRIGGER account_gone AFTER DELETE ON account BEGIN INSERT INTO history VALUES('gone ' || old.owner); END;
`

const TEXTS = ['', 'a', "it's", 'x\ny', '\0', 'COMMIT; --@ lsn=0/00000000\n', '🙂', 'long '.repeat(200)]
const SAVEPOINTS = ['s', '"t u"']

export class RandomWork {
  readonly #random: () => number

  constructor(random: () => number) {
    this.#random = random
  }

  call(): Call {
    const dice = this.#random()
    if (dice < 0.3) return this.#insert()
    if (dice < 0.45) return this.#update()
    if (dice < 0.53) return this.#delete()
    if (dice < 0.6) return this.#returning()
    if (dice < 0.82) return this.#transactionControl()
    if (dice < 0.9) return this.#transactionFunction()
    return this.#schemaChange()
  }

  #insert(): Call {
    const or = this.#pick(['', '', 'OR IGNORE', 'OR REPLACE', 'OR ROLLBACK', 'OR FAIL'])
    return this.#pick([
      () =>
        statement(`INSERT ${or} INTO account VALUES(?, ?, ?)`, [
          this.#key(),
          this.#owner(),
          this.#below(9) - 1,
        ]),
      () =>
        statement(`INSERT ${or} INTO account(owner, balance) VALUES(?, 1), (?, 2)`, [
          this.#owner(),
          this.#owner(),
        ]),
      () =>
        statement('INSERT INTO entry(account, amount, note) VALUES(?, ?, ?)', [
          this.#key(),
          this.#below(5) / 2,
          this.#text(),
        ]),
      () => statement(`INSERT ${or} INTO tag VALUES(?, ?)`, [this.#owner(), this.#key()]),
      () =>
        statement(
          'INSERT INTO account(id, owner, balance) VALUES(?, ?, 5) ON CONFLICT(owner) DO UPDATE SET balance = balance + 10 ON CONFLICT(id) DO NOTHING',
          [this.#key(), this.#owner()],
        ),
      () =>
        statement('INSERT INTO history SELECT note FROM entry WHERE account = ? ORDER BY id', [this.#key()]),
      () => statement('INSERT INTO history VALUES(?)', [this.#text()]),
    ])()
  }

  #update(): Call {
    return this.#pick([
      () => statement('UPDATE account SET balance = balance - ? WHERE id = ?', [this.#below(4), this.#key()]),
      () => statement('UPDATE OR IGNORE account SET id = ? WHERE id = ?', [this.#key(), this.#key()]),
      () => statement('UPDATE account SET owner = ? WHERE id = ?', [this.#owner(), this.#key()]),
      () =>
        statement('UPDATE entry SET amount = amount * 2, note = ? WHERE account = ?', [
          this.#text(),
          this.#key(),
        ]),
      () => statement('UPDATE entry SET amount = -amount', []),
      () => statement('UPDATE tag SET entry = ? WHERE word = ?', [this.#key(), this.#owner()]),
      () => statement('UPDATE OR REPLACE tag SET word = ? WHERE word = ?', [this.#owner(), this.#owner()]),
    ])()
  }

  #delete(): Call {
    return this.#pick([
      () => statement('DELETE FROM account WHERE id = ?', [this.#key()]),
      () => statement('DELETE FROM entry WHERE id % 3 = ?', [this.#below(3)]),
      () => statement('DELETE FROM tag WHERE word = ?', [this.#owner()]),
      () => statement('DELETE FROM history', []),
    ])()
  }

  /** Rows of a writing statement, read to the end or broken off. */
  #returning(): Call {
    const sql = 'UPDATE account SET balance = balance + 1 WHERE id < ? RETURNING id, balance'
    const key = this.#key()
    const most = this.#below(4)
    return {
      says: `${sql} -- ${key}, ${most} rows`,
      on: (db) => {
        const rows: unknown[] = []
        for (const row of db.prepare(sql).iterate(key)) {
          rows.push(row)
          if (rows.length >= most) break
        }
        return rows.length
      },
    }
  }

  #transactionControl(): Call {
    const savepoint = this.#pick(SAVEPOINTS)
    const sql = this.#pick([
      'BEGIN',
      'BEGIN IMMEDIATE',
      'COMMIT',
      'COMMIT',
      'COMMIT',
      'ROLLBACK',
      `SAVEPOINT ${savepoint}`,
      `SAVEPOINT ${savepoint}`,
      `RELEASE ${savepoint}`,
      `ROLLBACK TO ${savepoint}`,
    ])
    return statement(sql, [])
  }

  /** Calls inside transaction(), which may nest and may fail at the end. */
  #transactionFunction(depth = 2): Call {
    const inner = Array.from({ length: 1 + this.#below(4) }, () =>
      depth > 0 && this.#random() < 0.2
        ? this.#transactionFunction(depth - 1)
        : this.#pick([() => this.#insert(), () => this.#update(), () => this.#delete()])(),
    )
    const isFailing = this.#random() < 0.3
    return {
      says: `transaction${isFailing ? ' that fails' : ''} {\n${inner.map(({ says }) => `  ${says}`).join('\n')}\n}`,
      on: (db) =>
        db.transaction(() => {
          const seen = inner.map((call) => outcome(() => call.on(db)))
          if (isFailing) throw new Error('mine')
          return seen
        })(),
    }
  }

  #schemaChange(): Call {
    const table = this.#pick(['extra', 'more'])
    const column = this.#pick(['c1', 'c2'])
    const sql = this.#pick([
      `CREATE TABLE ${table}(a INTEGER PRIMARY KEY, b DEFAULT 7) -- a comment`,
      `CREATE TABLE IF NOT EXISTS ${table} AS SELECT * FROM account`,
      `ALTER TABLE ${table} ADD COLUMN ${column} TEXT DEFAULT 'later'`,
      `ALTER TABLE ${table} RENAME COLUMN ${column} TO renamed`,
      `ALTER TABLE ${table} DROP COLUMN ${column}`,
      'ALTER TABLE extra RENAME TO more',
      `INSERT INTO ${table} DEFAULT VALUES`,
      `DROP TABLE ${table}`,
      'CREATE INDEX IF NOT EXISTS history_what ON history(what)',
      'DROP INDEX IF EXISTS history_what',
      'CREATE VIEW IF NOT EXISTS rich AS SELECT * FROM account WHERE balance > 5',
      'DROP VIEW rich',
      `PRAGMA user_version = ${this.#below(100)}`,
    ])
    return { says: sql, on: (db) => void db.exec(sql) }
  }

  #key(): number {
    return 1 + this.#below(12)
  }

  #owner(): string {
    return this.#pick(['Ann', 'ann', 'Bob', 'Cid', 'Dée', 'Eve', `owner ${this.#below(20)}`])
  }

  #text(): string {
    return this.#pick(TEXTS)
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }

  #pick<T>(values: readonly T[]): T {
    const value = values[this.#below(values.length)]
    if (value === undefined) throw new Error('nothing to pick from')
    return value
  }
}

function statement(sql: string, params: readonly unknown[]): Call {
  return { says: `${sql}; -- ${JSON.stringify(params)}`, on: (db) => db.prepare(sql).run(...params) }
}
