// Transactions that cannot hide a mistake: each increments a counter, so that one done twice or left out shows;
// each changes several rows, so that a part of one shows; their values look like the files they are written to.
/** The first transaction: everything that the others change. */
export const SCHEMA = [
    'CREATE TABLE meta(k INTEGER NOT NULL, probe TEXT)',
    'INSERT INTO meta VALUES(1, NULL)',
    'CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT, weight REAL)',
    'CREATE TABLE account(name TEXT PRIMARY KEY COLLATE NOCASE, amount INTEGER NOT NULL) WITHOUT ROWID',
    "INSERT INTO account VALUES('left', 1000),('right', 1000)",
    'CREATE TABLE entry(id INTEGER PRIMARY KEY AUTOINCREMENT, note INTEGER REFERENCES note(id) ON DELETE CASCADE, what ANY)',
];
const COUNT = 'UPDATE meta SET k=k+1';
/** Texts that a reader of the log, of the script or of SQL could mistake for its own. */
export const TRAPS = [
    `'COMMIT; --@ lsn=0/00000074 xid=1 sync=0/00000074 prev=dfe70c2c time=2026-11-20T06:53:29.000001Z crc=fa83e1f4'`,
    `'x'||char(10)||'COMMIT;'||char(10)||'BEGIN;'||char(10)||'--@ mark lsn=0/0 sync=0/0 prev=0 crc=0'||char(10)`,
    `'--@scriptlog log 1 db=00112233aabbccdd timeline=1 start=0/00000000'`,
    `'--@ end rows=1 bytes=1 crc=00000000'`,
    `'a'||char(0)||'b'||char(13,10)`,
    `x'00ff0a434f4d4d49543b0a'`,
    `''''';--'`,
    'NULL',
    '1e300',
    '9007199254740993',
    '-0.0',
];
/** Moves an amount: the sum stays, whatever part of it is lost. */
export function transfer(amount) {
    return commit(`UPDATE account SET amount=amount-${amount} WHERE name='LEFT'`, `UPDATE account SET amount=amount+${amount} WHERE name='right'`);
}
/** Adds notes with entries under AUTOINCREMENT. */
export function write(id, value = `'note ${id}'`) {
    return commit(`INSERT OR REPLACE INTO note(id, body, weight) VALUES(${id}, ${value}, ${id}/3.0)`, `INSERT INTO entry(note, what) VALUES(${id}, ${value}),(${id}, 'second of ${id}')`);
}
/** Removes a note, and its entries by cascade. */
export function remove(id) {
    return commit(`DELETE FROM entry WHERE note=${id}`, `DELETE FROM note WHERE id=${id}`);
}
/** A transaction of these statements and the counter. */
export function commit(...sql) {
    return { kind: 'commit', sql: [...sql, COUNT] };
}
/** A statement that commits by itself. */
export const countAlone = { kind: 'commit', sql: [COUNT] };
export const schema = { kind: 'commit', sql: SCHEMA };
