// What a database holds, as text: two databases with the same text are the same to everyone who asks them.
/** Schema in the words in which it was created, every row with its rowid and the types of its values, PRAGMAs. */
export function contentOf(database) {
    const lines = [];
    const schema = rowsOf(database, 'SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name');
    for (const row of schema)
        lines.push(`schema ${row.map(written).join(' ')}`);
    for (const [type, name, , sql] of schema) {
        if (type !== 'table')
            continue;
        const hasRowid = !/WITHOUT\s+ROWID\s*$/i.test(String(sql));
        const order = name === 'sqlite_sequence' ? 'name' : '1';
        const select = `SELECT ${hasRowid ? 'rowid, ' : ''}* FROM "${String(name)}" ORDER BY ${order}`;
        // The rowids of SQLite's own table are nobody's business.
        const from = name === 'sqlite_sequence' ? 1 : 0;
        for (const row of rowsOf(database, select)) {
            lines.push(`row ${String(name)} ${row.slice(from).map(written).join(' ')}`);
        }
    }
    lines.push(`user_version ${rowsOf(database, 'PRAGMA user_version').flat().map(written).join(' ')}`);
    return lines.join('\n');
}
/** How many transactions the database holds, by the counter that each of them increments; 0 before the first. */
export function countOf(database) {
    const [table] = rowsOf(database, "SELECT name FROM sqlite_schema WHERE type='table' AND name='meta'");
    if (table === undefined)
        return 0;
    const rows = rowsOf(database, 'SELECT k FROM meta');
    return rows.length === 1 ? Number(rows[0]?.[0]) : Number.NaN;
}
/** The first line in which two contents differ, for people. */
export function firstDifference(found, expected) {
    const foundLines = found.split('\n');
    const expectedLines = expected.split('\n');
    const missing = expectedLines.find((line) => !foundLines.includes(line));
    const extra = foundLines.find((line) => !expectedLines.includes(line));
    return [
        ...(missing === undefined ? [] : [`  missing: ${missing}`]),
        ...(extra === undefined ? [] : [`  extra:   ${extra}`]),
    ].join('\n');
}
function rowsOf(database, sql) {
    return database.prepare(sql).raw().safeIntegers().all().filter(Array.isArray);
}
/** A value with its type: `1` is an integer, `1.0` a real, `'1'` a text, `x'31'` a blob. */
function written(value) {
    if (value === null)
        return 'NULL';
    if (typeof value === 'bigint')
        return String(value);
    if (typeof value === 'number')
        return Number.isInteger(value) ? `${value}.0` : String(value);
    if (value instanceof Uint8Array)
        return `x'${Buffer.from(value).toString('hex')}'`;
    return JSON.stringify(value);
}
