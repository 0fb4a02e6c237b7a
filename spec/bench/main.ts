// `npm run bench`: scriptlog beside better-sqlite3, pair by pair in one run. See options.ts for what it may be asked.

import { writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { fileComparisons } from './files.ts'
import { type Measured, measure } from './measure.ts'
import { type MemoryUse, memoryUse } from './memory.ts'
import { readOptions } from './options.ts'
import { lineOf, resultsText } from './report.ts'
import { statementComparisons } from './statements.ts'

const RESULTS = fileURLToPath(new URL('./RESULTS.md', import.meta.url))

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2))
  const isWanted = (name: string) =>
    options.only.length === 0 || options.only.some((part) => name.includes(part))
  const comparisons = [...statementComparisons(options.rows), ...fileComparisons(options.sizes)]
  const measured: Measured[] = []
  const loads: number[] = []
  for (const comparison of comparisons.filter(({ name }) => isWanted(name))) {
    const one = await measure(comparison, options.runs)
    measured.push(one)
    loads.push(loadavg()[0] ?? 0)
    console.log(lineOf(one))
  }
  const memory: MemoryUse[] = isWanted('memory') ? options.sizes.map(memoryUse) : []
  for (const use of memory) console.log('memory', use)
  if (!options.isWritten) return
  const load = Math.max(...loads)
  // A benchmark keeps one core busy by itself.
  const remark =
    load > 2
      ? `The machine was busy with other work too (load up to ${load.toFixed(1)}): trust the ratios, not the times.`
      : undefined
  writeFileSync(RESULTS, resultsText(measured, memory, options, remark))
  console.log(`written: ${RESULTS}`)
}

await main()
