// Opening to read: what is there at one moment is loaded, without the writer's lock and without writing a file, save for a
// slot in .lck where that can be written. A writer may go on meanwhile; see recovery/follow.ts for how the tables come to
// be of one state, and move on to a later one.

import { openConnection } from '../engine/connection.ts'
import type { NativeDatabase } from '../engine/native.ts'
import { CheckedRegistrar } from '../engine/registrar.ts'
import { ReplicaTables } from '../engine/replica-tables.ts'
import { letSchemaCall } from '../engine/schema-trust.ts'
import type { Verbose } from '../engine/verbose.ts'
import { OpenError } from '../errors.ts'
import type { Micros } from '../format/time.ts'
import type { ReaderSlot } from '../fs/lock.ts'
import { type Host, joinAsReader } from '../host.ts'
import type { Names } from '../names.ts'
import { Follower } from '../recovery/follow.ts'
import { cannotOpen, namesAt } from './open-database.ts'
import type { CheckedOptions } from './options.ts'

/** With 5 ms between them: a checkpoint changes the files' state a few times within milliseconds. */
const MOST_ATTEMPTS = 100

/** What a database that is only read consists of. */
export interface OpenedReadonly {
  readonly names: Names
  readonly slot: ReaderSlot
  readonly sqlite: NativeDatabase
  readonly tables: ReplicaTables
  readonly follower: Follower
  readonly clock: () => Micros
}

/** Opens what is kept at `path`, read-only. Throws what the constructor of `Database` throws. */
export function openReadonly(
  path: string,
  { nativeBinding, setup, settings, timeoutMs, isAlive }: CheckedOptions,
  host: Host,
  verbose: Verbose,
): OpenedReadonly {
  const names = namesAt(host, path)
  const slot = joinAsReader(host, names, timeoutMs, isAlive)
  let sqlite: NativeDatabase | undefined
  try {
    sqlite = openConnection({ verbose: verbose.listener, nativeBinding, fileMustExist: true })
    setup?.(new CheckedRegistrar(sqlite))
    const trustsSchema = setup !== undefined
    letSchemaCall(sqlite, trustsSchema)
    const tables = new ReplicaTables(sqlite, { trustsSchema })
    const follower = new Follower(host, names, tables, settings)
    follower.follow(MOST_ATTEMPTS)
    return { names, slot, sqlite, tables, follower, clock: host.clock }
  } catch (error) {
    sqlite?.close()
    slot.release()
    throw error instanceof OpenError && error.subcode === 'no-database' ? cannotOpen(error) : error
  }
}
