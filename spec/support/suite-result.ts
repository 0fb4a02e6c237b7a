/** What the process of one spec file tells the runner, once all its tests have ended. */
export interface SuiteResult {
  readonly passed: number
  /** Tests that failed, and those that never ran because a hook threw. */
  readonly failed: number
  readonly skipped: number
  /** The failures as uvu prints them. */
  readonly errors: readonly string[]
  /** What makes the file wrong as a whole: a suite that was never run, one without tests, a hook that threw. */
  readonly problems: readonly string[]
}

/** Reads a message from the process of a spec file; undefined when it is not a result. */
export function parseSuiteResult(message: unknown): SuiteResult | undefined {
  if (typeof message !== 'object' || message === null) return undefined
  if (!('passed' in message && 'failed' in message && 'skipped' in message)) return undefined
  if (!('errors' in message && 'problems' in message)) return undefined
  const { passed, failed, skipped, errors, problems } = message
  if (typeof passed !== 'number' || typeof failed !== 'number' || typeof skipped !== 'number')
    return undefined
  if (!isTexts(errors) || !isTexts(problems)) return undefined
  return { passed, failed, skipped, errors, problems }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}
