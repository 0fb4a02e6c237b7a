// Rejected bytes are kept, never thrown away: copied into `.rejected/` under a name that says from which file, why,
// from which LSN and with which checksum. The same bytes get the same name, so that a recovery that is itself killed
// and run again keeps them once.

import { CorruptionError, invariant } from '../errors.ts'
import { crc32, formatCrc } from '../format/checksum.ts'
import { formatLsn, type Lsn } from '../format/lsn.ts'
import type { Files } from '../fs/files.ts'
import { replace } from '../fs/replace.ts'
import { type Names, rejectedPath, shortName } from '../names.ts'
import type { Context } from './context.ts'
import { allLogs } from './plan.ts'

export interface SetAside {
  /** Where the bytes are kept. */
  readonly path: string
  readonly sizeBytes: number
  readonly from: string
  readonly why: string
  readonly lsn: string
}

/** Keeps the bytes of `path` from `offset` on; durable when it returns. */
export function setAside(
  files: Files,
  names: Names,
  rejected: { readonly path: string; readonly offset: number; readonly lsn: Lsn; readonly why: string },
): SetAside {
  const file = files.openRead(rejected.path)
  try {
    const sizeBytes = file.sizeBytes - rejected.offset
    if (sizeBytes > LARGEST_BYTES) {
      throw new CorruptionError(
        `${shortName(rejected.path)} has more rejected bytes than can be set aside at once`,
        {
          reason: 'recovery',
          subcode: 'too-large',
          path: rejected.path,
          offset: rejected.offset,
          hint: 'copy the file elsewhere and cut it at this offset by hand',
        },
      )
    }
    const bytes = file.read(rejected.offset, sizeBytes)
    const lsn = formatLsn(rejected.lsn)
    const name = [
      shortName(rejected.path),
      rejected.why,
      lsn.replace('/', '-'),
      formatCrc(crc32(bytes)),
    ].join('.')
    const path = rejectedPath(names, name)
    if (files.stat(names.rejected) === undefined) files.makeDir(names.rejected)
    // Also when the directory was there already: a killed recovery may have made it and not its name durable.
    files.syncDir(names.dir)
    if (files.stat(path)?.sizeBytes !== sizeBytes) replace(files, `${path}.new`, path, bytes)
    else files.syncDir(names.rejected)
    return { path, sizeBytes, from: rejected.path, why: rejected.why, lsn }
  } finally {
    file.close()
  }
}

const LARGEST_BYTES = 2 ** 31 - 1

/** Keeps the torn tail, or the whole of every log when damage is accepted, or a `.properties` that is damaged. */
export function setAsideRejected({ environment, names, found, plan }: Context): SetAside[] {
  const { files } = environment
  const kept: SetAside[] = []
  if (found.properties.kind === 'damaged') {
    kept.push(setAside(files, names, { path: names.properties, offset: 0, lsn: 0, why: 'damaged' }))
  }
  const { problem, treatment } = plan
  if (problem === undefined || treatment === undefined) return kept
  if (treatment === 'set-aside') {
    const log = plan.chain.segments.at(-1)?.log
    invariant(log !== undefined && log.path === problem.path, 'a tail is set aside of the last log')
    const offset = problem.lsn - log.header.start
    kept.push(setAside(files, names, { path: log.path, offset, lsn: problem.lsn, why: problem.verdict }))
    return kept
  }
  for (const log of allLogs(found)) {
    if (files.stat(log.path) === undefined) continue
    kept.push(setAside(files, names, { path: log.path, offset: 0, lsn: problem.lsn, why: problem.verdict }))
  }
  return kept
}
