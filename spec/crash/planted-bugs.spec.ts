// A checker is believed only after it has caught planted bugs. Each is a small change of the library's text; the
// library with it must fail the same short exploration that the library without it passes. A change whose text is
// no longer found once, and once only, fails too: it has gone stale.

import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rimraf } from 'rimraf'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { SCENARIOS } from './scenarios.ts'

interface Edit {
  readonly file: string
  readonly search: string
  readonly replacement: string
}

interface PlantedBug {
  readonly name: string
  readonly scenario: keyof typeof SCENARIOS
  readonly edits: readonly Edit[]
}

const inReplace = (search: string, replacement: string): Edit => ({
  file: 'fs/replace.ts',
  search,
  replacement,
})
const inCheckpoint = (search: string, replacement: string): Edit => ({
  file: 'checkpoint.ts',
  search,
  replacement,
})
const inWriter = (search: string, replacement: string): Edit => ({
  file: 'log/writer.ts',
  search,
  replacement,
})
const inReader = (search: string, replacement: string): Edit => ({
  file: 'log/reader.ts',
  search,
  replacement,
})
const inGoOn = (search: string, replacement: string): Edit => ({
  file: 'recovery/go-on.ts',
  search,
  replacement,
})

const SYNC_FAILS = `      this.#file.sync()
    } catch (cause) {
      throw this.#fail('sync', cause)
    }`

