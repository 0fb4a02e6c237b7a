#!/usr/bin/env node
// The command line: finds the command, runs it, and turns whatever it throws into a message and an exit code.

import { UsageError } from '../errors.ts'
import { readArguments } from './arguments.ts'
import { COMMANDS } from './commands.ts'
import { EXIT, type ExitCode, exitCodeOf } from './exit-code.ts'
import { printHelp, printVersion } from './help.ts'
import { nearest } from './nearest.ts'
import { Output } from './output.ts'

async function main(argv: readonly string[]): Promise<ExitCode> {
  const options = argv.slice(0, endOfOptions(argv))
  const output = new Output(process.stdout, process.stderr, options.includes('--json'))
  try {
    const code = await run(argv, options, output)
    await output.flush()
    return code
  } catch (error) {
    await output.flush().catch(() => undefined)
    output.error(error)
    return exitCodeOf(error)
  }
}

async function run(argv: readonly string[], options: readonly string[], output: Output): Promise<ExitCode> {
  const [name, ...rest] = argv
  if (name === '--version' || name === '-v') {
    printVersion()
    return EXIT.ok
  }
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    printHelp(
      COMMANDS,
      COMMANDS.find((command) => command.name === rest[0]),
    )
    return name === undefined ? EXIT.usage : EXIT.ok
  }
  const command = COMMANDS.find((candidate) => candidate.name === name)
  if (command === undefined) throw unknownCommand(name)
  if (options.includes('--help') || options.includes('-h')) {
    printHelp(COMMANDS, command)
    return EXIT.ok
  }
  return await command.run(readArguments(command, rest), output)
}

/** What stands behind `--` is no option, whatever it looks like. */
function endOfOptions(argv: readonly string[]): number {
  const end = argv.indexOf('--')
  return end < 0 ? argv.length : end
}

function unknownCommand(name: string): UsageError {
  const names = COMMANDS.map((command) => command.name)
  const guess = nearest(name, names)
  const isOption = name.startsWith('-')
  return new UsageError(isOption ? `the command comes before ${name}` : `there is no command '${name}'`, {
    hint: guess === undefined ? `the commands are ${names.join(', ')}` : `did you mean ${guess}?`,
  })
}

process.exitCode = await main(process.argv.slice(2))
