// The picture of the rooms in ARCHITECTURE.md, kept true: imports go down or stay in their room, type imports too.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, posix, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

/** From the bottom up. A name that ends in `/` is a folder, and a room of its own; the files of a floor share one. */
const FLOORS: readonly (readonly string[])[] = [
  ['errors.ts'],
  ['format/', 'severity.ts'],
  ['fs/', 'names.ts'],
  ['log/', 'script-lines.ts', 'script-writer.ts', 'script.ts', 'properties.ts', 'settings.ts'],
  ['script-remains.ts', 'state-file.ts'],
  ['engine/'],
  ['store.ts', 'commit.ts', 'checkpoint.ts', 'resume.ts'],
  ['recovery/'],
  ['host.ts'],
  ['failchk.ts', 'inspect.ts', 'read-log.ts', 'repair/', 'verify.ts'],
  ['database/'],
  ['exports.ts'],
  ['index.ts'],
  ['cli/'],
]

/** Packages and modules that one place alone may use. */
const ONLY_IN: Readonly<Record<string, string>> = {
  fs: 'fs/disk.ts',
  'better-sqlite3': 'engine/',
  'fs-native-extensions': 'fs/',
  ini: 'properties.ts',
  sade: 'cli/',
  kleur: 'cli/',
  'cli-progress': 'cli/',
}

const lib = fileURLToPath(new URL('../lib', import.meta.url))
const files = readdirSync(lib, { recursive: true, encoding: 'utf8' })
  .map((name) => name.split(sep).join('/'))
  .filter((name) => name.endsWith('.ts'))
  .sort()

/** Everything that a file imports, by whatever syntax: types, re-exports, `import()` and `require` included. */
function importsOf(text: string): string[] {
  const required = [...text.matchAll(/createRequire\([^()]*\)\('([^'.][^']*)'\)/g)].map(
    ([, name]) => name ?? '',
  )
  return [...ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName), ...required]
}

function isIn(file: string, place: string): boolean {
  return place.endsWith('/') ? file.startsWith(place) : file === place
}

function floorOf(file: string): number {
  return FLOORS.findIndex((places) => places.some((place) => isIn(file, place)))
}

/** What is wrong with one import, if anything is. */
function complaintAbout(file: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) {
    const name = specifier.replace(/^node:/, '').split('/')[0] ?? ''
    const place = Object.hasOwn(ONLY_IN, name) ? ONLY_IN[name] : undefined
    return place === undefined || isIn(file, place) ? undefined : `${specifier} is for ${place} alone`
  }
  const target = posix.normalize(posix.join(dirname(file), specifier))
  const [from, to] = [floorOf(file), floorOf(target)]
  if (to < 0) return `${target} has no room`
  if (to > from) return `${target} lies above`
  const folderOf = (name: string) => (name.includes('/') ? name.split('/')[0] : undefined)
  return to === from && folderOf(file) !== folderOf(target) ? `${target} lies beside` : undefined
}

test('every file has its room, and every room its files', () => {
  for (const file of files)
    assert.ok(floorOf(file) >= 0, `lib/${file} is not in the picture: give it a room there and here`)
  for (const place of FLOORS.flat())
    assert.ok(
      files.some((file) => isIn(file, place)),
      `${place} is empty`,
    )
})

test('imports go down or stay in their room, and what belongs to one place is used there alone', () => {
  const complaints = files.flatMap((file) =>
    importsOf(readFileSync(`${lib}/${file}`, 'utf8')).flatMap((specifier) => {
      const complaint = complaintAbout(file, specifier)
      return complaint === undefined ? [] : [`lib/${file}: ${complaint}`]
    }),
  )
  assert.equal(complaints, [])
})

test('the check sees what it is there for', () => {
  const text = `import type { A } from 'better-sqlite3'
    import { readFileSync } from 'node:fs'
    export * from '../recovery/plan.ts'
    type B = import('../store.ts').Store
    const later = () => import('node:fs/promises')
    const old = require('fs')
    const native = createRequire(import.meta.url)('fs-native-extensions')`
  assert.equal(
    importsOf(text).map((specifier) => complaintAbout('log/x.ts', specifier)),
    [
      'better-sqlite3 is for engine/ alone',
      'node:fs is for fs/disk.ts alone',
      'recovery/plan.ts lies above',
      'store.ts lies above',
      'node:fs/promises is for fs/disk.ts alone',
      'fs is for fs/disk.ts alone',
      'fs-native-extensions is for fs/ alone',
    ],
  )
  assert.is(complaintAbout('log/x.ts', '../script.ts'), 'script.ts lies beside')
  assert.is(complaintAbout('log/x.ts', './format.ts'), undefined)
  assert.is(complaintAbout('resume.ts', './checkpoint.ts'), undefined)
  assert.is(complaintAbout('fs/disk.ts', 'node:fs'), undefined)
})

test('clock and chance are passed in: only the door takes them from the world', () => {
  for (const file of files.filter((each) => each !== 'host.ts' && !each.startsWith('cli/'))) {
    const text = readFileSync(`${lib}/${file}`, 'utf8')
    assert.not.match(text, /\bDate\.now\(|\bMath\.random\(|\brandomBytes\(|\bnew Date\(\)/, `lib/${file}`)
  }
})

test.run()
