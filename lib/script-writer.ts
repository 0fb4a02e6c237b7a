// Writes a script piece by piece, with a checksum behind each chunk and all of them in the list; see script.ts.

import { crc32 } from './format/checksum.ts'
import type { AppendFile } from './fs/files.ts'
import {
  type Chunk,
  chunkLine,
  chunkSeed,
  ENDING,
  headerLine,
  listedLine,
  PREAMBLE,
  type ScriptHeader,
  trailerLine,
} from './script-lines.ts'

export interface WrittenScript {
  readonly sizeBytes: number
  readonly rows: number
}

/** What ends a statement, and with it a chunk. */
const STATEMENT_END = ';\n'
/** Text is handed to the operating system in pieces of about this size. */
const APPEND_BYTES = 1 << 19

/**
 * Fills an empty file with a script. `statements` are the body's text in pieces of any size; a piece that ends with a
 * semicolon and a newline ends a chunk. A generator returns how many rows they hold. The file is neither synced nor
 * closed. Throws what appending throws.
 */
export function writeScript(
  file: AppendFile,
  header: ScriptHeader,
  statements: Iterable<string, number | undefined>,
): WrittenScript {
  let rows = 0
  function* body(): Generator<string> {
    rows = (yield* statements) ?? 0
  }
  const writer = new ScriptWriter(file, header)
  for (const piece of body()) writer.add(piece)
  return { sizeBytes: writer.end(rows), rows }
}

class ScriptWriter {
  readonly #file: AppendFile
  readonly #header: ScriptHeader
  readonly #seed: number
  /** What has been handed over. */
  #sizeBytes = 0
  /** What is next to be handed over. */
  #waiting: Buffer[] = []
  #waitingBytes = 0
  /** Text of the chunk under way that is not among it yet, and the chunk as far as it is. */
  #text = ''
  #chunk: Chunk
  #chunks = 0
  #list = ''

  constructor(file: AppendFile, header: ScriptHeader) {
    this.#file = file
    this.#header = header
    this.#seed = chunkSeed(header.databaseId)
    this.#chunk = { sizeBytes: 0, crc: this.#seed }
    this.#put(headerLine(header) + PREAMBLE)
  }

  add(piece: string): void {
    this.#text += piece
    if (piece.endsWith(STATEMENT_END)) this.#endChunk()
    else if (this.#text.length >= APPEND_BYTES) this.#putText()
  }

  /** Returns the size of the whole. */
  end(rows: number): number {
    this.#endChunk()
    this.#put(ENDING)
    const listOffset = this.#sizeBytes + this.#waitingBytes
    this.#put(this.#list)
    this.#handOver()
    this.#put(
      trailerLine(
        { ...this.#header, rows, chunks: this.#chunks, listOffset, offset: this.#sizeBytes },
        crc32(this.#list),
      ),
    )
    this.#handOver()
    return this.#sizeBytes
  }

  #endChunk(): void {
    this.#putText()
    const chunk = this.#chunk
    if (chunk.sizeBytes === 0) return
    this.#put(chunkLine(chunk))
    this.#list += listedLine(chunk)
    this.#chunks++
    this.#chunk = { sizeBytes: 0, crc: this.#seed }
  }

  #putText(): void {
    const bytes = this.#put(this.#text)
    this.#text = ''
    const { sizeBytes, crc } = this.#chunk
    this.#chunk = { sizeBytes: sizeBytes + bytes.length, crc: crc32(bytes, crc) }
  }

  #put(text: string): Buffer {
    const bytes = Buffer.from(text, 'utf8')
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    if (this.#waitingBytes >= APPEND_BYTES) this.#handOver()
    return bytes
  }

  #handOver(): void {
    const bytes = Buffer.concat(this.#waiting)
    this.#file.append(bytes)
    this.#sizeBytes += bytes.length
    this.#waiting = []
    this.#waitingBytes = 0
  }
}
