// Reads the arguments of a command. They are read by node:util, not by the parser behind sade, which drops a lone
// `-`, takes SQL that begins with a comment for an option, and turns `007` into 7.

import { parseArgs } from 'node:util'
import { messageOf, systemCode, UsageError } from '../errors.ts'
import { COMMON_OPTIONS, type Command } from './command.ts'
import { nearest } from './nearest.ts'

/** The arguments of one call, checked against what the command declares. */
export class Arguments {
  readonly operands: readonly string[]
  readonly #values: ReadonlyMap<string, string>
  readonly #flags: ReadonlySet<string>

  constructor(operands: readonly string[], values: ReadonlyMap<string, string>, flags: ReadonlySet<string>) {
    this.operands = operands
    this.#values = values
    this.#flags = flags
  }

  /** The first operand of every command: the path of the database. */
  get database(): string {
    return this.operands[0] ?? ''
  }

  has(flag: string): boolean {
    return this.#flags.has(flag)
  }

  text(option: string): string | undefined {
    return this.#values.get(option)
  }

  /** @throws {UsageError} when the value is no whole number. */
  wholeNumber(option: string): number | undefined {
    const text = this.text(option)
    if (text === undefined) return undefined
    if (/^\d{1,15}$/.test(text)) return Number(text)
    throw new UsageError(`--${option} takes a whole number, not '${text}'`)
  }
}

/**
 * Reads what follows the command's name.
 * @throws {UsageError} for an unknown option, a value too many or too few, a wrong number of operands.
 */
export function readArguments(command: Command, args: readonly string[]): Arguments {
  const declared = { ...COMMON_OPTIONS, ...command.options }
  const options = Object.fromEntries(
    Object.entries(declared).map(([name, { value }]) => [
      name,
      { type: value === undefined ? ('boolean' as const) : ('string' as const) },
    ]),
  )
  const operands: string[] = []
  const values = new Map<string, string>()
  const flags = new Set<string>()
  for (const token of parse(command, args, options)) {
    if (token.kind === 'positional') operands.push(token.value)
    if (token.kind !== 'option') continue
    if (token.value === undefined) {
      flags.add(token.name)
    } else {
      if (values.has(token.name)) throw wrong(command, `--${token.name} is given twice`)
      values.set(token.name, token.value)
    }
  }
  const least = command.operands.filter((operand) => operand.startsWith('<')).length
  const most = command.operands.some((operand) => operand.includes('…'))
    ? Number.POSITIVE_INFINITY
    : command.operands.length
  if (operands.length < least) throw wrong(command, `${command.operands[operands.length]} is missing`)
  const excess = operands[most]
  if (excess !== undefined) throw wrong(command, `'${excess}' is one argument too many`)
  return new Arguments(operands, values, flags)
}

type Options = Record<string, { type: 'boolean' | 'string' }>

function parse(command: Command, args: readonly string[], options: Options) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, tokens: true }).tokens
  } catch (error) {
    if (!systemCode(error)?.startsWith('ERR_PARSE_ARGS')) throw error
    // Node adds advice of its own behind the first sentence.
    const sentence = messageOf(error).split('. ')[0] ?? ''
    const unknown = /^Unknown option '(-+[^']*)'/.exec(sentence)?.[1]
    if (unknown === undefined) throw wrong(command, sentence.replaceAll('\n', ' '))
    const guess = nearest(unknown.replace(/^-+/, ''), Object.keys(options))
    throw wrong(
      command,
      `there is no option ${unknown}${guess === undefined ? '' : `; did you mean --${guess}?`}`,
    )
  }
}

function wrong(command: Command, message: string): UsageError {
  return new UsageError(message, { hint: `scriptlog ${command.name} --help tells what there is` })
}
