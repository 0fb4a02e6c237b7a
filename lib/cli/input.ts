// Where a command reads SQL from: a file, standard input, or a text among the arguments.

import { resolve } from 'node:path'
import { invariant, OpenError } from '../errors.ts'
import type { Files, ReadFile } from '../fs/files.ts'
import { shortName } from '../names.ts'
import type { Interrupt } from './interrupt.ts'

export interface Input {
  /** For messages. */
  readonly name: string
  /** Absolute path with links followed, or `-`. */
  readonly path: string
  /** Undefined for standard input, whose end nobody knows. */
  readonly sizeBytes: number | undefined
  /** The first bytes, enough to tell what it is. */
  first(): Promise<Buffer>
  /** Everything from the beginning, in pieces; ends early once an interrupt is requested. May be called once. */
  pieces(interrupt?: Interrupt): AsyncGenerator<Uint8Array, void, void>
  /** The whole as a file that can be read anywhere. Not after `pieces`. */
  file(): Promise<ReadFile>
  close(): void
}

const PIECE_BYTES = 1 << 18
/** Longer than any first line that tells files apart. */
const FIRST_BYTES = 64
/** What is read anywhere and comes from standard input is held in memory. */
const LARGEST_HELD_BYTES = 1 << 30

/**
 * Opens a file for reading from its beginning to its end.
 * @throws {OpenError} when it is missing or no ordinary file.
 */
export function openFile(files: Files, path: string): Input {
  const file = openOrdinary(files, resolve(path))
  return {
    name: shortName(path),
    path: files.realPath(resolve(path)),
    sizeBytes: file.sizeBytes,
    first: async () => Buffer.from(file.read(0, FIRST_BYTES)),
    async *pieces() {
      for (let offset = 0; ; ) {
        const piece = file.read(offset, PIECE_BYTES)
        if (piece.length === 0) return
        yield piece
        offset += piece.length
      }
    },
    file: async () => file,
    close: () => file.close(),
  }
}

function openOrdinary(files: Files, path: string): ReadFile {
  const kind = files.stat(path)?.kind
  if (kind === 'file') return files.openRead(path)
  throw new OpenError(kind === undefined ? 'there is no such file' : 'this is no ordinary file', {
    path,
    subcode: kind === undefined ? 'no-file' : 'not-a-file',
    hint:
      kind === 'other'
        ? 'pipes are read from standard input: name it - and pipe into it'
        : 'correct the path; - is standard input',
  })
}

/** Standard input; a wait for more of it ends when an interrupt is requested. */
export function openStandardInput(stdin: NodeJS.ReadStream): Input {
  const source = stdin[Symbol.asyncIterator]()
  const peeked: Uint8Array[] = []
  async function* pieces(interrupt?: Interrupt) {
    yield* peeked.splice(0)
    const forget = interrupt?.whenRequested(() => stdin.destroy())
    try {
      for (let piece = await source.next(); piece.done !== true; piece = await source.next()) {
        yield bytesOf(piece.value)
      }
    } catch (error) {
      // Destroying the stream is how the interrupt ends the wait.
      if (interrupt?.isRequested !== true) throw error
    } finally {
      forget?.()
    }
  }
  return {
    name: 'standard input',
    path: '-',
    sizeBytes: undefined,
    async first() {
      while (totalBytes(peeked) < FIRST_BYTES) {
        const piece = await source.next()
        if (piece.done === true) break
        peeked.push(bytesOf(piece.value))
      }
      return Buffer.concat(peeked).subarray(0, FIRST_BYTES)
    },
    pieces,
    async file() {
      const held: Uint8Array[] = []
      let heldBytes = 0
      for await (const piece of pieces()) {
        held.push(piece)
        heldBytes += piece.length
        if (heldBytes > LARGEST_HELD_BYTES) throw tooLarge()
      }
      return heldFile(Buffer.concat(held))
    },
    close: () => stdin.destroy(),
  }
}

/** A stream without an encoding yields bytes. */
function bytesOf(piece: unknown): Uint8Array {
  invariant(piece instanceof Uint8Array, 'standard input has no encoding set')
  return piece
}

function heldFile(bytes: Buffer): ReadFile {
  return {
    sizeBytes: bytes.length,
    read: (offset, lengthBytes) => bytes.subarray(offset, offset + lengthBytes),
    close: () => undefined,
  }
}

function tooLarge(): OpenError {
  return new OpenError('a log or script of this size cannot come from standard input', {
    subcode: 'too-large',
    hint: 'save it to a file and name that',
  })
}

function totalBytes(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((total, { length }) => total + length, 0)
}
