// Looking: what an open would make of the files, without a lock and without changing anything. What `.script.new`
// holds counts when a checkpoint has passed its commit point: an open would put it in place first.

import { systemCode } from '../errors.ts'
import type { Lsn } from '../format/lsn.ts'
import type { Files } from '../fs/files.ts'
import type { Names } from '../names.ts'
import { LARGEST_PROPERTIES_BYTES } from '../properties.ts'
import type { Settings } from '../settings.ts'
import type { Environment } from '../store.ts'
import { loadBase, type Redone, redoAll } from './apply.ts'
import type { Context, LoadTarget } from './context.ts'
import { planRecovery } from './plan.ts'
import { settingsOf } from './recover.ts'
import { readingFiles, survey, withFile } from './survey.ts'

/**
 * Surveys and decides, as an open does. `alsoOfInterest`: an LSN at which the checksums of logs are wanted.
 * @throws {OpenError | CorruptionError} when the files do not add up to a database.
 */
export function lookAt<Target extends LoadTarget>(
  environment: Environment,
  names: Names,
  target: Target,
  given: Partial<Settings>,
  alsoOfInterest?: Lsn,
): Context<Target> {
  const found = readingFiles(names, () => survey(environment.files, names, alsoOfInterest))
  const settings = settingsOf(found, given)
  const plan = planRecovery(found, settings.recoveryMode)
  const context: Context<Target> = {
    environment,
    names,
    found,
    plan,
    target,
    settings,
    onStep: () => undefined,
  }
  if (plan.row.action !== 'finish') return context
  return {
    ...context,
    names: { ...names, script: names.scriptNew },
    found: { ...found, script: found.scriptNew },
  }
}

/** Loads what {@link lookAt} found into its target. */
export function loadWhatIsThere(context: Context<LoadTarget>): Redone {
  return redoAll(context, loadBase(context))
}

/** What can be seen of the files without reading them. */
export interface Sight {
  /**
   * What tells one state of the files from another: the state file, and the first lines of the others, which name
   * their place in the log. A log that grows is in the same state: what is before its end stays as it is.
   */
  readonly heads: string
  readonly sizes: string
}

export function sightOf({ files }: Environment, names: Names): Sight {
  const paths = [names.properties, names.script, names.scriptNew, names.log, names.logNext, names.logNew]
  const seen = readingFiles(names, () => paths.map((path) => headOf(files, path)))
  return {
    heads: seen.map(({ head }) => head).join('\0'),
    sizes: seen.map(({ sizeBytes }) => sizeBytes).join(),
  }
}

const HEAD_BYTES = 1024
const ABSENT = { head: '', sizeBytes: 0 }

function headOf(files: Files, path: string): { readonly head: string; readonly sizeBytes: number } {
  const found = files.stat(path)
  if (found?.kind !== 'file') return ABSENT
  const isState = path.endsWith('.properties')
  const mostBytes = isState ? LARGEST_PROPERTIES_BYTES : HEAD_BYTES
  try {
    return withFile(files, path, (file) => {
      const { sizeBytes } = file
      const bytes = Buffer.from(file.read(0, Math.min(sizeBytes, mostBytes))).toString('latin1')
      return { head: isState ? bytes : bytes.slice(0, bytes.indexOf('\n') + 1), sizeBytes }
    })
  } catch (error) {
    // Renamed since it was seen.
    if (systemCode(error) === 'ENOENT') return ABSENT
    throw error
  }
}
