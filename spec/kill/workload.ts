// Transactions that cannot hide: the n-th adds one to a counter, adds rows whose content follows from n, removes older
// ones, moves amounts between accounts, and changes the schema now and then. So the content after n of them is known,
// a part of a transaction shows, one that is redone twice shows, and one that is missing shows.

/** What the workload needs of a database. */
export interface Target {
  exec(sql: string): unknown
  prepare(sql: string): {
    run(...params: unknown[]): unknown
    get(...params: unknown[]): unknown
    all(...params: unknown[]): unknown[]
    pluck(): { get(...params: unknown[]): unknown; all(...params: unknown[]): unknown[] }
    raw(): { all(...params: unknown[]): unknown[] }
  }
  transaction(body: () => void): () => void
}

const PARTS = 4
/** Rows of so many transactions are there at once. */
const KEPT = 30
const ACCOUNTS = 5
/** Periods of changes of the schema. */
const TABLE_PERIOD = 16
const COLUMN_PERIOD = 22

const SCHEMA = `
  CREATE TABLE progress(id INTEGER PRIMARY KEY CHECK(id = 1), n INT NOT NULL);
  CREATE TABLE item(n INT, part INT, body TEXT, PRIMARY KEY(n, part)) WITHOUT ROWID;
  CREATE TABLE account(id INTEGER PRIMARY KEY, balance INT);
  CREATE TABLE numbered(id INTEGER PRIMARY KEY AUTOINCREMENT, n INT UNIQUE);
`

/** Creates the tables in one transaction, unless they are there; returns how many transactions were made so far. */
export function begin(db: Target): number {
  const exists = db.prepare("SELECT count(*) FROM sqlite_schema WHERE name = 'progress'").pluck().get()
  if (exists !== 0) return progressOf(db)
  db.transaction(() => {
    db.exec(SCHEMA)
    db.exec('INSERT INTO progress VALUES(1, 0)')
    for (let id = 1; id <= ACCOUNTS; id++) db.prepare('INSERT INTO account VALUES(?, 100)').run(id)
  })()
  return 0
}

/** The n-th transaction, n from 1. */
export function make(db: Target, n: number): void {
  db.transaction(() => {
    db.exec('UPDATE progress SET n = n + 1')
    for (let part = 0; part < PARTS; part++)
      db.prepare('INSERT INTO item VALUES(?, ?, ?)').run(n, part, bodyOf(n, part))
    db.prepare('DELETE FROM item WHERE n <= ?').run(n - KEPT)
    const [from, to] = [1 + (n % ACCOUNTS), 1 + ((n * 3 + 1) % ACCOUNTS)]
    db.prepare('UPDATE account SET balance = balance - 1 WHERE id = ?').run(from)
    db.prepare('UPDATE account SET balance = balance + 1 WHERE id = ?').run(to)
    db.prepare('INSERT INTO numbered(n) VALUES(?)').run(n)
    db.prepare('DELETE FROM numbered WHERE n <= ?').run(n - 3)
    if (n % TABLE_PERIOD === 0) db.exec(`CREATE TABLE side(a); INSERT INTO side VALUES(${n})`)
    if (n % TABLE_PERIOD === TABLE_PERIOD / 2 && n > TABLE_PERIOD) db.exec('DROP TABLE side')
    if (n % COLUMN_PERIOD === 0) db.exec(`ALTER TABLE account ADD COLUMN seen INT DEFAULT ${n}`)
    if (n % COLUMN_PERIOD === COLUMN_PERIOD / 2 && n > COLUMN_PERIOD)
      db.exec('ALTER TABLE account DROP COLUMN seen')
  })()
}

/** How many transactions a database holds; 0 also when even the tables are not there. */
export function progressOf(db: Target): number {
  const exists = db.prepare("SELECT count(*) FROM sqlite_schema WHERE name = 'progress'").pluck().get()
  return exists === 0 ? 0 : Number(db.prepare('SELECT n FROM progress').pluck().get())
}

/** Everything that is in a database, as text. */
export function contentOf(db: Target): string {
  const tables = ['progress', 'item', 'account', 'numbered', 'side']
  const names = db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT NULL ORDER BY name")
    .pluck()
    .all()
  const shown = tables
    .filter((table) => names.includes(table))
    .map(
      (table) =>
        `${table}: ${JSON.stringify(
          db
            .prepare(`SELECT * FROM ${table} ORDER BY 1, 2`.replace(/, 2$/, table === 'side' ? '' : ', 2'))
            .raw()
            .all(),
        )}`,
    )
  return [names.filter((name) => !String(name).startsWith('sqlite_')).join(), ...shown].join('\n')
}

function bodyOf(n: number, part: number): string {
  const texts = ['COMMIT; --@ lsn=0/00000000 xid=1', 'two\nlines', `it's ${n}`, 'x'.repeat((n * 37) % 900)]
  return `${n}.${part} ${texts[part] ?? ''}`
}
