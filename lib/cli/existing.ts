import { OpenError } from '../errors.ts'
import { type Inspection, inspect } from '../inspect.ts'

/**
 * What is on the disk of a database that is expected to be there: looking must not leave so much as a lock file.
 * @throws {OpenError} when there is none.
 */
export function inspectExisting(path: string): Inspection {
  const inspection = inspect(path)
  if (inspection.files.length > 0) return inspection
  throw new OpenError('there is no such database', {
    path: inspection.path,
    subcode: 'no-database',
    hint: 'a database is named by its path without a suffix: data/app for data/app.script and data/app.log',
  })
}
