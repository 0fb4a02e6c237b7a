import { crc32 } from '../format/checksum.ts'
import type { ReadFile } from '../fs/files.ts'
import { readExactly } from './byte-window.ts'

const BLOCK_BYTES = 1 << 12
const PIECE_BYTES = 1 << 20

/**
 * Checksums of any stretches of a file, after one pass over it: each costs the same, whatever its length. Damage may
 * hold any number of lines that claim to end a record which began far before them, and each claim is to be judged.
 *
 * CRC-32 is linear: crc(AB) = crc(A)·x^(8·|B|) + crc(B), as in zlib's `crc32_combine`. So the checksum of B is had
 * from those of A and AB, and these from the nearest border of a block.
 */
export class RangeChecksum {
  readonly #file: ReadFile
  readonly #from: number
  /** Checksum of everything from `from` to each border of a block. */
  readonly #atBorder = [0]
  /** What was read last, and where it begins. */
  #piece: Buffer = Buffer.alloc(0)
  #pieceFrom: number

  /** For stretches at or behind `from`. */
  constructor(file: ReadFile, from: number) {
    this.#file = file
    this.#from = from
    this.#pieceFrom = from
  }

  /** Checksum of the bytes from `begin` to `end`, going on from `seed`. */
  of(begin: number, end: number, seed: number): number {
    const wholes = this.#upTo(end)
    return (wholes ^ shifted(this.#upTo(begin) ^ seed, end - begin)) >>> 0
  }

  #upTo(position: number): number {
    const blocks = Math.floor((position - this.#from) / BLOCK_BYTES)
    while (this.#atBorder.length <= blocks) this.#readPiece()
    const border = this.#from + blocks * BLOCK_BYTES
    return crc32(this.#bytes(border, position), this.#atBorder[blocks])
  }

  #readPiece(): void {
    this.#pieceFrom = this.#from + (this.#atBorder.length - 1) * BLOCK_BYTES
    const lengthBytes = Math.min(PIECE_BYTES, this.#file.sizeBytes - this.#pieceFrom)
    this.#piece = readExactly(this.#file, this.#pieceFrom, lengthBytes)
    for (let at = 0; at + BLOCK_BYTES <= lengthBytes; at += BLOCK_BYTES) {
      this.#atBorder.push(crc32(this.#piece.subarray(at, at + BLOCK_BYTES), this.#atBorder.at(-1)))
    }
  }

  #bytes(from: number, to: number): Buffer {
    const isAtHand = from >= this.#pieceFrom && to <= this.#pieceFrom + this.#piece.length
    if (!isAtHand) return readExactly(this.#file, from, to - from)
    return this.#piece.subarray(from - this.#pieceFrom, to - this.#pieceFrom)
  }
}

/** What `crc` becomes when so many zero bytes follow: crc·x^(8·lengthBytes). */
function shifted(crc: number, lengthBytes: number): number {
  let product = crc
  for (let power = 3, rest = lengthBytes; rest > 0; power++, rest = Math.floor(rest / 2)) {
    // x^(2^32) is x again.
    if (rest % 2 === 1) product = multiply(product, POWERS[power % 32] ?? 0)
  }
  return product
}

/** Product of two polynomials over GF(2), highest power in the lowest bit, modulo that of CRC-32. */
function multiply(a: number, b: number): number {
  let product = 0
  let shiftedB = b
  for (let bit = 1 << 31; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= shiftedB
    shiftedB = (shiftedB & 1) === 1 ? (shiftedB >>> 1) ^ 0xedb88320 : shiftedB >>> 1
  }
  return product
}

/** x^(2^0), x^(2^1), … */
const POWERS = [1 << 30]
while (POWERS.length < 32) {
  const last = POWERS.at(-1) ?? 0
  POWERS.push(multiply(last, last))
}
