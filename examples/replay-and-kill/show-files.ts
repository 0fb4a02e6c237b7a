import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import kleur from 'kleur'
import { say, size } from '../show.ts'

const SHOWN_CHARACTERS = 96

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
  const file = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(4 * SHOWN_CHARACTERS)
    const read = readSync(file, bytes, 0, bytes.length, 0)
    const [line = ''] = bytes.toString('utf8', 0, read).split('\n')
    return line.length > SHOWN_CHARACTERS ? `${line.slice(0, SHOWN_CHARACTERS)}…` : line
  } finally {
    closeSync(file)
  }
}
