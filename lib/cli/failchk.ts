import { failchk } from '../failchk.ts'
import { causeText } from '../recovery/causes.ts'
import type { Command } from './command.ts'
import { inspectExisting } from './existing.ts'
import { EXIT } from './exit-code.ts'
import { printRegister } from './register.ts'

export const failchkCommand: Command = {
  name: 'failchk',
  operands: ['<db>'],
  describes: [
    'Looks for processes that died while they had a database open.',
    'The slots of dead readers are freed; the files are read and not changed. Exit code 4: the next open has something to recover.',
  ],
  options: {},
  examples: ['failchk data/app', 'failchk data/app --json'],

  run(args, output) {
    inspectExisting(args.database)
    const report = failchk(args.database)
    if (output.isJson) output.document(report)
    else {
      const { green, yellow } = output.paint
      printRegister(report, output)
      if (!report.needsRecovery) output.line(`  ${green('nothing to recover')}`)
      for (const cause of report.causes) output.line(`  ${yellow('to recover')}: ${causeText(cause)}`)
    }
    return report.needsRecovery ? EXIT.recoveryNeeded : EXIT.ok
  },
}
