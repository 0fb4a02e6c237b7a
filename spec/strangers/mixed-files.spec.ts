// Files of two moments that are mixed: every door must see the same commits, and each of them whole.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { worldOf } from './doors.ts'
import { forgedLog, forgedProperties, forgedScript } from './forge.ts'

// Readers took the empty .log.new, and the open that finished the checkpoint the log with the commits.
test('an empty .log.new beside a .log that begins at the checkpoint too: the commits count, for readers too', () => {
  const files = {
    '.properties': forgedProperties({ modified: 'yes-new-files' }),
    '.script': forgedScript('CREATE TABLE t(a);\n'),
    '.log': forgedLog(['INSERT INTO "t"("a") VALUES(1);\n']),
    '.log.new': forgedLog([], { header: { salt: '00000000000000ff' } }),
  }
  for (const options of [{}, { readonly: true }]) {
    const db = worldOf(files).open(options)
    assert.equal(db.prepare('SELECT a FROM t').pluck().all(), [1])
    db.close()
  }
})

// A reader kept the first statements of a record that it passed over.
test('a record that fails behind accepted damage is passed over as a whole, by readers too', () => {
  const files = {
    '.script': forgedScript('CREATE TABLE t(a);\n'),
    '.log': forgedLog(
      [
        'INSERT INTO "t"("a") VALUES(1);\nINSERT INTO "t"("gone") VALUES(1);\n',
        'INSERT INTO "t"("a") VALUES(2);\n',
      ],
      { header: { start: 1000 } },
    ),
  }
  for (const options of [{}, { readonly: true }]) {
    const db = worldOf(files).open({ ...options, recoveryMode: 'skip_any_corrupted_records' })
    assert.equal(db.prepare('SELECT a FROM t').pluck().all(), [2])
    db.close()
  }
})

test.run()
