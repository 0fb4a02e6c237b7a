import { UsageError } from '../errors.ts'

/** V8's strings end at 2^29 - 24 characters; a record is one, with some room for its names and last line. */
const MOST_CHARACTERS = 500_000_000
/** `x'…'` takes two characters a byte; a character may take three bytes, each written so when the text has to be. */
const CHARACTERS_A_BYTE = 2
const CHARACTERS_A_CHARACTER = 6

/**
 * Refuses values that no record could hold, before they are written to a table from which no log and no snapshot could
 * save them.
 * @throws {UsageError}
 */
export function assertStorable(params: readonly unknown[]): void {
  let characters = 0
  for (const param of params) characters += charactersOf(param, true)
  if (characters <= MOST_CHARACTERS) return
  throw new UsageError('the values of this statement are too large to be logged', {
    reason: 'sql',
    hint: `texts of up to ${Math.floor(MOST_CHARACTERS / CHARACTERS_A_CHARACTER / 1e6)} million characters and blobs of up to ${MOST_CHARACTERS / CHARACTERS_A_BYTE / 1e6} MB always fit: keep larger ones in files, or in parts`,
  })
}

function charactersOf(value: unknown, isOutermost: boolean): number {
  if (typeof value === 'string') return value.length * CHARACTERS_A_CHARACTER
  if (typeof value !== 'object' || value === null) return 0
  if (value instanceof Uint8Array) return value.byteLength * CHARACTERS_A_BYTE
  if (!isOutermost) return 0
  let characters = 0
  for (const inner of Object.values(value)) characters += charactersOf(inner, false)
  return characters
}
