// What the files of a replay are, told by their first bytes.

import { OpenError, UsageError } from '../../errors.ts'
import { formatLsn } from '../../format/lsn.ts'
import { readToEnd } from '../../log/reader.ts'
import type { Input } from '../input.ts'
import { headerOf, keyOf, type LogSource } from './log-source.ts'
import { type ScriptSource, verifiedScript } from './script.ts'

export type Source =
  | { readonly kind: 'sql'; readonly input: Input }
  | ({ readonly kind: 'log' } & LogSource)
  | ({ readonly kind: 'script' } & ScriptSource)

/** Openings of what is no SQL, with what to do about it. */
const STRANGERS: readonly { readonly opening: Buffer; readonly what: string; readonly hint: string }[] = [
  {
    opening: Buffer.from('SQLite format 3\0'),
    what: 'a SQLite database, not SQL',
    hint: 'sqlite3 FILE .dump | scriptlog replay DB -',
  },
  {
    opening: Buffer.from([0x1f, 0x8b]),
    what: 'compressed (gzip)',
    hint: 'gunzip -c FILE | scriptlog replay DB -',
  },
  {
    opening: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]),
    what: 'compressed (zstd)',
    hint: 'zstd -dc FILE | scriptlog replay DB -',
  },
  {
    opening: Buffer.from([0xff, 0xfe]),
    what: 'UTF-16, not UTF-8',
    hint: 'iconv -f UTF-16 -t UTF-8 FILE | scriptlog replay DB -',
  },
  {
    opening: Buffer.from([0xfe, 0xff]),
    what: 'UTF-16, not UTF-8',
    hint: 'iconv -f UTF-16 -t UTF-8 FILE | scriptlog replay DB -',
  },
]

/**
 * Tells what each input is. Scripts are verified from end to end; logs of one database are given where the next
 * takes over.
 * @throws {OpenError} for an input that is no SQL.
 */
export async function recognize(inputs: readonly Input[]): Promise<readonly Source[]> {
  const sources: Source[] = []
  for (const input of inputs) sources.push(await recognizeOne(input))
  return sources.map((source, index) => {
    if (source.kind !== 'log') return source
    const later = sources
      .slice(index + 1)
      .filter((other): other is Source & { kind: 'log' } => other.kind === 'log' && other.key === source.key)
    const starts = later.map(({ header }) => header.start)
    if (starts.some((start) => start <= source.header.start)) throw disordered(source)
    return { ...source, takenOverAt: Math.min(Number.POSITIVE_INFINITY, ...starts) }
  })
}

async function recognizeOne(input: Input): Promise<Source> {
  const first = await input.first()
  const { name, path } = input
  if (first.toString('latin1').startsWith('--@scriptlog log ')) {
    const file = await input.file()
    const header = headerOf(file, path)
    const key = keyOf(header.databaseId)
    return { kind: 'log', name, path, key, file, header, takenOverAt: Number.POSITIVE_INFINITY }
  }
  if (first.toString('latin1').startsWith('--@scriptlog script ')) {
    const file = await input.file()
    return { kind: 'script', name, path, sizeBytes: file.sizeBytes, script: verifiedScript(file, path) }
  }
  const stranger = STRANGERS.find(({ opening }) => first.subarray(0, opening.length).equals(opening))
  if (stranger === undefined) return { kind: 'sql', input }
  throw new OpenError(`the input is ${stranger.what}`, { path, subcode: 'not-sql', hint: stranger.hint })
}

function disordered(source: LogSource): UsageError {
  const range = `LSN ${formatLsn(source.header.start)} to ${formatLsn(readToEnd(source.file, source.header).end)}`
  return new UsageError(`${source.name} (${range}) does not stand before the log that follows it`, {
    hint: 'name the logs of a database in the order of their LSNs: app.log, then app.log.next',
  })
}
