import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rimrafSync } from 'rimraf'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { messageOf, systemCode } from '../../lib/errors.ts'
import { seededRandom } from '../../lib/format/random.ts'
import { diskFiles } from '../../lib/fs/disk.ts'
import type { AppendFile, Files } from '../../lib/fs/files.ts'
import { imageOf } from '../../lib/fs/image.ts'
import { type Fault, MemoryFiles } from '../../lib/fs/memory.ts'
import type { Operation } from '../../lib/fs/operation.ts'

function textAt(files: MemoryFiles, path: string): string | undefined {
  const bytes = files.image().files.get(path)
  return bytes === undefined ? undefined : Buffer.from(bytes).toString()
}

/** Files in which the first operation of one kind fails. */
function failing(kind: Operation['kind'], fault: Fault): MemoryFiles {
  let isDone = false
  return new MemoryFiles({
    image: imageOf({ '/d/a': 'first' }),
    onOperation: (operation) => {
      if (isDone || operation.kind !== kind) return undefined
      isDone = true
      return fault
    },
  })
}

function codeOf(act: () => unknown): string | undefined {
  try {
    act()
  } catch (error) {
    return systemCode(error) ?? messageOf(error)
  }
  return 'no error'
}

/** One random walk through every call; what it returns is all that a program could notice. */
function walk(files: Files, dir: string, random: () => number): string[] {
  const noticed: string[] = []
  const names = ['a', 'b', 'sub', 'sub/c', 'sub/d', 'a/x', 'nowhere/y'].map((name) => join(dir, name))
  const pick = () => names[Math.floor(random() * names.length)] ?? dir
  let open: AppendFile | undefined
  const openWith = (how: 'create' | 'openAppend', path: string) => {
    const file = files[how](path)
    open?.close()
    open = file
    return file.sizeBytes
  }
  const read = (path: string, offset: number, length: number) => {
    const file = files.openRead(path)
    const text = `${file.sizeBytes}:${Buffer.from(file.read(offset, length))}`
    file.close()
    return text
  }
  const rename = (from: string, to: string) => {
    if (files.stat(from)?.kind !== 'directory') files.rename(from, to)
  }
  const stat = (path: string) => {
    const found = files.stat(path)
    return found?.kind === 'file' ? found.sizeBytes : found?.kind
  }
  for (let step = 0; step < 60; step++) {
    const [one, other, number] = [pick(), pick(), Math.floor(random() * 20)]
    const steps: Record<string, () => unknown> = {
      create: () => openWith('create', one),
      openAppend: () => openWith('openAppend', one),
      append: () => {
        open?.append(Buffer.alloc(number, String(number % 10)))
        return open?.sizeBytes
      },
      sync: () => open?.sync(),
      read: () => read(one, number, 2 * number),
      stat: () => stat(one),
      list: () => files.list(random() < 0.5 ? dir : one),
      rename: () => rename(one, other),
      remove: () => files.remove(one),
      makeDir: () => files.makeDir(one),
      syncDir: () => files.syncDir(dir),
      realPath: () => files.realPath(one),
    }
    const kinds = Object.keys(steps)
    const kind = kinds[Math.floor(random() * kinds.length)] ?? 'stat'
    const call = `${kind} ${one} ${other} ${number}`.replaceAll(dir, '')
    try {
      noticed.push(`${call}: ${String(steps[kind]?.()).replaceAll(dir, '')}`)
    } catch (error) {
      noticed.push(`${call}: ${messageOf(error).replaceAll(dir, '')}`)
    }
  }
  open?.close()
  return noticed
}

test('chance programs notice no difference between the memory and the disk, errors included', () => {
  // The messages compared are those of Linux.
  if (process.platform !== 'linux') return
  for (let seed = 1; seed <= 150; seed++) {
    const dir = mkdtempSync(join(tmpdir(), 'scriptlog-memory-'))
    try {
      const onDisk = walk(diskFiles, dir, seededRandom(seed))
      const inMemory = walk(new MemoryFiles({ image: imageOf({}, [dir]) }), dir, seededRandom(seed))
      for (const [at, line] of onDisk.entries()) assert.is(inMemory[at], line, `seed ${seed}, step ${at}`)
    } finally {
      rimrafSync(dir)
    }
  }
})

