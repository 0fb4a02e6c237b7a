import { UsageError } from '../errors.ts'
import { diskFiles } from '../fs/disk.ts'
import { locate, systemHost } from '../host.ts'
import { namesOf } from '../names.ts'
import type { Arguments } from './arguments.ts'
import { type Command, SETTING_OPTIONS } from './command.ts'
import { TargetNotReachableError } from './errors.ts'
import { EXIT, type ExitCode } from './exit-code.ts'
import { type Input, openFile, openStandardInput } from './input.ts'
import { Interrupt } from './interrupt.ts'
import { type Session, withDatabase } from './opening.ts'
import type { Output } from './output.ts'
import { countSource } from './replay/dry-run.ts'
import { replayLog } from './replay/log.ts'
import { keyOf } from './replay/log-source.ts'
import type { Outcome, ReplayContext } from './replay/outcome.ts'
import { outcomeText } from './replay/outcome-text.ts'
import { replayScript } from './replay/script.ts'
import { recognize, type Source } from './replay/sources.ts'
import { replaySql } from './replay/sql.ts'
import { type FoundTarget, findTarget, readTarget, type Target } from './replay/target.ts'
import { counted } from './units.ts'

export const replayCommand: Command = {
  name: 'replay',
  operands: ['<db>', '<file…>'],
  describes: [
    'Applies SQL files, SQLite dumps, and scripts and logs of scriptlog to a database.',
    'What a file is, its first line tells; - is standard input. The database is created when there is none.',
    'A replay that was broken off, even by a kill, goes on where it was when the same command is run again, and applies nothing twice: its position is kept in the table scriptlog_replay, in the same transaction as what was applied.',
    'Targets name the last thing that is applied. Exit code 3: the target was reached and more follows; 7: it is not there, or already passed.',
  ],
  options: {
    'on-error': {
      value: 'stop|skip',
      says: 'At a statement that fails: stop (default), or skip it and exit with 1',
    },
    'until-lsn': { value: 'lsn', says: 'Of a log: the last transaction begins at this LSN or before' },
    'until-xid': { value: 'n', says: 'Of a log: the last transaction is number n' },
    'until-time': {
      value: 'time',
      says: 'Of a log: the last transaction was committed at this time or before',
    },
    'until-line': { value: 'n', says: 'Of an SQL file: the last statement begins on this line or before' },
    restart: { says: 'Forget how far these files were replayed, and begin at their beginning' },
    'dry-run': { says: 'Read and count, and change nothing' },
    ...SETTING_OPTIONS,
  },
  examples: [
    'replay data/app dump.sql',
    'replay data/copy data/app.script data/app.log --until-time 2026-11-20T06:53:29Z',
    'replay data/app - --on-error skip < statements.sql',
  ],

  async run(args, output) {
    const onError = args.text('on-error') ?? 'stop'
    if (onError !== 'stop' && onError !== 'skip') {
      throw new UsageError(`--on-error takes stop or skip, not '${onError}'`)
    }
    const target = readTarget(args)
    const untilLine = args.wholeNumber('until-line')
    const inputs = openAll(args)
    try {
      const sources = await recognize(inputs)
      assertTargetsFit(sources, target, untilLine)
      const found = target === undefined ? undefined : locateTarget(sources, target)
      if (args.has('dry-run')) return await dryRun(sources, untilLine, found, output)
      if (untilLine !== undefined) await assertLineExists(inputs[0], untilLine)
      return await withDatabase(args, output, { mayCreate: true }, async (session) => {
        const interrupt = new Interrupt()
        const context = {
          output,
          interrupt,
          skipsFailures: onError === 'skip',
          isRestart: args.has('restart'),
        }
        try {
          return await replayAll(session, sources, { untilLine, lastXid: found?.lastXid }, context)
        } finally {
          interrupt.end()
        }
      })
    } finally {
      for (const input of inputs) input.close()
    }
  },
}

const NEWLINE = 0x0a

function openAll(args: Arguments): Input[] {
  const { logs, names } = { logs: args.operands.slice(1), names: locate(systemHost(), args.database) }
  if (logs.filter((path) => path === '-').length > 1) {
    throw new UsageError('standard input can be read only once')
  }
  const own = new Set(Object.values(namesOf(names.base)))
  return logs.map((path) => {
    if (path === '-') return openStandardInput(process.stdin)
    const input = openFile(diskFiles, path)
    if (!own.has(input.path)) return input
    throw new UsageError(`${input.name} belongs to the database itself`, {
      hint: 'an open applies it; replay takes files of other databases',
    })
  })
}

