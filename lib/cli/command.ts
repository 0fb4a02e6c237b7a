import type { Arguments } from './arguments.ts'
import type { ExitCode } from './exit-code.ts'
import type { Output } from './output.ts'

/** An option of a command; its name stands where it is listed. */
export interface CommandOption {
  /** What the value is called in the help; an option without one is a flag. */
  readonly value?: string
  readonly says: string
}

/** One command: what the help tells, what the arguments may be, and the call of the library that it makes. */
export interface Command {
  readonly name: string
  /** As in the help: `<db>` is required, `[sql]` is not, `<file…>` may be repeated. */
  readonly operands: readonly string[]
  /** Sentences; the first stands in the list of commands. */
  readonly describes: readonly string[]
  readonly options: Readonly<Record<string, CommandOption>>
  /** Without the program's name. */
  readonly examples: readonly string[]
  run(args: Arguments, output: Output): ExitCode | Promise<ExitCode>
}

/** Options that every command has. */
export const COMMON_OPTIONS: Readonly<Record<string, CommandOption>> = {
  json: { says: 'Print JSON: one document, or one line for each item of a stream' },
}

/** Of commands that open the database: whether they may recover it, and settings. */
export const SETTING_OPTIONS: Readonly<Record<string, CommandOption>> = {
  'no-recover': { says: 'Refuse a database that needs a recovery, with exit code 4' },
  'write-delay-millis': { value: 'n', says: 'How long a commit may wait for its sync; 0 = not at all' },
  'log-size': { value: 'mb', says: 'Log size in MB at which a checkpoint runs by itself; 0 = never' },
  'recovery-mode': { value: 'mode', says: 'What to do with a damaged log, as in .properties' },
}
