import { verify } from '../verify.ts'
import type { Command } from './command.ts'
import { inspectExisting } from './existing.ts'
import { EXIT } from './exit-code.ts'
import { counted } from './units.ts'

export const verifyCommand: Command = {
  name: 'verify',
  operands: ['<db>'],
  describes: [
    'Checks the files of a database as an open would, and more, without changing them.',
    'Every checksum, the load of the snapshot, the redo of the log, then the integrity and the foreign keys of what is there. Exit code 8: something is wrong.',
  ],
  options: {},
  examples: ['verify data/app', 'verify data/app --json'],

  run(args, output) {
    inspectExisting(args.database)
    const verification = verify(args.database)
    const { path, isSound, problems, remarks, snapshotLsn, redoneRecords, endLsn } = verification
    if (output.isJson) {
      output.document(verification)
    } else {
      const { bold, green, red, yellow } = output.paint
      output.line(`${bold(path)}: ${isSound ? green('sound') : red(counted(problems.length, 'problem'))}`)
      const base = snapshotLsn === undefined ? 'no snapshot' : `snapshot at LSN ${snapshotLsn}`
      const end = endLsn === undefined ? '' : `, up to LSN ${endLsn}`
      output.line(`  ${base}, ${counted(redoneRecords, 'record')} behind it${end}`)
      for (const problem of problems) output.line(`  ${red('wrong')}: ${problem}`)
      for (const remark of remarks) output.line(`  ${yellow('harmless')}: ${remark}`)
    }
    return isSound ? EXIT.ok : EXIT.verificationFailed
  },
}
