/**
 * The format of `.lck`. Text slots of one width stand at its beginning; who is named in a slot is alive only as
 * long as the lock of the slot's byte is held, so that a text left by a killed process blocks nobody. The bytes
 * that are locked lie far beyond the end of the file: Windows lets nobody read a byte that another has locked.
 *
 * ```
 * pid=48213      role=writer                                     (slot 0: the writer; 64 bytes with the newline)
 * ```
 */

/** Width of a slot. */
export const slotBytes = 64

/** The slot of the process that writes; those after it are for readers. */
export const writerSlot = 0

/** Whoever holds this byte is the one writer. */
export const writerLockOffset = 0x4000_0000

/** The byte that is held while the process named in a slot is alive. The bytes in between are reserved. */
export function slotLockOffset(slot: number): number {
  return writerLockOffset + 16 + slot
}

export function slotOffset(slot: number): number {
  return slot * slotBytes
}

/** A slot's text; without a pid that of a slot that nobody has. */
export function formatSlot(pid: number | undefined): Uint8Array {
  const holder = `pid=${pid ?? 0}`.padEnd('pid='.length + 10)
  const text = `${holder} role=writer`.padEnd(slotBytes - 1)
  return Buffer.from(`${text}\n`)
}

/** The pid in a slot; undefined when nobody has it, or when it is not a slot that {@link formatSlot} wrote. */
export function parseSlot(bytes: Uint8Array): number | undefined {
  const text = Buffer.from(bytes).toString('latin1')
  const pid = Number(/^pid=([1-9][0-9]{0,9}) +role=writer *\n$/.exec(text)?.[1])
  return bytes.byteLength === slotBytes && Number.isSafeInteger(pid) ? pid : undefined
}
