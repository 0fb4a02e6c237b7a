import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rimrafSync } from 'rimraf'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { systemCode } from '../../lib/errors.ts'
import { diskFiles } from '../../lib/fs/disk.ts'

const isWindows = process.platform === 'win32'

async function inDirectory(act: (dir: string) => Promise<void> | void): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'scriptlog-disk-'))
  try {
    await act(dir)
  } finally {
    rimrafSync(dir)
  }
}

function failureOf(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

test('a file is created once, appended to, read back, renamed over another and removed', () =>
  inDirectory((dir) => {
    const path = join(dir, 'a')
    const file = diskFiles.create(path)
    assert.is(systemCode(failureOf(() => diskFiles.create(path))), 'EEXIST')
    file.append(Buffer.from('hello '))
    file.append(Buffer.from('world'))
    assert.is(file.sizeBytes, 11)
    file.sync()
    file.close()
    const more = diskFiles.openAppend(path)
    assert.is(more.sizeBytes, 11)
    more.append(Buffer.from('!'))
    more.close()
    const reader = diskFiles.openRead(path)
    assert.is(reader.sizeBytes, 12)
    assert.is(Buffer.from(reader.read(6, 100)).toString(), 'world!')
    assert.is(reader.read(0, 5).byteLength, 5)
    assert.is(reader.read(12, 5).byteLength, 0)
    reader.close()
    writeFileSync(join(dir, 'b'), 'old')
    diskFiles.rename(path, join(dir, 'b'))
    diskFiles.syncDir(dir)
    assert.is(readFileSync(join(dir, 'b'), 'utf8'), 'hello world!')
    diskFiles.makeDir(join(dir, 'B-dir'))
    assert.equal(diskFiles.list(dir), ['B-dir', 'b'])
    diskFiles.remove(join(dir, 'b'))
    assert.is(diskFiles.stat(join(dir, 'b')), undefined)
    assert.is(diskFiles.stat(join(dir, 'B-dir'))?.kind, 'directory')
  }))

test('files are for their owner alone', () =>
  inDirectory((dir) => {
    if (isWindows) return
    diskFiles.create(join(dir, 'a')).close()
    diskFiles.makeDir(join(dir, 'd'))
    assert.is(statSync(join(dir, 'a')).mode & 0o777, 0o600)
    assert.is(statSync(join(dir, 'd')).mode & 0o777, 0o700)
  }))

test('a position beyond 2 GiB: bytes are found where they are, nothing is read that was not asked for', () =>
  inDirectory((dir) => {
    const path = join(dir, 'large')
    const sizeBytes = 5 * 2 ** 30
    writeFileSync(path, '')
    truncateSync(path, sizeBytes)
    const file = diskFiles.openAppend(path)
    assert.is(file.sizeBytes, sizeBytes)
    file.append(Buffer.from('the end'))
    file.close()
    const reader = diskFiles.openRead(path)
    assert.is(reader.sizeBytes, sizeBytes + 7)
    assert.is(Buffer.from(reader.read(sizeBytes - 1, 100)).toString(), '\0the end')
    reader.close()
  }))

test('stat: nothing there is undefined, a path through a file is an error', () =>
  inDirectory((dir) => {
    writeFileSync(join(dir, 'a'), 'x')
    assert.is(diskFiles.stat(join(dir, 'nothing')), undefined)
    if (!isWindows) assert.is(systemCode(failureOf(() => diskFiles.stat(join(dir, 'a', 'b')))), 'ENOTDIR')
  }))

test('a directory cannot be read as a file', () =>
  inDirectory((dir) => {
    assert.is(systemCode(failureOf(() => diskFiles.openRead(dir))), 'EISDIR')
  }))

test('realPath follows links, also to a file that is not there yet', () =>
  inDirectory((dir) => {
    if (isWindows) return
    const real = diskFiles.realPath(dir)
    diskFiles.makeDir(join(dir, 'data'))
    symlinkSync(join(dir, 'data'), join(dir, 'link'))
    writeFileSync(join(dir, 'data', 'a'), '')
    assert.is(diskFiles.realPath(join(dir, 'link', 'a')), join(real, 'data', 'a'))
    assert.is(diskFiles.realPath(join(dir, 'link', 'b')), join(real, 'data', 'b'))
    assert.is(systemCode(failureOf(() => diskFiles.realPath(join(dir, 'nowhere', 'b')))), 'ENOENT')
  }))

test('syncAsync resolves; a close in between waits for it, and the handle is closed for everyone else', () =>
  inDirectory(async (dir) => {
    const openBefore = process.platform === 'linux' ? diskFiles.list('/proc/self/fd').length : 0
    const file = diskFiles.create(join(dir, 'a'))
    file.append(Buffer.from('x'))
    const syncs = [file.syncAsync(), file.syncAsync()]
    file.close()
    for (const use of [() => file.append(Buffer.from('y')), () => file.sync(), () => file.close()]) {
      assert.is(systemCode(failureOf(use)), 'EBADF')
    }
    await Promise.all(syncs)
    // Fewer, when something else was closed meanwhile.
    if (process.platform === 'linux') assert.ok(diskFiles.list('/proc/self/fd').length <= openBefore)
    await file.syncAsync().then(
      () => assert.unreachable(),
      (error) => assert.is(systemCode(error), 'EBADF'),
    )
  }))

test('a closed reader is not read from', () =>
  inDirectory((dir) => {
    writeFileSync(join(dir, 'a'), 'x')
    const file = diskFiles.openRead(join(dir, 'a'))
    file.close()
    assert.is(systemCode(failureOf(() => file.read(0, 1))), 'EBADF')
    assert.is(systemCode(failureOf(() => file.close())), 'EBADF')
  }))

test('a limit on the file’s size: a short write, then the error; the handle counts what is in the file', () =>
  inDirectory((dir) => {
    if (isWindows) return
    const path = join(dir, 'a')
    const source = `
      const { diskFiles } = await import(${JSON.stringify(fileURLToPath(new URL('../../lib/fs/disk.ts', import.meta.url)))})
      const file = diskFiles.create(${JSON.stringify(path)})
      file.append(Buffer.alloc(1000, 'x'))
      try {
        file.append(Buffer.alloc(100_000, 'y'))
      } catch ({ code, path, syscall, message }) {
        console.log(JSON.stringify({ code, path, syscall, message, sizeBytes: file.sizeBytes }))
      }`
    const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', source]
    const output = execFileSync('sh', ['-c', 'ulimit -f 16; exec "$@"', 'sh', ...node], { encoding: 'utf8' })
    const { code, path: where, syscall, message, sizeBytes } = JSON.parse(output)
    assert.is(code, 'EFBIG')
    assert.is(where, path)
    assert.is(syscall, 'write')
    assert.is(message, `EFBIG: file too large, write '${path}'`)
    assert.ok(sizeBytes > 1000 && sizeBytes < 101_000)
    assert.is(statSync(path).size, sizeBytes)
  }))

test.run()
