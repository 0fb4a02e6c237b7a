import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { systemCode } from '../../lib/errors.ts'
import { seededRandom } from '../../lib/format/random.ts'
import { crashModels } from '../../lib/fs/crash-point.ts'
import { crashStates } from '../../lib/fs/crash-states.ts'
import type { Files } from '../../lib/fs/files.ts'
import { imageOf } from '../../lib/fs/image.ts'
import { MemoryFiles } from '../../lib/fs/memory.ts'
import { isDurableStep } from '../../lib/fs/operation.ts'
import { createWhole, replace } from '../../lib/fs/replace.ts'
import { formatTrace, type TracedOperation, traced } from '../../lib/fs/trace.ts'

const initial = imageOf({ '/d/f': 'old' })
const bytes = Buffer.from('new content')
const runReplace = (files: Files) => replace(files, '/d/f.new', '/d/f', bytes)
const runCreate = (files: Files) => createWhole(files, '/d/f.new', '/d/f', bytes).close()

function contentOf(files: MemoryFiles, path: string): string | undefined {
  const found = files.image().files.get(path)
  return found === undefined ? undefined : Buffer.from(found).toString()
}

function traceOf(files: Files, act: (files: Files) => void): string {
  const operations: TracedOperation[] = []
  act(traced(files, (operation) => operations.push(operation)))
  return formatTrace(operations.filter(isDurableStep), '/d')
}

test('replace: the order of its durable steps', () => {
  const expected = ['create f.new', 'append f.new 11', 'sync f.new', 'rename f.new -> f', 'syncdir .']
  const files = new MemoryFiles({ image: initial })
  assert.is(traceOf(files, runReplace), expected.join('\n'))
  assert.is(contentOf(files, '/d/f'), 'new content')
})

test('a log: the directory is synced before it is given its name, and it goes on through the same descriptor', () => {
  const files = new MemoryFiles({ image: initial })
  const trace = traceOf(files, (each) => {
    const log = createWhole(each, '/d/f.new', '/d/f', bytes)
    assert.is(log.sizeBytes, 11)
    log.append(Buffer.from('!'))
    log.close()
  })
  const expected = [
    ...['create f.new', 'append f.new 11', 'sync f.new', 'syncdir .', 'rename f.new -> f', 'syncdir .'],
    'append f 1',
  ]
  assert.is(trace, expected.join('\n'))
  assert.is(contentOf(files, '/d/f'), 'new content!')
})

test('a leftover of the temporary name is removed first', () => {
  const files = new MemoryFiles({
    image: imageOf({ '/d/f': 'old', '/d/f.new': 'leftover, longer than the rest' }),
  })
  runReplace(files)
  assert.is(contentOf(files, '/d/f'), 'new content')
  assert.equal(files.list('/d'), ['f'])
})

test('nothing to write, and more than one block of the comparison', () => {
  for (const size of [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3_000_000]) {
    const files = new MemoryFiles({ image: initial })
    replace(files, '/d/f.new', '/d/f', Buffer.alloc(size, 'x'))
    assert.is(files.stat('/d/f')?.sizeBytes, size)
  }
})

test('a crash anywhere leaves the old file or the new one, whole, in every model', () => {
  const random = seededRandom(1)
  for (const run of [runReplace, runCreate]) {
    const files = new MemoryFiles({ image: initial })
    run(files)
    const { changes } = files
    for (const model of crashModels) {
      for (let cut = 0; cut <= changes.length; cut++) {
        for (const state of crashStates({ initial, changes, cut, model, limit: 300, random })) {
          const found = Buffer.from(state.image.files.get('/d/f') ?? []).toString()
          const allowed = cut === changes.length ? ['new content'] : ['old', 'new content']
          assert.ok(allowed.includes(found), state.describe('/d'))
        }
      }
    }
  }
})

test('every operation fails in turn: before the rename the old file stands alone, and nothing is tried twice', () => {
  for (const run of [runReplace, runCreate]) {
    const counted = new MemoryFiles({ image: initial })
    run(counted)
    for (let failing = 0; failing < counted.operationCount; failing++) {
      const kinds: string[] = []
      const files = new MemoryFiles({
        image: initial,
        onOperation: ({ kind }, index) => {
          kinds.push(kind)
          return index === failing ? { code: 'EIO', writtenBytes: 4 } : undefined
        },
      })
      const failed = () => kinds[failing] ?? 'none'
      try {
        run(files)
        assert.unreachable(`a failed ${failed()} went unnoticed`)
      } catch (error) {
        assert.is(systemCode(error), 'EIO', `${failed()}: ${error}`)
      }
      const isRenameTried = kinds.includes('rename')
      if (!isRenameTried) assert.equal(files.image(), initial, `failed ${failed()}`)
      for (const kind of ['sync', 'rename', 'append', 'create']) {
        assert.ok(kinds.filter((each) => each === kind).length <= 1, `${kind} was tried again`)
      }
    }
  }
})

test('a rename that was done and reported as failed: the new file is left as it is', () => {
  const files = new MemoryFiles({
    image: initial,
    onOperation: ({ kind }) => (kind === 'rename' ? { code: 'EIO', takesEffect: true } : undefined),
  })
  assert.throws(() => runReplace(files), /EIO/)
  assert.is(contentOf(files, '/d/f'), 'new content')
})

test('a removal that fails after another failure does not hide it', () => {
  const files = new MemoryFiles({
    image: initial,
    onOperation: ({ kind }) =>
      kind === 'append' ? { code: 'ENOSPC' } : kind === 'remove' ? { code: 'EROFS' } : undefined,
  })
  assert.throws(() => runReplace(files), /ENOSPC/)
  assert.equal(files.list('/d'), ['f', 'f.new'])
})

test('bytes that read back differently are refused before the rename', () => {
  const mangles = [
    (found: Uint8Array) => found.map((byte, at) => (at === 10 ? byte ^ 1 : byte)),
    (found: Uint8Array) => found.subarray(0, 10),
    (found: Uint8Array) => Buffer.concat([found, Buffer.from('!')]),
  ]
  for (const mangle of mangles) {
    const files = new MemoryFiles({ image: initial })
    const mangling: Files = Object.assign(
      traced(files, () => undefined),
      {
        openRead(path: string) {
          const file = files.openRead(path)
          const mangled = mangle(file.read(0, file.sizeBytes))
          return {
            sizeBytes: mangled.byteLength,
            read: (offset: number, length: number) => mangled.subarray(offset, offset + length),
            close: () => file.close(),
          }
        },
      },
    )
    assert.throws(() => runReplace(mangling), /EBADMSG/)
    assert.equal(files.image(), initial)
  }
})

test.run()
