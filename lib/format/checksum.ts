import { crc32 as zlibCrc32 } from 'node:zlib'

/** CRC-32 (zlib's) of `bytes`, going on from `seed`. */
export function crc32(bytes: Uint8Array | string, seed = 0): number {
  return zlibCrc32(bytes, seed)
}

/** A checksum as it stands in every file: 8 lower-case hexadecimal digits. */
export function formatCrc(crc: number): string {
  return crc.toString(16).padStart(8, '0')
}

/** Reads what {@link formatCrc} prints; undefined for anything else. */
export function parseCrc(text: string): number | undefined {
  return /^[0-9a-f]{8}$/.test(text) ? Number.parseInt(text, 16) : undefined
}
