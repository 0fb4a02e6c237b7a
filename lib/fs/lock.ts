/**
 * One writer, by a lock of the kernel that dies with its process: no heartbeat, no stale lock to break. A second
 * open is refused from another process, from a worker thread and from the same process, under whatever name.
 *
 *   1  open `.lck`, creating it if need be
 *   2  take the registration byte: whoever has it is entering itself, or is recovering
 *   3  if the path leads to another file by now, begin again: whoever replaced it is not kept out by this one
 *   4  take the writer's byte, or say who has it; wait for a section of a writer that was fenced (`fence.ts`)
 *   5  enter this process into the register, and see who died (`register.ts`)
 *   6  {@link WriterLock.admitOthers}, when nothing is to be recovered or the recovery has succeeded
 *
 * The file is never unlinked: a process that waited on the old one and one that creates a new one would both
 * have "the" lock.
 */
import { LockHeldError } from '../errors.ts'
import type { ByteLocks } from './byte-locks.ts'
import { isProcessStopped, openExistingSlotFile, openSlotFile, type SlotFile } from './disk.ts'
import { type Fence, fenceOf, takeGuards } from './fence.ts'
import {
  enter,
  freeDeadReaders,
  freeRecovered,
  type IsAlive,
  type OwnSlot,
  type RegisterCondition,
  type RegisteredProcess,
  type RegisterSurvey,
  surveyRegister,
} from './register.ts'
import { systemError } from './system-error.ts'

/** The right to write a database. */
export interface WriterLock {
  /** Of this process. */
  readonly pid: number
  /** How the register was found. */
  readonly condition: RegisterCondition
  /** Who was found dead in it. */
  readonly dead: readonly RegisteredProcess[]
  readonly fence: Fence
  /** Nothing is to be recovered any more: others may enter the register. A second call does nothing. */
  admitOthers(): void
  /** Lets others write. What was to be recovered and has not been stays in the register. A second call does nothing. */
  release(): void
}

/** A reader's place in the register. */
export interface ReaderSlot {
  /** Leaves the register. A second call does nothing. */
  release(): void
}

export interface LockRequest {
  /** Default `writer`. */
  readonly role?: 'writer' | 'verifier'
  /** False: the lock file must be there already. Default true. */
  readonly mayCreate?: boolean
  readonly isAlive?: IsAlive | undefined
  /** Logs of the database, under every name that they may have. */
  readonly logPaths?: readonly string[]
}

export interface LookRequest {
  readonly isAlive?: IsAlive | undefined
  readonly mayFree: boolean
}

/** What a look at a register found. */
export interface RegisterLook {
  readonly condition: RegisterCondition
  readonly processes: readonly RegisteredProcess[]
  /**
   * Somebody has the right to write, or keeps others from it, whatever the register says: its text may be lost. Undefined
   * where that cannot be told.
   */
  readonly isWriterThere: boolean | undefined
}

export interface Locks {
  /**
   * Takes the writer's lock of the database whose `.lck` is at `path` (absolute, links in its directory followed).
   * Undefined when there is no lock file, and none may be created.
   * @throws {LockHeldError} with the holder's pid where it is known
   * @throws what the operating system says when the file cannot be opened or the file system has no locks
   */
  acquire(path: string, request?: LockRequest & { readonly mayCreate?: true }): WriterLock
  acquire(path: string, request: LockRequest): WriterLock | undefined
  /**
   * Enters this process as a reader; undefined when there is no lock file, and none may be created.
   * @throws {LockHeldError} while somebody else is being entered, or recovers
   */
  join(path: string, request?: Pick<LockRequest, 'mayCreate' | 'isAlive'>): ReaderSlot | undefined
  /** Whether there is a lock file. */
  exists(path: string): boolean
  /** Looks at all slots without waiting, and frees those of dead readers if it may, and nobody is being entered. */
  look(path: string, request: LookRequest): RegisterLook
}

/** The files whose bytes are locked. */
export interface SlotFiles {
  open(path: string): SlotFile
  openExisting(path: string): SlotFile | undefined
}

const slotFiles: SlotFiles = { open: openSlotFile, openExisting: openExistingSlotFile }

/** How often a `.lck` may be replaced under our hands before this is given up as somebody's mischief. */
const maxAttempts = 10

