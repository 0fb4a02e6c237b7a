import { createRequire } from 'node:module'
import sade from 'sade'
import { invariant } from '../errors.ts'
import { COMMON_OPTIONS, type Command } from './command.ts'

/** Prints what there is: of all commands, or of one. */
export function printHelp(commands: readonly Command[], command: Command | undefined): void {
  const program = sade('scriptlog').describe([
    'A script-and-log checkpointing SQL database: plain SQL on disk, SQLite inside.',
    'Exit codes: 0 ok, 1 error, 2 usage, 3 target reached, 4 recovery needed, 5 locked, 6 corruption, 7 target not reachable, 8 verification failed, 9 fenced.',
  ])
  for (const { name, operands, describes, options, examples } of commands) {
    program.command(`${name} ${operands.join(' ')}`).describe([...describes])
    for (const [option, { value, says }] of Object.entries({ ...options, ...COMMON_OPTIONS })) {
      program.option(`--${option}`, value === undefined ? says : `<${value}> ${says}`)
    }
    for (const example of examples) program.example(example)
  }
  program.help(command?.name)
}

export function printVersion(): void {
  const description: unknown = createRequire(import.meta.url)('../../package.json')
  invariant(typeof description === 'object' && description !== null, 'the package is described')
  invariant('version' in description && typeof description.version === 'string', 'the package has a version')
  console.log(`scriptlog ${description.version}`)
}
