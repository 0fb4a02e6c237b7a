import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../lib/format/random.ts'
import { CrashCursor } from '../../lib/fs/crash-cursor.ts'
import { type CrashModel, crashModels } from '../../lib/fs/crash-point.ts'
import { crashStates, statesAt } from '../../lib/fs/crash-states.ts'
import type { AppendFile, Files } from '../../lib/fs/files.ts'
import { type Image, imageOf } from '../../lib/fs/image.ts'
import { type Fault, MemoryFiles } from '../../lib/fs/memory.ts'
import type { Operation } from '../../lib/fs/operation.ts'

const empty = imageOf({}, ['/d'])

/** Names and bytes of an image in one line: `a=xy dir/`; garbage as `?`, zeros as `0`. */
function print({ files, directories }: Image): string {
  const names = [...directories].filter((path) => path.startsWith('/d/')).map((path) => `${path.slice(3)}/`)
  for (const [path, bytes] of files) {
    const text = Array.from(bytes, (byte) =>
      byte === 0 ? '0' : byte < 32 || byte > 126 ? '?' : String.fromCharCode(byte),
    )
    names.push(`${path.slice(3)}=${text.join('')}`)
  }
  return names.sort().join(' ')
}

/** All states after the last change of a program, printed and sorted. */
function statesOf(
  model: CrashModel,
  initial: Image,
  program: (files: Files) => void,
  onOperation?: (operation: Operation, index: number) => Fault | undefined,
): string[] {
  const files = new MemoryFiles({ image: initial, ...(onOperation === undefined ? {} : { onOperation }) })
  program(files)
  const { changes } = files
  const random = seededRandom(1)
  const states = crashStates({ initial, changes, cut: changes.length, model, limit: 5000, random })
  return [...states].map(({ image }) => print(image)).sort()
}

function append(files: Files, path: string, text: string): AppendFile {
  const file = files.create(path)
  file.append(Buffer.from(text))
  return file
}

test('killed: names in program order, the last append torn at any byte', () => {
  const program = (files: Files) => append(files, '/d/a', 'uvw').append(Buffer.from('xy'))
  assert.equal(statesOf('killed', empty, program), ['a=uvw', 'a=uvwx', 'a=uvwxy'])
})

test('killed: an operation after the append proves the append whole', () => {
  const program = (files: Files) => {
    append(files, '/d/a', 'uvw')
    files.makeDir('/d/b')
  }
  assert.equal(statesOf('killed', empty, program), ['a=uvw b/'])
})

test('create and append, ext4: no name, or the name with any prefix of the bytes', () => {
  const program = (files: Files) => void append(files, '/d/a', 'xy')
  assert.equal(statesOf('ext4', empty, program), ['', 'a=', 'a=x', 'a=xy'])
})

test('create and append, writeback and generic: the size may also outrun the bytes', () => {
  const program = (files: Files) => void append(files, '/d/a', 'xy')
  for (const model of ['writeback', 'generic'] as const) {
    const states = statesOf(model, empty, program)
    for (const state of ['', 'a=', 'a=0', 'a=00', 'a=x', 'a=xy']) assert.ok(states.includes(state), state)
    // The other two are the garbage of one byte and of two.
    assert.is(states.length, 8)
  }
})

test('two appends in one sector, generic: the second may be there without the first', () => {
  const program = (files: Files) => {
    const file = append(files, '/d/a', 'x')
    file.append(Buffer.from('y'))
  }
  assert.ok(statesOf('generic', empty, program).includes('a=0y'))
  assert.not(statesOf('ext4', empty, program).includes('a=0y'))
})

test('bytes of a deleted file may turn up in a new one, not while the old one may still have its name', () => {
  const program = (files: Files) => {
    files.remove('/d/old')
    append(files, '/d/new', 'xyz')
  }
  const states = statesOf('generic', imageOf({ '/d/old': 'OLD' }), program)
  assert.ok(states.includes('new=OLD'))
  assert.not(states.includes('new=OLD old=OLD'))
  assert.not(statesOf('ext4', imageOf({ '/d/old': 'OLD' }), program).includes('new=OLD'))
})

const old = imageOf({ '/d/f': 'old' })

function replaceBadly(files: Files): void {
  append(files, '/d/t', 'new')
  files.rename('/d/t', '/d/f')
}

