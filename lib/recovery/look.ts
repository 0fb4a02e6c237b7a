// Looking: what an open would make of the files, without a lock and without changing anything. What `.script.new`
// holds counts when a checkpoint has passed its commit point: an open would put it in place first.

import { systemCode } from '../errors.ts'
import type { Files } from '../fs/files.ts'
import type { Names } from '../names.ts'
import type { Settings } from '../settings.ts'
import type { Environment } from '../store.ts'
import { loadBase, type Redone, redoAll } from './apply.ts'
import type { Context, RecoveryTarget } from './context.ts'
import { planRecovery } from './plan.ts'
import { settingsOf } from './recover.ts'
import { survey, withFile } from './survey.ts'

/**
 * Surveys and decides, as an open does.
 * @throws {OpenError | CorruptionError} when the files do not add up to a database.
 */
export function lookAt(
  environment: Environment,
  names: Names,
  target: RecoveryTarget,
  given: Partial<Settings>,
): Context {
  const found = survey(environment.files, names)
  const settings = settingsOf(found, given)
  const plan = planRecovery(found, settings.recoveryMode)
  const context: Context = { environment, names, found, plan, target, settings, onStep: () => undefined }
  if (plan.row.action !== 'finish') return context
  return {
    ...context,
    names: { ...names, script: names.scriptNew },
    found: { ...found, script: found.scriptNew },
  }
}

/** Loads what {@link lookAt} found into its target. */
export function loadWhatIsThere(context: Context): Redone {
  return redoAll(context, loadBase(context))
}

/**
 * What tells one state of the files from another: the state file, and the first bytes of the others, which name their
 * place in the log. A log that grows is in the same state: what is before its end stays as it is.
 */
export function stateOfFiles({ files }: Environment, names: Names): string {
  const paths = [names.properties, names.script, names.scriptNew, names.log, names.logNext, names.logNew]
  return paths.map((path) => headOf(files, path)).join('\0')
}

const HEAD_BYTES = 1024

function headOf(files: Files, path: string): string {
  if (files.stat(path)?.kind !== 'file') return ''
  try {
    return withFile(files, path, (file) => {
      const head = Buffer.from(file.read(0, HEAD_BYTES)).toString('latin1')
      return path.endsWith('.properties') ? head : head.slice(0, head.indexOf('\n') + 1)
    })
  } catch (error) {
    // Renamed since it was seen.
    if (systemCode(error) === 'ENOENT') return ''
    throw error
  }
}
