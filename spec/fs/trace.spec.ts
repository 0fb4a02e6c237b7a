import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { systemCode } from '../../lib/errors.ts'
import { imageOf } from '../../lib/fs/image.ts'
import { MemoryFiles } from '../../lib/fs/memory.ts'
import { isDurableStep } from '../../lib/fs/operation.ts'
import { formatTrace, type TracedOperation, traced } from '../../lib/fs/trace.ts'

test('a trace names every operation in one line, with sizes, failures and the names of the moment', async () => {
  const operations: TracedOperation[] = []
  let syncs = 0
  const memory = new MemoryFiles({
    image: imageOf({ '/data/app.script': 'old' }),
    onOperation: ({ kind }) => (kind === 'sync' && ++syncs === 3 ? { code: 'EIO' } : undefined),
  })
  const files = traced(memory, (operation) => operations.push(operation))
  files.realPath('/data')
  files.stat('/data/app.log')
  const file = files.create('/data/app.script.new')
  file.append(Buffer.alloc(120))
  assert.is(file.sizeBytes, 120)
  file.sync()
  await file.syncAsync()
  files.rename('/data/app.script.new', '/data/app.script')
  files.syncDir('/data')
  await file.syncAsync().then(
    () => assert.unreachable(),
    (error) => assert.is(systemCode(error), 'EIO'),
  )
  file.close()
  assert.throws(() => file.append(Buffer.alloc(1)), /EBADF/)
  files.makeDir('/data/app.rejected')
  assert.throws(() => files.openRead('/data/app.log'), /ENOENT/)
  const reader = files.openRead('/data/app.script')
  assert.is(reader.sizeBytes, 120)
  reader.read(100, 50)
  reader.close()
  files.openAppend('/data/app.script').close()
  files.remove('/data/app.script')
  assert.equal(files.list('/data'), ['app.rejected'])
  assert.is(
    formatTrace(operations, '/data'),
    `realpath .
stat app.log
create app.script.new
append app.script.new 120
sync app.script.new
sync app.script.new
rename app.script.new -> app.script
syncdir .
sync app.script failed EIO
close app.script
append app.script 1 failed EBADF
makedir app.rejected
openread app.log failed ENOENT
openread app.script
read app.script 20
close app.script
openappend app.script
close app.script
remove app.script
list .`,
  )
  assert.is(
    formatTrace(operations.filter(isDurableStep).slice(0, 3), '/data'),
    'create app.script.new\nappend app.script.new 120\nsync app.script.new',
  )
})

test('a failed rename leaves the open file under its old name in the trace', () => {
  const operations: TracedOperation[] = []
  const memory = new MemoryFiles({
    image: imageOf({ '/data/a': '' }),
    onOperation: ({ kind }) => (kind === 'rename' ? { code: 'EIO' } : undefined),
  })
  const files = traced(memory, (operation) => operations.push(operation))
  const file = files.openAppend('/data/a')
  assert.throws(() => files.rename('/data/a', '/data/b'), /EIO/)
  file.append(Buffer.alloc(3))
  assert.is(formatTrace(operations, '/data'), 'openappend a\nrename a -> b failed EIO\nappend a 3')
})

test.run()
