// `.properties` on the disk: replaced whole at each change of state, and never believed to be what a failed
// replace may or may not have left.

import { FencedError, messageOf, ScriptlogError, systemCode } from './errors.ts'
import type { Files } from './fs/files.ts'
import { letGo, orLetGo } from './fs/let-go.ts'
import { replace } from './fs/replace.ts'
import { type Names, shortName } from './names.ts'
import { formatProperties, parseProperties, type State } from './properties.ts'
import { severityOf } from './severity.ts'

export class StateFile {
  readonly #files: Files
  readonly #names: Names
  #state: State
  #isInDoubt = false

  /** `state` is what the file says now, or will say once {@link set} has succeeded for the first time. */
  constructor(files: Files, names: Names, state: State) {
    this.#files = files
    this.#names = names
    this.#state = state
  }

  /** What the file says; while it is in doubt, what it said before. */
  get state(): State {
    return this.#state
  }

  /** A replace failed after its rename may have been done: the file may say either. */
  get isInDoubt(): boolean {
    return this.#isInDoubt
  }

  /**
   * Replaces the file and makes the new state, and settings by their keys, durable.
   * @throws {ScriptlogError} with reason `state-file`; {@link isInDoubt} tells whether the old state still stands.
   */
  set(change: Partial<State>, settings?: ReadonlyMap<string, string>): void {
    const state = { ...this.#state, ...change }
    const before = this.#orNotReplaced(() => this.#read())
    const text = this.#textWith(before, state, settings)
    this.#orNotReplaced(() => {
      try {
        replace(this.#files, this.#names.propertiesNew, this.#names.properties, Buffer.from(text))
      } catch (error) {
        // As long as the name still leads to the old bytes, no rename was done: nothing has changed.
        if (before === undefined || !this.#isStill(before)) this.#isInDoubt = true
        throw error
      }
    })
    this.#state = state
    this.#isInDoubt = false
  }

  #orNotReplaced<T>(act: () => T): T {
    try {
      return act()
    } catch (cause) {
      if (cause instanceof FencedError) throw cause
      throw new ScriptlogError(
        'SCRIPTLOG_STATE_FILE',
        `${shortName(this.#names.properties)} could not be replaced`,
        {
          reason: 'state-file',
          severity: severityOf('state-file', cause),
          isRetryable: true,
          subcode: systemCode(cause),
          path: this.#names.properties,
          cause,
          hint: `${messageOf(cause)}; mend the cause and try again, and leave the files as they are`,
        },
      )
    }
  }

  /** The new text: around the state what a person wrote; of a text that is damaged the settings alone. */
  #textWith(before: string | undefined, state: State, settings?: ReadonlyMap<string, string>): string {
    const found = parseProperties(Buffer.from(before ?? ''))
    if (found.kind !== 'damaged') return formatProperties(before ?? '', state, settings)
    return formatProperties('', state, new Map([...found.settings, ...(settings ?? [])]))
  }

  /**
   * The text as it stands: a person's comments and settings are kept. Undefined when there is none to keep. What cannot
   * be read at this moment is no such text: a replace would lose it for good.
   */
  #read(): string | undefined {
    const { properties } = this.#names
    if (this.#files.stat(properties) === undefined) return undefined
    const file = this.#files.openRead(properties)
    const bytes = orLetGo(file, () => file.read(0, file.sizeBytes))
    letGo(file)
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    } catch {
      // Binary: a replace makes it whole again.
      return undefined
    }
  }

  #isStill(text: string): boolean {
    try {
      return this.#read() === text
    } catch {
      return false
    }
  }
}
