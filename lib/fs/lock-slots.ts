/**
 * The format of `.lck`. Text slots of one width stand at its beginning, each for one process; who is named in one is
 * alive only as long as the lock of the slot's byte is held, so that a text left by a killed process blocks nobody.
 * The bytes that are locked lie far beyond the end of the file: Windows lets nobody read a byte that another has locked.
 *
 * ```
 * +pid=48213      role=writer                                     (64 bytes with the newline)
 * -pid=48301      role=reader                                     (free: a slot is left by changing its first byte)
 * ```
 */

/** Width of a slot. */
export const slotBytes = 64

/** Slots that are looked at: nobody opens one database more often, and of other files no more is read. */
export const maxSlots = 1024

/** What a process does with a database. One that verifies keeps writers out and writes nothing. */
export type Role = 'writer' | 'reader' | 'verifier'

export interface SlotText {
  readonly pid: number
  readonly role: Role
}

/** Bytes of which each has one holder at a time. */
export type LockByte =
  /** Held while a process enters itself, and until it has recovered what needs it. */
  | 'registration'
  /** Held by the one process that may write. */
  | 'writer'
  /** Of a log: held while its names are changed. */
  | 'guard'
  /** Of a slot: held as long as the process named in it is alive. */
  | number

const firstOffset = 0x4000_0000

/** Where the byte lies. The bytes in between are reserved. */
export function lockOffset(byte: LockByte): number {
  switch (byte) {
    case 'writer':
      return firstOffset
    case 'registration':
      return firstOffset + 1
    case 'guard':
      // Beyond the end of any log.
      return 2 ** 52
    default:
      return firstOffset + 16 + byte
  }
}

/** Where a slot's text begins. */
export function slotOffset(slot: number): number {
  return slot * slotBytes
}

export function formatSlot({ pid, role }: SlotText): Uint8Array {
  const holder = `+pid=${pid}`.padEnd('+pid='.length + 10)
  return Buffer.from(`${`${holder} role=${role}`.padEnd(slotBytes - 1)}\n`)
}

/** Over the first byte of a slot: it is free. One byte, so that nobody can read half of a change. */
export const freeMark: Uint8Array = Buffer.from('-')

/** A slot that nobody has had. */
export const freeSlot: Uint8Array = Buffer.concat([
  freeMark,
  formatSlot({ pid: 0, role: 'writer' }).subarray(1),
])

/** What a slot says; `garbled` when it is none that {@link formatSlot} wrote. */
export function parseSlot(bytes: Uint8Array): SlotText | 'free' | 'garbled' {
  const text = Buffer.from(bytes).toString('latin1')
  const [, mark, digits, role] =
    /^([+-])pid=([0-9]{1,10}) +role=(writer|reader|verifier) *\n$/.exec(text) ?? []
  if (bytes.byteLength !== slotBytes || mark === undefined) return 'garbled'
  if (mark === '-') return 'free'
  const pid = Number(digits)
  if (pid === 0) return 'garbled'
  return { pid, role: role === 'reader' || role === 'verifier' ? role : 'writer' }
}
