// A disk that is really full: a small tmpfs while commits, `.script.new`, `.properties` and a recovery are written, and
// a limit on the size of files. Space comes back; commits go on without reopening; at any moment a kill leaves every
// acknowledged commit, and what was in doubt whole or not at all.

import { execFileSync, spawn } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import type { DatabaseOptions } from '../../lib/database/options.ts'
import {
  CheckpointIncompleteError,
  CommitInDoubtError,
  OpenError,
  ReadOnlyModeError,
  ScriptlogError,
} from '../../lib/errors.ts'
import { compiledProgram } from '../kill/compiled.ts'
import { judge, Model, Said } from '../kill/judge.ts'
import { begin, make } from '../kill/workload.ts'
import { thrown } from '../protocol/stage.ts'
import { skip } from '../support/skip.ts'
import { inDirectory } from '../support/temp-directory.ts'

const OPTIONS: DatabaseOptions = {
  writeDelayMillis: 0,
  reservedDiskBuffer: 0,
  bgerrorResumeRetryIntervalMillis: 1,
  logSize: 0,
}
const model = new Model()

/** A database on a file system of its own, and what it has acknowledged. */
class SmallDisk {
  readonly dir: string
  readonly said = new Said()
  readonly #ballast: string
  database: Database

  constructor(dir: string, options: DatabaseOptions = {}) {
    this.dir = dir
    this.#ballast = join(dir, 'ballast')
    this.database = this.open(options)
  }

  get path(): string {
    return join(this.dir, 'app')
  }

  open(options: DatabaseOptions = {}): Database {
    this.database = new Database(this.path, { ...OPTIONS, ...options })
    begin(this.database)
    return this.database
  }