test('the image is a picture: later operations do not change it, nor does the caller’s buffer', () => {
  const files = new MemoryFiles({ image: imageOf({ '/d/a': 'first' }) })
  const before = files.image()
  const file = files.openAppend('/d/a')
  const buffer = Buffer.from(' second')
  file.append(buffer)
  const middle = files.image()
  buffer.fill('-')
  file.append(Buffer.from(' third'))
  files.makeDir('/d/sub')
  assert.is(Buffer.from(before.files.get('/d/a') ?? []).toString(), 'first')
  assert.is(Buffer.from(middle.files.get('/d/a') ?? []).toString(), 'first second')
  assert.is(textAt(files, '/d/a'), 'first second third')
  assert.not(middle.directories.has('/d/sub'))
  const [append] = files.changes
  assert.equal(append?.kind === 'append' ? Buffer.from(append.bytes).toString() : append, ' second')
})

test('two memories that begin with one image do not see each other’s bytes', () => {
  const image = imageOf({ '/d/a': 'x' })
  const one = new MemoryFiles({ image })
  const other = new MemoryFiles({ image })
  one.openAppend('/d/a').append(Buffer.from('1'))
  other.openAppend('/d/a').append(Buffer.from('2'))
  assert.is(textAt(one, '/d/a'), 'x1')
  assert.is(textAt(other, '/d/a'), 'x2')
  assert.is(textAt(new MemoryFiles({ image }), '/d/a'), 'x')
})

test('what a read returned belongs to the caller', () => {
  const files = new MemoryFiles({ image: imageOf({ '/d/a': 'abc' }) })
  files.openRead('/d/a').read(0, 3).fill(0)
  assert.is(textAt(files, '/d/a'), 'abc')
})

test('every change is recorded with the file it concerns, whatever its name by then', () => {
  const files = new MemoryFiles({ image: imageOf({ '/d/a': 'a' }) })
  const file = files.create('/d/b')
  file.append(Buffer.from('b'))
  file.append(new Uint8Array(0))
  file.sync()
  files.rename('/d/b', '/d/a')
  files.rename('/d/a', '/d/a')
  file.append(Buffer.from('!'))
  files.remove('/d/a')
  files.syncDir('/d')
  assert.equal(
    files.changes.map((change) => ({ ...change, bytes: undefined })),
    [
      { kind: 'create', file: 1, path: '/d/b', bytes: undefined },
      { kind: 'append', file: 1, path: '/d/b', offset: 0, bytes: undefined },
      { kind: 'sync', file: 1, path: '/d/b', isFailed: false, bytes: undefined },
      { kind: 'rename', file: 1, path: '/d/b', toPath: '/d/a', replaced: 0, bytes: undefined },
      { kind: 'append', file: 1, path: '/d/a', offset: 1, bytes: undefined },
      { kind: 'remove', file: 1, path: '/d/a', bytes: undefined },
      { kind: 'syncDir', path: '/d', bytes: undefined },
    ],
  )
})

test('files that are open are known, under the names that they have now; a close that fails has closed', () => {
  const files = failing('close', { code: 'EIO' })
  const first = files.openAppend('/d/a')
  const second = files.openRead('/d/a')
  files.create('/d/b').append(Buffer.from('x'))
  files.rename('/d/a', '/d/c')
  assert.equal(files.openPaths, ['/d/c', '/d/c', '/d/b'])
  assert.throws(() => second.close(), /EIO/)
  assert.equal(files.openPaths, ['/d/c', '/d/b'])
  first.close()
  assert.equal(files.openPaths, ['/d/b'])
})

test('a file that was created although that is reported as failed is not open', () => {
  const files = failing('create', { code: 'EMFILE', takesEffect: true })
  assert.throws(() => files.create('/d/new'), /EMFILE/)
  assert.is(textAt(files, '/d/new'), '')
  assert.equal(files.openPaths, [])
})

