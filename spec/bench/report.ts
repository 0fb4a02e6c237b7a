// What was measured, for people: a line while it runs, and RESULTS.md.

import { cpus, totalmem } from 'node:os'
import BetterSqlite3 from 'better-sqlite3'
import { told } from './files.ts'
import { type Measured, median } from './measure.ts'
import type { MemoryUse } from './memory.ts'
import type { BenchOptions } from './options.ts'

/** How many times as fast as the peer; of the medians. */
export function ratioOf({ oursSeconds, peerSeconds }: Measured): number {
  return median(peerSeconds) / median(oursSeconds)
}

export function lineOf(measured: Measured): string {
  const { comparison, oursSeconds, peerSeconds } = measured
  const figure = (seconds: readonly number[]) => speed(comparison.units, median(seconds))
  return `${comparison.name.padEnd(44)} ${figure(oursSeconds).padStart(16)}   ${figure(peerSeconds).padStart(16)} (${comparison.peer.name})   ratio ${ratioOf(measured).toFixed(2)}`
}

/** `2.35 s (426 k/s)`. */
function speed(units: number, seconds: number): string {
  const perSecond = units / seconds
  const rate = perSecond >= 10_000 ? `${(perSecond / 1000).toFixed(0)} k/s` : `${perSecond.toFixed(0)}/s`
  const time =
    seconds >= 1 ? `${seconds.toFixed(2)} s` : `${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms`
  return `${time} (${rate})`
}

function spread(seconds: readonly number[]): string {
  return `${(Math.min(...seconds) / median(seconds)).toFixed(2)}–${(Math.max(...seconds) / median(seconds)).toFixed(2)}`
}

export function resultsText(
  measured: readonly Measured[],
  memory: readonly MemoryUse[],
  options: BenchOptions,
  remark: string | undefined,
): string {
  const rows = measured.map((each) => {
    const { comparison, oursSeconds, peerSeconds } = each
    return `| ${[
      comparison.name,
      speed(comparison.units, median(oursSeconds)),
      comparison.peer.name,
      speed(comparison.units, median(peerSeconds)),
      `**${ratioOf(each).toFixed(2)}**`,
      `${spread(oursSeconds)} / ${spread(peerSeconds)}`,
    ].join(' | ')} |`
  })
  const memoryRows = memory.map(
    ({ rows: count, filledBytes, reopenedBytes, peerBytes }) =>
      `| ${told(count)} rows | ${megabytes(filledBytes)} | ${megabytes(reopenedBytes)} | ${megabytes(peerBytes)} |`,
  )
  const memoryTable = [
    '## Memory',
    '',
    'What the process takes beyond what it took before (resident set), open since it was filled, and opened from its files.',
    '',
    '| | scriptlog, filled | scriptlog, reopened | SQLite in memory |',
    '|---|---|---|---|',
    ...memoryRows,
    '',
  ]
  return [
    '# Benchmark',
    '',
    `Made by \`npm run bench -- --rows ${options.rows} --runs ${options.runs} --sizes ${options.sizes.join()} --write\` on ${new Date().toISOString().slice(0, 10)}: ${environment()}.`,
    ...(remark === undefined ? [] : [remark]),
    '',
    'How to read it: a row has about 100 bytes; both sides of a line ran in turn in one process, and the median counts. The',
    'ratio says how many times as fast as its peer scriptlog is: above 1 it is faster. Ratios of one line carry over to other',
    'machines, times do not; the last column (fastest and slowest run by the median, ours / peer) says how far to trust a line.',
    'A checkpoint of ours is synced and read back before it counts, a VACUUM INTO is neither.',
    '',
    '| work | scriptlog | peer | peer’s time | ratio | spread |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
    ...(memoryRows.length > 0 ? memoryTable : []),
  ].join('\n')
}

function environment(): string {
  const db = new BetterSqlite3(':memory:')
  const sqlite = String(db.prepare('SELECT sqlite_version()').pluck().get())
  db.close()
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`
  return `Node ${process.versions.node}, SQLite ${sqlite}, ${process.platform} ${process.arch}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${memory}`
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`
}