const BUGS: readonly PlantedBug[] = [
  {
    name: 'an error that names no file',
    scenario: 'a failed sync, then more commits',
    edits: [
      {
        file: 'commit.ts',
        search: '      path,\n      lsn: formatLsn(lsn),',
        replacement: '      lsn: formatLsn(lsn),',
      },
    ],
  },
  {
    name: 'a resume that says it has succeeded and has written nothing',
    scenario: 'a failed sync, then more commits',
    edits: [{ file: 'resume.ts', search: 'header, failed.unsynced)', replacement: 'header, [])' }],
  },
  {
    name: 'an append that failed half way is taken for done',
    scenario: 'a failed append, then more commits',
    edits: [inWriter("      throw this.#fail('append', cause)", '      void cause')],
  },
  {
    name: 'no directory sync after a rename',
    scenario: 'create and commit',
    edits: [
      inReplace(
        '  files.rename(temporaryPath, path)\n  files.syncDir(dirname(path))\n',
        '  files.rename(temporaryPath, path)\n',
      ),
    ],
  },
  {
    name: 'rename without sync',
    scenario: 'create and commit',
    edits: [inReplace('      file.sync()\n      compare(', '      compare(')],
  },
  {
    // Before the commit point. After it, where HSQLDB does it, recovery still knows the snapshot as .script.new.
    name: 'unlink first',
    scenario: 'two checkpoints',
    edits: [
      inCheckpoint(
        "    onStep('writeScriptNew')\n",
        "    onStep('writeScriptNew')\n    if (files.stat(names.script) !== undefined) files.remove(names.script)\n",
      ),
    ],
  },
  {
    name: 'old log removed before the commit point',
    scenario: 'two checkpoints',
    edits: [
      inCheckpoint(
        "    onStep('writeLogNew')\n",
        "    onStep('writeLogNew')\n    if (files.stat(names.log) !== undefined) files.remove(names.log)\n",
      ),
    ],
  },
  {
    name: 'state before .script.new',
    scenario: 'two checkpoints',
    edits: [
      inCheckpoint(
        "    onStep('writeScriptNew')\n",
        `    onStep('writeScriptNew')
    store.stateFile.set({
      modified: 'yes-new-files',
      timeline: header.timeline,
      checkpointLsn: header.lsn,
      checkpointXid: header.xid,
    })\n`,
      ),
    ],
  },
  {
    name: '.script.new is not synced',
    scenario: 'two checkpoints',
    edits: [inCheckpoint('header, statements())\n    file.sync()\n', 'header, statements())\n')],
  },
  {
    name: '.log.new is not synced',
    scenario: 'two checkpoints',
    edits: [
      inCheckpoint('      file.append(log.bytes)\n      file.sync()\n', '      file.append(log.bytes)\n'),
    ],
  },
  {
    name: 'names of the new files are not durable at the commit point',
    scenario: 'two checkpoints',
    edits: [inCheckpoint('      file.sync()\n      files.syncDir(names.dir)\n', '      file.sync()\n')],
  },
  {
    name: 'log dropped because of the flag',
    scenario: 'the state file of yesterday',
    edits: [
      {
        file: 'recovery/apply.ts',
        search: '  redoEntries(environment.files, found, plan, (entry) => {\n',
        replacement:
          "  redoEntries(environment.files, found, plan, (entry) => {\n    if (found.situation.state === 'clean') return\n",
      },
    ],
  },
  {
    name: 'appending to an inherited log',
    scenario: 'a failed sync, then another process',
    edits: [
      inGoOn(
        "  if (found.situation.state !== 'clean' && found.situation.state !== 'fresh') return false\n",
        '',
      ),
      inGoOn(
        `    log.path === names.log &&
    log.end.records === 0 &&
    log.end.end === log.header.start + log.header.sizeBytes &&
    log.sizeBytes === log.header.sizeBytes
`,
        '    log.path === names.log\n',
      ),
    ],
  },
  {
    name: 'ignored sync failure',
    scenario: 'a failed sync, then more commits',
    edits: [inWriter(SYNC_FAILS, '      this.#file.sync()\n    } catch {}')],
  },
  {
    name: 'retried sync',
    scenario: 'a failed sync, then more commits',
    edits: [inWriter(SYNC_FAILS, '      this.#file.sync()\n    } catch {\n      this.#file.sync()\n    }')],
  },
  {
    name: 'resume syncs the failed file again',
    scenario: 'a failed sync, then more commits',
    edits: [
      inWriter(
        '  get endLsn(): Lsn {\n',
        '  syncAgain(): void {\n    this.#failure = undefined\n    this.sync()\n  }\n  get endLsn(): Lsn {\n',
      ),
      {
        file: 'resume.ts',
        search: '  store.ensureDirty()\n',
        replacement: "  failed.syncAgain()\n  return 'log-next'\n",
      },
    ],
  },
  {
    name: 'acknowledged when written, not when synced',
    scenario: 'create and commit',
    edits: [
      {
        file: 'commit.ts',
        search: 'if (this.#writeDelayMillis === 0) log.sync()',
        replacement: 'if (this.#writeDelayMillis === 0) log.write()',
      },
    ],
  },
  {
    name: 'failure of a mark ignored',
    scenario: 'a mark that cannot be written',
    edits: [
      inWriter(
        "    } catch (cause) {\n      throw this.#fail('append', cause)\n    }\n",
        "    } catch (cause) {\n      if (this.unsynced.length > 0) throw this.#fail('append', cause)\n    }\n",
      ),
    ],
  },
  {
    name: 'checkpoint over a state in doubt',
    scenario: 'a checkpoint whose commit point is in doubt, then a close',
    edits: [
      inCheckpoint(
        '    if (stateFile.isInDoubt) stateFile.set({})\n    removeLeftovers(files, names)\n',
        '    removeLeftovers(files, names)\n',
      ),
    ],
  },
  {
    name: 'no salt',
    scenario: 'bytes of a log that never counted',
    edits: [
      {
        file: 'log/create.ts',
        search: 'export function encodeLog(header: LogHeader, commits: readonly Commit[]) {\n',
        replacement:
          "export function encodeLog(salted: LogHeader, commits: readonly Commit[]) {\n  const header = { ...salted, salt: '0000000000000000' }\n",
      },
    ],
  },
  {
    name: 'no prev',
    scenario: 'two histories of one log',
    edits: [inReader(' || entry.prev !== lastCrc) break', ') break')],
  },
  {
    name: 'no checksum',
    scenario: 'long records',
    edits: [inReader('      if (crc === trailer.crc) {\n        const body', '      {\n        const body')],
  },
  {
    name: 'torn tail fatal',
    scenario: 'create and commit',
    edits: [
      {
        file: 'recovery/treatment.ts',
        search: "  torn: {\n    tolerate_corrupted_tail_records: 'set-aside',",
        replacement: "  torn: {\n    tolerate_corrupted_tail_records: 'refuse',",
      },
    ],
  },
  {
    name: 'recovery goes on in memory without the last records in its new log',
    scenario: 'a failed sync, then another process',
    edits: [
      inGoOn(
        'names.logNextNew, names.logNext, header, commits)',
        'names.logNextNew, names.logNext, header, [])',
      ),
    ],
  },
  {
    name: 'torn tail not kept',
    scenario: 'create and commit',
    edits: [
      {
        file: 'recovery/set-aside.ts',
        search: '    if (files.stat(path)?.sizeBytes !== sizeBytes) replace(',
        replacement: '    if (sizeBytes < 0) replace(',
      },
    ],
  },
]

