// Virtual tables of every kind that is kept, each with the statements that make it, change it, ask it and check it.

/** Numbers in [0, 1). */
export type Random = () => number

export interface SearchKind {
  readonly name: string
  readonly schema: readonly string[]
  /** A statement that writes; it may fail. */
  readonly change: (random: Random) => string
  readonly queries: readonly string[]
  /** SQLite's own checks: they throw, or return `ok`. */
  readonly checks: readonly string[]
  /** The virtual table, where renaming it is part of the life of this kind. */
  readonly renamed?: string
}

/** An integer from 0 to `limit`, which is excluded. */
export function below(random: Random, limit: number): number {
  return Math.floor(random() * limit)
}

const WORDS = ['ash', 'birch', 'cedar', 'doum', 'elm', 'fir', 'ginkgo', 'hazel', "o'ak", 'pine', 'älm']

/** Sentences of ten words at most, some of which nobody has used before. */
function text(random: Random): string {
  const words = Array.from({ length: 1 + below(random, 9) }, () =>
    below(random, 4) === 0 ? `w${below(random, 5000)}` : (WORDS[below(random, WORDS.length)] ?? ''),
  )
  return `'${words.join(' ').replaceAll("'", "''")}'`
}

function id(random: Random): number {
  return 1 + below(random, 40)
}

/** One of several statements, each made when it is chosen. */
function oneOf(random: Random, ...statements: readonly (() => string)[]): string {
  return statements[below(random, statements.length)]?.() ?? ''
}

const many = (count: number, values: string) =>
  `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<${count}) SELECT ${values} FROM n`

function fts5Command(random: Random, table: string): string {
  return oneOf(
    random,
    () => `INSERT INTO ${table}(${table}) VALUES('optimize')`,
    () => `INSERT INTO ${table}(${table}, rank) VALUES('merge', ${below(random, 2) === 0 ? -16 : 8})`,
    () => `INSERT INTO ${table}(${table}, rank) VALUES('pgsz', ${64 + 32 * below(random, 9)})`,
    () => `INSERT INTO ${table}(${table}, rank) VALUES('automerge', ${below(random, 5)})`,
    () => `INSERT INTO ${table}(${table}, rank) VALUES('crisismerge', ${2 + below(random, 5)})`,
    () => `INSERT INTO ${table}(${table}, rank) VALUES('rank', 'bm25(${1 + below(random, 5)}.0)')`,
    () => `INSERT INTO ${table}(${table}, rank) VALUES('secure-delete', ${below(random, 2)})`,
  )
}

const FTS5_QUERIES = [
  "SELECT rowid FROM f WHERE f MATCH 'ash OR birch' ORDER BY rank, rowid",
  "SELECT rowid FROM f WHERE f MATCH 'w1*' ORDER BY rowid",
  'SELECT rowid FROM f WHERE f MATCH \'"elm fir"\' ORDER BY rowid DESC',
]

function fts5(
  name: string,
  options: string,
  commands: readonly string[],
  more: Partial<SearchKind> = {},
): SearchKind {
  return {
    name,
    schema: [`CREATE VIRTUAL TABLE f USING fts5(x, y${options})`],
    change: (random) =>
      oneOf(
        random,
        () => `INSERT INTO f(x, y) VALUES(${text(random)}, ${text(random)})`,
        () => `INSERT INTO f(rowid, x, y) VALUES(${id(random)}, ${text(random)}, NULL)`,
        () => `REPLACE INTO f(rowid, x, y) VALUES(${id(random)}, ${text(random)}, 7)`,
        () => `UPDATE f SET x=${text(random)}, y=${text(random)} WHERE rowid=${id(random)}`,
        () => `UPDATE f SET rowid=rowid+${below(random, 9)} WHERE rowid>${id(random)}`,
        () => `DELETE FROM f WHERE rowid=${id(random)}`,
        () => `DELETE FROM f WHERE rowid>${id(random)}`,
        () =>
          `INSERT INTO f(x, y) ${many(1 + below(random, 60), `'w'||(i*${1 + below(random, 97)}), ${text(random)}`)}`,
        () => fts5Command(random, 'f'),
        () => `INSERT INTO f(f) VALUES('${commands[below(random, commands.length)]}')`,
      ),
    queries: FTS5_QUERIES,
    checks: ["INSERT INTO f(f) VALUES('integrity-check')"],
    ...more,
  }
}

