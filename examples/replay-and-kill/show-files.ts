import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import kleur from 'kleur'
import { say, size } from '../show.ts'

/** What stands before the first line, and how wide a line is where there is no terminal. */
const INDENT = 32
const WIDTH = 120

/** Shows the files of a directory: name, size, beginning of the first line. */
export function showFiles(directory: string): void {
  const names = readdirSync(directory).sort()
  const width = Math.max(...names.map((name) => name.length))
  for (const name of names) {
    const path = join(directory, name)
    const stat = statSync(path)
    const told = stat.isDirectory()
      ? `${'directory'.padStart(9)}  ${readdirSync(path).join(', ')}`
      : `${size(stat.size).padStart(9)}  ${firstLine(path)}`
    const [sizeText, text] = [told.slice(0, 9), told.slice(9)]
    say(`${name.padEnd(width)}  ${sizeText}${kleur.dim(text)}`)
  }
}

function firstLine(path: string): string {
  const most = Math.max(20, (process.stdout.columns ?? WIDTH) - INDENT)
  const file = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(4 * most)
    const read = readSync(file, bytes, 0, bytes.length, 0)
    const [first = ''] = bytes.toString('utf8', 0, read).split('\n')
    const line = first.trimEnd()
    return line.length > most ? `${line.slice(0, most)}…` : line
  } finally {
    closeSync(file)
  }
}
