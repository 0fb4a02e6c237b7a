// What a database has to hold after each commit, computed by plain SQLite from the same statements.
var _a;
import BetterSqlite3 from 'better-sqlite3';
import { contentOf } from "./content.js";
/**
 * A moment between two commits. The moments form a tree: a crash may take a database back to an earlier moment,
 * from which other commits follow.
 */
export class Moment {
    before;
    /** Commits since the database was created. */
    count;
    /** The statements of the commit that led here. */
    sql;
    content;
    #after = new Map();
    constructor(before, sql, content) {
        this.before = before;
        this.count = before === undefined ? 0 : before.count + 1;
        this.sql = sql;
        this.content = content;
    }
    /** The empty database. */
    static beginning() {
        const sqlite = new BetterSqlite3(':memory:');
        const content = contentOf(sqlite);
        sqlite.close();
        return new _a(undefined, [], content);
    }
    /** The moment after one more commit; undefined when SQLite refuses one of its statements. */
    after(sql) {
        const key = sql.join(';\n');
        if (!this.#after.has(key))
            this.#after.set(key, this.#commit(sql));
        return this.#after.get(key);
    }
    /** The moment on the way here after `count` commits; undefined when there is none. */
    at(count) {
        let moment = this;
        while (moment !== undefined && moment.count !== count)
            moment = moment.before;
        return moment;
    }
    #commit(sql) {
        const way = [];
        for (let moment = this; moment !== undefined; moment = moment.before)
            way.unshift(moment);
        const sqlite = new BetterSqlite3(':memory:');
        try {
            for (const moment of way)
                sqlite.exec(transactionOf(moment.sql));
            sqlite.exec(transactionOf(sql));
            return new _a(this, sql, contentOf(sqlite));
        }
        catch (error) {
            if (error instanceof BetterSqlite3.SqliteError)
                return undefined;
            throw error;
        }
        finally {
            sqlite.close();
        }
    }
}
_a = Moment;
/** One statement commits by itself, several in a transaction. */
export function transactionOf(sql) {
    return sql.length < 2 ? sql.join('') : ['BEGIN', ...sql, 'COMMIT'].join(';\n');
}
