import { UsageError } from '../errors.ts'
import { shortName } from '../names.ts'
import { type LogFileEnd, type LoggedTransaction, readLog } from '../read-log.ts'
import type { Arguments } from './arguments.ts'
import { harmless } from './cell.ts'
import type { Command } from './command.ts'
import { EXIT } from './exit-code.ts'
import { Interrupt } from './interrupt.ts'
import type { Output } from './output.ts'
import { readLsn } from './replay/target.ts'

export const logCommand: Command = {
  name: 'log',
  operands: ['<db|file>'],
  describes: [
    'Shows the transactions in the log of a database, oldest first.',
    'It takes the path of a database or of one log file; nothing is opened, locked or changed. The last lines tell how each file ends. What is printed is SQL: what is not is a comment. Exit code 6: a log is damaged.',
  ],
  options: {
    'from-lsn': { value: 'lsn', says: 'Begin with the first transaction at this LSN or behind it' },
    'until-lsn': { value: 'lsn', says: 'End with the last transaction at this LSN or before it' },
    xid: { value: 'n', says: 'Only transaction number n' },
    grep: { value: 'regex', says: 'Only transactions whose SQL matches' },
    limit: { value: 'n', says: 'End after n transactions' },
    'no-sql': { says: 'Only when, where and how much' },
  },
  examples: [
    'log data/app --no-sql',
    'log data/app --grep \'DELETE FROM "note"\'',
    'log data/app.log --from-lsn 0/000001A4 --limit 10',
  ],

  async run(args, output) {
    const isWanted = filterOf(args)
    const limit = args.wholeNumber('limit') ?? Number.POSITIVE_INFINITY
    const withSql = !args.has('no-sql')
    const interrupt = new Interrupt()
    try {
      const transactions = readLog(args.database)
      for (let count = 0; count < limit; ) {
        const next = transactions.next()
        if (next.done === true) return printEnds(next.value, output)
        if (await interrupt.check()) return interrupt.exitCode
        if (output.isGone) break
        if (!isWanted(next.value)) continue
        printTransaction(next.value, withSql, output)
        count++
        await output.drained()
      }
      return EXIT.ok
    } finally {
      interrupt.end()
    }
  },
}

function filterOf(args: Arguments): (transaction: LoggedTransaction) => boolean {
  const fromText = args.text('from-lsn')
  const untilText = args.text('until-lsn')
  // LSNs are compared as numbers: as texts they differ in length.
  const from = fromText === undefined ? 0 : readLsn('from-lsn', fromText)
  const until = untilText === undefined ? Number.POSITIVE_INFINITY : readLsn('until-lsn', untilText)
  const xid = args.wholeNumber('xid')
  const pattern = readPattern(args.text('grep'))
  return (transaction) => {
    const lsn = readLsn('lsn', transaction.lsn)
    return (
      lsn >= from &&
      lsn <= until &&
      (xid === undefined || transaction.xid === xid) &&
      (pattern === undefined || pattern.test(transaction.sql))
    )
  }
}

function readPattern(text: string | undefined): RegExp | undefined {
  if (text === undefined) return undefined
  try {
    return new RegExp(text, 'm')
  } catch {
    throw new UsageError(`--grep takes a regular expression, and '${text}' is none`)
  }
}

function printTransaction(transaction: LoggedTransaction, withSql: boolean, output: Output): void {
  const { lsn, xid, time, sql, path } = transaction
  const sqlBytes = Buffer.byteLength(sql)
  if (output.isJson) {
    const { sql: _, ...rest } = transaction
    output.jsonLine(withSql ? transaction : { ...rest, sqlBytes })
    return
  }
  const size = withSql ? '' : `  ${String(sqlBytes).padStart(8)} bytes  ${shortName(path)}`
  output.line(output.paint.cyan(`-- LSN ${lsn}  xid ${xid}  ${time}${size}`))
  if (withSql) output.line((output.isTerminal ? harmless(sql) : sql).trimEnd())
}

function printEnds(ends: readonly LogFileEnd[], output: Output): number {
  const { dim, yellow } = output.paint
  for (const end of ends) {
    if (output.isJson) {
      output.jsonLine({ end })
      continue
    }
    const verdict = end.detail === undefined ? end.verdict : `${end.verdict} (${end.detail})`
    const line = `-- ${shortName(end.path)} ends at LSN ${end.endLsn}: ${verdict}`
    output.line(end.verdict === 'clean' ? dim(line) : yellow(line))
  }
  const isDamaged = ends.some(({ verdict }) => verdict !== 'clean' && verdict !== 'torn')
  return isDamaged ? EXIT.corruption : EXIT.ok
}
