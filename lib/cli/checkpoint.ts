import { type Command, SETTING_OPTIONS } from './command.ts'
import { inspectExisting } from './existing.ts'
import { EXIT } from './exit-code.ts'
import { withDatabase } from './opening.ts'
import { counted, sizeText } from './units.ts'

export const checkpointCommand: Command = {
  name: 'checkpoint',
  operands: ['<db>'],
  describes: [
    'Opens a database, writes a snapshot, and closes it.',
    'Afterwards .script holds everything and the log is empty.',
  ],
  options: SETTING_OPTIONS,
  examples: ['checkpoint data/app', 'checkpoint data/app --json'],

  run(args, output) {
    inspectExisting(args.database)
    return withDatabase(args, output, { mayCreate: false }, async ({ db }) => {
      const logBytes = db.status().log.bytesSinceCheckpoint
      const result = db.checkpoint()
      const { lsn, scriptBytes, rows } = result
      if (output.isJson) output.document({ path: db.name, ...result, savedLogBytes: logBytes })
      else {
        output.line(
          `${output.paint.bold(db.name)}: checkpoint at LSN ${lsn}: ${counted(rows, 'row')}, script ${sizeText(scriptBytes)}, ${sizeText(logBytes)} of log saved`,
        )
      }
      return EXIT.ok
    })
  },
}