test('planted bug, rename without sync: ext4 writes the bytes before a rename over a file', () => {
  const expected = ['f=new', 'f=old', 'f=old t=', 'f=old t=n', 'f=old t=ne', 'f=old t=new']
  assert.equal(statesOf('ext4', old, replaceBadly), expected)
})

test('planted bug, rename without sync: writeback and generic leave the new name with missing bytes', () => {
  for (const model of ['writeback', 'generic'] as const) {
    const states = statesOf(model, old, replaceBadly)
    for (const state of ['f=', 'f=n', 'f=000', 'f=old t=00', 'f=old']) {
      assert.ok(states.includes(state), `${model}: ${state}`)
    }
  }
})

test('planted bug, rename without sync to a new name: ext4 leaves it empty too', () => {
  assert.ok(statesOf('ext4', empty, replaceBadly).includes('f='))
})

test('write, sync, rename over: old or new in every model, whole', () => {
  const program = (files: Files) => {
    append(files, '/d/t', 'new').sync()
    files.rename('/d/t', '/d/f')
  }
  // In ext4 the sync commits the journal with the creation; in the generic model it says nothing about names.
  assert.equal(statesOf('ext4', old, program), ['f=new', 'f=old t=new'])
  assert.equal(statesOf('writeback', old, program), ['f=new', 'f=old t=new'])
  assert.equal(statesOf('generic', old, program), ['f=new', 'f=old', 'f=old t=new'])
  assert.equal(
    statesOf('generic', old, (files) => {
      program(files)
      files.syncDir('/d')
    }),
    ['f=new'],
  )
})

test('planted bug, unlink first: a state without either file under its name', () => {
  const program = (files: Files) => {
    append(files, '/d/t', 'new').sync()
    files.remove('/d/f')
    files.rename('/d/t', '/d/f')
  }
  assert.equal(statesOf('ext4', old, program), ['f=new', 'f=old t=new', 't=new'])
  assert.equal(statesOf('generic', old, program), ['', 'f=new', 'f=old', 'f=old t=new', 't=new'])
})

test('planted bug, no sync of the directory: a synced new file has no name in the generic model', () => {
  const program = (files: Files) => append(files, '/d/log', 'acknowledged').sync()
  assert.equal(statesOf('generic', empty, program), ['', 'log=acknowledged'])
  assert.equal(statesOf('ext4', empty, program), ['log=acknowledged'])
})

test('planted bug, retried sync: it succeeds and proves nothing, in every model that loses power', () => {
  const program = (files: Files) => {
    const file = append(files, '/d/a', 'xy')
    files.syncDir('/d')
    assert.throws(() => file.sync())
    file.sync()
  }
  const failFirst = () => {
    let syncs = 0
    return ({ kind }: Operation) => (kind === 'sync' && syncs++ === 0 ? { code: 'EIO' } : undefined)
  }
  assert.equal(statesOf('ext4', empty, program, failFirst()), ['a=', 'a=0', 'a=00', 'a=x', 'a=xy'])
  for (const model of ['writeback', 'generic'] as const) {
    assert.ok(statesOf(model, empty, program, failFirst()).includes('a='))
  }
  assert.equal(statesOf('killed', empty, program, failFirst()), ['a=xy'])
})

test('ext4: a sync that follows a failed one and has nothing to write proves no name', () => {
  let syncs = 0
  const program = (files: Files) => {
    const file = append(files, '/d/a', 'x')
    assert.throws(() => file.sync())
    file.sync()
  }
  const fault = ({ kind }: Operation) => (kind === 'sync' && syncs++ === 0 ? { code: 'EIO' } : undefined)
  assert.equal(statesOf('ext4', empty, program, fault), ['', 'a=', 'a=0', 'a=x'])
})

test('bytes after a failed sync are made durable by the next one, those before it are not', () => {
  let syncs = 0
  const program = (files: Files) => {
    const file = append(files, '/d/a', 'xy')
    assert.throws(() => file.sync())
    file.append(Buffer.from('z'))
    file.sync()
    files.syncDir('/d')
  }
  const fault = ({ kind }: Operation) => (kind === 'sync' && syncs++ === 0 ? { code: 'EIO' } : undefined)
  assert.equal(statesOf('ext4', empty, program, fault), ['a=00z', 'a=xyz'])
})

