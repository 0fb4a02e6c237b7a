import { crc32 as zlibCrc32 } from 'node:zlib'
import { LOWER_HEX, putHex8 } from './ascii.ts'

/** CRC-32 (zlib's) of `bytes`, going on from `seed`. */
export function crc32(bytes: Uint8Array | string, seed = 0): number {
  return zlibCrc32(bytes, seed)
}

/** A checksum as it stands in every file: 8 lower-case hexadecimal digits. */
export function formatCrc(crc: number): string {
  return crc.toString(16).padStart(8, '0')
}

/** Puts what {@link formatCrc} prints at `at`; returns the position behind it. */
export function putCrc(to: Uint8Array, at: number, crc: number): number {
  return putHex8(to, at, crc, LOWER_HEX)
}

/** Reads what {@link formatCrc} prints; undefined for anything else. */
export function parseCrc(text: string): number | undefined {
  return /^[0-9a-f]{8}$/.test(text) ? Number.parseInt(text, 16) : undefined
}
