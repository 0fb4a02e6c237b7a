/** Bytes that grow at their end. Views handed out stay valid and never change, because only new ground is written. */
export class GrowingBytes {
  #buffer: Uint8Array
  #length: number

  constructor(first: Uint8Array = new Uint8Array(0)) {
    this.#buffer = first
    this.#length = first.byteLength
  }

  get length(): number {
    return this.#length
  }

  append(bytes: Uint8Array): void {
    const length = this.#length + bytes.byteLength
    // The first bytes fill their buffer, so that it is left to whoever gave them.
    if (length > this.#buffer.byteLength) {
      const larger = new Uint8Array(Math.max(256, length * 2))
      larger.set(this.prefix(this.#length))
      this.#buffer = larger
    }
    this.#buffer.set(bytes, this.#length)
    this.#length = length
  }

  /** The first `length` bytes, not copied. */
  prefix(length: number): Uint8Array {
    return this.#buffer.subarray(0, length)
  }
}
