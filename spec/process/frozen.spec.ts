// Real processes that die, freeze and wait with a database open.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import { LockHeldError } from '../../lib/errors.ts'
import { failchk, readRegister } from '../../lib/failchk.ts'
import { hasKernelByteLocks } from '../../lib/fs/byte-locks.ts'
import { joinAsReader, systemHost } from '../../lib/host.ts'
import { namesOf } from '../../lib/names.ts'
import { thrownBy } from '../bad-input/refusal.ts'
import { cli, commandLine, jsonLines, member } from '../cli/run-cli.ts'
import { skip } from '../support/skip.ts'
import { inQuickDirectory } from '../support/temp-directory.ts'

const WRITER = fileURLToPath(new URL('./writer.ts', import.meta.url))

/** A writer in a process of its own. */
class Writer {
  readonly child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(path: string, how = '') {
    const child = spawn(process.execPath, ['--import', 'tsx', WRITER, path, how], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.child = child
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  }

  /** What it says next, after it was told to do something. */
  async says(word?: string): Promise<unknown> {
    if (word !== undefined) this.child.stdin?.write(`${word}\n`)
    return (await this.#lines.next()).value
  }

  async end(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const ended = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await ended
  }
}

async function withWriters(
  path: string,
  act: (start: (how?: string) => Writer) => Promise<void>,
): Promise<void> {
  const writers: Writer[] = []
  try {
    await act((how) => {
      const writer = new Writer(path, how)
      writers.push(writer)
      return writer
    })
  } finally {
    for (const writer of writers) await writer.end()
  }
}

const rows = (db: Database) => db.prepare('SELECT a FROM t').pluck().all()

if (process.platform === 'win32' || !hasKernelByteLocks()) {
  skip(test, 'processes that die, freeze and wait', 'needs signals, and locks of bytes')
} else {
  test('a frozen writer keeps its database for any time; ended, the next open recovers, and says from whom', () =>
    inQuickDirectory((dir) => {
      const path = join(dir, 'app')
      return withWriters(path, async (start) => {
        const writer = start()
        assert.is(await writer.says(), 'open')
        assert.is(await writer.says('commit'), 'commit done')
        const { pid } = writer.child
        writer.child.kill('SIGSTOP')
        const refusal = thrownBy(() => new Database(path, { timeout: 100 }))
        assert.ok(refusal instanceof LockHeldError)
        assert.equal([refusal.pid, refusal.subcode], [pid, 'stopped'])
        assert.match(
          refusal.message,
          /by process \d+, which is stopped .*\n {2}hint: let process \d+ go on, or end it/,
        )
        assert.is(failchk(path).needsRecovery, false)
        const check = failchk(path, { isAlive: () => false })
        assert.equal(
          check.processes.map(({ pid, state }) => [pid, state]),
          [[pid, 'unresponsive']],
        )
        const [listed, sound] = await Promise.all([
          cli(['register', 'app', '--json'], { cwd: dir }),
          cli(['failchk', 'app'], { cwd: dir }),
        ])
        assert.is(listed.code, 0)
        assert.match(listed.out, `"pid":${pid},"role":"writer","state":"alive"`)
        assert.is(sound.code, 0)
        await writer.end()
        const [failed, refused, text] = await Promise.all([
          cli(['failchk', 'app', '--json'], { cwd: dir }),
          cli(['exec', 'app', 'SELECT 1', '--no-recover'], { cwd: dir }),
          cli(['register', 'app'], { cwd: dir }),
        ])
        assert.is(failed.code, 4)
        assert.is(member(jsonLines(failed.out)[0], 'needsRecovery'), true)
        assert.is(refused.code, 4)
        assert.match(refused.err, `process ${pid} had it open and ended without closing it`)
        assert.match(text.out, new RegExp(`process ${pid} +writer +dead`))
        const db = new Database(path)
        assert.equal(db.status().recovery.causes[0], { kind: 'dead-writer', pid })
        assert.equal(rows(db), ['child'])
        db.close()
        assert.equal(readRegister(path).processes, [])
      })
    }))

  test('.lck is deleted under a frozen writer: when it goes on, it acknowledges nothing and harms nothing', () =>
    inQuickDirectory((dir) => {
      const path = join(dir, 'app')
      return withWriters(path, async (start) => {
        const writer = start()
        await writer.says()
        assert.is(await writer.says('commit'), 'commit done')
        writer.child.kill('SIGSTOP')
        rmSync(`${path}.lck`)
        const db = new Database(path, { writeDelayMillis: 0, timeout: 10_000 })
        db.exec("INSERT INTO t VALUES('new')")
        writer.child.kill('SIGCONT')
        for (const word of ['commit', 'checkpoint', 'close'])
          assert.is(await writer.says(word), 'FencedError')
        db.checkpoint()
        db.exec("INSERT INTO t VALUES('newer')")
        db.close()
        const again = new Database(path)
        assert.equal(rows(again), ['child', 'new', 'newer'])
        again.close()
      })
    }))

  test('on the command line a fenced writer ends with exit code 9', () =>
    inQuickDirectory(async (dir) => {
      const child = spawn(process.execPath, commandLine(['exec', 'app', '--ack']), {
        cwd: dir,
        stdio: 'pipe',
      })
      const errors: Buffer[] = []
      child.stderr.on('data', (piece: Buffer) => errors.push(piece))
      child.stdin.write('CREATE TABLE t(a);\n')
      const [acknowledged] = await once(child.stdout, 'data')
      assert.match(String(acknowledged), /^ok 1 /)
      rmSync(join(dir, 'app.lck'))
      child.stdin.end('INSERT INTO t VALUES(1);\n')
      const [code] = await once(child, 'close')
      assert.is(code, 9)
      assert.match(Buffer.concat(errors).toString(), /deleted or replaced while it was open/)
    }))

  test('many open at once what a dead writer left: one recovers, the others wait and have nothing to', () =>
    inQuickDirectory((dir) => {
      const path = join(dir, 'app')
      return withWriters(path, async (start) => {
        const dead = start()
        await dead.says()
        await dead.says('commit')
        await dead.end()
        const openers = [start(), start(), start()]
        const said = await Promise.all(
          openers.map(async (writer) => {
            const opened = await writer.says()
            assert.is(await writer.says('commit'), 'commit done')
            assert.is(await writer.says('close'), 'close done')
            return opened
          }),
        )
        assert.equal(said.sort(), ['open', 'open', 'open dead-writer files'])
        const db = new Database(path, { timeout: 10_000 })
        assert.is(rows(db).length, 4)
        db.close()
      })
    }))

  test('killed while it recovers: the next one knows of both; readers wait for whoever recovers', () =>
    inQuickDirectory((dir) => {
      const path = join(dir, 'app')
      return withWriters(path, async (start) => {
        const first = start()
        await first.says()
        await first.says('commit')
        await first.end()
        const second = start('blocks-in-recovery')
        assert.is(await second.says(), 'recovering')
        assert.instance(
          thrownBy(() => joinAsReader(systemHost(), namesOf(path), 50)),
          LockHeldError,
        )
        const refusal = thrownBy(() => new Database(path, { timeout: 0 }))
        assert.ok(refusal instanceof LockHeldError && refusal.pid === second.child.pid)
        assert.match(refusal.message, /is being opened by process/)
        await second.end()
        const pids = failchk(path).processes.map(({ pid }) => pid)
        assert.equal(pids.sort(), [first.child.pid, second.child.pid].sort())
        joinAsReader(systemHost(), namesOf(path), 0).release()
        const db = new Database(path, { timeout: 10_000 })
        assert.equal(
          db.status().recovery.causes.map(({ kind }) => kind),
          ['dead-writer', 'dead-writer', 'files'],
        )
        assert.equal(rows(db), ['child'])
        db.close()
        assert.equal(readRegister(path).processes, [])
      })
    }))
}

test.run()
