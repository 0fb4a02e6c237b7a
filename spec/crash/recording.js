// What was done to the files while commits were made and acknowledged: from it follows what a crash at any moment
// may leave, and what must be there then.
/** What holds for a crash after `cut` changes: the last entry by then, since a crash may come after all of them. */
export function entryAt({ journal }, cut) {
    const entry = journal.findLast(({ changes }) => changes <= cut);
    if (entry === undefined)
        throw new Error('a journal begins before the first change');
    return entry;
}
