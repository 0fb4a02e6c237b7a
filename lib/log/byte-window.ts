import type { ReadFile } from '../fs/files.ts'

const CHUNK_BYTES = 1 << 20

/**
 * A piece of a file that slides forward over it and grows on demand: memory is bounded by the largest entry, not
 * by the log.
 */
export class ByteWindow {
  readonly #file: ReadFile
  #start = 0
  #bytes: Buffer = Buffer.alloc(0)

  constructor(file: ReadFile) {
    this.#file = file
  }

  get sizeBytes(): number {
    return this.#file.sizeBytes
  }

  /** Bytes from `from` (inclusive) to `to` (exclusive), or up to the end of the file. */
  slice(from: number, to: number): Buffer {
    const end = Math.min(to, this.sizeBytes)
    this.#cover(from, end)
    return this.#bytes.subarray(from - this.#start, Math.max(0, end - this.#start))
  }

  /** Offset of the next `pattern` at or after `from`, or -1. Keeps everything from `keepFrom` on in the window. */
  indexOf(pattern: Uint8Array, from: number, keepFrom: number): number {
    let searched = from
    for (;;) {
      this.#cover(keepFrom, Math.min(this.sizeBytes, searched + pattern.length))
      const found = this.#bytes.indexOf(pattern, searched - this.#start)
      if (found >= 0) return this.#start + found
      const end = this.#start + this.#bytes.length
      if (end >= this.sizeBytes) return -1
      searched = Math.max(searched, end - pattern.length + 1)
      const grown = Math.max(CHUNK_BYTES, this.#bytes.length)
      this.#cover(keepFrom, Math.min(this.sizeBytes, end + grown))
    }
  }

  #cover(from: number, to: number): void {
    const end = this.#start + this.#bytes.length
    if (from >= this.#start && to <= end) return
    const overlaps = from >= this.#start && from <= end
    const readFrom = overlaps ? end : from
    const lengthBytes = Math.max(0, Math.min(this.sizeBytes, Math.max(to, readFrom + CHUNK_BYTES)) - readFrom)
    const read = this.#file.read(readFrom, lengthBytes)
    // The file was this long when it was opened; fewer bytes now mean that somebody cut it meanwhile.
    if (read.length !== lengthBytes) {
      throw Object.assign(new Error('the file became shorter while it was read'), { code: 'EIO' })
    }
    this.#bytes = overlaps
      ? Buffer.concat([this.#bytes.subarray(from - this.#start), read])
      : Buffer.from(read)
    this.#start = from
  }
}