  /** Takes all space but so much of it. */
  fill(leaveBytes: number): void {
    const { bavail, bsize } = statfsSync(this.dir)
    writeFileSync(this.#ballast, Buffer.alloc(Math.max(0, bavail * bsize - leaveBytes)))
  }

  free(): void {
    rmSync(this.#ballast)
  }

  /** The next transaction; it is acknowledged when it returns, unless there is a write delay. */
  commit({ isSynced = true } = {}): void {
    this.said.begun++
    try {
      make(this.database, this.said.begun)
    } catch (error) {
      // Refused: it was never begun.
      if (!(error instanceof CommitInDoubtError)) this.said.begun--
      throw error
    }
    if (isSynced) this.said.acknowledged = this.said.begun
  }

  /** Commits until it fails; returns the failure. */
  commitUntilFull(options = {}): ScriptlogError {
    return thrown(ScriptlogError, () => {
      for (let n = 0; n < 100_000; n++) this.commit(options)
    })
  }

  /** Waits until writing was resumed by itself. */
  async resumed(): Promise<void> {
    while (!this.database.status().isWritable) await turn()
  }

  /** What a kill at this moment leaves is judged, on a disk with room. */
  judgeKilled(): number {
    const copy = mkdtempSync(join(this.dir, '..', 'copy-'))
    cpSync(this.dir, copy, { recursive: true, filter: (path) => path !== this.#ballast })
    try {
      return judge(join(copy, 'app'), this.said, model)
    } finally {
      rmSync(copy, { recursive: true })
    }
  }
}

/** Why no small file system can be made, if none can. */
const noDisk = (() => {
  if (process.platform !== 'linux' || process.geteuid?.() !== 0) return 'needs root on Linux'
  try {
    execFileSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt'], { stdio: 'pipe' })
    return undefined
  } catch {
    return 'tmpfs cannot be mounted'
  }
})()

function onSmallDisk(name: string, sizeKb: number, act: (dir: string) => Promise<void> | void): void {
  if (noDisk !== undefined) {
    skip(test, name, noDisk)
    return
  }
  test(name, () =>
    inDirectory(async (root) => {
      const dir = mkdtempSync(join(root, 'disk-'))
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeKb}k`, 'none', dir])
      try {
        await act(dir)
      } finally {
        execFileSync('umount', ['--lazy', dir])
      }
    }),
  )
}

onSmallDisk(
  'full during commits: in doubt, reads go on, and with space commits go on by themselves',
  512,
  async (dir) => {
    const disk = new SmallDisk(dir)
    for (let round = 0; round < 5; round++) {
      disk.fill(8192 * (round + 1))
      const error = disk.commitUntilFull()
      assert.instance(error, CommitInDoubtError)
      assert.is(error.subcode, 'ENOSPC')
      assert.match(error.message, 'app.log')
      thrown(ReadOnlyModeError, () => disk.commit())
      disk.judgeKilled()
      assert.is(disk.database.prepare('SELECT 1').pluck().get(), 1)
      for (let n = 0; n < 20; n++) await turn()
      assert.not(disk.database.status().isWritable)
      disk.free()
      await disk.resumed()
      // What was in doubt is durable now.
      disk.said.acknowledged = disk.said.begun
      disk.commit()
      assert.is(disk.judgeKilled(), disk.said.begun)
    }
    disk.database.close()
    assert.is(disk.judgeKilled(), disk.said.begun)
  },
)

onSmallDisk(
  'full under a write delay: flush tells, what it had acknowledged before is there',
  512,
  async (dir) => {
    const disk = new SmallDisk(dir, { writeDelayMillis: 600_000 })
    for (let round = 0; round < 3; round++) {
      disk.fill(16_384)
      let isFull = false
      while (!isFull) {
        try {
          for (let n = 0; n < 9; n++) disk.commit({ isSynced: false })
          await disk.database.flushed()
          disk.said.acknowledged = disk.said.begun
        } catch (error) {
          assert.instance(error, ScriptlogError)
          isFull = true
        }
      }
      disk.judgeKilled()
      disk.free()
      await disk.resumed()
      disk.database.flush()
      disk.said.acknowledged = disk.said.begun
      assert.is(disk.judgeKilled(), disk.said.begun)
    }
  },
)

onSmallDisk('full during .script.new: the checkpoint is undone, commits go on in the log', 1024, (dir) => {
  const disk = new SmallDisk(dir)
  for (let n = 0; n < 300; n++) disk.commit()
  disk.database.checkpoint()
  for (let n = 0; n < 50; n++) disk.commit()
  for (const leaveBytes of [0, 4096, 8192, 16_384]) {
    disk.fill(leaveBytes)
    const error = thrown(CheckpointIncompleteError, () => disk.database.checkpoint())
    assert.is(error.subcode, 'ENOSPC')
    assert.is(error.severity, 'soft')
    if (leaveBytes > 0) disk.commit()
    assert.is(disk.judgeKilled(), disk.said.begun)
    disk.free()
    disk.commit()
  }
  disk.database.checkpoint()
  assert.is(disk.judgeKilled(), disk.said.begun)
})

onSmallDisk(
  'full during a checkpoint that runs by itself: soft, and made by itself once there is space',
  16_384,
  async (dir) => {
    const disk = new SmallDisk(dir, { logSize: 1 })
    disk.database.exec('CREATE TABLE bulk(x)')
    const bulk = disk.database.prepare('INSERT INTO bulk VALUES(?)')
    for (let n = 0; n < 12; n++) bulk.run('x'.repeat(400_000))
    disk.fill(4_000_000)
    let rows = 12
    while (disk.database.status().failure === undefined && rows < 100) {
      bulk.run('x'.repeat(400_000))
      rows++
    }
    const { failure } = disk.database.status()
    assert.equal([failure?.severity, failure?.reason], ['soft', 'checkpoint'])
    bulk.run('y')
    disk.free()
    while (disk.database.status().failure !== undefined) await turn()
    assert.ok(disk.database.status().log.bytesSinceCheckpoint < 1000)
    disk.database.close({ mode: 'immediately' })
    const again = disk.open()
    assert.is(again.prepare('SELECT count(*) FROM bulk').pluck().get(), rows + 1)
    again.close()
  },
)

onSmallDisk(
  'full during .properties: the first write is refused, and goes on by itself once there is space',
  512,
  async (dir) => {
    const disk = new SmallDisk(dir)
    for (let n = 0; n < 20; n++) disk.commit()
    disk.database.close()
    for (let round = 0; round < 3; round++) {
      disk.open()
      disk.fill(0)
      const error = thrown(ScriptlogError, () => disk.commit())
      assert.equal([error.reason, error.subcode, error.severity], ['state-file', 'ENOSPC', 'hard'])
      assert.is(disk.judgeKilled(), disk.said.begun)
      disk.free()
      await disk.resumed()
      disk.commit()
      assert.is(disk.judgeKilled(), disk.said.begun)
      disk.database.close()
    }
  },
)

onSmallDisk(
  'full when a killed database is opened: refused, nothing is changed, and with space everything is there',
  512,
  (dir) => {
    const disk = new SmallDisk(dir)
    for (let n = 0; n < 50; n++) disk.commit()
    disk.database.close({ mode: 'immediately' })
    disk.fill(0)
    for (let round = 0; round < 3; round++) {
      const error = thrown(OpenError, () => disk.open())
      assert.is(error.subcode, 'ENOSPC')
      assert.ok(error.retryable)
      assert.is(disk.judgeKilled(), disk.said.begun)
    }
    disk.free()
    disk.open()
    disk.commit()
    assert.is(disk.judgeKilled(), disk.said.begun)
  },
)

onSmallDisk('full at the close: told, and everything acknowledged is in the log', 512, (dir) => {
  const disk = new SmallDisk(dir)
  for (let n = 0; n < 50; n++) disk.commit()
  disk.fill(0)
  thrown(CheckpointIncompleteError, () => disk.database.close())
  assert.not(disk.database.open)
  assert.is(disk.judgeKilled(), disk.said.begun)
  disk.free()
  disk.open()
  disk.commit()
  disk.database.close()
  assert.is(disk.judgeKilled(), disk.said.begun)
})

/** Why a process cannot be given a limit that is lifted again, if it cannot. */
const noLimit = (() => {
  try {
    execFileSync('prlimit', ['--version'], { stdio: 'pipe' })
    return undefined
  } catch {
    return 'prlimit is not installed'
  }
})()

const LIMIT =
  'no file may become larger than so much (EFBIG): new logs and checkpoints help, then nothing; lifted, it goes on'
if (noLimit !== undefined) skip(test, LIMIT, noLimit)
else {
  test(LIMIT, () =>
    inDirectory(async (dir) => {
      const path = join(dir, 'app')
      const said = new Said()
      const child = spawn(process.execPath, [compiledProgram('limited-child'), path, '600'])
      const pid = String(child.pid)
      let output = ''
      let isLifted = false
      child.stdout.on('data', (chunk: Buffer) => {
        said.hear(chunk.toString())
        output += chunk.toString()
        if (isLifted || !output.includes('stuck\n')) return
        isLifted = true
        execFileSync('prlimit', ['--pid', pid, '--fsize=unlimited:unlimited'])
      })
      // It waits for this line before it writes.
      execFileSync('prlimit', ['--pid', pid, '--fsize=16384:unlimited'])
      child.stdin.end('go\n')
      const code = await new Promise((resolve) => child.on('close', resolve))
      assert.is(code, 0, output.slice(-2000))
      assert.ok(isLifted, 'the limit was met for good')
      assert.ok(said.errors.some((error) => error.includes('EFBIG')))
      assert.is(said.acknowledged, 600)
      assert.is(judge(path, said, model), 600)
    }),
  )
}

test.run()
