import { putDecimal, putText } from './ascii.ts'

/** Time of a commit, in microseconds since 1970 (exact as a number until the year 2255). */
export type Micros = number

// Commits of the same second share this much of their text, and there may be 100,000 of them.
let lastSecond = Number.NaN
let lastPrefix = ''
const lastPrefixBytes = Buffer.alloc(20)

/** `2026-11-20T06:53:29.000001Z`: 27 characters, sortable as text. */
export function formatMicros(micros: Micros): string {
  const second = Math.floor(micros / 1_000_000)
  if (second !== lastSecond) turnTo(second)
  return `${lastPrefix}${String(micros - second * 1_000_000).padStart(6, '0')}Z`
}

const UPPER_Z = 0x5a

/** Puts what {@link formatMicros} prints at `at`; returns the position behind it. */
export function putMicros(to: Uint8Array, at: number, micros: Micros): number {
  const second = Math.floor(micros / 1_000_000)
  if (second !== lastSecond) turnTo(second)
  const end = putDecimal(to, putText(to, at, lastPrefixBytes), micros - second * 1_000_000, 6)
  to[end] = UPPER_Z
  return end + 1
}

function turnTo(second: number): void {
  lastPrefix = new Date(second * 1000).toISOString().slice(0, 20)
  lastPrefixBytes.write(lastPrefix, 'latin1')
  lastSecond = second
}

/** Reads what {@link formatMicros} prints; undefined for anything else. */
export function parseMicros(text: string): Micros | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(text)) return undefined
  const millis = Date.parse(`${text.slice(0, 23)}Z`)
  if (Number.isNaN(millis)) return undefined
  const micros = millis * 1000 + Number(text.slice(23, 26))
  return Number.isSafeInteger(micros) && formatMicros(micros) === text ? micros : undefined
}