test('ext4: a sync commits the names before the file’s last change, not those after it', () => {
  const program = (files: Files) => {
    const file = append(files, '/d/a', 'x')
    files.makeDir('/d/before')
    file.append(Buffer.from('y'))
    files.makeDir('/d/after')
    file.sync()
  }
  // The bytes may have been written, and their size journalled, before `after` was made.
  assert.equal(statesOf('ext4', empty, program), ['a=xy after/ before/', 'a=xy before/'])
})

test('generic: a rename between directories needs both of them synced', () => {
  const initial = imageOf({ '/d/a': '1' }, ['/d/sub'])
  const program = (files: Files) => {
    files.rename('/d/a', '/d/sub/a')
    files.syncDir('/d/sub')
  }
  assert.equal(statesOf('generic', initial, program), ['a=1 sub/', 'sub/ sub/a=1'])
  assert.equal(
    statesOf('generic', initial, (files) => {
      program(files)
      files.syncDir('/d')
    }),
    ['sub/ sub/a=1'],
  )
})

test('generic: a file in a directory whose own name is lost cannot be found', () => {
  const program = (files: Files) => {
    files.makeDir('/d/sub')
    append(files, '/d/sub/a', 'x').sync()
    files.syncDir('/d/sub')
  }
  assert.equal(statesOf('generic', empty, program), ['', 'sub/ sub/a=x'])
})

test('generic: a durable rename is not undone by an earlier pending change of the same name', () => {
  const initial = imageOf({ '/d/a': '1' }, ['/d/sub'])
  const program = (files: Files) => {
    files.rename('/d/a', '/d/sub/a')
    append(files, '/d/a', '2').sync()
    files.syncDir('/d')
  }
  // The second `a` is durable; whether the first got its new name is not.
  assert.equal(statesOf('generic', initial, program), ['a=2 sub/', 'a=2 sub/ sub/a=1'])
})

/** A program of some steps on few names, as a planted chaos: every kind of change, in any order. */
function stumble(files: MemoryFiles, random: () => number): void {
  const names = ['/d/a', '/d/b', '/d/sub/c']
  const pick = () => names[Math.floor(random() * names.length)] ?? '/d/a'
  const open: AppendFile[] = []
  const steps = [
    () => open.push(append(files, pick(), 'x')),
    () => open[Math.floor(random() * open.length)]?.append(Buffer.from('yz')),
    () => open[Math.floor(random() * open.length)]?.sync(),
    () => files.rename(pick(), pick()),
    () => files.remove(pick()),
    () => files.makeDir('/d/sub'),
    () => files.syncDir(random() < 0.7 ? '/d' : '/d/sub'),
  ]
  for (let step = 0; step < 8; step++) {
    try {
      steps[Math.floor(random() * steps.length)]?.()
    } catch {
      // ENOENT and EEXIST are part of stumbling.
    }
  }
}

test('chance programs: what the program saw is a state of every model, and each model allows the next one’s', () => {
  const seed = 20261120
  const random = seededRandom(seed)
  const limit = 20_000
  let compared = 0
  for (let run = 0; run < 150; run++) {
    const initial = imageOf({ '/d/b': 'B' })
    const files = new MemoryFiles({
      image: initial,
      onOperation: ({ kind }) => (kind === 'sync' && random() < 0.2 ? { code: 'EIO' } : undefined),
    })
    stumble(files, random)
    const cut = files.changes.length
    const keysOf = (model: CrashModel) =>
      new Set(
        [...crashStates({ initial, changes: files.changes, cut, model, limit, random })].map(
          ({ key }) => key,
        ),
      )
    const sets = crashModels.map(keysOf)
    const live = print(files.image())
    for (const model of crashModels) {
      const first = crashStates({ initial, changes: files.changes, cut, model, limit: 1, random }).next()
        .value
      assert.is(
        first === undefined ? undefined : print(first.image),
        live,
        `seed ${seed} run ${run} ${model}`,
      )
    }
    for (let at = 1; at < sets.length; at++) {
      const [narrow, wide] = [sets[at - 1], sets[at]]
      if (narrow === undefined || wide === undefined || wide.size >= limit) continue
      compared += 1
      for (const key of narrow) {
        assert.ok(
          wide.has(key),
          `seed ${seed} run ${run}: ${crashModels[at]} lacks a state of the one before`,
        )
      }
    }
  }
  assert.ok(compared > 300, `only ${compared} comparisons`)
})

