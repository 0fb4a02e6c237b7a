// Opening to read: what is there at one moment becomes an image, and better-sqlite3 opens that read-only. No lock is
// taken and no file is written. A writer may go on meanwhile: when its files are in another state afterwards, what was
// read may be of two states, and is read again.

import { openConnection, openPlain } from '../engine/connection.ts'
import { MemoryTables } from '../engine/memory-tables.ts'
import type { NativeDatabase } from '../engine/native.ts'
import { CheckedRegistrar } from '../engine/registrar.ts'
import { letSchemaCall } from '../engine/schema-trust.ts'
import type { Verbose } from '../engine/verbose.ts'
import { OpenError } from '../errors.ts'
import { sleep } from '../fs/retry.ts'
import type { Host } from '../host.ts'
import type { Names } from '../names.ts'
import { loadWhatIsThere, lookAt, stateOfFiles } from '../recovery/look.ts'
import { cannotOpen, namesAt } from './open-database.ts'
import type { CheckedOptions } from './options.ts'

/** A checkpoint changes the files' state a few times within milliseconds. */
const MOST_ATTEMPTS = 100
const ATTEMPT_STEP_MS = 5

/** Opens what is kept at `path`, read-only. Throws what the constructor of `Database` throws. */
export function openReadonly(
  path: string,
  options: CheckedOptions,
  host: Host,
  verbose: Verbose,
): NativeDatabase {
  const names = namesAt(host, path)
  for (let attempt = 1; ; attempt++) {
    const image = imageUnlessChanged(host, names, options, attempt < MOST_ATTEMPTS)
    if (image === undefined) {
      sleep(ATTEMPT_STEP_MS)
      continue
    }
    const { nativeBinding } = options
    const sqlite = openPlain(image, { readonly: true, verbose: verbose.listener, nativeBinding })
    letSchemaCall(sqlite, options.setup !== undefined)
    options.setup?.(new CheckedRegistrar(sqlite))
    return sqlite
  }
}

/** Undefined when the files changed their state meanwhile and it may be tried again. */
function imageUnlessChanged(
  host: Host,
  names: Names,
  options: CheckedOptions,
  mayTryAgain: boolean,
): Buffer | undefined {
  const before = stateOfFiles(host, names)
  let image: Buffer
  try {
    image = imageOf(host, names, options)
  } catch (error) {
    if (mayTryAgain && stateOfFiles(host, names) !== before) return undefined
    throw error
  }
  if (stateOfFiles(host, names) === before) return image
  if (mayTryAgain) return undefined
  throw new OpenError('the files of the database change too fast to be read', {
    path: names.base,
    isRetryable: true,
    hint: 'open again later',
  })
}

function imageOf(host: Host, names: Names, { setup, settings, nativeBinding }: CheckedOptions): Buffer {
  const sqlite = openConnection({ nativeBinding })
  try {
    setup?.(new CheckedRegistrar(sqlite))
    const tables = new MemoryTables(sqlite, { trustsSchema: setup !== undefined })
    const context = lookAt(host, names, tables, settings)
    if (context.plan.row.action === 'create') throw cannotOpen(undefined)
    loadWhatIsThere(context)
    return sqlite.serialize()
  } finally {
    sqlite.close()
  }
}