test('every kind of operation can be made to fail, and leaves no change behind', () => {
  const calls: [Operation['kind'], (files: Files) => unknown][] = [
    ['create', (files) => files.create('/d/b')],
    ['openAppend', (files) => files.openAppend('/d/a')],
    ['openRead', (files) => files.openRead('/d/a')],
    ['append', (files) => files.openAppend('/d/a').append(Buffer.from('x'))],
    ['read', (files) => files.openRead('/d/a').read(0, 1)],
    ['close', (files) => files.openRead('/d/a').close()],
    ['stat', (files) => files.stat('/d/a')],
    ['list', (files) => files.list('/d')],
    ['rename', (files) => files.rename('/d/a', '/d/b')],
    ['remove', (files) => files.remove('/d/a')],
    ['makeDir', (files) => files.makeDir('/d/sub')],
    ['syncDir', (files) => files.syncDir('/d')],
    ['realPath', (files) => files.realPath('/d/a')],
    ['freeBytes', (files) => files.freeBytes('/d')],
  ]
  for (const [kind, call] of calls) {
    const files = failing(kind, { code: 'EIO' })
    const before = files.image()
    assert.is(
      codeOf(() => call(files)),
      'EIO',
      kind,
    )
    assert.equal(files.image(), before, kind)
    assert.is(files.changes.length, 0, kind)
    assert.is(
      codeOf(() => call(files)),
      'no error',
      `${kind} the second time`,
    )
  }
})

test('operations are counted, and each is shown before it is done', () => {
  const seen: string[] = []
  const files = new MemoryFiles({
    image: imageOf({ '/d/a': 'x' }),
    onOperation: ({ kind, path, lengthBytes }, index) => {
      seen.push(`${index} ${kind} ${path} ${lengthBytes ?? ''}`)
      return undefined
    },
  })
  const file = files.openAppend('/d/a')
  file.append(Buffer.from('yz'))
  file.close()
  assert.equal(seen, ['0 openAppend /d/a ', '1 append /d/a 2', '2 close /d/a '])
  assert.is(files.operationCount, 3)
})

test('a write that fails half way leaves its first bytes, and the handle counts them', () => {
  const files = failing('append', { code: 'ENOSPC', writtenBytes: 2 })
  const file = files.openAppend('/d/a')
  assert.is(
    codeOf(() => file.append(Buffer.from('xyz'))),
    'ENOSPC',
  )
  assert.is(textAt(files, '/d/a'), 'firstxy')
  assert.is(file.sizeBytes, 7)
  file.append(Buffer.from('!'))
  assert.is(textAt(files, '/d/a'), 'firstxy!')
})

test('a rename that is done and reported as failed', () => {
  const files = failing('rename', { code: 'EIO', takesEffect: true })
  assert.is(
    codeOf(() => files.rename('/d/a', '/d/b')),
    'EIO',
  )
  assert.equal(files.list('/d'), ['b'])
  assert.is(files.changes.length, 1)
})

test('a failed sync is a change of its own, and the next one succeeds', async () => {
  const files = failing('sync', { code: 'EIO' })
  const file = files.openAppend('/d/a')
  await file.syncAsync().then(
    () => assert.unreachable(),
    (error) => assert.is(systemCode(error), 'EIO'),
  )
  await file.syncAsync()
  file.sync()
  assert.equal(
    files.changes.map((change) => change.kind === 'sync' && change.isFailed),
    [true, false, false],
  )
})

test('a closed handle is closed, also when closing it failed', () => {
  const files = failing('close', { code: 'EIO' })
  const file = files.openAppend('/d/a')
  assert.is(
    codeOf(() => file.close()),
    'EIO',
  )
  for (const use of [() => file.append(Buffer.from('x')), () => file.sync(), () => file.close()]) {
    assert.is(codeOf(use), 'EBADF')
  }
})

test('two handles that append to one file are a mistake of the program', () => {
  const files = new MemoryFiles({ image: imageOf({ '/d/a': '' }) })
  const one = files.openAppend('/d/a')
  files.openAppend('/d/a').append(Buffer.from('x'))
  assert.throws(() => one.append(Buffer.from('y')), /two handles append/)
})

test.run()
