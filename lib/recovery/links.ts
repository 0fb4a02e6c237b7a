import { basename, dirname } from 'node:path'
import { OpenError } from '../errors.ts'
import type { Files } from '../fs/files.ts'
import { type Names, shortName } from '../names.ts'

/**
 * Refuses links in the place of files that an open may write: it would write elsewhere, where the lock keeps nobody out,
 * or, in the place of `.rejected`, put a stranger's bytes into a directory of the stranger's choice.
 * @throws {OpenError} before anything is changed.
 */
export function refuseLinks(files: Files, names: Names): void {
  for (const path of [
    names.properties,
    names.script,
    names.scriptNew,
    names.log,
    names.logNext,
    names.logNew,
    names.rejected,
  ]) {
    const real = files.realPath(path)
    if (dirname(real) === names.dir && alike(basename(real), basename(path))) continue
    throw new OpenError(`${shortName(path)} is a link to another place`, {
      path,
      subcode: 'link',
      hint: `put what it leads to (${real}) in its place, or open that database by its own path; nothing was changed`,
    })
  }
}

/** Some file systems keep names in another case or normal form than they are asked for. */
function alike(one: string, other: string): boolean {
  return one.normalize('NFC').toLowerCase() === other.normalize('NFC').toLowerCase()
}
