import { parseArgs } from 'node:util'

export interface Options {
  readonly seed: number
  readonly changes: number
  readonly kills: number
  /** Where the directory of this run is made. */
  readonly dir: string | undefined
  readonly keep: boolean
}

const USAGE = `usage: npm start -- [--seed N] [--changes N] [--kills N] [--dir DIR] [--keep]

  --seed N      run the workload and the kill of that seed again (default: a new one)
  --changes N   row changes of the workload (default 120000, from 1000)
  --kills N     how often the replaying process is killed (default 1)
  --dir DIR     make this run's directory in DIR (default: the system's directory for temporary files)
  --keep        keep it; it is kept in any case when a comparison fails`

/** Reads the command line; a text, when it is wrong or asks for help, is what the caller has to be told. */
export function readOptions(
  args: readonly string[],
): Options | { readonly usage: string; readonly isWrong: boolean } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
        changes: { type: 'string', default: '120000' },
        kills: { type: 'string', default: '1' },
        dir: { type: 'string' },
        keep: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help) return { usage: USAGE, isWrong: false }
    return {
      seed: wholeNumber(values.seed, 0, '--seed'),
      changes: wholeNumber(values.changes, 1000, '--changes'),
      kills: wholeNumber(values.kills, 1, '--kills'),
      dir: values.dir,
      keep: values.keep,
    }
  } catch (error) {
    return { usage: `${error instanceof Error ? error.message : error}\n\n${USAGE}`, isWrong: true }
  }
}

function wholeNumber(text: string, least: number, name: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value
  throw new Error(`${name} must be a whole number from ${least}, not '${text}'`)
}
