import { crc32 } from '../format/checksum.ts'
import type { ReadFile } from '../fs/files.ts'

const CHUNK_BYTES = 1 << 20
/** So much of what has been passed stays, so that an entry of usual size is read once. */
const KEPT_BYTES = 1 << 20

/**
 * A piece of a file that slides forward over it. Memory is bounded by the largest slice asked for: searching and
 * checksums go over any length in chunks.
 */
export class ByteWindow {
  readonly #file: ReadFile
  #start = 0
  #bytes: Buffer = Buffer.alloc(0)

  constructor(file: ReadFile) {
    this.#file = file
  }

  /** Bytes from `from` (inclusive) to `to` (exclusive), or up to the end of the file. */
  slice(from: number, to: number): Buffer {
    const end = Math.min(to, this.#file.sizeBytes)
    if (from >= end) return Buffer.alloc(0)
    this.#cover(from, end)
    return this.#bytes.subarray(from - this.#start, end - this.#start)
  }

  /** Offset of the next `pattern` at or after `from`, or -1. */
  indexOf(pattern: Uint8Array, from: number): number {
    const { sizeBytes } = this.#file
    for (let at = from; at + pattern.length <= sizeBytes; at = this.#end - pattern.length + 1) {
      this.#cover(at, Math.min(sizeBytes, at + pattern.length))
      const found = this.#bytes.indexOf(pattern, at - this.#start)
      if (found >= 0) return this.#start + found
    }
    return -1
  }

  /** Checksum of the bytes from `from` to `to`, going on from `seed`. */
  crc32(from: number, to: number, seed: number): number {
    let crc = seed
    for (let at = from; at < to; at += CHUNK_BYTES)
      crc = crc32(this.slice(at, Math.min(to, at + CHUNK_BYTES)), crc)
    return crc
  }

  get #end(): number {
    return this.#start + this.#bytes.length
  }

  #cover(from: number, to: number): void {
    if (from >= this.#start && to <= this.#end) return
    const isAhead = from >= this.#start && from <= this.#end
    const readFrom = isAhead ? this.#end : from
    const lengthBytes = Math.min(this.#file.sizeBytes, Math.max(to, readFrom + CHUNK_BYTES)) - readFrom
    const read = readExactly(this.#file, readFrom, lengthBytes)
    const keptFrom = isAhead ? Math.max(this.#start, from - KEPT_BYTES) : from
    this.#bytes = isAhead ? Buffer.concat([this.#bytes.subarray(keptFrom - this.#start), read]) : read
    this.#start = keptFrom
  }
}

/** Reads bytes that were there when the file was opened; fewer mean that somebody cut it meanwhile. */
export function readExactly(file: ReadFile, offset: number, lengthBytes: number): Buffer {
  const read = file.read(offset, lengthBytes)
  if (read.length !== lengthBytes) {
    throw Object.assign(new Error('the file became shorter while it was read'), { code: 'EIO' })
  }
  return Buffer.from(read.buffer, read.byteOffset, read.byteLength)
}
