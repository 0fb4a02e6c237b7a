// A small application with its store: what one would write in a desktop program that keeps track of working time.
//
//   node --import tsx examples/embedded/main.ts
//
// It works a little, waits until its changes are saved, is killed (in a process of its own), starts again, and finds
// everything that was saved. Its files are in a temporary directory and removed at the end.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { rimrafSync } from 'rimraf'
import { WorkStore } from './store.ts'

const MORNING = Date.UTC(2026, 10, 20, 8) / 1000
const HOUR = 3600

async function workAndSave(path: string): Promise<void> {
  console.log('First start')
  const store = new WorkStore(path, { tell: (message) => console.log(`  ${message}`), idleMillis: 20 })
  store.switchTo('Café Zürich', 'menu for the winter', MORNING)
  store.switchTo('Accounts', "October's receipts", MORNING + 2 * HOUR)
  await store.saved()
  console.log('  saved')
  // Nobody types for a moment.
  await setTimeout(60)
  store.close()
}

/** Never returns: the process ends as when somebody pulls the plug of the program. */
async function workAndDie(path: string): Promise<void> {
  console.log('Second start, in a process that is killed')
  const store = new WorkStore(path, { tell: (message) => console.log(`  ${message}`) })
  store.closeOnExit()
  store.switchTo('Café Zürich', 'a better coffee list', MORNING + 3 * HOUR)
  await store.saved()
  console.log('  saved')
  process.kill(process.pid, 'SIGKILL')
}

function lookAtIt(path: string): void {
  console.log('Third start')
  const store = new WorkStore(path, { tell: (message) => console.log(`  ${message}`) })
  store.stop(MORNING + 5 * HOUR)
  for (const { project, seconds } of store.totals(MORNING + 5 * HOUR)) {
    console.log(`  ${project.padEnd(12)} ${(seconds / HOUR).toFixed(1)} h`)
  }
  store.close()
}

const [, , pathToDieWith] = process.argv
if (pathToDieWith !== undefined) {
  await workAndDie(pathToDieWith)
} else {
  const directory = mkdtempSync(join(tmpdir(), 'embedded-'))
  const path = join(directory, 'work')
  try {
    await workAndSave(path)
    const args = [...process.execArgv, fileURLToPath(import.meta.url), path]
    const { signal } = spawnSync(process.execPath, args, { stdio: 'inherit' })
    if (signal !== 'SIGKILL') throw new Error('the second process was to be killed')
    lookAtIt(path)
    console.log(`Its files: ${readdirSync(directory).join(', ')}`)
  } finally {
    rimrafSync(directory)
  }
}