function assertTargetsFit(
  sources: readonly Source[],
  target: Target | undefined,
  untilLine: number | undefined,
): void {
  const hasSql = sources.some(({ kind }) => kind === 'sql')
  if (target !== undefined && untilLine !== undefined) {
    throw new UsageError(`--until-${target.kind} and --until-line exclude each other`)
  }
  if (target !== undefined && hasSql) {
    throw new UsageError(`--until-${target.kind} is for logs of scriptlog`, {
      hint: 'an SQL file has lines: --until-line',
    })
  }
  if (untilLine === undefined) return
  if (sources.length > 1) throw new UsageError('--until-line is for one file at a time')
  if (!hasSql) {
    throw new UsageError('--until-line is for SQL files', {
      hint: 'a log of scriptlog has --until-lsn, --until-xid and --until-time',
    })
  }
}

function locateTarget(sources: readonly Source[], target: Target): FoundTarget {
  const scripts = sources.filter((source) => source.kind === 'script')
  const logs = sources.filter((source) => source.kind === 'log')
  const keys = new Set([
    ...scripts.map(({ script }) => keyOf(script.header.databaseId)),
    ...logs.map(({ key }) => key),
  ])
  if (keys.size > 1)
    throw new UsageError('a target is one of a single database, and these files are of several')
  return findTarget(target, scripts, logs)
}

/** Where it can be told beforehand, a line that is not there changes nothing. */
async function assertLineExists(input: Input | undefined, line: number): Promise<void> {
  if (input?.sizeBytes === undefined) return
  const probe = openFile(diskFiles, input.path)
  try {
    let lines = 0
    let last = NEWLINE
    for await (const piece of probe.pieces()) {
      for (let at = piece.indexOf(NEWLINE); at >= 0; at = piece.indexOf(NEWLINE, at + 1)) lines++
      last = piece.at(-1) ?? last
    }
    if (last !== NEWLINE) lines++
    if (lines >= line) return
    throw new TargetNotReachableError(
      `${input.name} has ${counted(lines, 'line')}, not ${line}`,
      'nothing was applied',
    )
  } finally {
    probe.close()
  }
}

async function dryRun(
  sources: readonly Source[],
  untilLine: number | undefined,
  found: FoundTarget | undefined,
  output: Output,
): Promise<ExitCode> {
  const counts = []
  for (const source of sources) {
    const count = await countSource(source, { line: untilLine, xid: found?.lastXid })
    counts.push(count)
    if (!output.isJson) output.line(`${count.source}: ${count.says}`)
  }
  if (output.isJson) output.document({ sources: counts.map(({ says: _, ...count }) => count) })
  else output.line('nothing was changed')
  return EXIT.ok
}

async function replayAll(
  session: Session,
  sources: readonly Source[],
  until: { readonly untilLine: number | undefined; readonly lastXid: number | undefined },
  context: ReplayContext,
): Promise<ExitCode> {
  const { output, interrupt } = context
  const outcomes: Outcome[] = []
  for (const source of sources) {
    const began = performance.now()
    const outcome = await replayOne(session, source, until, context)
    outcomes.push(outcome)
    if (!output.isJson) output.line(outcomeText(outcome, performance.now() - began, output.paint))
    if (outcome.ended !== 'complete') break
  }
  const isReached = outcomes.some(({ ended }) => ended === 'target')
  if (output.isJson) {
    output.document({
      database: session.db.name,
      sources: outcomes,
      isTargetReached: isReached,
      isInterrupted: interrupt.isRequested,
    })
  }
  if (interrupt.isRequested) {
    // What was applied is safe in the log; whoever asked for the end does not want to wait for a checkpoint.
    session.closeMode = 'immediately'
    return interrupt.exitCode
  }
  if (outcomes.some(({ skipped }) => skipped > 0)) return EXIT.error
  return isReached ? EXIT.targetReached : EXIT.ok
}

function replayOne(
  { db }: Session,
  source: Source,
  until: { readonly untilLine: number | undefined; readonly lastXid: number | undefined },
  context: ReplayContext,
): Outcome | Promise<Outcome> {
  switch (source.kind) {
    case 'sql':
      return replaySql(db, source.input, until.untilLine, context)
    case 'log':
      return replayLog(db, source, until.lastXid, context)
    case 'script':
      return replayScript(db, source, context)
  }
}
