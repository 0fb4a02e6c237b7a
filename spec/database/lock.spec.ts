// One database, one writer: whoever comes second is told who has it, by whatever way he comes.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import { LockHeldError } from '../../lib/errors.ts'
import { inspect } from '../../lib/inspect.ts'
import { verify } from '../../lib/verify.ts'
import { inQuickDirectory } from '../support/temp-directory.ts'

const HOLDER = fileURLToPath(new URL('./holder.ts', import.meta.url))

function refusalOf(act: () => unknown): LockHeldError {
  try {
    act()
  } catch (error) {
    if (error instanceof LockHeldError) return error
    throw error
  }
  throw new Error('a second one was let in')
}

async function inOtherProcess(
  path: string,
): Promise<{ readonly child: ChildProcess; readonly word: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', HOLDER, path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [word] = await once(child.stdout, 'data')
  return { child, word: String(word).trim() }
}

/** Opens a database whose holder was just killed: the kernel may need a moment to free the lock. */
function openSoon(path: string): Database {
  for (let attempt = 0; attempt < 2000; attempt++) {
    try {
      return new Database(path, { timeout: 0 })
    } catch (error) {
      if (!(error instanceof LockHeldError)) throw error
    }
  }
  return new Database(path)
}

test('a second open in the same process, by every name of the same files', () =>
  inQuickDirectory((dir) => {
    mkdirSync(join(dir, 'data'))
    symlinkSync(join(dir, 'data'), join(dir, 'link'))
    const path = join(dir, 'data', 'app')
    const db = new Database(path)
    const names = [
      path,
      join(dir, 'link', 'app'),
      join(dir, 'data', '..', 'link', '.', 'app'),
      relative('.', path),
    ]
    for (const name of names) {
      const refusal = refusalOf(() => new Database(name))
      assert.is(refusal.pid, process.pid, name)
      assert.is(refusal.code, 'SQLITE_BUSY')
      assert.is(refusal.retryable, true)
      assert.is(refusal.path, `${path}.lck`)
      assert.snapshot(
        refusal.message.replaceAll(dir, 'DIR').replaceAll(String(process.pid), 'PID'),
        `database is locked: it is open in this process already (pid PID) (DIR/data/app.lck)
  hint: close it there, or end that process; deleting the .lck file does not help and risks two writers`,
      )
    }
    assert.is(db.name, path)
    db.exec('CREATE TABLE t(a)')
    db.close()
    const linked = new Database(join(dir, 'link', 'app'))
    assert.is(linked.name, join(dir, 'link', 'app'))
    linked.close()
  }))

test('verify needs the lock, inspect does not', () =>
  inQuickDirectory((dir) => {
    const db = new Database(join(dir, 'app'))
    refusalOf(() => verify(join(dir, 'app')))
    assert.is(inspect(join(dir, 'app')).refusal, undefined)
    db.close()
    assert.ok(verify(join(dir, 'app')).isSound)
  }))

test('from a worker thread', () =>
  inQuickDirectory(async (dir) => {
    const path = join(dir, 'app')
    const db = new Database(path)
    const start = async () => {
      const worker = new Worker(
        new URL(
          'data:text/javascript,' +
            encodeURIComponent(`
        import { register } from ${JSON.stringify(import.meta.resolve('tsx/esm/api'))}
        register()
        await import(${JSON.stringify(import.meta.resolve('./holder.ts'))})`),
        ),
        { workerData: [path] },
      )
      const [word] = await once(worker, 'message')
      return { worker, word }
    }
    assert.is((await start()).word, `held by ${process.pid}`)
    db.close()
    const { worker, word } = await start()
    assert.is(word, 'open')
    assert.is(refusalOf(() => new Database(path, { timeout: 0 })).pid, process.pid)
    const ended = once(worker, 'exit')
    worker.postMessage('end')
    // Waits until the worker has closed it.
    new Database(path, { timeout: 60_000 }).close()
    await ended
  }))

test('from another process; free after a close, and after a kill -9 at once', () =>
  inQuickDirectory(async (dir) => {
    const path = join(dir, 'app')
    const db = new Database(path)
    assert.is((await inOtherProcess(path)).word, `held by ${process.pid}`)
    db.close()
    const first = await inOtherProcess(path)
    assert.is(first.word, 'open')
    assert.is(refusalOf(() => new Database(path, { timeout: 0 })).pid, first.child.pid)
    const ended = once(first.child, 'exit')
    first.child.kill('SIGKILL')
    await ended
    const again = openSoon(path)
    assert.match(readFileSync(`${path}.lck`, 'utf8'), new RegExp(`\\b${process.pid}\\b`))
    again.close()
    const second = await inOtherProcess(path)
    second.child.stdin?.write('end\n')
    await once(second.child, 'exit')
    new Database(path).close()
  }))

test('a stopped process keeps its database', () =>
  inQuickDirectory(async (dir) => {
    if (process.platform === 'win32') return
    const path = join(dir, 'app')
    const { child, word } = await inOtherProcess(path)
    assert.is(word, 'open')
    child.kill('SIGSTOP')
    assert.is(refusalOf(() => new Database(path, { timeout: 0 })).pid, child.pid)
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
    openSoon(path).close()
  }))

test('a lock file that is left over, of whatever content, keeps nobody out', () =>
  inQuickDirectory((dir) => {
    const path = join(dir, 'app')
    for (const content of ['', 'pid 1\n', '\0'.repeat(10_000)]) {
      writeFileSync(`${path}.lck`, content)
      new Database(path).close()
    }
    rmSync(`${path}.lck`)
    new Database(path).close()
  }))

test('an open that fails lets others in', () =>
  inQuickDirectory((dir) => {
    const path = join(dir, 'app')
    writeFileSync(`${path}.properties`, '')
    assert.throws(() => new Database(path), /neither a \.script nor a log/)
    rmSync(`${path}.properties`)
    new Database(path).close()
    const failing = () => {
      throw new Error('mine')
    }
    assert.throws(() => new Database(path, { setup: failing }), /mine/)
    new Database(path).close()
  }))

test.run()
