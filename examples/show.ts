// Output for people: headed sections, one fact a line, colours on a terminal only.

import { SingleBar } from 'cli-progress'
import kleur from 'kleur'
import { systemCode } from '../lib/errors.ts'

// With `| head` nobody may be left to read; the work, and the tidying up at its end, goes on.
process.stdout.on('error', (error) => {
  if (systemCode(error) !== 'EPIPE') throw error
})

export function heading(text: string): void {
  console.log(`\n${kleur.bold(text)}`)
}

export function say(text: string): void {
  console.log(`  ${text}`)
}

export function whisper(text: string): void {
  console.log(kleur.dim(`  ${text}`))
}

/** Says whether something that was checked is right, and returns it. */
export function verdict(isRight: boolean, text: string): boolean {
  console.log(`  ${isRight ? kleur.green('right') : kleur.red('WRONG')}  ${text}`)
  return isRight
}

/** `12,345` */
export function count(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 })
}

/** `12,345 rows`, `1 row`. */
export function countOf(value: number, thing: string): string {
  return `${count(value)} ${thing}${value === 1 ? '' : 's'}`
}

/** `512 B`, `6.9 MB` (1 MB = 1,000,000 bytes). */
export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(1)} kB`
  return `${(bytes / 1_000_000).toFixed(1)} MB`
}

/** `0.84 s` */
export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`
}

/** Runs something that takes a while; on a terminal a bar shows how far `tick` was told that it is. */
export async function withProgress<T>(
  label: string,
  total: number,
  act: (tick: (done: number) => void) => Promise<T>,
): Promise<T> {
  if (!process.stderr.isTTY) return act(() => undefined)
  const bar = new SingleBar({
    format: `  ${label} {bar} {percentage} %`,
    clearOnComplete: true,
    hideCursor: true,
  })
  bar.start(total, 0)
  try {
    return await act((done) => bar.update(done))
  } finally {
    bar.stop()
  }
}
