import { crc32 } from '../../format/checksum.ts'
import type { Input } from '../input.ts'
import type { Interrupt } from '../interrupt.ts'
import type { InputPosition } from '../statement-cutter.ts'
import { otherContent } from './sql-errors.ts'

/**
 * The input from `from` on. What stands before that is read too, and proved to be what it was; `onKnown` hears how
 * far that has come. Ends early once an interrupt is requested.
 * @throws {ScriptlogError} when the input is another one.
 */
export async function* unreadPieces(
  input: Input,
  from: InputPosition,
  interrupt: Interrupt,
  onKnown: (offset: number) => void,
): AsyncGenerator<Uint8Array, void, void> {
  let offset = 0
  let checksum = 0
  for await (const piece of input.pieces(interrupt)) {
    const known = piece.subarray(0, Math.max(0, from.offset - offset))
    checksum = crc32(known, checksum)
    offset += piece.length
    if (offset >= from.offset && checksum !== from.checksum) throw otherContent(input, from)
    if (known.length < piece.length) yield piece.subarray(known.length)
    else onKnown(offset)
    if (await interrupt.check()) return
  }
  if (offset < from.offset && !interrupt.isRequested) throw otherContent(input, from)
}
