import { formatLsn } from '../../format/lsn.ts'
import { StatementError } from '../errors.ts'
import type { Input } from '../input.ts'
import { INPUT_START, StatementCutter } from '../statement-cutter.ts'
import { counted, sizeText } from '../units.ts'
import { endOf, type LogSource, recordsOf } from './log-source.ts'
import type { ScriptSource } from './script.ts'
import type { Source } from './sources.ts'

/** What a replay would find in a source, from its beginning. */
export interface Count {
  readonly source: string
  readonly kind: Source['kind']
  /** Statements, transactions or rows, as far as the target. */
  readonly count: number
  readonly sizeBytes: number
  /** One line for people. */
  readonly says: string
}

/**
 * Reads and counts; nothing is opened but the source.
 * @throws {StatementError} for what a replay would stumble over without running it.
 */
export async function countSource(
  source: Source,
  until: { readonly line: number | undefined; readonly xid: number | undefined },
): Promise<Count> {
  switch (source.kind) {
    case 'sql':
      return countSql(source.input, until.line)
    case 'log':
      return countLog(source, until.xid)
    case 'script':
      return countScript(source)
  }
}

async function countSql(input: Input, untilLine = Number.POSITIVE_INFINITY): Promise<Count> {
  const cutter = new StatementCutter(INPUT_START)
  let count = 0
  for await (const piece of input.pieces()) {
    for (const statement of cutter.feed(piece)) if (statement.line <= untilLine) count++
  }
  const rest = cutter.end()
  if (rest !== undefined && rest.line <= untilLine) {
    throw new StatementError(`${input.name} ends within a statement`, rest, {
      hint: `${counted(count, 'statement')} stand before it. If the file is whole, end it with a semicolon`,
    })
  }
  const sizeBytes = cutter.offset
  const says = `${counted(count, 'statement')} of SQL, ${sizeText(sizeBytes)}`
  return { source: input.name, kind: 'sql', count, sizeBytes, says }
}

function countLog(source: LogSource, untilXid = Number.POSITIVE_INFINITY): Count {
  let count = 0
  for (const { xid } of recordsOf(source)) if (xid <= untilXid) count++
  const { end, tail } = endOf(source)
  const { sizeBytes } = source.file
  const says = `${counted(count, 'transaction')}, LSN ${formatLsn(source.header.start)} to ${formatLsn(end)} (${tail.kind}), ${sizeText(sizeBytes)}`
  return { source: source.name, kind: 'log', count, sizeBytes, says }
}

function countScript({ name, script, sizeBytes }: ScriptSource): Count {
  const { rows, header } = script
  const says = `a snapshot at LSN ${formatLsn(header.lsn)} (xid ${header.xid}): ${counted(rows, 'row')}, ${sizeText(sizeBytes)}`
  return { source: name, kind: 'script', count: rows, sizeBytes, says }
}