const root = mkdtempSync(join(tmpdir(), 'scriptlog-planted-'))
const project = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

interface Outcome {
  readonly name: string
  readonly states: number
  readonly violation?: string
}

/** A copy of the library and of the crash specs, with the edits done. */
function plant(name: string, edits: readonly Edit[]): string {
  const dir = join(root, name.replaceAll(/[^a-z]+/g, '-'))
  for (const part of ['lib', 'spec/crash', 'package.json']) {
    cpSync(join(project, part), join(dir, part), { recursive: true })
  }
  symlinkSync(join(project, 'node_modules'), join(dir, 'node_modules'))
  for (const { file, search, replacement } of edits) {
    const path = join(dir, 'lib', file)
    const parts = readFileSync(path, 'utf8').split(search)
    assert.is(parts.length, 2, `'${search}' stands once in ${file}`)
    writeFileSync(path, parts.join(replacement))
  }
  return dir
}

/** Runs scenarios in a process of their own. */
function run(dir: string, scenarios: readonly string[]): Promise<Outcome[]> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'spec/crash/scenarios.ts', ...scenarios], {
    cwd: dir,
  })
  let output = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  return new Promise((resolve, reject) => {
    child.on('close', (code) => {
      if (code !== 0) reject(new Error(`it ended with ${code}: ${errors.slice(0, 2000)}`))
      else
        resolve(
          output
            .trim()
            .split('\n')
            .map((line): Outcome => JSON.parse(line)),
        )
    })
  })
}

const baseline = {
  name: 'the library as it is',
  act: () => run(plant('as it is', []), Object.keys(SCENARIOS)),
}
const runs = [
  baseline,
  ...BUGS.map(({ name, edits, scenario }) => ({ name, act: () => run(plant(name, edits), [scenario]) })),
]

/** Two at a time, begun at once; each test waits for its own. */
const outcomes = new Map<string, Promise<Outcome[]>>()
let free = Promise.resolve()
let alsoFree = Promise.resolve()
for (const [index, { name, act }] of runs.entries()) {
  const outcome = (index % 2 === 0 ? free : alsoFree).then(act)
  const settled = outcome.then(
    () => undefined,
    () => undefined,
  )
  if (index % 2 === 0) free = settled
  else alsoFree = settled
  outcomes.set(name, outcome)
}

test.after(async () => {
  await rimraf(root)
})

test('the library as it is passes every scenario', async () => {
  const found = (await outcomes.get(baseline.name)) ?? []
  assert.is(found.length, Object.keys(SCENARIOS).length)
  for (const { name, violation, states } of found) {
    assert.is(violation, undefined, `${name}: ${violation}`)
    assert.ok(states > 0, `${name} judges some state`)
  }
})

for (const { name } of BUGS) {
  test(`planted: ${name}: caught`, async () => {
    const [outcome] = (await outcomes.get(name)) ?? []
    assert.ok(outcome?.violation !== undefined, `${outcome?.states} states were found right`)
  })
}

test.run()
