import { basename, dirname, join } from 'node:path'
import { UsageError } from '../errors.ts'
import { shortName } from '../names.ts'
import { repair } from '../repair/repair.ts'
import type { RepairReport } from '../repair/report.ts'
import type { Command } from './command.ts'
import { EXIT } from './exit-code.ts'
import type { Output } from './output.ts'
import { counted } from './units.ts'

export const repairCommand: Command = {
  name: 'repair',
  operands: ['<db>'],
  describes: [
    'Saves what is certain of a damaged database into a new one.',
    'The damaged files are not written. What cannot be verified, or finds no place, is kept in the directory .rejected of the new database, as SQL to read. Exit code 8: something is missing or kept apart; 6: nothing could be saved, and nothing was made.',
  ],
  options: { out: { value: 'new-db', says: 'Path of the new database; nothing of that name may be there' } },
  examples: ['repair data/app --out data/saved', 'repair data/app --out data/saved --json'],

  run(args, output) {
    const out = args.text('out')
    if (out === undefined) {
      throw new UsageError('--out is missing', {
        hint: 'name the new database: scriptlog repair <db> --out <new-db>',
      })
    }
    const report = repair(args.database, { out })
    if (output.isJson) output.document(report)
    else print(report, output)
    return report.isComplete ? EXIT.ok : EXIT.verificationFailed
  },
}

/** Of a long list so many are printed; --json has them all. */
const MOST_LINES = 20

function print(report: RepairReport, output: Output): void {
  const { bold, green, yellow, dim } = output.paint
  output.line(`${bold(report.out)}: ${report.isComplete ? green(report.verdict) : yellow(report.verdict)}`)
  const { snapshot, records } = report
  if (snapshot !== undefined) {
    const of = snapshot.chunksListed === undefined ? '' : ` of ${snapshot.chunksListed}`
    output.line(
      `  from ${shortName(snapshot.path)}, LSN ${snapshot.lsn}, xid ${snapshot.xid}, ${snapshot.time}: ${snapshot.chunks}${of} chunks`,
    )
  }
  const last =
    report.lastCommitTime === undefined ? '' : `; the last is ${report.lastXid}, ${report.lastCommitTime}`
  output.line(`  ${counted(records.applied, 'commit')} from the logs${last}`)
  for (const { name, rowsSaved, rowsApart, definition } of report.tables) {
    const apart = rowsApart === 0 ? '' : yellow(`, ${rowsApart} kept apart`)
    const source = definition === 'snapshot' ? '' : yellow(`  (its definition: ${DEFINITIONS[definition]})`)
    output.line(`  ${name}: ${counted(rowsSaved, 'row')}${apart}${source}`)
  }
  const told = [
    ...report.warnings,
    ...records.skipped.map(({ lsn, xid, why }) => `commit ${xid} (LSN ${lsn}) was not applied: ${why}`),
    ...records.missed.map(({ lsn, xid, why }) => `commit ${xid} (LSN ${lsn}) was applied in part: ${why}`),
    ...report.problems,
  ]
  for (const line of told.slice(0, MOST_LINES)) output.line(`  ${yellow('!')} ${line}`)
  if (told.length > MOST_LINES) output.line(dim(`  and ${told.length - MOST_LINES} more: see --json`))
  for (const { path, from, why } of report.apart.slice(0, MOST_LINES)) {
    output.line(
      `  kept: ${join(basename(dirname(path)), basename(path))}  ${dim(`${why}, from ${shortName(from)}`)}`,
    )
  }
  for (const path of report.candidates.slice(0, MOST_LINES)) output.line(dim(`  may hold more: ${path}`))
}

const DEFINITIONS = {
  log: 'from an older record of the log',
  'other-snapshot': 'from the other snapshot',
  lost: 'lost',
} as const
