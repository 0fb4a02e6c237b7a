import { checkpointCommand } from './checkpoint.ts'
import type { Command } from './command.ts'
import { execCommand } from './exec.ts'
import { failchkCommand } from './failchk.ts'
import { logCommand } from './log.ts'
import { registerCommand } from './register.ts'
import { rejectedCommand } from './rejected.ts'
import { repairCommand } from './repair.ts'
import { replayCommand } from './replay.ts'
import { statusCommand } from './status.ts'
import { verifyCommand } from './verify.ts'

/** In the order of the help. */
export const COMMANDS: readonly Command[] = [
  execCommand,
  replayCommand,
  statusCommand,
  logCommand,
  verifyCommand,
  registerCommand,
  failchkCommand,
  repairCommand,
  checkpointCommand,
  rejectedCommand,
]