test('chance programs: after every file and directory was synced there is one state', () => {
  const random = seededRandom(7)
  for (let run = 0; run < 50; run++) {
    const initial = imageOf({ '/d/b': 'B' }, ['/d/sub'])
    const files = new MemoryFiles({ image: initial })
    stumble(files, random)
    for (const path of files.image().files.keys()) files.openAppend(path).sync()
    files.syncDir('/d/sub')
    files.syncDir('/d')
    const cut = files.changes.length
    for (const model of crashModels) {
      const states = [...crashStates({ initial, changes: files.changes, cut, model, limit: 100, random })]
      assert.equal(
        states.map(({ image }) => print(image)),
        [print(files.image())],
      )
    }
  }
})

function longProgram(files: Files): void {
  const log = files.create('/d/app.log')
  for (let record = 0; record < 60; record++) {
    log.append(Buffer.alloc(100 + record * 7, `record ${record} `))
    if (record % 20 === 19) append(files, `/d/file${record}`, 'x'.repeat(3000))
  }
}

test('too many states: the live and the barest one come first, the rest is a sample without repetition', () => {
  const files = new MemoryFiles({ image: empty })
  longProgram(files)
  for (const model of ['ext4', 'writeback', 'generic'] as const) {
    const statesWith = (seed: number) => [
      ...crashStates({
        initial: empty,
        changes: files.changes,
        cut: files.changes.length,
        model,
        limit: 400,
        random: seededRandom(seed),
      }),
    ]
    const states = statesWith(3)
    assert.is(states.length, 400)
    assert.is(new Set(states.map(({ key }) => key)).size, 400)
    assert.equal(states[0]?.image, files.image())
    assert.is(states[1]?.image.files.size, 0)
    assert.equal(
      statesWith(3).map(({ key }) => key),
      states.map(({ key }) => key),
    )
    assert.not.equal(
      statesWith(4).map(({ key }) => key),
      states.map(({ key }) => key),
    )
  }
})

test('the telling states of an append: torn at its first and last byte, in the half, at sectors and pages', () => {
  const files = new MemoryFiles({ image: imageOf({ '/d/a': 'x'.repeat(100) }) })
  files.openAppend('/d/a').append(Buffer.alloc(9000, 'y'))
  const options = {
    initial: imageOf({ '/d/a': 'x'.repeat(100) }),
    changes: files.changes,
    cut: 1,
    model: 'ext4' as const,
    limit: 9,
    random: () => 0,
  }
  const sizes = [...crashStates(options)].map(({ image }) => image.files.get('/d/a')?.byteLength ?? -1)
  const expected = [100, 101, 512, 4096, 4600, 8192, 8704, 9099, 9100]
  assert.equal(
    sizes.sort((a, b) => a - b),
    expected,
  )
})

test('a cursor that moves on leaves earlier points and their states as they were', () => {
  const files = new MemoryFiles({ image: empty })
  longProgram(files)
  files.syncDir('/d')
  const cursor = new CrashCursor({ initial: empty, changes: files.changes, model: 'generic' })
  const options = () => ({ limit: 30, random: seededRandom(5) })
  const early = cursor.advanceTo(10)
  const before = [...statesAt(early, options())].map(({ key }) => key)
  cursor.advanceTo(files.changes.length)
  assert.equal(
    [...statesAt(early, options())].map(({ key }) => key),
    before,
  )
  assert.throws(() => cursor.advanceTo(9), /moves forward/)
})

test('a state tells what it kept', () => {
  const initial = imageOf({ '/d/f': 'old' })
  const files = new MemoryFiles({ image: initial })
  replaceBadly(files)
  const random = seededRandom(1)
  const told = [
    ...crashStates({ initial, changes: files.changes, cut: 3, model: 'generic', limit: 999, random }),
  ].map((state) => `${print(state.image)}\n${state.describe('/d')}`)
  const expected = `f=00
generic: crash after change 3, rename t -> f
  lost  1 create t
  kept  3 rename t -> f
  bytes f: 2 of 3, 0 of them durable for certain; zeros at 0–1`
  // Two choices lead to this state, with and without the creation; either may tell it.
  assert.ok(told.includes(expected) || told.includes(expected.replace('lost  1', 'kept  1')), told.join('\n'))
})

test.run()
