import { type RegisterReport, readRegister } from '../failchk.ts'
import type { Command } from './command.ts'
import { inspectExisting } from './existing.ts'
import { EXIT } from './exit-code.ts'
import type { Output } from './output.ts'

export const registerCommand: Command = {
  name: 'register',
  operands: ['<db>'],
  describes: [
    'Lists the processes that have a database open.',
    'Nothing is opened or changed. Of a dead process its slot is left: failchk frees that of a reader, the next open that of a writer.',
  ],
  options: {},
  examples: ['register data/app', 'register data/app --json'],

  run(args, output) {
    inspectExisting(args.database)
    const report = readRegister(args.database)
    if (output.isJson) output.document(report)
    else printRegister(report, output)
    return EXIT.ok
  },
}

/** One line for the database, one for each process. */
export function printRegister({ path, condition, processes }: RegisterReport, output: Output): void {
  const { bold, green, red, yellow } = output.paint
  const said = condition === 'whole' ? '' : `: its register (.lck) is ${yellow(condition)}`
  output.line(`${bold(path)}${said}`)
  if (processes.length === 0) output.line('  nobody has it open')
  for (const { slot, pid, role, state } of processes) {
    const paint = state === 'alive' ? green : state === 'dead' ? red : yellow
    output.line(`  slot ${slot}  process ${pid}  ${role.padEnd(8)}  ${paint(state)}`)
  }
}
