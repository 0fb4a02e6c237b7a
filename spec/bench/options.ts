// What the benchmark is asked to do.

import { parseArgs } from 'node:util'

export interface BenchOptions {
  /** Rows of the statements' benchmarks. */
  readonly rows: number
  /** How often each pair is run; the median counts. */
  readonly runs: number
  /** Names of benchmarks must contain one of these; empty: all. */
  readonly only: readonly string[]
  /** Sizes at which checkpoint, reopen and redo are measured. */
  readonly sizes: readonly number[]
  /** Write RESULTS.md. */
  readonly isWritten: boolean
}

export const USAGE = `npm run bench -- [--rows 100000] [--runs 3] [--only insert,redo] [--sizes 10000,100000,1000000] [--write]`

/** Reads the command line; throws an Error that says what is wrong with it. */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rows: { type: 'string', default: '100000' },
      runs: { type: 'string', default: '3' },
      only: { type: 'string', default: '' },
      sizes: { type: 'string', default: '10000,100000,1000000' },
      write: { type: 'boolean', default: false },
    },
  })
  return {
    rows: positive('rows', values.rows),
    runs: positive('runs', values.runs),
    only: values.only.split(',').filter((part) => part !== ''),
    sizes: values.sizes.split(',').map((size) => positive('sizes', size)),
    isWritten: values.write,
  }
}

function positive(name: string, text: string): number {
  const value = Number(text.replaceAll('_', ''))
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new Error(`--${name} is a whole number from 1, not '${text}'\n${USAGE}`)
}
