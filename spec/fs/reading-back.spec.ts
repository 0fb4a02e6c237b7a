// Files that read back what they synced: bytes that changed on their way are found by the sync that should have made
// them durable, under whatever name the file has by then.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { systemCode } from '../../lib/errors.ts'
import type { AppendFile, Files } from '../../lib/fs/files.ts'
import { imageOf } from '../../lib/fs/image.ts'
import { MemoryFiles } from '../../lib/fs/memory.ts'
import { readingBack } from '../../lib/fs/reading-back.ts'
import { traced } from '../../lib/fs/trace.ts'

const text = (value: string) => Buffer.from(value)

/** Files whose n-th append (from 0) writes something else of the same length. */
function mangling(n: number): Files {
  const files = new MemoryFiles({ image: imageOf({ '/d/old': 'before' }) })
  let appends = 0
  const wrap = (file: AppendFile): AppendFile => ({
    get sizeBytes() {
      return file.sizeBytes
    },
    append: (bytes) => file.append(appends++ === n ? bytes.map((byte) => byte ^ 4) : bytes),
    sync: () => file.sync(),
    syncAsync: () => file.syncAsync(),
    close: () => file.close(),
  })
  return Object.assign(
    traced(files, () => undefined),
    {
      create: (path: string) => wrap(files.create(path)),
      openAppend: (path: string) => wrap(files.openAppend(path)),
    },
  )
}

function codeOf(act: () => void): string | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    return systemCode(error)
  }
}

test('what is as it was written: every sync succeeds, and reads only what is new', () => {
  const lengths: number[] = []
  const files = readingBack(
    traced(new MemoryFiles({ image: imageOf({ '/d/old': 'before' }) }), ({ kind, lengthBytes }) => {
      if (kind === 'read') lengths.push(lengthBytes ?? 0)
    }),
  )
  const file = files.openAppend('/d/old')
  file.append(text('one'))
  file.append(text('three'))
  file.sync()
  file.append(text('more'))
  file.sync()
  file.sync()
  assert.equal(lengths, [3, 5, 4])
})

test('other bytes on the disk: the sync that covers them fails with EBADMSG, whatever is synced and renamed before', () => {
  for (const n of [0, 1, 2, 3]) {
    const files = readingBack(mangling(n))
    const file = files.create('/d/a')
    const outcomes: (string | undefined)[] = []
    for (let each = 0; each < 4; each++) {
      file.append(text(`part ${each}`))
      if (each === 1) files.rename('/d/a', '/d/b')
      outcomes.push(codeOf(() => file.sync()))
    }
    assert.equal(
      outcomes,
      [0, 1, 2, 3].map((each) => (each === n ? 'EBADMSG' : undefined)),
    )
  }
})

test('a sync off the main thread compares what was appended before it began, the next one the rest', async () => {
  const files = readingBack(mangling(1))
  const file = files.create('/d/a')
  file.append(text('good'))
  const first = file.syncAsync()
  file.append(text('mangled'))
  await first
  const outcome = await file.syncAsync().then(
    () => undefined,
    (error: unknown) => systemCode(error),
  )
  assert.is(outcome, 'EBADMSG')
})

test('a sync that ends while another is under way compares what both cover', async () => {
  const files = readingBack(mangling(0))
  const file = files.create('/d/a')
  file.append(text('mangled'))
  const first = file.syncAsync()
  file.append(text('good'))
  assert.is(
    codeOf(() => file.sync()),
    'EBADMSG',
  )
  await first
})

test('pieces larger than what is read at a time', () => {
  const big = Buffer.alloc(2_500_000, 'x')
  const sound = readingBack(mangling(-1)).create('/d/a')
  sound.append(big)
  sound.sync()
  const unsound = readingBack(mangling(0)).create('/d/a')
  unsound.append(big)
  assert.is(
    codeOf(() => unsound.sync()),
    'EBADMSG',
  )
})

test.run()
