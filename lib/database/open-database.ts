// Opening, in the order in which things are taken: the lock, a connection, the application's functions, the files as
// recovery makes them, capture. What fails gives back what was taken before it.

import { Capture } from '../engine/capture.ts'
import { forgetWrites, openConnection } from '../engine/connection.ts'
import { MemoryTables } from '../engine/memory-tables.ts'
import type { NativeDatabase } from '../engine/native.ts'
import { registrarOf } from '../engine/registrar.ts'
import type { WriterLock } from '../fs/lock.ts'
import { type Host, locate, lockFor } from '../host.ts'
import { type Recovered, recover } from '../recovery/recover.ts'
import type { Settings } from '../settings.ts'
import type { Listeners } from './listeners.ts'
import type { DatabaseOptions } from './options.ts'

/** What an open database consists of. */
export interface Opened extends Recovered {
  readonly lock: WriterLock
  readonly sqlite: NativeDatabase
  readonly tables: MemoryTables
  readonly capture: Capture
}

/** Opens with options that were checked, `settings` those among them. Throws what the constructor of `Database` throws. */
export function openDatabase(
  path: string,
  options: DatabaseOptions,
  settings: Partial<Settings>,
  host: Host,
  listeners: Listeners,
): Opened {
  const names = locate(host, path)
  const lock = lockFor(host, names)
  let sqlite: NativeDatabase | undefined
  let recovered: Recovered | undefined
  try {
    sqlite = openConnection()
    options.setup?.(registrarOf(sqlite))
    // Whoever registers functions for the schema lets the schema call them.
    const trustsSchema = options.setup !== undefined
    const tables = new MemoryTables(sqlite, { trustsSchema })
    recovered = recover(host, names, tables, {
      settings,
      mayCreate: options.fileMustExist !== true,
      onStep: (step) => listeners.tell({ kind: 'recoveryProgress', step }),
    })
    forgetWrites(sqlite)
    const capture = new Capture(sqlite, { trustsSchema })
    capture.start()
    return { ...recovered, lock, sqlite, tables, capture }
  } catch (error) {
    recovered?.store.log.close()
    sqlite?.close()
    lock.release()
    throw error
  }
}