function fts4(name: string, options: string, more: Partial<SearchKind> = {}): SearchKind {
  return {
    name,
    schema: [
      `CREATE VIRTUAL TABLE g USING fts4(x, y${options})`,
      'CREATE VIRTUAL TABLE words USING fts4aux(g)',
    ],
    change: (random) =>
      oneOf(
        random,
        () => `INSERT INTO g(x, y) VALUES(${text(random)}, ${text(random)})`,
        () => `INSERT INTO g(docid, x) VALUES(${id(random)}, ${text(random)})`,
        () => `REPLACE INTO g(docid, x) VALUES(${id(random)}, ${text(random)})`,
        () => `UPDATE g SET x=${text(random)} WHERE docid=${id(random)}`,
        () => `DELETE FROM g WHERE docid>${id(random)}`,
        () => `INSERT INTO g(x) ${many(1 + below(random, 60), `'w'||(i*${1 + below(random, 97)})`)}`,
        () => "INSERT INTO g(g) VALUES('optimize')",
        () => "INSERT INTO g(g) VALUES('rebuild')",
        () => "INSERT INTO g(g) VALUES('merge=20,2')",
        () => `INSERT INTO g(g) VALUES('automerge=${below(random, 4)}')`,
      ),
    queries: [
      "SELECT docid, * FROM g WHERE g MATCH 'ash OR birch' ORDER BY docid",
      "SELECT docid, snippet(g) FROM g WHERE g MATCH 'w1*' ORDER BY docid",
      'SELECT * FROM words',
    ],
    checks: ["INSERT INTO g(g) VALUES('integrity-check')"],
    ...more,
  }
}

function rtree(module: string): SearchKind {
  const box = (random: Random) => {
    const [x, y] = [below(random, 100), below(random, 100)]
    return `${x},${x + below(random, 9)},${y},${y + below(random, 9)}`
  }
  return {
    name: module,
    schema: [`CREATE VIRTUAL TABLE r USING ${module}(id, x0, x1, y0, y1, +note TEXT, +weight)`],
    change: (random) =>
      oneOf(
        random,
        () => `INSERT INTO r VALUES(${id(random)},${box(random)},${text(random)},1.5)`,
        () => `INSERT INTO r(x0,x1,y0,y1) VALUES(${box(random)})`,
        () => `REPLACE INTO r VALUES(${id(random)},${box(random)},NULL,x'00')`,
        () => `UPDATE r SET x1=x1+1, note=${text(random)} WHERE id=${id(random)}`,
        () => `UPDATE r SET weight=${id(random)}`,
        () => `UPDATE r SET id=id+1000 WHERE id=${id(random)}`,
        () => `DELETE FROM r WHERE x0 BETWEEN ${below(random, 50)} AND ${below(random, 100)}`,
        () =>
          `INSERT INTO r(x0,x1,y0,y1,note) ${many(1 + below(random, 200), `i%90,i%90+1,i%70,i%70+2,'n'||i`)}`,
      ),
    queries: ['SELECT * FROM r WHERE x0>=20 AND x1<=60 ORDER BY id', 'SELECT count(*), sum(id) FROM r'],
    checks: ["SELECT rtreecheck('r')"],
    renamed: 'r',
  }
}

const SYNC = `INSERT INTO f(rowid, title, body) VALUES(new.id, new.title, new.body)`
const UNSYNC = `INSERT INTO f(f, rowid, title, body) VALUES('delete', old.id, old.title, old.body)`

