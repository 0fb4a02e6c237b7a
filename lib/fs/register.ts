/**
 * Who has a database open. The register is what stands in `.lck`; it is read and changed under its registration byte.
 * The idea is Berkeley DB's DB_REGISTER.
 *
 * A process enters itself:
 *   1  take the registration byte, or say who has it; others wait meanwhile
 *   2  read all slots. A writer whose lock is free has died: its slot stays as it is, until a recovery has succeeded.
 *      So do slots that nobody can read, and a register that is missing: it is a slot that nobody can read.
 *      The slots of dead readers and verifiers are freed: they change nothing, and nothing is to be recovered
 *   3  lock the byte of a free slot, or of one behind the last, then write who it is: whoever reads a text finds the
 *      lock behind it
 *   4  free the registration byte; who is to recover does so when that has succeeded, and frees all slots first that
 *      stayed in step 2                                     <- from here on nobody recovers for what was found in them
 *
 * A kill before the end of step 4 leaves at least the slot that told of the recovery, or that of who was recovering.
 * It leaves by one byte: the slot is marked free. Then its lock goes.
 */

import type { ByteLocks } from './byte-locks.ts'
import { processExists, type SlotFile } from './disk.ts'
import {
  formatSlot,
  freeMark,
  freeSlot,
  maxSlots,
  parseSlot,
  type Role,
  type SlotText,
  slotBytes,
  slotOffset,
} from './lock-slots.ts'
import { systemError } from './system-error.ts'

/**
 * What an application knows about a process that has its database open, and the kernel cannot: that it hangs, or that
 * it is gone where process numbers mean nothing here (another container).
 */
export type IsAlive = (pid: number, role: Role) => boolean

/** A slot, and what is known about its process. */
export interface RegisteredProcess extends SlotText {
  readonly slot: number
  /**
   * - `alive`: it holds the lock of its slot
   * - `unresponsive`: it does, and the application says that it is not alive; it keeps what it holds until it is ended
   * - `dead`: its lock is free
   */
  readonly state: 'alive' | 'unresponsive' | 'dead'
}

/** How the register was found: `missing` or empty, `short` when its last slot is cut, `garbled` when one cannot be read. */
export type RegisterCondition = 'whole' | 'missing' | 'short' | 'garbled'

export interface RegisterSurvey {
  readonly condition: RegisterCondition
  readonly processes: readonly RegisteredProcess[]
  readonly freeSlots: readonly number[]
  readonly garbledSlots: readonly number[]
  /** Slots in use, free or garbled. */
  readonly slotCount: number
}

/** Reads all slots. `isWriterGone`: the caller has the writer's byte, so whoever is named as the writer is not alive. */
export function surveyRegister(
  file: SlotFile,
  locks: ByteLocks,
  { isAlive, isWriterGone }: { readonly isAlive?: IsAlive | undefined; readonly isWriterGone: boolean },
): RegisterSurvey {
  const bytes = file.read(0, maxSlots * slotBytes)
  // An empty register has one slot, which nobody can read: so it tells of itself until a recovery has succeeded.
  const slotCount = Math.max(1, Math.ceil(bytes.byteLength / slotBytes))
  const processes: RegisteredProcess[] = []
  const freeSlots: number[] = []
  const garbledSlots: number[] = []
  for (let slot = 0; slot < slotCount; slot++) {
    const text = parseSlot(bytes.subarray(slotOffset(slot), slotOffset(slot + 1)))
    if (text === 'free') freeSlots.push(slot)
    else if (text === 'garbled') garbledSlots.push(slot)
    else {
      const isGone = isWriterGone && text.role !== 'reader'
      processes.push({ slot, ...text, state: isGone ? 'dead' : stateOf(file, locks, slot, text, isAlive) })
    }
  }
  const condition =
    bytes.byteLength === 0
      ? 'missing'
      : bytes.byteLength % slotBytes !== 0
        ? 'short'
        : garbledSlots.length > 0
          ? 'garbled'
          : 'whole'
  return { condition, processes, freeSlots, garbledSlots, slotCount }
}

function stateOf(
  file: SlotFile,
  locks: ByteLocks,
  slot: number,
  { pid, role }: SlotText,
  isAlive: IsAlive | undefined,
): RegisteredProcess['state'] {
  const isHeld = locks.isTaken(file, slot)
  if (isHeld === undefined) return (isAlive?.(pid, role) ?? processExists(pid)) ? 'alive' : 'dead'
  if (!isHeld) return 'dead'
  return isAlive?.(pid, role) === false ? 'unresponsive' : 'alive'
}

/** Frees the slots of dead readers and verifiers; returns which processes they were. */
export function freeDeadReaders(file: SlotFile, { processes }: RegisterSurvey): RegisteredProcess[] {
  const dead = processes.filter(({ role, state }) => state === 'dead' && role !== 'writer')
  for (const { slot } of dead) file.write(slotOffset(slot), freeMark)
  return dead
}

/** Frees what stayed for as long as a recovery was needed: the slots of dead writers, and those that cannot be read. */
export function freeRecovered(file: SlotFile, survey: RegisterSurvey, own: OwnSlot): void {
  for (const slot of survey.garbledSlots) if (slot !== own.slot) file.write(slotOffset(slot), freeSlot)
  for (const slot of deadWriterSlots(survey)) if (slot !== own.slot) file.write(slotOffset(slot), freeMark)
}

function deadWriterSlots({ processes }: RegisterSurvey): number[] {
  return processes.filter(({ role, state }) => role === 'writer' && state === 'dead').map(({ slot }) => slot)
}

/** The slot of this process. */
export interface OwnSlot {
  readonly slot: number
  /** Leaves the register. */
  leave(): void
}

/** Step 3: a slot for this process. */
export function enter(file: SlotFile, locks: ByteLocks, survey: RegisterSurvey, role: Role): OwnSlot {
  const behind = Array.from(
    { length: Math.max(0, maxSlots - survey.slotCount) },
    (_, at) => survey.slotCount + at,
  )
  // Where all are in use, one of many that tell of a recovery: the others tell of it too.
  const telling = role === 'writer' ? [...survey.garbledSlots, ...deadWriterSlots(survey)] : []
  for (const slot of [...survey.freeSlots, ...behind, ...telling]) {
    const letIn = locks.take(file, slot)
    if (letIn === undefined) continue
    try {
      file.write(slotOffset(slot), formatSlot({ pid: process.pid, role }))
    } catch (error) {
      letIn()
      throw error
    }
    return { slot, leave: () => leave(file, slot, letIn) }
  }
  throw systemError('EMFILE', 'register', file.path)
}

function leave(file: SlotFile, slot: number, letIn: () => void): void {
  try {
    file.write(slotOffset(slot), freeMark)
  } catch {
    // The slot tells of a dead process then: what a writer did is looked at once more, and nothing is lost.
  } finally {
    letIn()
  }
}