/** Locks by bytes that are kept in the given way; the protocol and the text in the file are the same for all. */
export function locksBy(bytes: ByteLocks, files: SlotFiles = slotFiles): Locks {
  /** Steps 1 to 3, then `act`, which gives back what it took when it throws; undefined without a file. */
  function registering<T>(
    path: string,
    mayCreate: boolean,
    isAlive: IsAlive | undefined,
    act: (file: SlotFile, endRegistration: () => void) => T,
  ): T | undefined {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const file = mayCreate ? files.open(path) : files.openExisting(path)
      if (file === undefined) return undefined
      let endRegistration: (() => void) | undefined
      try {
        endRegistration = bytes.take(file, 'registration')
        if (endRegistration === undefined) throw held(file, bytes, isAlive, 'being opened')
        if (file.isStillAtPath()) return act(file, endRegistration)
      } catch (error) {
        leave(file, endRegistration)
        throw error
      }
      leave(file, endRegistration)
    }
    throw systemError('ESTALE', 'lock', path)
  }

  function acquire(path: string, request?: LockRequest & { readonly mayCreate?: true }): WriterLock
  function acquire(path: string, request: LockRequest): WriterLock | undefined
  function acquire(path: string, request: LockRequest = {}): WriterLock | undefined {
    const { role = 'writer', mayCreate = true, isAlive, logPaths = [] } = request
    return registering(path, mayCreate, isAlive, (file, endRegistration) => {
      const letWrite = bytes.take(file, 'writer')
      if (letWrite === undefined) throw held(file, bytes, isAlive, 'open')
      try {
        const freeGuards = takeGuards(bytes, logPaths)
        if (freeGuards === undefined) throw inSection(path)
        freeGuards()
        const survey = surveyRegister(file, bytes, { isAlive, isWriterGone: true })
        freeDeadReaders(file, survey)
        const slot = enter(file, bytes, survey, role)
        const fence = fenceOf(file, bytes, logPaths)
        const lock = new HeldLock(file, { endRegistration, letWrite, slot }, survey, fence)
        // Who verifies recovers nothing: what was found stays, and nobody has to wait for it.
        if (role === 'verifier') lock.endRegistration()
        return lock
      } catch (error) {
        letWrite()
        throw error
      }
    })
  }

  return {
    acquire,

    join(path, { mayCreate = true, isAlive } = {}) {
      return registering(path, mayCreate, isAlive, (file, endRegistration) => {
        const survey = surveyRegister(file, bytes, { isAlive, isWriterGone: false })
        freeDeadReaders(file, survey)
        const slot = enter(file, bytes, survey, 'reader')
        endRegistration()
        return readerSlot(file, slot)
      })
    },

    exists(path) {
      const file = files.openExisting(path)
      file?.close()
      return file !== undefined
    },

    look(path, { isAlive, mayFree }) {
      const file = files.openExisting(path)
      if (file === undefined) return { condition: 'missing', processes: [], isWriterThere: false }
      const endRegistration = mayFree ? bytes.take(file, 'registration') : undefined
      try {
        const survey = surveyRegister(file, bytes, { isAlive, isWriterGone: false })
        if (endRegistration === undefined) return { ...survey, isWriterThere: undefined }
        freeDeadReaders(file, survey)
        // Nobody tries to take it meanwhile, who would find it taken by this look.
        return { ...survey, isWriterThere: bytes.isTaken(file, 'writer') }
      } finally {
        leave(file, endRegistration)
      }
    },
  }
}

function leave(file: SlotFile, letIn: (() => void) | undefined): void {
  try {
    letIn?.()
  } finally {
    file.close()
  }
}

function readerSlot(file: SlotFile, slot: OwnSlot): ReaderSlot {
  let isHeld = true
  return {
    release() {
      if (!isHeld) return
      isHeld = false
      leave(file, () => slot.leave())
    },
  }
}

/** What a writer holds of the lock file. */
interface Holds {
  readonly endRegistration: () => void
  readonly letWrite: () => void
  readonly slot: OwnSlot
}

class HeldLock implements WriterLock {
  readonly pid = process.pid
  readonly condition: RegisterCondition
  readonly dead: readonly RegisteredProcess[]
  readonly fence: Fence
  readonly #file: SlotFile
  readonly #holds: Holds
  readonly #survey: RegisterSurvey
  #hasRegistration = true
  #isHeld = true

  constructor(file: SlotFile, holds: Holds, survey: RegisterSurvey, fence: Fence) {
    this.#file = file
    this.#holds = holds
    this.#survey = survey
    this.fence = fence
    this.condition = survey.condition
    this.dead = survey.processes.filter(({ state }) => state === 'dead')
  }

  admitOthers(): void {
    if (!this.#hasRegistration) return
    freeRecovered(this.#file, this.#survey, this.#holds.slot)
    this.endRegistration()
  }

  endRegistration(): void {
    this.#hasRegistration = false
    this.#holds.endRegistration()
  }

  release(): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    const { slot, letWrite } = this.#holds
    leave(this.#file, () => {
      slot.leave()
      if (this.#hasRegistration) this.endRegistration()
      letWrite()
    })
  }
}

/** Who keeps us out: the one process that is alive and has entered itself to write or to verify, if it has by now. */
function held(
  file: SlotFile,
  bytes: ByteLocks,
  isAlive: IsAlive | undefined,
  what: 'open' | 'being opened',
): LockHeldError {
  const { processes } = surveyRegister(file, bytes, { isAlive, isWriterGone: false })
  const holder = processes.find(({ role, state }) => role !== 'reader' && state !== 'dead')
  return lockHeld(file.path, holder, what)
}

function lockHeld(
  path: string,
  holder: Pick<RegisteredProcess, 'pid' | 'state'> | undefined,
  what: 'open' | 'being opened',
): LockHeldError {
  const pid = holder?.pid
  const isUnresponsive = holder?.state === 'unresponsive'
  const isStopped = pid !== undefined && pid !== process.pid && isProcessStopped(pid)
  const who =
    pid === undefined
      ? 'by another process'
      : pid === process.pid
        ? `in this process already (pid ${pid})`
        : `by process ${pid}`
  const how = isStopped ? ', which is stopped' : isUnresponsive ? ', which does not respond' : ''
  return new LockHeldError(`database is locked: it is ${what} ${who}${how}`, pid, {
    path,
    subcode: isUnresponsive ? 'unresponsive' : isStopped ? 'stopped' : undefined,
    hint:
      isStopped || isUnresponsive
        ? `let process ${pid} go on, or end it: the next open recovers then. Never delete the .lck file: that makes two writers`
        : 'close it there, or end that process; deleting the .lck file does not help and risks two writers',
  })
}

function inSection(path: string): LockHeldError {
  return new LockHeldError(
    'database is locked: a writer whose .lck file was deleted is in the middle of renaming a file',
    undefined,
    {
      path,
      subcode: 'fenced-writer',
      hint: 'it is stopped or slow: find the process that has the log open, and let it go on or end it. Delete no file',
    },
  )
}
