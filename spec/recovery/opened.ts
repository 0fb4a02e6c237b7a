// A database on files in memory, opened through the whole of recovery, whose tables are the list of the bodies redone.

import { ScriptlogError } from '../../lib/errors.ts'
import { type Image, imageOf } from '../../lib/fs/image.ts'
import { type Fault, MemoryFiles } from '../../lib/fs/memory.ts'
import type { Operation } from '../../lib/fs/operation.ts'
import { namesOf } from '../../lib/names.ts'
import { formatProperties, type State } from '../../lib/properties.ts'
import type { RecoveryTarget } from '../../lib/recovery/context.ts'
import { recover } from '../../lib/recovery/recover.ts'
import type { RecoveryReport } from '../../lib/recovery/report.ts'
import { writeScript } from '../../lib/script.ts'
import type { RecoveryMode } from '../../lib/settings.ts'
import type { Store } from '../../lib/store.ts'
import { SOME_HEADER, SOME_TIME } from '../support/logs.ts'

export const NAMES = namesOf('/d/app')
const SEPARATOR = '--body\n'

/** A database that was open when its process ended, with these files beside `.properties`. */
export function givenFiles(
  files: Readonly<Record<string, Uint8Array | string>>,
  state: Partial<State> = {},
): Image {
  const whole: State = {
    modified: 'yes',
    databaseId: SOME_HEADER.databaseId,
    timeline: 1,
    checkpointXid: 0,
    checkpointLsn: 0,
    ...state,
  }
  return imageOf({ [NAMES.properties]: formatProperties('', whole), ...files })
}

/** The bytes of a snapshot that holds these bodies, at an LSN of a log. */
export function scriptHolding(
  bodies: readonly string[],
  at: { readonly lsn: number; readonly prev: number },
): Uint8Array {
  const files = new MemoryFiles({ image: imageOf({}, ['/d']) })
  const file = files.create(NAMES.script)
  const { databaseId, timeline } = SOME_HEADER
  const header = { databaseId, timeline, ...at, xid: bodies.length, timeMicros: SOME_TIME }
  writeScript(
    file,
    header,
    bodies.map((body) => `${SEPARATOR}${body}`),
  )
  return files.image().files.get(NAMES.script) ?? new Uint8Array()
}

export interface Opened {
  readonly kind: 'opened'
  readonly report: RecoveryReport
  readonly store: Store
  readonly files: MemoryFiles
  /** The bodies that were loaded and redone, in order. */
  readonly bodies: readonly string[]
}

export interface Refused {
  readonly kind: 'refused'
  readonly error: ScriptlogError
  readonly files: MemoryFiles
}

let opens = 0

/** Opens, and throws only what is no refusal. */
export function open(
  image: Image,
  mode: RecoveryMode,
  onOperation: (operation: Operation) => Fault | undefined = () => undefined,
): Opened | Refused {
  const files = new MemoryFiles({ image, onOperation })
  const bodies: string[] = []
  let openNumber = ++opens
  const environment = {
    files,
    clock: () => SOME_TIME,
    // Never the same again: a new process does not repeat the salts of the old.
    randomHex: (bytes: number) => (++openNumber * 7919).toString(16).padStart(bytes * 2, 'a5'),
  }
  try {
    const { report, store } = recover(environment, NAMES, targetOf(bodies), {
      settings: { recoveryMode: mode },
      mayCreate: true,
    })
    return { kind: 'opened', report, store, files, bodies }
  } catch (error) {
    if (error instanceof ScriptlogError) return { kind: 'refused', error, files }
    throw error
  }
}

function targetOf(bodies: string[]): RecoveryTarget {
  return {
    load(pieces) {
      const text = Buffer.concat([...pieces])
        .toString()
        .replace(/^--@ chunk .*\n/gm, '')
      bodies.push(
        ...text.slice(text.indexOf(SEPARATOR)).slice(0, -'COMMIT;\n'.length).split(SEPARATOR).slice(1),
      )
    },
    beginRedo: () => undefined,
    redo: (body) => void bodies.push(body.toString()),
    endRedo: () => undefined,
    *statements() {
      for (const body of bodies) yield `${SEPARATOR}${body}`
      return 0
    },
  }
}