export const SEARCH_KINDS: readonly SearchKind[] = [
  fts5('fts5', '', ['rebuild', 'optimize'], {
    queries: [...FTS5_QUERIES, 'SELECT rowid, * FROM f', "SELECT highlight(f, 0, '<', '>') FROM f('ash')"],
    renamed: 'f',
  }),
  fts5(
    'fts5 with prefixes, unindexed column and words of its own',
    ", z UNINDEXED, prefix='2 3', tokenize=\"porter unicode61 tokenchars ''\"",
    ['rebuild', 'optimize'],
  ),
  fts5('fts5, trigram, detail=none', ", tokenize='trigram', detail=none", ['rebuild', 'optimize'], {
    queries: ["SELECT rowid FROM f WHERE x LIKE '%edar%'"],
  }),
  fts5('fts5, columnsize=0', ', columnsize=0', ['rebuild', 'optimize']),
  fts5('fts5, contentless', ", content=''", ['delete-all', 'optimize']),
  fts5('fts5, contentless_delete', ", content='', contentless_delete=1", ['delete-all', 'optimize'], {
    renamed: 'f',
  }),
  fts5(
    'fts5, contentless_unindexed',
    ", z UNINDEXED, content='', contentless_delete=1, contentless_unindexed=1",
    ['delete-all', 'optimize'],
    {
      change: (random) =>
        oneOf(
          random,
          () => `INSERT INTO f(x, y, z) VALUES(${text(random)}, ${text(random)}, ${text(random)})`,
          () => `UPDATE f SET z=${text(random)} WHERE rowid=${id(random)}`,
          () => `UPDATE f SET x=${text(random)}, y='', z=7 WHERE rowid=${id(random)}`,
          () => `DELETE FROM f WHERE rowid=${id(random)}`,
          () => fts5Command(random, 'f'),
        ),
      queries: [...FTS5_QUERIES, 'SELECT rowid, z FROM f'],
    },
  ),
  {
    name: 'fts5, external content and triggers',
    schema: [
      'CREATE TABLE doc(id INTEGER PRIMARY KEY, title TEXT, body TEXT, key UNIQUE)',
      "CREATE VIRTUAL TABLE f USING fts5(title, body, content='doc', content_rowid='id')",
      `CREATE TRIGGER doc_ai AFTER INSERT ON doc BEGIN ${SYNC}; END`,
      `CREATE TRIGGER doc_ad AFTER DELETE ON doc BEGIN ${UNSYNC}; END`,
      `CREATE TRIGGER doc_au AFTER UPDATE ON doc BEGIN ${UNSYNC}; ${SYNC}; END`,
      "CREATE VIRTUAL TABLE words USING fts5vocab('f', 'row')",
    ],
    change: (random) =>
      oneOf(
        random,
        () => `INSERT INTO doc(title, body) VALUES(${text(random)}, ${text(random)})`,
        () => `INSERT INTO doc VALUES(${id(random)}, ${text(random)}, ${text(random)}, ${id(random)})`,
        () => `UPDATE doc SET body=${text(random)} WHERE id>${id(random)}`,
        () => `UPDATE OR IGNORE doc SET key=key+1, title=${text(random)}`,
        () => `DELETE FROM doc WHERE id=${id(random)}`,
        () => `INSERT INTO doc(title, body) ${many(1 + below(random, 60), `'w'||i, ${text(random)}`)}`,
        () => fts5Command(random, 'f'),
        () => "INSERT INTO f(f) VALUES('rebuild')",
      ),
    queries: [...FTS5_QUERIES, "SELECT * FROM f('elm')", 'SELECT * FROM doc', 'SELECT * FROM words'],
    checks: ["INSERT INTO f(f, rank) VALUES('integrity-check', 1)"],
  },
  fts4('fts4', ", tokenize=porter, prefix='2'", { renamed: 'g' }),
  fts4('fts4, matchinfo=fts3', ', matchinfo=fts3'),
  fts4('fts4, contentless', ', content=""'),
  rtree('rtree'),
  rtree('rtree_i32'),
  {
    name: 'geopoly',
    schema: ['CREATE VIRTUAL TABLE p USING geopoly(a, b)'],
    change: (random) => {
      const [x, y] = [below(random, 50), below(random, 50)]
      const shape = `'[[${x},${y}],[${x + 5},${y}],[${x + 5},${y + 5}],[${x},${y}]]'`
      return oneOf(
        random,
        () => `INSERT INTO p(_shape, a) VALUES(${shape}, ${text(random)})`,
        () => `UPDATE p SET a=${text(random)} WHERE rowid=${id(random)}`,
        () => `UPDATE p SET _shape=${shape} WHERE rowid=${id(random)}`,
        () => `DELETE FROM p WHERE rowid=${id(random)}`,
      )
    },
    queries: [
      "SELECT rowid, geopoly_json(_shape), a, b FROM p WHERE geopoly_overlap(_shape,'[[0,0],[30,0],[30,30],[0,30],[0,0]]') ORDER BY rowid",
    ],
    checks: ["SELECT rtreecheck('p')"],
    renamed: 'p',
  },
]
