import { ReadOnlyModeError, type ScriptlogError } from '../errors.ts'
import type { Micros } from '../format/time.ts'
import type { FailureStatus } from './status.ts'

/** What keeps a database from being written, from the first failure until a resume: within an episode the first stays. */
export class WriteFailure {
  readonly #clock: () => Micros
  #failure: { readonly error: ScriptlogError; readonly sinceMicros: Micros } | undefined

  constructor(clock: () => Micros) {
    this.#clock = clock
  }

  begin(error: ScriptlogError): void {
    this.#failure ??= { error, sinceMicros: this.#clock() }
  }

  end(): void {
    this.#failure = undefined
  }

  /** @throws {ReadOnlyModeError} with the original cause and its age. */
  assertWritable(): void {
    const status = this.status()
    if (status === undefined) return
    const error = this.#failure?.error
    throw new ReadOnlyModeError(
      `writes are refused since a failure ${status.ageMillis} ms ago: ${status.message}`,
      {
        reason: error?.reason ?? 'log-append',
        subcode: error?.subcode,
        path: error?.path,
        cause: error,
        hint: 'reads go on; mend the cause and call resume()',
      },
    )
  }

  status(): FailureStatus | undefined {
    if (this.#failure === undefined) return undefined
    const { error, sinceMicros } = this.#failure
    const ageMillis = Math.round((this.#clock() - sinceMicros) / 1000)
    return { code: error.code, severity: error.severity, message: error.message, ageMillis }
  }
}
