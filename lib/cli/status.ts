import type { Inspection } from '../inspect.ts'
import { shortName } from '../names.ts'
import type { Command } from './command.ts'
import { inspectExisting } from './existing.ts'
import { EXIT } from './exit-code.ts'
import type { Output } from './output.ts'
import { widthOf } from './table.ts'
import { sizeText } from './units.ts'

export const statusCommand: Command = {
  name: 'status',
  operands: ['<db>'],
  describes: [
    'Shows the files of a database and what an open would do.',
    'Nothing is opened, locked or changed. Exit code 6: an open would refuse.',
  ],
  options: {},
  examples: ['status data/app', 'status data/app --json'],

  run(args, output) {
    const inspection = inspectExisting(args.database)
    if (output.isJson) output.document(inspection)
    else print(inspection, output)
    return inspection.refusal === undefined ? EXIT.ok : EXIT.corruption
  },
}

function print(inspection: Inspection, output: Output): void {
  const { bold, green, red, yellow } = output.paint
  const { databaseId, timeline, modified, checkpointLsn, files, row, because, refusal, isClean } = inspection
  const identity = databaseId === undefined ? '' : `  (id ${databaseId}, timeline ${timeline})`
  output.line(`${bold(inspection.path)}${identity}`)
  output.line(
    `state  ${modified ?? 'unknown'}${checkpointLsn === undefined ? '' : `, last checkpoint at LSN ${checkpointLsn}`}`,
  )
  output.line('files')
  const names = files.map(({ path }) => shortName(path))
  const widest = Math.max(...names.map(widthOf))
  for (const [index, { sizeBytes, says, isWhole }] of files.entries()) {
    const name = names[index] ?? ''
    const line = `  ${name}${' '.repeat(widest - widthOf(name))}  ${sizeText(sizeBytes).padStart(7)}  ${says}`
    output.line(isWhole ? line : yellow(line))
  }
  if (refusal !== undefined) output.line(`open   ${red('would refuse')}: ${refusal}`)
  else
    output.line(
      `open   ${isClean ? green('nothing to recover') : yellow('would recover')}: ${because} (${row})`,
    )
}
