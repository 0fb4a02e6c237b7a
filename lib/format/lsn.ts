import { putHex8, UPPER_HEX } from './ascii.ts'

/**
 * Log sequence number: a position in the endless log of a timeline, in bytes. The log file's header counts, so
 * a record's LSN is the file's `start` plus the record's offset. Kept as a number (exact up to 2^53 bytes).
 */
export type Lsn = number

/** Prints an LSN as PostgreSQL does: `hi/lo`, both hexadecimal, the low half padded to 8 digits. */
export function formatLsn(lsn: Lsn): string {
  const hi = Math.floor(lsn / 0x1_0000_0000)
  const lo = lsn % 0x1_0000_0000
  return `${hi.toString(16).toUpperCase()}/${lo.toString(16).toUpperCase().padStart(8, '0')}`
}

const SLASH = 0x2f

/** Puts what {@link formatLsn} prints at `at`; returns the position behind it. */
export function putLsn(to: Uint8Array, at: number, lsn: Lsn): number {
  const hi = Math.floor(lsn / 0x1_0000_0000)
  let next = at
  for (let shift = 28 - (Math.clz32(hi | 1) & ~3); shift >= 0; shift -= 4) {
    to[next++] = UPPER_HEX[(hi >>> shift) & 15] ?? 0
  }
  to[next++] = SLASH
  return putHex8(to, next, lsn, UPPER_HEX)
}

/** Reads what {@link formatLsn} prints; undefined for anything else. */
export function parseLsn(text: string): Lsn | undefined {
  const match = /^([0-9A-F]{1,6})\/([0-9A-F]{8})$/.exec(text)
  if (match === null) return undefined
  const lsn = Number.parseInt(match[1] ?? '', 16) * 0x1_0000_0000 + Number.parseInt(match[2] ?? '', 16)
  return Number.isSafeInteger(lsn) && formatLsn(lsn) === text ? lsn : undefined
}
