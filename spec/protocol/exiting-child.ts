// Commits under a long write delay and ends without closing: `exiting-child.ts PATH WAY`.

import { Database } from '../../lib/database/database.ts'

const [, , path = '', way] = process.argv
const database = new Database(path, { writeDelayMillis: 3_600_000 })
database.exec('CREATE TABLE t(x)')
const insert = database.prepare('INSERT INTO t VALUES(?)')
for (const x of [1, 2, 3]) insert.run(x)
if (way === 'commit at exit') process.on('exit', () => insert.run(4))
if (way === 'process.exit') process.exit(0)
if (way === 'uncaught exception') throw new Error('on purpose')
