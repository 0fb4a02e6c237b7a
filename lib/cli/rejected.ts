import { UsageError } from '../errors.ts'
import { parseLsn } from '../format/lsn.ts'
import { diskFiles } from '../fs/disk.ts'
import { locate, systemHost } from '../host.ts'
import { type Names, rejectedPath, shortName } from '../names.ts'
import { harmless } from './cell.ts'
import type { Command } from './command.ts'
import { inspectExisting } from './existing.ts'
import { EXIT } from './exit-code.ts'
import { nearest } from './nearest.ts'
import type { Output } from './output.ts'
import { counted, sizeText } from './units.ts'

export const rejectedCommand: Command = {
  name: 'rejected',
  operands: ['<db>'],
  describes: [
    'Lists what recovery has set aside.',
    'Torn ends of logs and damaged files are kept in the directory .rejected beside the database and never removed.',
  ],
  options: { show: { value: 'name', says: 'Print the bytes of one of them as they are' } },
  examples: ['rejected data/app', 'rejected data/app --show app.log.torn.0-000001A4.5f0c9e2b > tail.sql'],

  async run(args, output) {
    inspectExisting(args.database)
    const names = locate(systemHost(), args.database)
    const kept = listKept(names)
    const wanted = args.text('show')
    if (wanted === undefined) {
      print(kept, names, output)
      return EXIT.ok
    }
    await show(wanted, kept, output)
    return EXIT.ok
  },
}

/** Something that recovery has set aside; most of it stands in its name. */
interface Kept {
  readonly name: string
  readonly path: string
  readonly from: string | undefined
  readonly why: string | undefined
  readonly lsn: string | undefined
  readonly sizeBytes: number
  readonly firstLine: string
}

const NAME = /^(?<from>.+)\.(?<why>[a-z]+)\.(?<hi>[0-9A-F]+)-(?<lo>[0-9A-F]{8})\.[0-9a-f]{8}$/
const FIRST_BYTES = 200
const PIECE_BYTES = 1 << 18

function listKept(names: Names): Kept[] {
  if (diskFiles.stat(names.rejected) === undefined) return []
  return diskFiles.list(names.rejected).flatMap((name) => {
    const path = rejectedPath(names, name)
    const stat = diskFiles.stat(path)
    if (stat?.kind !== 'file') return []
    const { from, why, hi, lo } = NAME.exec(name)?.groups ?? {}
    const lsn = `${hi}/${lo}`
    return [
      {
        name,
        path,
        from,
        why,
        lsn: parseLsn(lsn) === undefined ? undefined : lsn,
        sizeBytes: stat.sizeBytes,
        firstLine: firstLineOf(path),
      },
    ]
  })
}

function firstLineOf(path: string): string {
  const file = diskFiles.openRead(path)
  try {
    const text = Buffer.from(file.read(0, FIRST_BYTES)).toString('utf8')
    return text.split('\n', 1)[0] ?? ''
  } finally {
    file.close()
  }
}

function print(kept: readonly Kept[], names: Names, output: Output): void {
  if (output.isJson) {
    output.document({ path: names.base, rejected: kept })
    return
  }
  if (kept.length === 0) {
    output.line(`${output.paint.bold(names.base)}: recovery has set nothing aside`)
    return
  }
  output.line(
    `${output.paint.bold(names.base)}: ${counted(kept.length, 'file')} in ${shortName(names.rejected)}, ${sizeText(kept.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0))}`,
  )
  for (const { name, from, why, lsn, sizeBytes, firstLine } of kept) {
    const origin = from === undefined ? '' : `  ${why} in ${from} at LSN ${lsn}`
    output.line(`  ${name}  ${sizeText(sizeBytes)}${origin}`)
    if (firstLine !== '') output.line(output.paint.dim(`    ${harmless(firstLine).slice(0, 100)}`))
  }
}

async function show(wanted: string, kept: readonly Kept[], output: Output): Promise<void> {
  const found = kept.find(({ name }) => name === wanted)
  if (found === undefined) {
    const guess = nearest(
      wanted,
      kept.map(({ name }) => name),
    )
    throw new UsageError(`nothing of the name '${wanted}' was set aside`, {
      hint: guess === undefined ? 'scriptlog rejected <db> lists what was' : `did you mean ${guess}?`,
    })
  }
  const file = diskFiles.openRead(found.path)
  try {
    for (let offset = 0; offset < file.sizeBytes && !output.isGone; offset += PIECE_BYTES) {
      await output.bytes(file.read(offset, PIECE_BYTES))
    }
  } finally {
    file.close()
  }
}
