// A broken promise, told so that it can be understood without a debugger.
/** A promise of the database was broken. The message is the whole story. */
export class Violation extends Error {
    name = 'Violation';
    /** The broken promise alone. */
    what;
    constructor(what, ...story) {
        super([what, ...story].join('\n'));
        this.what = what;
    }
    /** The same with what came before it. */
    after(...story) {
        return new Violation(this.what, ...story, this.message.slice(this.what.length + 1));
    }
}
const LONGEST_FILE = 1500;
/** The files of an image as text; what is not printable is escaped. */
export function describeImage({ files }) {
    const parts = [...files].map(([path, bytes]) => {
        const text = Buffer.from(bytes)
            .toString('latin1')
            .replace(/[\0-\t\x0b-\x1f\x7f-\xff]/g, (each) => `\\x${each.charCodeAt(0).toString(16).padStart(2, '0')}`);
        const shown = text.length <= LONGEST_FILE ? text : `${text.slice(0, LONGEST_FILE)}…`;
        return `--- ${path} (${bytes.byteLength} bytes)\n${shown}`;
    });
    return parts.join('\n');
}
/** The message of an error, its causes included, indented. */
export function describeError(error) {
    const parts = [];
    for (let each = error; each !== undefined && parts.length < 4; each = causeOf(each)) {
        parts.push(each instanceof Error ? `${each.name}: ${each.message}` : String(each));
    }
    const at = error instanceof Error
        ? (error.stack ?? '')
            .split('\n')
            .filter((line) => line.includes('/lib/'))
            .slice(0, 4)
        : [];
    return [...parts, ...at].join('\n').replace(/^/gm, '  ');
}
function causeOf(error) {
    return error instanceof Error ? error.cause : undefined;
}
