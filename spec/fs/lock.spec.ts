import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { rimrafSync } from 'rimraf'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { diskLocks, kernelLocks, sqliteLocks } from '../../lib/engine/lock-fallback.ts'
import { LockHeldError, systemCode } from '../../lib/errors.ts'
import { type ByteLocks, hasKernelByteLocks } from '../../lib/fs/byte-locks.ts'
import { diskFiles } from '../../lib/fs/disk.ts'
import { type Locks, locksBy, type WriterLock } from '../../lib/fs/lock.ts'
import { formatSlot, freeSlot, parseSlot, slotBytes } from '../../lib/fs/lock-slots.ts'
import { memoryLocks } from '../../lib/fs/memory-locks.ts'

const holder = fileURLToPath(new URL('./hold-lock.ts', import.meta.url))

/** Runs the act with a directory that is gone afterwards. */
async function inDirectory(act: (dir: string) => Promise<void> | void): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'scriptlog-lock-'))
  try {
    await act(dir)
  } finally {
    rimrafSync(dir)
  }
}

/** Another process that tries to take the lock; its first word is `held` or `refused <pid>`. */
async function otherProcess(path: string, kind: string): Promise<{ child: ChildProcess; word: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', holder, path, kind], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [word] = await once(child.stdout, 'data')
  return { child, word: String(word).trim() }
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

/** Takes a lock that is about to be freed: the kernel may need a moment after the process is gone. */
function acquireSoon(locks: Locks, path: string): WriterLock {
  for (let attempt = 0; attempt < 2000; attempt++) {
    try {
      return locks.acquire(path)
    } catch (error) {
      if (!(error instanceof LockHeldError)) throw error
    }
  }
  return locks.acquire(path)
}

/** Pids in the register. */
function pidsIn(path: string): number[] {
  const bytes = readFileSync(path)
  const slots = Array.from({ length: bytes.byteLength / slotBytes }, (_, slot) =>
    parseSlot(bytes.subarray(slot * slotBytes, (slot + 1) * slotBytes)),
  )
  return slots.flatMap((slot) => (typeof slot === 'string' ? [] : [slot.pid]))
}

function refusalOf(locks: Locks, path: string): LockHeldError {
  try {
    locks.acquire(path).release()
  } catch (error) {
    if (error instanceof LockHeldError) return error
    throw error
  }
  throw new Error('a second writer was let in')
}

for (const [kind, locks] of [
  ['kernel', kernelLocks],
  ['sqlite', sqliteLocks],
] as const) {
  const test = suite(`${kind} locks`)

  test('a second open in the same process is refused, and told who has it', () =>
    inDirectory((dir) => {
      const path = join(dir, 'app.lck')
      const lock = locks.acquire(path)
      assert.is(lock.pid, process.pid)
      const refusal = refusalOf(locks, path)
      assert.is(refusal.code, 'SQLITE_BUSY')
      assert.is(refusal.pid, process.pid)
      assert.is(refusal.path, path)
      lock.release()
    }))

  test('after the release another may have it, a second release does not take it away', () =>
    inDirectory((dir) => {
      const path = join(dir, 'app.lck')
      const first = locks.acquire(path)
      first.release()
      assert.equal(pidsIn(path), [])
      const second = locks.acquire(path)
      first.release()
      refusalOf(locks, path)
      assert.equal(pidsIn(path), [process.pid])
      second.release()
      locks.acquire(path).release()
    }))

  test('an attempt that was refused does not free the lock', () =>
    inDirectory((dir) => {
      // POSIX locks are dropped when any descriptor of the file is closed: those of the kernel here must not be.
      const path = join(dir, 'app.lck')
      const lock = locks.acquire(path)
      for (let attempt = 0; attempt < 3; attempt++) refusalOf(locks, path)
      readFileSync(path)
      refusalOf(locks, path)
      lock.release()
    }))

  test('a directory reached by a symbolic link is the same database', () =>
    inDirectory((dir) => {
      mkdirSync(join(dir, 'data'))
      symlinkSync(join(dir, 'data'), join(dir, 'link'))
      const lock = locks.acquire(diskFiles.realPath(join(dir, 'data', 'app.lck')))
      refusalOf(locks, diskFiles.realPath(join(dir, 'link', 'app.lck')))
      refusalOf(locks, join(dir, 'link', 'app.lck'))
      lock.release()
    }))

  test('another process is refused, and has it after the release', () =>
    inDirectory(async (dir) => {
      const path = join(dir, 'app.lck')
      const lock = locks.acquire(path)
      assert.is((await otherProcess(path, kind)).word, `refused ${process.pid}`)
      lock.release()
      const { child, word } = await otherProcess(path, kind)
      assert.is(word, 'held')
      assert.is(refusalOf(locks, path).pid, child.pid)
      await kill(child)
    }))

  test('kill -9 of the holder frees it, whatever the file says', () =>
    inDirectory(async (dir) => {
      const path = join(dir, 'app.lck')
      const { child, word } = await otherProcess(path, kind)
      assert.is(word, 'held')
      refusalOf(locks, path)
      await kill(child)
      assert.equal(pidsIn(path), [child.pid])
      acquireSoon(locks, path).release()
    }))

  test('a worker thread is refused, and its end frees what it held', () =>
    inDirectory(async (dir) => {
      const path = join(dir, 'app.lck')
      const lock = locks.acquire(path)
      const start = async () => {
        // Node 20 does not apply `--import tsx` to a worker's own file.
        const tsx = import.meta.resolve('tsx/esm/api')
        const source = `import(${JSON.stringify(tsx)}).then((tsx) => (tsx.register(), import(${JSON.stringify(holder)})))`
        const worker = new Worker(source, { eval: true, workerData: [path, kind] })
        const [word] = await once(worker, 'message')
        return { worker, word }
      }
      const refused = await start()
      assert.is(refused.word, `refused ${process.pid}`)
      await refused.worker.terminate()
      refusalOf(locks, path)
      lock.release()
      const holding = await start()
      assert.is(holding.word, 'held')
      refusalOf(locks, path)
      await holding.worker.terminate()
      acquireSoon(locks, path).release()
    }))

  test('neither a release nor a refusal leaves a descriptor open', () =>
    inDirectory((dir) => {
      if (process.platform !== 'linux') return
      const path = join(dir, 'app.lck')
      const before = diskFiles.list('/proc/self/fd').length
      for (let round = 0; round < 5; round++) {
        const lock = locks.acquire(path)
        refusalOf(locks, path)
        lock.release()
      }
      assert.is(diskFiles.list('/proc/self/fd').length, before)
    }))

  test('a directory that is not there: the operating system’s error', () =>
    inDirectory((dir) => {
      try {
        locks.acquire(join(dir, 'nowhere', 'app.lck'))
        assert.unreachable()
      } catch (error) {
        assert.is(systemCode(error), 'ENOENT')
      }
    }))

  test.run()
}

const files = suite('lock files')

/** Byte locks that keep nobody out; `onRegistration` is done when the registration byte is taken. */
function openBytes(onRegistration: () => void, onFree: (path: string) => void): ByteLocks {
  return {
    take(file, byte) {
      if (byte === 'registration') onRegistration()
      return () => onFree(`${file.path} ${byte}`)
    },
    isTaken: () => false,
    hasGuards: false,
  }
}

files('a lock file replaced while it is being locked: the new one is locked instead', () =>
  inDirectory((dir) => {
    const path = join(dir, 'app.lck')
    let replacements = 0
    const freed: string[] = []
    const replace = () => {
      if (replacements === 2) return
      replacements += 1
      renameSync(path, `${path}.${replacements}`)
      writeFileSync(path, '')
    }
    const lock = locksBy(openBytes(replace, (byte) => freed.push(byte))).acquire(path)
    assert.is(replacements, 2)
    // Those of the two that were replaced were given up.
    assert.equal(freed, [`${path} registration`, `${path} registration`])
    lock.admitOthers()
    assert.equal(pidsIn(path), [process.pid])
    assert.is(readFileSync(`${path}.1`).byteLength, 0)
    lock.release()
  }),
)

files('a lock file that is replaced or removed again and again: an error, no endless loop', () =>
  inDirectory((dir) => {
    const path = join(dir, 'app.lck')
    let taken = 0
    let freed = 0
    const remove = () => {
      rmSync(path)
      taken += 1
    }
    const locks = locksBy(
      openBytes(remove, () => {
        freed += 1
      }),
    )
    assert.throws(() => locks.acquire(path), /ESTALE/)
    assert.ok(taken > 1)
    assert.is(freed, taken)
  }),
)

files('the kernel’s locks need no other file and leave the lock file behind', () =>
  inDirectory((dir) => {
    const path = join(dir, 'app.lck')
    for (let round = 0; round < 3; round++) {
      const lock = kernelLocks.acquire(path)
      lock.admitOthers()
      lock.release()
    }
    assert.equal(diskFiles.list(dir), ['app.lck'])
    assert.is(diskFiles.stat(path)?.sizeBytes, 2 * slotBytes)
  }),
)

files('the fallback’s files stay empty', () =>
  inDirectory((dir) => {
    const path = join(dir, 'app.lck')
    const names = ['app.lck', 'app.lck.registration.sqlite', 'app.lck.writer.sqlite']
    const lock = sqliteLocks.acquire(path)
    assert.equal(diskFiles.list(dir), names)
    for (const name of names.slice(1)) assert.is(diskFiles.stat(join(dir, name))?.sizeBytes, 0)
    lock.release()
    assert.equal(diskFiles.list(dir), names)
  }),
)

files('where there is a binary, the kernel’s locks are used', () => {
  assert.is(diskLocks(), hasKernelByteLocks() ? kernelLocks : sqliteLocks)
})

files('where there is no binary, SQLite’s are, and everything still loads', () =>
  inDirectory((dir) => {
    // What require-addon throws on musl.
    const preload = join(dir, 'no-binary.cjs')
    writeFileSync(
      preload,
      `const modules = require('node:module'), load = modules._load
      modules._load = (name, ...rest) => {
        if (name !== 'fs-native-extensions') return load(name, ...rest)
        throw Object.assign(new Error('Cannot find addon'), { code: 'ADDON_NOT_FOUND' })
      }`,
    )
    const fallback = fileURLToPath(new URL('../../lib/engine/lock-fallback.ts', import.meta.url))
    const source = `
      const { diskLocks, sqliteLocks } = await import(${JSON.stringify(fallback)})
      const lock = diskLocks().acquire(${JSON.stringify(join(dir, 'app.lck'))})
      console.log(diskLocks() === sqliteLocks, lock.pid === process.pid)`
    const args = ['--require', preload, '--import', 'tsx', '--input-type=module', '-e', source]
    assert.is(execFileSync(process.execPath, args, { encoding: 'utf8' }), 'true true\n')
    assert.is(diskFiles.stat(join(dir, 'app.lck.writer.sqlite'))?.sizeBytes, 0)
  }),
)

files('a slot gives back who has it, and tells free from garbled', () => {
  for (const pid of [1, 48213, 4_294_967_295]) {
    for (const role of ['writer', 'reader', 'verifier'] as const) {
      const slot = formatSlot({ pid, role })
      assert.is(slot.byteLength, slotBytes)
      assert.equal(parseSlot(slot), { pid, role })
      assert.is(parseSlot(slot.subarray(0, slotBytes - 1)), 'garbled')
      assert.is(parseSlot(slot.map((byte, at) => (at === 4 ? 0x78 : byte))), 'garbled')
      // Left by one byte.
      assert.is(parseSlot(slot.map((byte, at) => (at === 0 ? 0x2d : byte))), 'free')
    }
  }
  assert.is(parseSlot(freeSlot), 'free')
  assert.is(parseSlot(new Uint8Array(0)), 'garbled')
  assert.is(parseSlot(new Uint8Array(slotBytes)), 'garbled')
})

files('locks for files in memory: one holder for each path', () => {
  const locks = memoryLocks()
  const lock = locks.acquire('/d/app.lck')
  assert.is(refusalOf(locks, '/d/app.lck').pid, process.pid)
  locks.acquire('/d/other.lck').release()
  memoryLocks().acquire('/d/app.lck').release()
  lock.release()
  const again = locks.acquire('/d/app.lck')
  lock.release()
  refusalOf(locks, '/d/app.lck')
  again.release()
  assert.not(existsSync(dirname('/d/app.lck')))
})

files.run()
